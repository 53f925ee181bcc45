"""Notation that people use in derivations: each right, with its wrong twin, and with a form that is not understood."""

import pytest

pytest.importorskip("lark")

import symbackprop as sb
from tests.support.slow import some_slow

SCORES = sb.parse_network("s: parameter(N, K)\nt: one_hot(N, K)\nq = softmax(s)\nJ = -sum(t * log(q))")
ONE = sb.parse_network("s: parameter(1, K)\nt: one_hot(1, K)\nq = softmax(s)\nJ = -sum(t * log(q))")
LOGISTIC = sb.parse_network(
    "X: input(M, D)\ny: target(M, 1)\nw: parameter(D, 1)\nc: scalar\nz = X @ w\np = sigmoid(z)\n"
    "J = -sum(y * log(p) + (1 - y) * log(1 - p)) + c/2 * sum(w**2)"
)
STEPS = sb.parse_network(
    "x1: input(D, 1)\nx2: input(D, 1)\nh0: input(H, 1)\nY1: target(Q, 1)\nY2: target(Q, 1)\nU: parameter(H, D)\n"
    "W: parameter(H, H)\nV: parameter(Q, H)\nh1 = tanh(U @ x1 + W @ h0)\nh2 = tanh(U @ x2 + W @ h1)\n"
    "o1 = V @ h1\no2 = V @ h2\nJ = (sum((o1 - Y1)**2) + sum((o2 - Y2)**2)) / 2"
)


def verdicts(text, network):
    return [str(line.verdict) for line in sb.check_derivation(text, network).lines]


@pytest.mark.parametrize(
    ("network", "left", "right", "wrong", "unclear"),
    some_slow(
        [
            (
                SCORES,
                r"\frac{\partial J}{\partial s[i, k]}",
                "q[i, k] - t[i, k]",
                "t[i, k] - q[i, k]",
                "q[i, k] - r[i, k]",
            ),
            (SCORES, r"\frac{\partial J}{\partial s_i}", "q_i^k - t_i^k", "t_i^k - q_i^k", r"q_i^k - r_i^k"),
            (ONE, r"\frac{\partial J}{\partial s_i}", "q_i - t_i^*", "q_i + t_i^*", "q_i - r_i^*"),
            (ONE, "J", r"-\log \prod_k q_k^{t_k}", r"\log \prod_k q_k^{t_k}", r"-\log \prod_n q_k^{t_k}"),
            (ONE, r"\frac{\partial J}{\partial s}", "0 + q - t", "0 - q + t", "q - t|_{s}"),
            (
                LOGISTIC,
                r"\frac{\partial p}{\partial z}",
                r"\sigma'(u)|_{u = z}",
                r"\sigma(u)|_{u = z}",
                r"\sigma'(w_i)|_{w = z}",
            ),
            (
                LOGISTIC,
                r"\nabla_w^2 J",
                r"X^T \mathrm{diag}(p \odot (1 - p)) X + c I",
                r"X^T \mathrm{diag}(p \odot (1 - p)) X",
                r"X^T R X + c I",
            ),
            (
                LOGISTIC,
                r"\frac{\partial^2 J}{\partial w_i \partial w_j}",
                r"\sum_n p_n (1 - p_n) x_{ni} x_{nj} + c \delta_{ij}",
                r"\sum_n p_n x_{ni} x_{nj} + c \delta_{ij}",
                r"\sum_n r_n x_{ni} x_{nj}",
            ),
            (
                LOGISTIC,
                r"\frac{d^2 J}{d w_i^2}",
                r"\sum_n p_n (1 - p_n) x_{ni}^2 + c",
                r"\sum_n p_n (1 - p_n) x_{ni} + c",
                r"\frac{d^3 J}{d w_i^3}",
            ),
            (
                STEPS,
                r"\frac{\partial J}{\partial V}",
                "\\sum_t (o(t) - Y(t)) h(t)^T",
                "\\sum_t (o(t) - Y(t)) h(t - 1)^T",
                "\\sum_t (o(t) - r(t)) h(t)^T",
            ),
        ],
        5,
    ),
)
def test_right_wrong_and_unclear(network, left, right, wrong, unclear):
    assert verdicts(rf"$${left} = {right}$$", network) == ["right"]
    assert verdicts(rf"$${left} = {wrong}$$", network) == ["wrong"]
    assert verdicts(rf"$${left} = {unclear}$$", network) == ["not understood"]


def test_a_conditional_probability_is_a_name_of_its_own():
    """Its first equation defines it; the next side is then judged."""
    assert verdicts(r"$$P(y = 1 | x) = \sigma(z) = p$$", LOGISTIC) == ["right"]
    assert verdicts(r"$$P(y = 1 | x) = \sigma(z) = 1 - p$$", LOGISTIC) == ["wrong"]


@pytest.mark.parametrize(
    "line", [r"h(t) = \tanh(U x(t) + W h(t - 1))", r"\frac{\partial J}{\partial o(t)} = o(t) - Y(t)"]
)
def test_times_as_arguments(line):
    assert verdicts(f"$${line}$$", STEPS) == ["right"]
    assert verdicts(f"$${line.replace('h(t - 1)', 'h(t)').replace('o(t) - Y', 'o(t) + Y')}$$", STEPS) == ["wrong"]


def test_a_second_derivative_by_a_matrix_is_not_judged():
    network = sb.parse_network("X: input(N, D)\nW: parameter(D, K)\nG: input(N, K)\nJ = sum((X @ W - G)**2) / 2")
    assert verdicts(r"$$\nabla_W^2 J = X^T X$$", network) == ["not understood"]


@pytest.mark.parametrize("options", [{}, {"view": "index"}, {"detail": "result"}])
def test_printed_text_reads_back(options, tmp_path):
    network = sb.mlp(["D", "H", "K"], activation="tanh", cost="half_squared_error")
    printed = tmp_path / "out.txt"
    printed.write_text(sb.derive(network).to_text(**options), encoding="utf-8")
    found = verdicts(printed, network)
    assert set(found) == {"right"} if not options else "wrong" not in found
    assert len(found) > 3
    slipped = printed.read_text(encoding="utf-8").replace("∂J/∂W1 = Xᵀ δ2", "∂J/∂W1 = X δ2")
    assert slipped == printed.read_text(encoding="utf-8") or "wrong" in verdicts(slipped, network)


@pytest.mark.parametrize(
    "shape", [r"(K \times D) \times (D \times 1) = K \times 1", r"z = (M \times D) \times (D \times 1)"]
)
def test_shapes_are_no_claims(shape):
    assert verdicts(f"The shapes: $${shape}$$", LOGISTIC) == []
    assert verdicts(r"$$z = X \times w$$", LOGISTIC) == ["right"]
