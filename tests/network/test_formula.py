"""Plain formulas: the shapes that they imply, and derivatives that finite differences confirm."""

import pytest

import symbackprop as sb

FORMULAS = {  # formula: declarations
    "norm(A*x - y)^2": "A: parameter(m, n) x: parameter(n, 1) y: parameter(m, 1)",
    "x'*A*x": "x: parameter(m, 1) A: parameter(m, m)",
    "tr(X'*A*X)": "X: parameter(m, n) A: parameter(m, m)",
    "lam/2 * norm(w)^2 + norm(X*w-y)^2": "lam: scalar w: parameter(m, 1) X: parameter(n, m) y: parameter(n, 1)",
    "sum(log(1 + exp(-y .* (X*w))))": "y: parameter(m, 1) X: parameter(m, n) w: parameter(n, 1)",
    "sum((A @ x - y)**2) / 2": "A: parameter(m, n) x: parameter(n, 1) y: parameter(m, 1)",
    "sum(y * log(sigmoid(X @ w)))": "y: parameter(m, 1) X: parameter(m, n) w: parameter(n, 1)",
    "(x'*A*x) / (x'*x)": "x: parameter(m, 1) A: parameter(m, m)",
    "norm(A*B - C)^2": "A: parameter(m, n) B: parameter(n, p) C: parameter(m, p)",
    "J = -sum(A.^2) + 2*a'*b*3": "A: parameter(m, n) a: parameter(p, 1) b: parameter(p, 1)",
    "sum((a - (b - d)) ./ exp(a))": "a: parameter(m, 1) b: parameter(m, 1) d: parameter(m, 1)",
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_shapes_are_inferred_and_the_gradient_is_right(formula, rng):
    text = sb.network_of_formula(formula)
    *declared, _ = text.splitlines()
    assert " ".join(declared) == FORMULAS[formula]
    d = sb.derive(sb.parse_network(text))
    seed = int(rng.integers(2**31))
    assert d.check(sb.random_values(d.network, seed=seed)).verdict == "right"


def test_products_and_powers_mean_what_the_style_says(rng):
    """The cost at a point is that of the formula as NumPy computes it."""
    for formula, cost in (
        ("a'*(b - c*a) - a'*b", lambda a, b, c: (a.T @ (b - c * a) - a.T @ b).item()),
        ("sum(a * b - a)**2", lambda a, b: (a * b - a).sum() ** 2),
        ("sum(a - (b - a) .* b .^ 3)", lambda a, b: (a - (b - a) * b**3).sum()),
        ("2 * sum(A)^2 / sum(-A)", lambda A: 2 * A.sum() ** 2 / (-A).sum()),
    ):
        text = sb.network_of_formula(formula)
        network = sb.parse_network(text)
        values = sb.random_values(network, seed=int(rng.integers(2**31)))
        assert sb.derive(network).to_numpy()(**values).J == pytest.approx(cost(**values), rel=1e-12)


def test_shapes_may_be_given():
    text = sb.network_of_formula("sum(x .* s)", {"x": ("K", "D"), "s": ()})
    assert text.splitlines()[:2] == ["x: parameter(K, D)", "s: scalar"]
    assert sb.network_of_formula("norm(A*m)^2", {"A": ("p", "q")}).startswith("A: parameter(p, q)\nm: parameter(q, 1)")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("A*x", r"A\*x is .×1, not a number; write sum\(A\*x\)"),
        ("sum(A*x) + ", "this is not a formula"),
        ("sum(x*y)", "x is .×1 and y is .×1: they do not fit in .*write x'.y or x .. y"),
        ("sum(A^2)", r"A is .×., not a number; write A \.\^ 2"),
        ("sum(x .^ y)", "the exponent y must be a number"),
        ("foo(x)", "foo is not a function of formulas"),
        ("__import__('os').system('true')", "is not read in a formula|this is not a formula"),
        ("(lambda: 1)()", "is not read in a formula|this is not a formula"),
        ("x.__class__", "is not read in a formula"),
        ("[x for x in y]", "is not read in a formula"),
        ("norm(" * 200 + "x" + ")" * 200, "nested|not a formula"),
        ("x" * 5000, "at most 2000"),
        ("", "this is not a formula"),
        ("True", "is not read in a formula"),
        ("sum(x, axis=0)", "is not read in a formula"),
        ("det(A*b)", "is not square|is .×1"),
        ("tr(A*B) + sum(B*x)*sum(A'*(x*y))", "do not fit"),
    ],
)
def test_what_is_no_formula_is_refused_with_a_reason(formula, message):
    with pytest.raises(sb.SymbackpropError, match=message):
        sb.parse_network(sb.network_of_formula(formula))
