"""Notations of documents that nobody had seen: each is read as it is meant, and its wrong twin is not right."""

import pytest

import symbackprop as sb

LAYERS = sb.parse_network("""X: input(N, D)
Y: one_hot(N, C)
lam: scalar
W1: parameter(D, K)
b1: parameter(1, K)
W2: parameter(K, C)
b2: parameter(1, C)
Z = X @ W1 + b1
H = relu(Z)
s = H @ W2 + b2
P = softmax(s)
L = -sum(Y * log(P)) / N + lam*(sum(W1**2) + sum(W2**2))""")
COLUMN = sb.parse_network("""x: input(D, 1)
y: target(K, 1)
W: parameter(K, D)
b: parameter(K, 1)
z = W @ x + b
p = tanh(z)
C = sum((p - y)**2) / K""")
RECURRENT = sb.parse_network("""x_1: input(D, 1)
x_2: input(D, 1)
y_1: target(K, 1)
y_2: target(K, 1)
U: parameter(H, D)
V: parameter(K, H)
h_1 = tanh(U @ x_1)
h_2 = tanh(U @ x_2)
o_1 = V @ h_1
o_2 = V @ h_2
L = sum((o_1 - y_1)**2) + sum((o_2 - y_2)**2)""")
OF_SCORES = r"$$\frac{\partial L}{\partial s} = \frac1N (P - Y)$$ "
OF_Z = r"$$\frac{\partial C}{\partial z} = \frac{\partial C}{\partial p} \odot (1 - p^2)$$ "
OF_W2 = r"$$\frac{\partial L}{\partial W_2} = H^T \frac{\partial L}{\partial s}"
DIAGRAM = r"$$h_t = \tanh(U x_t)$$ "


def verdicts(network, text):
    return [str(line.verdict) for line in sb.check_derivation(text, network).lines]


@pytest.mark.parametrize(
    ("network", "text", "what", "wrong"),
    [
        pytest.param(LAYERS, "Einstein: $$s_{ij} = H_{ik} W_{2,kj} + b_{2,j}$$", "b_{2,j}", "b_{2,i}", id="einstein"),
        pytest.param(
            LAYERS,
            OF_SCORES + r"$$\frac{\partial L}{\partial s_{ij}} = \frac1N (P_{ij} - \delta_{j, y_i})$$",
            "y_i})",
            "i})",
            id="delta of a class",
        ),
        pytest.param(
            LAYERS,
            r"$$L = -\frac1N \sum_i (s_{i, y_i} - \log \sum_k e^{s_{ik}}) + \lambda (\|W_1\|^2 + \|W_2\|^2)$$",
            "s_{i, y_i} -",
            "s_{i, y_i} +",
            id="entry of a class",
        ),
        pytest.param(
            LAYERS,
            r"$$P_{ij} = \frac{e^{s_{ij} - \max_k s_{ik}}}{\sum_l e^{s_{il} - \max_k s_{ik}}}$$",
            r"{ij} - \max_k s_{ik}",
            r"{ij} - \max_k s_{kj}",
            id="max over an index",
        ),
        pytest.param(
            COLUMN,
            OF_Z + r"$$\frac{\partial C}{\partial b} = \frac{\partial C}{\partial z}$$",
            r"\frac{\partial C}{\partial z}$$",
            r"\sum_{i=1}^K \frac{\partial C}{\partial z}$$",
            id="sum over units",
        ),
        pytest.param(COLUMN, OF_Z + "so that $`p = \\tanh(z)`$", "tanh", "log", id="math of GitHub"),
        pytest.param(COLUMN, OF_Z + "$$C = \\frac1K p^\\top p$$", "p^\\top p", "(p - y)\\top (p - y)", id="top"),
        pytest.param(
            RECURRENT,
            DIAGRAM
            + r"The derivative of $y=\tanh(x)$ is known. $$\frac{\partial L}{\partial V} = \sum_t 2 (o_t - y_t) h_t^T$$",
            "o_t - y_t",
            "y_t - o_t",
            id="a function of any x",
        ),
    ],
)
def test_a_notation_is_read_and_its_wrong_twin_is_not(network, text, what, wrong):
    twins = [text, text.replace(what, wrong)]
    right, other = [verdicts(network, twin)[-1] for twin in (twins if wrong[0] != "(" else twins[::-1])]
    assert right == "right"
    assert other not in {"right", "convention", "defined here"}


@pytest.mark.parametrize(
    ("network", "text", "kind"),
    [
        (
            COLUMN,
            "$$z = W x + b$$" + OF_Z + r"$$\frac{\partial C}{\partial W_{ij}} = \frac{\partial C}{\partial z_j} x_i$$",
            "transpose",
        ),
        (COLUMN, OF_Z + r"$$\frac{\partial C}{\partial b} = \sum_{i=1}^K \frac{\partial C}{\partial z}$$", "extra sum"),
        (
            LAYERS,
            OF_SCORES + r"$$\frac{\partial L}{\partial Z} = \frac{\partial L}{\partial H} \odot \mathbf{1}[Z < 0]$$",
            "sign",
        ),
    ],
)
def test_a_mistake_is_named(network, text, kind):
    line = sb.check_derivation(text, network).lines[-1]
    assert str(line.verdict) == "wrong"
    assert kind in map(str, line.mistake_kinds)


def test_a_letter_in_brackets_is_no_step_of_gradient_descent():
    network = sb.parse_network(COLUMN.to_text().replace("tanh(z)", "sigmoid(s)").replace("z = ", "s = "))
    text = r"$$p = \sigma(W x + b)$$ with $\sigma(s) = 1 / (1 + e^{-s})$"
    assert verdicts(network, text) == ["right", "right"]


@pytest.mark.parametrize(("power", "expected"), [("-z", ["defined here", "right"]), ("z", [])])
def test_the_sigmoid_may_be_defined_beside_another_activation(power, expected):
    text = (
        rf"$$z = W x + b$$ $$\sigma(z) = \frac{{1}}{{1 + e^{{{power}}}}}$$ $$\sigma'(z) = \sigma(z) (1 - \sigma(z))$$"
    )
    found = verdicts(COLUMN, text)[1:]
    assert found == expected or (not expected and "right" not in found and "defined here" not in found)


def test_a_sum_over_units_is_not_read_for_one_unit():
    text = OF_Z + r"$$\frac{\partial C}{\partial p} = \frac2K \sum_{i=1}^K (p_i - y_i)$$"
    assert verdicts(COLUMN, text)[-1] not in {"right", "convention"}
    assert verdicts(COLUMN, text.replace(r"\sum_{i=1}^K (p_i - y_i)", "(p - y)"))[-1] == "right"


@pytest.mark.parametrize(("factor", "expected"), [("2", "right"), ("3", "wrong")])
def test_another_cost_beside_the_networks_is_differentiated_as_it_is_defined(factor, expected):
    cost = r"$$L = -\frac1N \sum_i \sum_k Y_{ik} \log P_{ik} + \lambda (\|W_1\|^2 + \|W_2\|^2)$$ "
    mse = r"$$\text{MSE} = \frac1N \sum_i \sum_k (P_{ik} - Y_{ik})^2$$ "
    text = rf"{cost}{OF_SCORES}{mse}$$\frac{{\partial \text{{MSE}}}}{{\partial P}} = \frac{{{factor}}}{{N}} (P - Y)$$"
    assert verdicts(LAYERS, text)[-2:] == ["defined here", expected]


def test_the_gradient_of_the_data_alone_is_a_convention_where_the_whole_one_follows():
    whole = OF_W2 + r" + 2 \lambda W_2$$"
    assert verdicts(LAYERS, f"{OF_SCORES}{OF_W2}$$ With the penalty: {whole}") == ["right", "convention", "right"]
    assert verdicts(LAYERS, f"{OF_SCORES}{OF_W2}$$") == ["right", "wrong"]
    wrong = OF_W2.replace(r"\frac{\partial L}{\partial s}", r"2 \frac{\partial L}{\partial s}")
    assert verdicts(LAYERS, f"{OF_SCORES}{wrong}$$ With the penalty: {whole}")[1] == "wrong"


@pytest.mark.parametrize(("said", "expected"), [("", "not understood"), ("$$A = P$$", "wrong")])
def test_a_name_that_may_be_another_one_of_a_quantity_makes_a_line_wrong_only_where_that_is_said(said, expected):
    text = OF_SCORES + said + r"$$\frac{\partial L}{\partial A} = \tanh(P) - Y$$"
    assert verdicts(LAYERS, text)[-1] == expected


def test_what_makes_no_claim():
    text = r"$$\frac{dq}{dv} = \frac{dq}{dg} \cdot \frac{dg}{dv}$$ $$\frac{\partial C}{\partial \theta} \approx \frac{C(\theta + \epsilon) - C(\theta)}{\epsilon}$$"
    assert verdicts(COLUMN, OF_Z + text)[1:] == ["no claim", "no claim"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$s_{ij} = H_{ik} W_{2,kj} + b_{2,j}$$", "not understood"),  # a sum may have been forgotten
        ("$$Z_{ij} = X_{ik} W_{1,kj} + b_{1,j}$$ $$s_{ij} = H_{ik} W_{2,kj} + b_{2,j}$$", "right"),
        (r"$$Z_{ij} = \sum_k X_{ik} W_{1,kj} + b_{1,j}$$ $$s_{ij} = H_{ik} W_{2,kj} + b_{2,j}$$", "not understood"),
    ],
)
def test_a_sum_is_implied_only_where_all_sums_are(text, expected):
    assert verdicts(LAYERS, text)[-1] == expected


def test_a_long_word_before_an_equals_sign_is_a_name():
    assert verdicts(LAYERS, "$$scores = s = H W_2 + b_2$$" + OF_SCORES) == ["right", "right"]


CELL = "\n".join(
    [
        *(f"x_{t}: input(D, 1)\ny_{t}: target(H, 1)" for t in (1, 2, 3)),
        "h_0: input(H, 1)\nC_0: input(H, 1)",
        "W_f: parameter(H, H + D)\nW_i: parameter(H, H + D)",
        *(
            f"q_{t} = concatenate((h_{t - 1}, x_{t}), axis=0)\nf_{t} = sigmoid(W_f @ q_{t})\ni_{t} = tanh(W_i @ q_{t})\n"
            f"C_{t} = f_{t}*C_{t - 1} + i_{t}\nh_{t} = tanh(C_{t})"
            for t in (1, 2, 3)
        ),
        "L = " + " + ".join(f"sum((h_{t} - y_{t})**2)" for t in (1, 2, 3)),
    ]
)
OF_C = (
    r"$$\frac{\partial L}{\partial C_t} = \frac{\partial L}{\partial h_t} \odot (1 - h_t^2)"
    r" + \frac{\partial L}{\partial C_{t+1}} \odot f_{t+1}$$ "
)


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        (r"[h_{t-1}, x_t]", r"[x_t, h_{t-1}]"),
        (r" \odot f_t \odot (1 - f_t)", ""),
        (r"\odot C_{t-1} \odot f_t", r"\odot C_t \odot f_t"),
    ],
)
def test_stacked_vectors_of_a_cell(what, wrong):
    network = sb.parse_network(CELL)
    text = OF_C + (
        r"$$\frac{\partial L}{\partial W_f} = \sum_{t=1}^T"
        r" \frac{\partial L}{\partial C_t} \odot C_{t-1} \odot f_t \odot (1 - f_t) [h_{t-1}, x_t]^T$$"
    )
    assert verdicts(network, text) == ["right", "right"]
    assert verdicts(network, text.replace(what, wrong))[-1] not in {"right", "convention"}


def test_a_step_is_any_step_so_that_a_path_is_missing():
    network = sb.parse_network(CELL)
    assert verdicts(network, OF_C.replace(r" + \frac{\partial L}{\partial C_{t+1}} \odot f_{t+1}", "")) != ["right"]


RIDGE = sb.parse_network(
    "X: input(n, p)\ny: target(n, 1)\nlam: scalar\nw: parameter(p, 1)\n"
    "J = 1/(2*n)*sum((y - X @ w)**2) + lam/2*sum(w**2)"
)
ZERO = r"$$\nabla_w J(w) = \frac1n (X^T X w - X^T y) + \lambda w = 0$$ Let $\gamma = n \lambda$. "


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (r"$$(X^T X + \gamma I) w = X^T y$$", r"$$(X^T X + \lambda I) w = X^T y$$"),
        (r"$$w^* = (X^T X + \gamma I)^{-1} X^T y$$", r"$$w^* = (X^T X - \gamma I)^{-1} X^T y$$"),
        (r"$$w = (X^T X + \gamma I)^{-1} X^T y$$", r"$$w = (X^T X)^{-1} X^T y$$"),
    ],
)
def test_what_holds_at_a_minimum_is_checked_there(right, wrong):
    assert verdicts(RIDGE, ZERO + right)[-1] == "right"
    assert verdicts(RIDGE, ZERO + wrong)[-1] not in {"right", "convention", "defined here"}


def test_what_is_minimized_is_the_cost():
    text = r"$$\min_w J(w) = \frac{1}{2n} \|y - Xw\|^2 + \frac{\lambda}{2} \|w\|^2$$"
    assert verdicts(RIDGE, text) == ["right"]
    assert verdicts(RIDGE, text.replace("2n", "n")) != ["right"]


def test_the_vector_of_the_own_class_is_a_column():
    network = sb.parse_network(
        "v: parameter(D, 1)\nU: parameter(D, K)\ny: one_hot(K, 1)\nz = U.T @ v\np = softmax(z, axis=0)\nJ = -sum(y*log(p))"
    )
    text = r"$$\frac{\partial J}{\partial v} = U (p - y)$$ $$\frac{\partial J}{\partial v} = \sum_w p_w u_w - u_o$$"
    assert verdicts(network, text) == ["right", "right"]
    assert verdicts(network, text.replace("- u_o", "+ u_o"))[-1] != "right"


def test_a_square_root_is_missing():
    network = sb.parse_network(
        "Q: parameter(n, d)\nK: parameter(n, d)\nT: target(n, n)\nR = Q @ K.T\nS = R / sqrt(d)\nL = sum((tanh(S) - T)**2)"
    )
    text = r"$$S = R / \sqrt{d}$$ $$\frac{\partial L}{\partial R} = \frac{1}{d} \frac{\partial L}{\partial S}$$"
    line = sb.check_derivation(text, network).lines[-1]
    assert (str(line.verdict), line.mistake[:15]) == ("wrong", "the square root")


def test_plain_lines_with_numbered_names_are_no_latex():
    network = sb.parse_network(
        "X: input(N, D)\nY: target(N, K)\nW1: parameter(D, H)\nW2: parameter(H, K)\nZ1 = X @ W1\nA1 = tanh(Z1)\n"
        "Z2 = A1 @ W2\nL = sum((Z2 - Y)**2)"
    )
    text = "dL/dZ2 = 2*(Z2 - Y)\nFormula:   dL/dA1 = dL/dZ2 @ W2^T\ndL/dW2 = A1^T @ dL/dZ2"
    assert verdicts(network, text) == ["right"] * 3
    assert verdicts(network, text.replace("A1^T", "X^T"))[-1] == "wrong"
