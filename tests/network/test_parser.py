"""Networks as text: what is read, what is printed back, and what is said about text that is no network."""

import math

import numpy as np
import pytest
import sympy

import symbackprop as sb
from symbackprop.errors import FormulaError
from symbackprop.network.elaborate import CALLS, instead_of, known_function
from symbackprop.network.names import RESERVED
from symbackprop.network.word_calls import INSTEAD
from tests.support.evaluator import random_point
from tests.support.networks import PAIRS, composite, random_network, residual, rnn, tied, tied_across_sections


def same(one, other):
    """Whether two networks say the same, symbol for symbol."""
    return (
        dict(one.roles) == dict(other.roles)
        and one.arguments == other.arguments
        and one.equations == other.equations
        and one.cost == other.cost
    )


def assert_printed_back(net):
    again = sb.parse_network(str(net))
    assert str(again) == str(net)
    assert same(again, net)


@pytest.mark.parametrize(("activation", "cost"), PAIRS)
def test_every_network_of_the_builder_is_printed_back(activation, cost):
    assert_printed_back(sb.mlp(["D", "H", "K"], activation, cost, bias=True, l2="lam"))
    assert_printed_back(sb.mlp([4, 3, 1], activation, cost, bias=True, l2=0.1, examples=5))


@pytest.mark.parametrize(
    "net",
    [composite(), tied(), tied_across_sections(), rnn(3), residual(3)],
    ids=["composite", "tied", "across", "rnn", "residual"],
)
def test_other_networks_are_printed_back(net):
    assert_printed_back(net)


@pytest.mark.parametrize("case", range(25))
def test_random_networks_are_printed_back(case, rng):
    assert_printed_back(random_network(rng))


HEAD = """
X: input(N, D)
y: target(N, 1)
W: parameter(D, H)
V: parameter(H, H)
b: parameter(1, H)
c: parameter(N, 1)
s: parameter(1, 1)
B: parameter(3, 4)
lam: scalar
A = X @ W
"""


def numbers(text, rng):
    """The value of a formula, and what the names in it stand for."""
    net = sb.parse_network(HEAD + f"J = {text} + sum(A)")
    point = random_point(net, rng)
    known = {str(s.name): np.asarray(point.value(s), dtype=float) for s in (*net.arguments, net["A"])}
    known |= {str(size): n for size, n in point.sizes.items()}
    return float(np.squeeze(point.value(net.cost.expression, point.here))) - known["A"].sum(), known


def softmax(z, axis=1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


NUMPY = {
    "np": np,
    "sum": np.sum,
    "mean": np.mean,
    "var": np.var,
    "max": np.max,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "softmax": softmax,
    "log_softmax": lambda z, axis=1: np.log(softmax(z, axis)),
    "logsumexp": lambda z, axis=1, keepdims=True: np.log(np.exp(z).sum(axis=axis, keepdims=True)),
    "trace": np.trace,
    "det": np.linalg.det,
    "inv": np.linalg.inv,
    "matrix_power": np.linalg.matrix_power,
    "norm": np.linalg.norm,
    "ones": np.ones,
    "zeros": np.zeros,
    "eye": np.eye,
    "concatenate": np.concatenate,
    "broadcast_to": np.broadcast_to,
    "transpose": np.transpose,
    "dot": np.dot,
    "matmul": np.matmul,
    "multiply": np.multiply,
    "power": np.power,
    "pi": np.pi,
}


@pytest.mark.parametrize(
    "text",
    [
        "sum(A + b)",
        "sum((A - c)**3)",
        "sum((b + c)**2)",
        "sum((b * c - A / (1 + b**2))**2)",
        "sum(A * s + s)",
        "sum((1 - A)**2) / N",
        "sum(2 / (1 + exp(-A)))",
        "sum(A**2 / 3 - 4)",
        "-mean((A - mean(A))**2)",
        "sum(mean(A, axis=0, keepdims=True)**2) + sum(mean(A, axis=1, keepdims=True)**3)",
        "var(A) + sum(var(A, axis=0, keepdims=True) * b)",
        "sum((A - A.mean(axis=0, keepdims=True)) / sqrt(var(A, axis=0, keepdims=True) + 1e-2))",
        "max(A) + sum(max(A, axis=1, keepdims=True))",
        "sum(maximum(A, b)) + sum(minimum(A, 0) * A) + maximum(lam, 0.3) + minimum(0.2, lam)",
        "sum(maximum(0, A) + maximum(c, A) * minimum(A, c))",
        "sum(softmax(A, axis=1) * log_softmax(A, axis=0)) + sum(logsumexp(A, axis=1, keepdims=True))",
        "trace(V) * det(V) + sum(inv(V)) + sum(matrix_power(V, 3)) + norm(V - eye(H))",
        "sum(matrix_power(V, -2) @ matrix_power(V, 0))",
        "sum(np.exp(A) @ np.linalg.inv(V)) + sum(np.dot(X, W)) + sum(matmul(X, W) - multiply(A, b)) + sum(power(A, 2))",
        "sum(concatenate((A, X), axis=1)**2) + sum(concatenate([A.T, W.T], axis=1))",
        "sum(A[:, 0:1]**3) + sum(B[1:]) + sum(B[:, 1:3] * 2) + sum(B[:, -2:]) + sum(B[0:2, 1:]) + sum(B[1:-1, :])",
        "sum(broadcast_to(b, (N, H)) * ones((N, H)) - zeros((N, H)))",
        "N * D / H + X.shape[0] + X.shape[1] * 2 - pi",
        "sum(A.T @ A) + sum(transpose(A) @ A) + c.T @ (y - c) - (c.T @ c) * s",
        "(c.T @ c)**2 + sum(A / (c.T @ c)) + sum(b * (c.T @ y))",
        "+lam**2 - lam / 3 + sqrt(lam) + lam**-1 + exp(lam) * log(lam) + abs(lam - 1) + sigmoid(lam)",
        "sum(abs(A)**lam)",
        "0.1 * sum(A) + 1e-3 * sum(W) - 7",
        "sum(X @ (W @ V)) + sum(A @ V @ V.T) + sum(-A @ V)",
        "sum(exp(A)**2 * A**3 * 3 / A**2)",
        "sum(np.where(A > 0.2, A, b)) + sum(np.where(X, X, 1)) + np.mean(A <= b) + sum((A > b) * A) + sum((0.5 >= A) * 2)",
        "sum(((A > 0) & (A < 1) | ~(A >= b)) * A) + sum((A == A) * A) + sum((A != 0) * 3) + sum((A > 9) * b)",
        "sum((np.tril(V * 0 + 1) > 0) * V) + sum((np.ones((H, H)) > 0.5) * V) + sum((np.tri(3, 4) == 0) * B)",
        "sum(np.clip(A, -0.5, 0.5)) + sum(A.clip(0, 1)) + sum(np.clip(A, None, 0)) + np.min(A)",
        "sum(np.min(A, axis=1, keepdims=True)) + np.std(A) + np.var(A, ddof=1) + sum(A.std(axis=0, ddof=1, keepdims=True))",
        "sum(np.log1p(A**2) + np.expm1(A) + np.sinh(A) * np.cosh(A) + np.tan(A / 9) + np.arctan(A))",
        "sum(np.arcsin(np.tanh(A)) * np.arccos(np.tanh(A)) + np.arcsinh(A) + np.arccosh(2 + A**2) + np.arctanh(tanh(A)))",
        "sum(np.arctan2(A, b) + np.hypot(A, b) + np.logaddexp(A, b) + np.logaddexp(0, A) + np.heaviside(A, 0.5))",
        "sum(np.log2(1 + A**2) + np.log10(2 + A**2) + np.exp2(A) + np.reciprocal(2 + A**2) - np.negative(A))",
        "sum(2**A) + sum((1 + A**2)**b) + sum((1 + A**2)**s)",
        "sum(np.tril(V, -1) @ np.triu(V, 1)) + sum(np.tril(V, 1)) + sum(np.triu(V)) + sum(np.tri(3, 4, 1) * B)",
        "sum(np.cumsum(A, axis=0)**2) + sum(np.cumsum(B, axis=1)**2) + sum(np.diff(B)**2) + sum(np.roll(B, 1, axis=0) * B)",
        "np.linalg.norm(A, 'fro') + sum(np.linalg.norm(A, axis=1, keepdims=True)) + sum(np.linalg.norm(A, 1, axis=0, keepdims=True))",
        "sum(np.linalg.norm(A, ord=np.inf, axis=1, keepdims=True) * c) + np.linalg.norm(A, keepdims=True).sum()",
        "sum(np.linalg.solve(V, W.T)) + np.linalg.slogdet(V)[1] + np.linalg.slogdet(V)[0] + np.outer(b, c).sum()",
        "sum(np.vstack((A, W))) + sum(np.hstack((A, X))**2) + sum(np.block([[V, W.T], [W, np.eye(D)]])) + sum(np.kron(B, A)**2)",
        "sum(np.tile(A, (2, 3))) + sum(np.pad(B, ((1, 0), (2, 1)))**2) + B[0, 1] * B[-1, -1] + np.split(B, 2, axis=1)[1].sum()",
        "(A**2).sum() + A.mean() * A.max() - A.min() + X.dot(W).sum() + V.trace() + A.size + np.vdot(A, A) + np.inner(A, A).sum()",
        "sum(np.full((2, 3), 4)) + sum(np.ones_like(A) * A + np.zeros_like(A)) + np.pi + np.e + sum(np.ones(A.shape) * A)",
        "np.max(A) + np.amin(A) + np.ptp(b) * np.average(c) + np.amax(A, axis=0, keepdims=True).sum() + np.linalg.multi_dot([X, W, V]).sum()",
    ],
)
def test_a_formula_means_what_numpy_computes(text, rng):
    value, known = numbers(text, rng)
    assert value == pytest.approx(float(np.squeeze(eval(text, NUMPY | known))), rel=1e-9)  # noqa: S307 — NumPy is the oracle
    net = sb.parse_network(HEAD + f"J = {text} + sum(W)")
    assert_printed_back(net)


def test_a_quantity_may_have_the_name_of_a_word():
    net = sb.parse_network(
        "X: input(N, 4)\nw: parameter(4, 1)\ndiff = X @ w\nJ = sum(np.diff(X) @ w[1:]) + sum(diff**2)"
    )
    assert_printed_back(net)
    with pytest.raises(FormulaError, match=r"diff is a quantity here; the function of that name is np\.diff"):
        sb.parse_network("w: parameter(4, 4)\ndiff = w\nJ = sum(diff(w))")


LIBRARY_NAMES = [
    name for name in {*dir(np), *dir(np.linalg), *dir(math)} if name.islower() and not name.startswith("_")
]


def test_a_suggestion_is_never_another_function_of_a_library():
    """Whoever follows it would get the proved gradient of another cost."""
    suggestions = {name: instead_of(name) for name in LIBRARY_NAMES if known_function(name) is None}
    assert [name for name, said in suggestions.items() if "did you mean" in said] == []


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_to_be_written_instead_can_be_written(name):
    formula, _ = INSTEAD[name]
    names = "".join(f"{x} = z * 1\n" for x in ("A", "X", "M", "Y", "Z", "yhat"))
    sb.parse_network(f"z: input(N, N)\ny: parameter(N, N)\n{names}out = {formula}\nJ = sum(y) + sum(out * 1)")


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_a_reserved_name(name):
    assert name in RESERVED


BASE = "X: input(N, D)\nW: parameter(D, H)\nb: parameter(1, H)\n"


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ("z = X * W", 5, "X is N×D but W is D×H, which do not broadcast together; for the matrix product write X @ W"),
        ("z = W @ X", 5, "the inner dimensions H and N differ; X @ W fits"),
        ("z = X @ W.T", 5, "W.T is H×D"),
        ("z = X @ X", 5, "for the product entry by entry write X * X"),
        ("z = X + W", 5, "which do not broadcast together"),
        ("z = X @ 2", 5, "2 is a scalar; the product with a number is X * 2"),
        ("z = X @ w", 9, "w is not defined; did you mean W?"),
        ("z = later + X", 5, "later is used before line 5, where it is defined"),
        ("z = sigmod(X)", 5, "unknown function sigmod: did you mean sigmoid?"),
        ("z = sum(X, axis=(0, 0))", 5, "an axis is named twice"),
        ("z = sum(X, axis=2, keepdims=True)", 5, "axis is 0"),
        ("z = sum(X, axes=1)", 5, "it is sum(a, axis, keepdims)"),
        ("z = max(sum(X), 3)", 5, "the larger of two is maximum(sum(X), 3)"),
        (
            "z = X[:, D]",
            5,
            "the axis has D entries, and this is not one of them whatever the sizes are, if they are large enough",
        ),
        ("z = X[::2]", 5, "it is not known how many there are"),
        ("z = X[0, 0, 0]", 5, "a matrix has rows and columns, no more"),
        ("z = X.reshape(N)", 5, "X is N×D and has D*N entries, which do not fit into N"),
        ("z = sum(X, axis=1)[0].T.T.mean(axis=1)", 5, "is a scalar, which has no axes"),
        ("z = sum(X, axis=1) + X", 5, "which do not broadcast together"),
        ("z = X[:, :, None].T", 5, "write .mT to exchange the last two"),
        ("z = einsum('ij,jk->ik', X, X)", 5, "the axes named j have the sizes D and N, which differ"),
        ("z = einsum(X, X)", 5, "letters of the axes in quotes"),
        ("z = X.transpose(0, 0)", 5, "each is named once"),
        ("z = sliding_window_view(X, N + 1, axis=0)", 5, "a window of N + 1 does not fit whatever the sizes are"),
        ("z = X ^ 2", 5, "write **"),
        ("z = 0 < X < 1", 5, "(0 < z) & (z < 1)"),
        ("z = (X > 0) and (X < 1)", 5, "combined by &"),
        ("z = X > W", 5, "which do not broadcast together"),
        ("z = softmin(X)", 5, "write softmax(-z)"),
        ("z = np.cbrt(X)", 5, "write sign(z) * abs(z)**(1/3)"),
        ("z = np.gradient(X)", 5, "there is no rule for it here"),
        ("z = gammainc(X)", 5, "sb.register"),
        ("z = np.quantile(X, 0.9)", 5, "the order of the entries"),
        ("z = np.median(X)", 5, "which entry it is follows from a number of entries"),
        ("z = prod(X, axis=0)", 5, "write exp(sum(log(X), axis=0)) for positive entries"),
        ("z = max_pool2d(X, 2, padding=1)", 5, "not negative, as after relu"),
        ("z = np.round(X)", 5, "derivative is 0"),
        ("z = scipy.special.softmax(X)", 5, "over all entries; with axis=1"),
        ("z = np.split(X, 3)", 5, "N is not a multiple of 3"),
        ("z = np.linalg.slogdet(X.T @ X)", 5, "has 2 results"),
        ("z = norm(X, 1)", 5, "adds up the absolute values"),
        ("z = diag(X)", 5, "a square matrix is needed"),
        ("z = X if 1 else W", 5, "a choice"),
        ("z = lambda x: x", 5, "a lambda"),
        ("z = [x for x in X]", 5, "a loop"),
        ("z = X.__class__", 5, ".__class__ is not known here"),
        ("z = __import__('os').system('ls')", 5, "unknown function"),
        ("z = open('secret')", 5, "unknown function open"),
        ("z = eval('1')", 5, "unknown function eval"),
        ("z = X.sum", 5, ".sum is not known here"),
        ("z = sigmoid", 5, "sigmoid is a function"),
        ("z = sum", 5, "sum is a function"),
        ("z = 'text'", 5, "not a number"),
        ("z = True * X", 5, "not a number"),
        ("z = 1j * X", 5, "not a number"),
        ("z = 1e999 * X", 5, "not a number"),
        ("z = 2**2**99 * X", 5, "beyond all bounds"),
        ("z = exp(exp(exp(exp(9)))) * X", 13, "beyond all bounds"),
        ("z = X / 0", 5, "a division by zero"),
        ("z = sqrt(-2) * X", 5, "not a finite real number"),
        ("z = X ** W", 5, "which do not broadcast together"),
        ("z = trace(X)", 5, "X is N×D; a square matrix is needed"),
        ("z = inv(X)", 5, "a square matrix is needed"),
        ("z = matrix_power(X.T @ X, 2.5)", 5, "the exponent is a whole number"),
        ("z = ones(N, D)", 5, "it is ones(shape)"),
        ("z = ones(())", 5, "ones((N, D))"),
        ("z = concatenate((X, W), axis=1)", 5, "X is N×D but W is D×H"),
        ("z = concatenate(X, W)", 5, "its matrices together"),
        ("z = sum(*X)", 5, "without stars"),
        ("z = X, W", 5, "a tuple is not a quantity"),
        ("z = 2 X", 7, "a product needs its sign"),
        ("z = X × W", 7, "× is written * here"),
        ("z = sum(X", 8, "never closed"),
        ("z, u = X", 1, "one name on its left side"),
        ("z += X", 1, "z is used before line 4, where it is defined"),
        ("X[0] += 1", 1, "a part of a quantity keeps its value"),
        ("for i in range(N): z = X", 1, "a loop runs over range(…) of numbers or over a list"),
        ("a, b = X @ W", 1, "one name on its left side"),
        ("a, b = np.split(W, 3)", 1, "D is not a multiple of 3"),
        ("a, b = np.linalg.slogdet(X)", 1, "a square matrix is needed"),
        ("a, b, c = X.shape", 1, "2 results, which need as many names"),
        ("X", 1, "name = formula"),
        ("W = X @ W.T", 5, "the inner dimensions D and H differ"),
        ("exp: input(N, D)", 1, "exp is a name that formulas"),
        ("J = sum(W)", 1, "J is kept for the cost"),
        ("import os", 1, "nothing is imported"),
        ("for i in X: pass", 1, "a loop"),
        ("def f(x): return x", 1, "a function"),
        ("V: paramter(D, H)", 1, "did you mean parameter?"),
        ("V: parameter", 1, "V: parameter(N, D)"),
        ("V: one_hot()", 1, "one-hot targets have an axis of classes"),
        ("V: parameter(D, 0)", 1, "at least 1"),
        ("V: parameter(D, M*P)", 17, "no array tells how large M is"),
        ("V: parameter(D, -H)", 1, "not -H"),
        ("V: scalar(1)", 1, "V: scalar has no size; write V: scalar"),
        ("V: scaler(1)", 1, "scaler is not a role; did you mean scalar?"),
        ("V: index(N)", 1, "the number of classes is told by of="),
        ("V: symmetric(D)", 1, "define V = (A + A.T) / 2"),
        ("V: positive(D)", 1, "define V = exp(t)"),
        ("V: int = 3", 1, "declarations and equations only"),
        ("z = " + "-" * 300 + "X", 255, "inside one another"),
        ("z = " + "-" * 30000 + "X", None, "inside one another"),
        ("z = " + "(" * 100 + "X" + ")" * 100, 65, "brackets inside one another"),
        ("z = " + "+".join(["X"] * 5000), None, "inside one another"),
        ("z = X.T.T.shape[2]", 5, "axis is 0 (over the rows) or 1"),
        ("z = exp((X, X))", 5, "argument is a quantity, not (X, X)"),
        ("z = power((X, X), 2)", 5, "a is a quantity, not (X, X)"),
        ("z = maximum(X, None)", 5, "b is a quantity, not None"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(line, column, words):
    text = BASE + line + "\nlater = X @ W\nJ = sum(later**2)\n"
    with pytest.raises(FormulaError) as error:
        sb.parse_network(text)
    assert words in str(error.value)
    if column is not None:
        assert (error.value.line, error.value.column) == (4, column)


def test_columns_are_those_of_an_indented_text():
    with pytest.raises(FormulaError, match=r"line 3, column 15: w is not defined"):
        sb.parse_network("\n        W: parameter(D, H)\n        J = 3*w\n".replace("J = 3*w", "J = 3*w"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing here"),
        ("# nothing", "nothing here"),
        ("W: parameter(D, H)", "the last line must be the cost"),
        (BASE + "J = X @ W", "the cost, which must be a scalar, but J is N×H; .* mean"),
        (BASE + "J = sum(X)", "depends on no parameter"),
        ("x" * 10**6, "at most 200000"),
        ("x = 1\n" * 10**5, "at most 200000"),
        ("(" * 150_000, "brackets"),
        ("\x00", "cannot be read|null"),
        ("W: parameter(D, D)\nJ = " + "9" * 5000 + " * sum(W)", "."),
        (17, "read from text, not from a int"),
    ],
)
def test_texts_that_are_no_network(text, words):
    with pytest.raises(sb.NetworkError, match=words):
        sb.parse_network(text)


@pytest.mark.parametrize(
    ("lines", "written_out"),
    [
        ("h = X @ W; h = tanh(h); J = sum(h)", "h_1 = X @ W; h = tanh(h_1); J = sum(h)"),
        ("X = X / 2; X = X @ W; J = sum(X)", "X_1 = (1/2) * X; X_2 = X_1 @ W; J = sum(X_2)"),
        ("J = sum(W); J *= 2; J += 1", "J_1 = sum(W); J_2 = 2 * J_1; J = J_2 + 1"),
        ("a, b = X, W; a, b = b, a; J = sum(b @ a)", "a_1 = X; b_1 = W; a = b_1; b = a_1; J = sum(b @ a)"),
        (
            "mean = np.mean(W, axis=0, keepdims=True); J = sum(W - mean)",
            "mean_1 = mean(W, axis=0, keepdims=True); J = sum(W - mean_1)",
        ),
        ("h_1 = X @ W; h = X; h = h @ W; J = sum(h + h_1)", "h_1 = X @ W; h_2 = X; h = h_2 @ W; J = sum(h + h_1)"),
        ("N, D = X.shape; n = len(X); J = sum(W) / n * D", "J = (D/N) * sum(W)"),
        ("sign, logdet = np.linalg.slogdet(W.T @ W); J = logdet", "logdet = log(det(W.T @ W)**2) / 2; J = logdet"),
        ("a, b = np.split(B, 2, axis=1); J = sum(a * b)", "a = B[:, 0:1]; b = B[:, 1:2]; J = sum(a * b)"),
        ("loss = sum(W)", "loss = sum(W)"),
        ("cost = sum(W)", "cost = sum(W)"),
    ],
)
def test_names_may_be_used_twice(lines, written_out):
    assert_same_equations(lines, written_out)


@pytest.mark.parametrize(
    ("lines", "written_out"),
    [
        (
            "h = X\nfor t in range(3):\n    h = h * t + X\nJ = sum(h @ W)",
            "h = ((X * 0 + X) * 1 + X) * 2 + X\nJ = sum(h @ W)",
        ),
        (
            "J = sum(W)\nfor A, k in ((W, 2), (B, 3)):\n    J += k * sum(A**2)",
            "J = sum(W) + 2 * sum(W**2) + 3 * sum(B**2)",
        ),
        (
            "J = sum(W)\nfor i in range(1, 3):\n  for j in range(2, 0, -1):\n    J -= B[i, j - 1]",
            "J = sum(W) - B[1, 1] - B[1, 0] - B[2, 1] - B[2, 0]",
        ),
    ],
)
def test_loops_are_unrolled(lines, written_out, rng):
    head = "X: input(N, D)\nW: parameter(D, H)\nB: parameter(3, 2)\n"
    one, other = (sb.derive(sb.parse_network(head + text)).to_numpy() for text in (lines, written_out))
    values = sb.random_values(sb.parse_network(head + lines), seed=int(rng.integers(2**31)))
    for found, wanted in zip(one(**values), other(**values), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert_printed_back(sb.parse_network(head + lines))


def assert_same_equations(lines, written_out):
    head = "X: input(N, D)\nW: parameter(D, H)\nB: parameter(3, 2)\n"
    net, wanted = (sb.parse_network(head + text.replace("; ", "\n")) for text in (lines, written_out))
    assert str(net) == str(wanted)
    assert_printed_back(net)


def test_a_cost_that_is_lost_is_refused():
    with pytest.raises(FormulaError, match="J is kept for the cost"):
        sb.parse_network("W: parameter(D, H)\nJ = sum(W)\nJ = sum(W**2)")


def test_a_size_may_be_made_of_one_that_comes_later():
    net = sb.parse_network("X: input(N, 2*H)\nA: parameter(H, H)\nJ = sum(X[:, H:2*H] @ A)")
    assert_printed_back(net)
    assert sb.derive(net).check(sb.random_values(net, seed=1)).verdict == "right"


PARTS = """
X: input(N, L)
y: target(N, L - 2)
W: parameter(L, L)
h = (X @ W)[:, 1:-1]
J = mean((h - y)**2) + sum(abs(W[:, 1:] - W[:, :-1])) + sum(np.diff(W, n=2, axis=0)**2)
"""


def test_sizes_less_a_number(rng):
    """Where the names are too small, there is an error and no number."""
    net = sb.parse_network(PARTS)
    assert_printed_back(net)
    d = sb.derive(net)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    assert d.check(values).verdict == "right"
    assert d.verify(seed=0).verdict == "right"
    with pytest.raises(sb.ArgumentError):
        d.to_numpy()(X=np.ones((4, 1)), y=np.ones((4, 0)), W=np.ones((1, 1)))
    for wrong in ("X[:, L:]", "X[:, 0:N]", "X[:, 9:]"):
        with pytest.raises(FormulaError, match="is not a part of them"):
            sb.parse_network(f"X: input(N, L)\nW: parameter(L, L)\nJ = sum(W) + sum({wrong})")


def test_a_name_with_an_underscore_at_its_end_is_not_that_without():
    net = sb.parse_network("pi_: parameter(D, 1)\nJ = sum(pi_ * pi)")
    assert_printed_back(net)
    assert r"\mathit{pi\_}" in sb.derive(net).to_latex()


def test_sizes_made_of_others(rng):
    """The four gates of an LSTM in one matrix: 4*H columns."""
    net = sb.parse_network("""
        X: input(N, D)
        h: input(N, H)
        W: parameter(D + H, 4*H)
        b: parameter(1, 4*H)
        z = concatenate((X, h), axis=1) @ W + b
        i = sigmoid(z[:, 0:H])
        g = tanh(z[:, 3*H:])
        J = sum(i * g)
    """)
    assert_printed_back(net)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    f = sb.derive(net).to_numpy()
    result = f(**values)
    assert (
        result.dJdW.shape
        == values["W"].shape
        == (values["X"].shape[1] + values["h"].shape[1], 4 * values["h"].shape[1])
    )
    assert not result.dJdW[:, values["h"].shape[1] : 3 * values["h"].shape[1]].any()
    assert sb.derive(net).check(values).verdict == "right"
    values["W"] = values["W"][:-1]
    with pytest.raises(ValueError, match=r"W has shape .* but \(D \+ H, 4\*H\) = "):
        f(**values)


def test_one_hot_rows_add_up_to_one():
    net = sb.parse_network("X: input(N, D)\nY: one_hot(N, K)\nW: parameter(D, K)\nJ = -sum(Y * log_softmax(X @ W))")
    values = sb.random_values(net, seed=1)
    assert (np.sort(values["Y"], axis=1)[:, -1] == 1).all()
    assert (values["Y"].sum(axis=1) == 1).all()
    values["Y"][2] = 0
    with pytest.raises(ValueError, match=r"Y\[2\] adds up to 0"):
        sb.derive(net).to_numpy()(**values)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("J = sum(X[0:N/2]**2)", "N/2 is not a whole number whatever the sizes are"),
        ("J = sum(X[0:1.5])", "3/2 is not a whole number"),
        ("J = sum(X[0:X])", "X is not a whole number"),
        ("J = sum(X) * 1e-400", "a number beyond all bounds"),
        ("J = sum(X) * 0." + "9" * 5000, "a number beyond all bounds"),
        ("J = sum(X) * " + "9" * 1200, "a number beyond all bounds"),
        ("J = sum(sum(X, axis=0, keepdims=X))", "keepdims is True or False"),
        ("lambda: scalar", "lambda is a word of Python itself; write lam"),
        ("J = lambda * sum(X)", "lambda is a word of Python itself; write lam"),
        ("J = cross_entropy(X)", r"write -sum\(Y \* log_softmax\(z\)\) / N"),
    ],
)
def test_more_that_is_refused_with_its_place(said, message):
    with pytest.raises(sb.FormulaError, match=f"line 2, column .*{message}"):
        sb.parse_network(f"X: parameter(N, D)\n{said}")


def test_decimals_are_exact():
    net = sb.parse_network("X: parameter(N, D)\nJ = sum(X) * 0.12345678901234567890123 + 1_000.5 * sum(X**2)")
    assert sympy.Rational("0.12345678901234567890123") in net.cost.expression.atoms(sympy.Rational)
    assert sympy.Rational("1000.5") in net.cost.expression.atoms(sympy.Rational)


def test_a_mark_of_an_editor_at_the_start_is_no_text():
    assert str(sb.parse_network("\ufeffX: parameter(N, D)\nJ = sum(X)")).startswith("X:")
