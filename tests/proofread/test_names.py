r"""Names of the network as people decorate them, and networks that a document defines."""

import pytest

pytest.importorskip("lark")

import symbackprop as sb
from tests.support.slow import some_slow

NET = sb.parse_network("""
A_in: input(N, D)
Y: target(N, K)
W_hid: parameter(D, M)
W_out: parameter(M, K)
Z_hid = A_in @ W_hid
A_hid = sigmoid(Z_hid)
yHat = A_hid @ W_out
loss = sum((yHat - Y)**2) / 2
""")


def verdicts(text, network=None):
    return [str(line.verdict) for line in sb.check_derivation(text, network).lines]


@pytest.mark.parametrize(
    "hidden", some_slow(["W^{(hid)}", "W_{hid}", r"W_{\rm hid}", r"W^{\text{hid}}", r"\mathbf{W}_\mathrm{hid}"], 1)
)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (r"((\hat{Y} - Y^*) (W^{(out)})^T) \odot A^{(hid)} \odot (1 - A^{(hid)})", "right"),
        (r"((\hat{Y} - Y^*) (W^{(out)})^T) \odot A^{(hid)} \odot (1 + A^{(hid)})", "wrong"),
        (r"((\hat{Y} - Y^*) (W^{(hind)})^T) \odot A^{(hid)} \odot (1 - A^{(hid)})", "not understood"),
    ],
)
def test_words_at_names(hidden, error, expected):
    assert verdicts(rf"$$\frac{{\partial L}}{{\partial {hidden}}} = (A^{{(in)}})^T ({error})$$", NET) == [expected]


@pytest.mark.parametrize(
    ("error", "expected"), [("(ŷ − Y)", "right"), ("(Y − ŷ)", "wrong"), ("(x̄ − Y)", "not understood")]
)
def test_names_in_plain_text(error, expected):
    assert verdicts(f"∂L/∂W_out = A_hidᵀ {error}", NET) == [expected]


def test_errors_of_layers_by_name():
    text = r"""$$\delta^{(out)} = \hat{y} - y$$
    $$\delta^{(hid)} = \delta^{(out)} (W^{(out)})^T \odot \sigma'(Z^{(hid)})$$
    $$\frac{\partial L}{\partial W^{(hid)}} = (A^{(in)})^T \delta^{(%s)}$$"""
    network = sb.parse_network(NET.to_text().replace("yHat = A_hid @ W_out", "Z_out = A_hid @ W_out\nyHat = 1 * Z_out"))
    assert verdicts(text % "hid", network) == ["right", "right", "right"]
    assert verdicts(text % "out", network) == ["right", "right", "wrong"]


OWN = [
    (r"$$f(B) = \|A B C - D\|_F^2$$", r"\nabla_B f", "2 A^T (A B C - D) C^T", "2 A (A B C - D) C^T"),
    (r"$$g(x) = \|A x - b\|_2^2$$", r"\nabla_x g(x)", "2 A^T (A x - b)", "2 A^T (A x + b)"),
    (r"$$L = \|X w - y\|^2$$", r"\nabla_w L", "2 X^T (X w - y)", "2 X^T (y - X w)"),
    (
        "$h = w_1 x$, $o = w_2 h$ $$E = (o - y)^2$$",
        r"\frac{\partial E}{\partial w_1}",
        "2 (o - y) w_2 x",
        "2 (o - y) w_1 x",
    ),
    (
        r"$$\hat y = \theta_0 + \theta_1 x$$ $$J = \frac12 (\hat y - y)^2$$",
        r"\frac{\partial J}{\partial \theta_0}",
        r"\hat y - y",
        r"(\hat y - y) x",
    ),
    (
        r"$$h_\theta(x) = \theta^T x$$ $$J(\theta) = \frac1{2m} \sum_{i=1}^m (h_\theta(x^{(i)}) - y^{(i)})^2$$",
        r"\frac{\partial J(\theta)}{\partial \theta_j}",
        r"\frac1m \sum_{i=1}^m (h_\theta(x^{(i)}) - y^{(i)}) x_j^{(i)}",
        r"\frac1m \sum_{i=1}^m (y^{(i)} - h_\theta(x^{(i)})) x_j^{(i)}",
    ),
    (
        r"$$f(x) = W x$$ $$L = \frac1N \sum_{i=1}^N \|f(x_i) - y_i\|^2$$",
        r"\frac{\partial L}{\partial W}",
        r"\frac2N \sum_i (f(x_i) - y_i) x_i^T",
        r"\frac2N \sum_i (f(x_i) + y_i) x_i^T",
    ),
]


@pytest.mark.parametrize(("network", "left", "right", "wrong"), some_slow(OWN, 3))
def test_network_of_a_document(network, left, right, wrong):
    assert set(verdicts(f"{network} $${left} = {right}$$")) == {"right"}
    assert verdicts(f"{network} $${left} = {wrong}$$")[-1] == "wrong"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (r"$$h = w_1 x$$ $$o = q h$$ $$E = (o - y)^2$$", "q"),
        (r"$$f = \|A B - D\|^2$$", "cost"),
        (r"$$h_j = \sum_i w_{ji} x_i$$ $$E = \sum_j (h_j - y_j)^2$$", "entry by entry"),
    ],
)
def test_documents_that_define_no_network(text, reason):
    with pytest.raises(sb.SymbackpropError, match=reason):
        sb.check_derivation(text)


def test_a_cost_of_another_name_is_a_cost():
    """∂f/∂B is then no Jacobian, which may be read for one unit, where everything commutes."""
    network = sb.parse_network("A: input(N, D)\nB: parameter(D, K)\nG: input(N, K)\nf = sum(G * (A @ B))")
    assert verdicts(r"$$\frac{\partial f}{\partial B} = A^T G$$", network) == ["right"]
    assert verdicts(r"$$\frac{\partial f}{\partial B} = A G$$", network) == ["wrong"]
