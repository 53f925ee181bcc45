"""Saying a network: names, strict shapes, and the messages for what does not fit."""

import numpy as np
import pytest
import sympy

import symbackprop as sb


class Small:
    """X N×D, y N×K, W1 D×H, A 3×H, B 2×K, lam, z2 = X W1."""

    def __init__(self):
        self.net = sb.Network()
        self.X, self.y = self.net.input("X", "N", "D"), self.net.target("y", "N", "K")
        self.W1, self.A, self.B = (self.net.parameter(*p) for p in [("W1", "D", "H"), ("A", 3, "H"), ("B", 2, "K")])
        self.lam = self.net.scalar("lam")
        self.z2 = self.net.define("z2", self.X * self.W1)


def test_home_network_has_the_names_of_the_lesson():
    net = sb.mlp([2, 3, 1])
    assert list(net.symbols) == ["X", "y", "W1", "W2", "z2", "a2", "z3", "yhat", "J"]
    assert str(net) == (
        "X:  input(N, 2)\ny:  target(N, 1)\nW1: parameter(2, 3)\nW2: parameter(3, 1)\n"
        "z2 = X @ W1\na2 = sigmoid(z2)\nz3 = a2 @ W2\nyhat = sigmoid(z3)\nJ = (1/2) * sum((y - yhat)**2)"
    )


def test_home_network_said_by_hand_is_the_same_as_mlp():
    net = sb.Network()
    X, y = net.input("X", "N", 2), net.target("y", "N", 1)
    W1, W2 = net.parameter("W1", 2, 3), net.parameter("W2", 3, 1)
    z2 = net.define("z2", X * W1)
    a2 = net.define("a2", sb.sigmoid(z2))
    z3 = net.define("z3", a2 @ W2)
    yhat = net.define("yhat", sb.sigmoid(z3))
    net.minimize("J", sb.total(sb.power(y - yhat, 2)) / 2)
    assert str(net) == str(sb.mlp([2, 3, 1]))
    assert sb.derive(net).to_latex() == sb.derive(sb.mlp([2, 3, 1])).to_latex()


# fmt: off
MISFITS = [  # what a user writes, and what the message must say
    (lambda p: p.X * p.X,                     ["q = X @ X", "X is N×D", "inner dimensions D and N differ", "sb.hadamard(X, X)"]),
    (lambda p: p.X + 1,                       ["q = X + 1", "X is N×D", "1 is a scalar", 'sb.ones("N", "D")']),
    (lambda p: 1 - p.X * p.W1,                ["q = 1 - X @ W1", "X @ W1 is N×H", "1 is a scalar"]),
    (lambda p: (p.X * p.W1) * (p.A * p.B),    ["q = X @ W1 @ A @ B", "W1 is D×H but A is 3×H", "H and 3 differ"]),
    (lambda p: p.A * p.B,                     ["A is 3×H but B is 2×K", "H and 2 differ"]),
    (lambda p: p.A + p.B,                     ["A is 3×H but B is 2×K", "row dimensions 3 and 2 differ"]),
    (lambda p: p.X - p.y,                     ["q = X - y", "column dimensions D and K differ"]),
    (lambda p: sympy.HadamardProduct(p.X, p.y), ["q = X * y", "X is N×D but y is N×K", "D and K differ"]),
    (lambda p: sb.hadamard(p.X, p.y),         ["q = X * y", "D and K differ"]),
    (lambda p: sympy.MatMul(p.X, p.X),        ["q = X @ X", "D and N differ"]),
    (lambda p: sb.tanh(p.X * p.W1) + p.W1,    ["row dimensions N and D differ"]),
    (lambda p: p.X**2,                        ["q = matrix_power(X, 2)", "sb.power(X, 2)"]),
    (lambda p: p.y / p.X,                     ["X**(-1)", "sb.power(X, -1)"]),
    (lambda p: sb.power(p.X, p.y),            ["exponent y is a matrix"]),
    (lambda p: sympy.Trace(p.X),              ["q = trace(X)", "X is N×D", "a square matrix"]),
    (lambda p: sb.broadcast(p.X, "N", 7),     ["X is N×D", "cannot be repeated to N×7"]),
    (lambda p: sb.softmax(p.lam),             ["lam is a scalar", "matrix is needed"]),
    (lambda p: p.z2 + sb.sums(p.W1, 0),       ["row dimensions N and 1 differ", "sb.broadcast("]),
]
FOREIGN = [
    (lambda p: sympy.exp(p.X),                ["exp of SymPy is for scalars", "sb.exp"]),
    (lambda p: sympy.gamma(p.lam),            ["no derivative rule for gamma"]),
    (lambda p: p.X[0, 0],                     ["no derivative rule for MatrixElement"]),
    (lambda p: sympy.Symbol("lamda") * p.X,   ["lamda is not of this network", "did you mean lam?"]),
    (lambda p: sympy.MatrixSymbol("X", 2, 3), ["there is another X here"]),
    (lambda p: "X @ W1",                      ["not from text"]),
    (lambda p: None,                          ["is not a SymPy expression"]),
    (lambda p: np.ones((2, 2)),               ["is not a SymPy expression"]),
    (lambda p: abs(p.X),                      ["sb.absolute(X)"]),
    (lambda p: p.X / 0,                       ["zoo is not a finite real number"]),
    (lambda p: sympy.I * p.X,                 ["I is not a finite real number"]),
    (lambda p: sympy.oo * p.X,                ["oo is not a finite real number"]),
    (lambda p: sb.hadamard(),                 ["at least one matrix"]),
    (lambda p: sb.total("X"),                 ["a str cannot be part of a formula"]),
    (lambda p: sb.power(p.X, "2"),            ["a str cannot be part of a formula"]),
    (lambda p: p.X * np.ones((2, 2)),         ["ndarray cannot be part of a formula", "net.input"]),
    (lambda p: sb.power(p.X, sb.total(p.W1)), ["the exponent sum(W1) is computed"]),
    (lambda p: 2 ** sb.total(p.W1),           ["the exponent sum(W1) is computed"]),
    (lambda p: nested(sb.tanh, p.X, 200),     ["nested 201 deep", "a name first"]),
    (lambda p: nested(lambda e: sb.tanh(e) + sb.sigmoid(e), p.X, 14), ["a name first"]),
]
# fmt: on


def nested(function, argument, times):
    for _ in range(times):
        argument = function(argument)
    return argument


@pytest.mark.parametrize("axis", [2, -3, 0.5, None, "a", True])
def test_an_axis_is_0_or_1(axis):
    for reduce in (sb.sums, sb.softmax, sb.logsumexp):
        with pytest.raises(sb.ShapeError, match="axis is 0"):
            reduce(Small().X, axis)


def test_broadcasting_to_the_same_shape_is_nothing_and_a_scalar_matrix_goes_both_ways():
    parts = Small()
    assert sb.broadcast(parts.X, "N", "D") is parts.X
    one = parts.net.parameter("one", 1, 1)
    assert sb.broadcast(one, "N", "D").shape == parts.X.shape
    with pytest.raises(sb.ShapeError, match="lam is a scalar"):
        sb.broadcast(parts.lam, "N", "D")


REFUSED = [(sb.ShapeError, *case) for case in MISFITS] + [(sb.NetworkError, *case) for case in FOREIGN]


@pytest.mark.parametrize(("error", "write", "said"), REFUSED)
def test_what_does_not_fit_is_refused_with_the_equation(error, write, said):
    parts = Small()
    with pytest.raises(error) as caught:
        parts.net.define("q", write(parts))
    assert [piece for piece in said if piece not in str(caught.value)] == [], str(caught.value)
    assert "q" not in parts.net.symbols


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("X", "already an input"),
        ("lam", "already a scalar"),
        ("z2", "already defined as X @ W1"),
        ("N", "already a dimension"),
        ("np", "use themselves"),
        ("sum", "use themselves"),
        ("exp", "use themselves"),
        ("sigmoid", "use themselves"),
        ("lambda", "word of Python"),
        ("None", "word of Python"),
        ("match", "word of Python"),
        ("J", "kept for the cost"),
        ("dJdW1", "kept for a gradient"),
        ("", "is not an identifier"),
        ("2z", "is not an identifier"),
        ("z 2", "is not an identifier"),
        ("_z", "underscore"),
        ("Х", "CYRILLIC CAPITAL LETTER HA"),
        ("W１", "FULLWIDTH DIGIT ONE"),
        ("λ", "GREEK SMALL LETTER LAMDA.*write lam"),
        ("Θ1", "GREEK CAPITAL LETTER THETA.*write Theta1"),
        ("ŷ", "WITH CIRCUMFLEX.*write yhat"),
        (3, "a name is text"),
    ],
)
def test_unusable_names_are_refused(name, said):
    parts = Small()
    for declare in (lambda: parts.net.input(name, "N", "D"), lambda: parts.net.define(name, parts.X)):
        with pytest.raises(sb.NameInUseError, match=said):
            declare()


def test_names_that_would_look_the_same_are_refused():
    parts = Small()
    parts.net.define("z2_out", parts.X)
    with pytest.raises(sb.NameInUseError, match="z_out2 would look the same as z2_out"):
        parts.net.define("z_out2", parts.X)


def test_a_dimension_needs_a_free_name_too():
    parts = Small()
    with pytest.raises(sb.NameInUseError, match="X is already an input"):
        parts.net.input("V", "X", 2)
    with pytest.raises(sb.NameInUseError, match="V is already the matrix"):
        parts.net.input("V", "V", 2)
    assert "V" not in parts.net.symbols


@pytest.mark.parametrize("size", [0, -1, 2.5, True, "two words", "", None, sympy.Symbol("n")])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(sb.ShapeError, match="V: a dimension is a name or a whole number"):
        sb.Network().input("V", size, 2)


def test_gradient_names_of_any_cost_are_kept_free():
    parts = Small()
    parts.net.input("dLdW1", "N", "D")
    with pytest.raises(sb.NameInUseError, match="dLdW1 is the name of the gradient of L with respect to W1"):
        parts.net.minimize("L", sb.total(parts.W1))
    net = sb.Network()
    W = net.parameter("W", "dLdW", 3)
    with pytest.raises(sb.NameInUseError, match="dLdW is the name of the gradient of L with respect to W"):
        net.minimize("L", sb.total(W))


def test_the_cost_is_a_scalar_and_a_1x1_matrix_counts_as_one():
    parts = Small()
    with pytest.raises(sb.ShapeError, match=r"J = z2: the cost must be a scalar, this is N×H; .*sb.total\(z2\)"):
        parts.net.minimize("J", parts.z2)
    net = sb.Network()
    a, w = net.input("a", "n", 1), net.parameter("w", "n", 1)
    net.minimize("J", w.T * a)
    result = sb.derive(net).to_numpy()([[2], [3]], [[5], [7]])
    assert result.J == 31
    assert result.dJdw.tolist() == [[2], [3]]


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (sum, "X is symbolic and cannot be looped over; the sum of its entries is sb.total"),
        (lambda X: sum(X * X.T), "cannot be looped over"),
        (lambda X: sum(sb.sigmoid(X)), "cannot be looped over"),
        (lambda X: list(sb.power(X, 2)), "cannot be looped over"),
        (np.exp, r"np.exp works on numbers, but X is symbolic; write sb.exp"),
        (lambda X: np.maximum(X, 0), "write sb.relu"),
        (lambda X: np.sum(sb.power(X, 2)), "np.sum works on numbers.*sb.total"),
        (np.mean, "np.mean works on numbers"),
        (lambda X: np.dot(X, X), "np.dot works on numbers"),
        (lambda X: np.ones((2, 2)) + X, "np.add works on numbers.*net.input"),
        (np.array, "no numbers to make an array of"),
    ],
)
def test_symbols_are_no_numbers(write, said):
    net = sb.Network()
    for X in (net.input("X", "N", "D"), net.input("Y", 2, 1)):
        with pytest.raises(sb.NotNumericError, match=said.replace("X is", "[XY] is")):
            write(X)


def test_a_numpy_habit_at_the_module_is_answered():
    with pytest.raises(AttributeError, match=r"has no attribute 'sum'; write sb.total"):
        sb.sum  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no attribute 'fly'$"):
        sb.fly  # noqa: B018


def test_a_cost_that_depends_on_no_parameter_is_refused():
    for cost in (lambda p: 3, lambda p: sb.total(p.X), lambda p: p.lam**2):
        parts = Small()
        with pytest.raises(
            sb.NetworkError,
            match="depends on no parameter, so there is nothing to differentiate; the parameters are W1, A and B",
        ):
            parts.net.minimize("J", cost(parts))


def test_there_is_one_cost_and_nothing_after_it():
    net = sb.mlp([2, 3, 1])
    with pytest.raises(sb.NetworkError, match="the cost is already J ="):
        net.minimize("J2", sb.total(net["W1"]))
    for late in (lambda: net.define("q", net["W1"]), lambda: net.parameter("q", 2, 3), lambda: net.scalar("q")):
        with pytest.raises(sb.NetworkError, match="q comes after the cost J"):
            late()
    with pytest.raises(sb.NetworkError, match="has no cost yet"):
        sb.derive(Small().net)
    with pytest.raises(sb.NetworkError, match="derive takes a Network, not str"):
        sb.derive("2-3-1")


def test_operators_leave_what_was_written():
    """SymPy itself turns -(y - yhat) into yhat - y."""
    parts = Small()
    X, W1 = parts.X, parts.W1
    for written, shown in [
        (-(X - 2 * X), "-(X - 2 * X)"),
        (3 * (X * W1) / 2, "(3/2) * X @ W1"),
        ((X.T).T * W1, "X @ W1"),
        (np.float64(2) * X, "2.0 * X"),
        (1.5 * X - X, "1.5 * X - X"),
    ]:
        parts.net.define(f"q{len(parts.net.symbols)}", written)
        assert parts.net.to_text().endswith(shown)


def test_nodes_rebuild_from_their_arguments():
    parts = Small()
    X, W1 = parts.X, parts.W1
    row = sb.sums(X, 0)
    for node in [
        X, X * W1, X + X, 2 * X, X.T, sb.hadamard(X, X), sb.power(X, 2), sb.sigmoid(X), sb.sigmoid.prime(X), row,
        sb.softmax(X), sb.logsumexp(X), sb.broadcast(row, "N", "D"), sb.total(X), sb.ones(2, 3),
    ]:  # fmt: skip
        assert node.func(*node.args) == node
        assert type(node.func(*node.args)) is type(node)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([2],), "at least two layers"),
        (("2-3-1",), "at least two layers"),
        (([2, 0, 1],), "whole number of at least 1"),
        (([2, 3, 1], "sigmod"), "did you mean sigmoid"),
        (([2, 3, 1], "tanh", "half_squared"), "did you mean half_squared_error"),
        (([2, 3, 1], ["tanh"]), "unknown activation"),
        (([2, 3, 1], "softmax"), "cost='softmax_cross_entropy' has it in it"),
        ((["N", 3, 1],), "N is the number of examples"),
        ((5,), "at least two layers"),
        (([2, 3, 1], "tanh", lambda y, yhat: None), "NoneType"),
        (([2, 3, 1], "tanh", lambda y, yhat: y - yhat), r"J = y - yhat: the cost must be a scalar, this is N×1"),
    ],
)
def test_mlp_refuses_what_it_does_not_know(arguments, said):
    with pytest.raises(sb.SymbackpropError, match=said):
        sb.mlp(*arguments)


@pytest.mark.parametrize("l2", [-1, float("nan"), float("inf"), None, []])
def test_mlp_refuses_an_impossible_penalty(l2):
    with pytest.raises(sb.SymbackpropError, match="l2 is a number of at least 0"):
        sb.mlp([2, 3, 1], l2=l2)


def test_sizes_and_penalties_of_numpy_types_are_numbers():
    plain = sb.mlp([2, 3, 1], l2=0.5)
    assert str(sb.mlp(np.array([2, 3, 1]), l2=np.float32(0.5))) == str(plain)
    assert sb.mlp([np.int64(2), 3, 1], examples=7)["X"].shape == (7, 2)


def test_mlp_takes_a_cost_of_the_users_own():
    net = sb.mlp([2, 3, 1], cost=lambda y, yhat: sb.total(sb.power(y - yhat, 4)))
    assert str(net).endswith("J = sum((y - yhat)**4)")


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("X: input(N, D)\nY: one_hot(N, K)\nW: parameter(D, K)\nJ = -sum(Y * log(softmax(X @ W)))", 0),
        ("X: input(D, N)\nY: one_hot(N, K)\nW: parameter(K, D)\nJ = -sum(Y.T * log(softmax(W @ X, axis=0)))", 1),
        ("X: input(D, N)\nY: one_hot(K, N)\nW: parameter(K, D)\nJ = -sum(Y * log(softmax(W @ X, axis=0)))", 1),
        ("x: input(D, 1)\ny: target(K, 1)\nW: parameter(K, D)\nb: parameter(K, 1)\nJ = sum((W @ x + b - y)**2)", 1),
        ("x: input(1, D)\ny: target(1, K)\nW: parameter(D, K)\nb: parameter(1, K)\nJ = sum((x @ W + b - y)**2)", 0),
        ("X: input(n, m)\ny: target(1, m)\nw: parameter(n, 1)\nb: parameter(1, 1)\nJ = sum((w.T @ X + b - y)**2)", 1),
        ("X: input(D, N)\nW: parameter(D, D)\nJ = sum(tanh(W @ X))", 1),
        # what only looks like examples in columns
        ("X: input(T, D)\ny: target(T, D)\nC: parameter(T, T)\nJ = sum(((C * tril(ones((T, T)))) @ X - y)**2)", 0),
        ("X: input(N, D)\na: parameter(N, 1)\nJ = sum((a.T @ X)**2) - sum(a)", 0),
        ("u: parameter(N, 1)\nG: input(N, 1)\nJ = sum(G * (u - mean(u)))", 0),
        ("X: input(N, D)\nZ: input(M, D)\na: parameter(N, 1)\nb: parameter(M, 1)\nJ = sum(a.T @ exp(X @ Z.T) @ b)", 0),
        ("S: input(N, 3)\nu: parameter(N, 1)\nJ = sum(softmax(S * u))", 0),
    ],
)
def test_examples_are_rows_or_columns(text, axis):
    assert sb.parse_network(text).examples[0] == axis


@pytest.mark.parametrize("step", ["relu.prime(-h)", "sign(h - 1)", "sign(sin(h * h))", "relu.prime(h @ ones((H, H)))"])
def test_parts_of_a_step_function_are_constant(step):
    head = "X: input(N, D)\ny: target(N, K)\nW: parameter(D, H)\nV: parameter(H, K)\nh = X @ W\n"
    d = sb.derive(sb.parse_network(f"{head}h2 = (1 - {step}) * h\nJ = sum((h2 @ V - y)**2)"))
    f, values = d.to_numpy(backend="numpy"), sb.random_values(d.network, seed=5)
    h = np.zeros_like(values["W"])
    h[0, 0] = 1e-6
    ends = [f.cost(**values | {"W": values["W"] + change}) for change in (h, -h)]
    assert np.isclose(f(**values).dJdW[0, 0], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-6)


def test_a_single_example_is_neither_row_nor_column():
    column = "x: input(D, 1)\nW: parameter(K, D)\nJ = sum(W @ x)"
    assert sb.derive(sb.parse_network(column)).to_text().startswith("Network (one example)\n")


def test_an_equation_that_is_right_is_never_printed(monkeypatch):
    """Its text is part of messages alone: to print it for each of its parts takes the square of its length."""
    printed = []
    monkeypatch.setattr("symbackprop.network.network.typed", lambda value: printed.append(value) or "")
    sb.parse_network("x: input(N, D)\nw: parameter(D, 1)\nz = x @ w\nJ = sum(z**2) + sum(tanh(z)) + sum(exp(z))")
    assert not printed
