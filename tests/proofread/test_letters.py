"""Letters, words and dots in a derivation: each reading of them must not let a mistake pass."""

import pytest

pytest.importorskip("lark")

import symbackprop as sb
from symbackprop.parsing.syntax_tree import Name, Script
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from tests.corpora.derivations import letters

CLASSES = sb.parse_network("""
v: input(D, 1)
y: one_hot(C, 1)
U: parameter(D, C)
s = U.T @ v
p = softmax(s, axis=0)
L = -sum(y * log(p))
""")
LINEAR = sb.parse_network("""
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
b: parameter(1, 1)
z = X @ w + b
h = sigmoid(z)
L = sum((h - y)**2) / 2
""")
LAYERS = sb.parse_network("""
q0: input(D, 1)
t: target(K, 1)
W1: parameter(H, D)
W2: parameter(K, H)
p1 = W1 @ q0
q1 = sigmoid(p1)
p2 = W2 @ q1
q2 = tanh(p2)
E = sum((t - q2)**2) / 2
""")
STEPS = sb.parse_network("""
x1: input(d, 1)
x2: input(d, 1)
x3: input(d, 1)
h0: input(h, 1)
y2: target(q, 1)
y3: target(q, 1)
Wx: parameter(h, d)
Wh: parameter(h, h)
Wq: parameter(q, h)
h1 = tanh(Wx @ x1 + Wh @ h0)
h2 = tanh(Wx @ x2 + Wh @ h1)
h3 = tanh(Wx @ x3 + Wh @ h2)
o2 = Wq @ h2
o3 = Wq @ h3
L = (sum((o2 - y2)**2) + sum((o3 - y3)**2)) / 2
""")
WEIGHTS = (
    r"$p_i = \sum_j w_{ij} q_j$ and $p_k = \sum_i w_{ki} q_i$, with $\delta_i = -\frac{\partial E}{\partial p_i}$. "
)


def lines(text, network):
    return sb.check_derivation(text, network).lines


def last(line, network, before=""):
    return str(lines(f"{before}\n$$ {line} $$", network)[-1].verdict)


def test_a_mistake_is_told_at_its_line_and_not_at_an_error_that_is_right():
    (case,) = (case for case in letters.CASES if case.name == "shapes-behind-names")
    wrong = [line for line in lines(case.wrong, sb.parse_network(case.network)) if str(line.verdict) == "wrong"]
    assert [line.source.strip() for line in wrong] == [case.new]


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"L = -\log p_c", "right"),
        (r"L = -\log p_y", "right"),
        (r"L = \log p_c", "wrong"),
        (r"L = -\sum_c y_c \log p_c", "right"),
        (r"L = -y_c \log p_c", "not understood"),  # the sum is missing: c is any class here
        (r"L = -s_c + \log \sum_k e^{s_k}", "right"),
        (r"L = -s_c + \log \sum_k e^{p_k}", "wrong"),
        (r"\frac{\partial L}{\partial s_j} = p_j - \mathbf{1}[j = c]", "right"),
        (r"\frac{\partial L}{\partial s_j} = p_j + \mathbf{1}[j = c]", "wrong"),
        (r"\frac{\partial L}{\partial s_j} = p_j - \mathbf{1}[c = j]", "right"),
        (r"\frac{\partial L}{\partial s} = p - e_c", "right"),
        (r"\frac{\partial L}{\partial s} = e_c - p", "wrong"),
        (r"\frac{\partial L}{\partial s_c} = p_c - y_c", "right"),  # of any class
        (r"\frac{\partial L}{\partial s_c} = p_c - y_j", "wrong"),
    ],
)
def test_an_index_on_one_side_alone_is_the_class_of_the_example(line, verdict):
    assert last(line, CLASSES) == verdict


def test_without_steps_of_time_t_is_no_number_of_them():
    """It may be a temperature."""
    network = sb.parse_network("""
x: input(D, 1)
y1: target(K, 1)
y2: target(K, 1)
W: parameter(K, D)
z = W @ x
q = tanh(z)
E = sum((q - y1)**2) + sum((q - y2)**2)
""")
    assert last(r"q = \tanh(z / T)", network) == "not understood"
    assert last(r"q = \tanh(z)", network) == "right"


def test_without_classes_it_is_none():
    assert last(r"L = -\log h_c", LINEAR) != "right"


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"\frac{\partial L}{\partial U} = v_\text{word} (p - y_\text{one-hot})^\top", "right"),
        (r"\frac{\partial L}{\partial U} = v_\text{word} (y_\text{one-hot} - p)^\top", "convention"),  # -1 times it
        (r"\frac{\partial L}{\partial U} = v_\text{one} (p - v_\text{two})^\top", "not understood"),  # two vectors
        (r"\frac{\partial L}{\partial s_\text{word}} = p - y", "not understood"),  # it is no data
    ],
)
def test_one_word_below_data_says_nothing_more(line, verdict):
    found = last(line, CLASSES)
    assert found == verdict or {found, verdict} == {"wrong", "convention"}


def test_two_words_below_data_tell_two_things_apart():
    def known(*words):
        symbols = SymbolTable(CLASSES)
        symbols.tell_words(Name(base="v", below=(Script(kind="plain", content=Name(base=word)),)) for word in words)
        return [word for word in words if ("v", word, "") in symbols.aliases]

    assert known("word") == ["word"]
    assert known("one", "two") == []


def test_errors_that_each_layer_says_for_itself():
    text = r"""
$$ p_i = \sum_j w_{ij} q_j \qquad p_k = \sum_i w_{ki} q_i $$
$$ \delta_k = (q_k - t_k) (1 - q_k^2) $$ $$ \delta_i = 2 q_i (1 - q_i) \sum_k \delta_k w_{ki} $$
$$ \frac{\partial E}{\partial w_{ij}} = \frac{1}{2} \delta_i q_j $$"""
    assert {str(line.verdict) for line in lines(text, LAYERS)} == {"right", "defined here"}


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"\frac{\partial E}{\partial w_{ij}} = -\delta_i q_j", "right"),
        (r"\frac{\partial E}{\partial w_{ij}} = -\delta_i q_i", "wrong"),
        (r"\frac{\partial E}{\partial w_{ki}} = -\delta_k q_i", "right"),
        (r"\frac{\partial E}{\partial w_{ki}} = \delta_k q_i", "wrong"),
        (r"\delta_j = (t_j - q_j) (1 - q_j^2)", "right"),  # of units of the last layer
        (r"\delta_j = (t_j - q_j) (1 + q_j^2)", "wrong"),
        (r"\delta_i = q_i (1 - q_i) \sum_k \delta_k w_{ki}", "right"),
        (r"\delta_i = q_i (1 - q_i) \sum_k \delta_k w_{ik}", "wrong"),
        (r"\delta_i = q_i (1 - q_i) \sum_k q_k w_{ki}", "wrong"),
        (r"p_k = \sum_j w_{kj} q_j", "right"),  # another letter for what the sum runs over
        (r"p_k = \sum_j w_{kj} p_j", "wrong"),
    ],
)
def test_units_of_any_layer(line, verdict):
    assert last(line, LAYERS, WEIGHTS) == verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"\frac{\partial E}{\partial q_k} = q_k - t_k", "right"),
        (r"\frac{\partial E}{\partial q_k} = t_k - q_k", "wrong"),
        (r"\frac{\partial q_k}{\partial p_k} = 1 - q_k^2", "right"),
        (r"\frac{\partial q_k}{\partial p_k} = 1 - p_k^2", "wrong"),
    ],
)
def test_units_without_a_layer_may_be_of_the_last_one(line, verdict):
    assert last(line, LAYERS) == verdict


def test_letters_at_weights_whose_layer_is_said_number_no_layers():
    text = r"$$ p^{(1)}_j = \sum_i W^{(1)}_{ji} q^{(0)}_i $$ $$ p_{2,k} = \sum_j W_{2,kj} q_{1,j} $$"
    assert [str(line.verdict) for line in lines(text, LAYERS)] == ["right", "right"]


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"z_i = w_1 x_{i1} + \cdots + w_D x_{iD} + b", "right"),
        (r"z_i = b + w_1 x_{i1} + w_2 x_{i2} + \dots + w_D x_{iD}", "right"),
        (r"z^{(i)} = w_1 x^{(i)}_1 + \ldots + w_n x^{(i)}_n + b", "right"),
        (r"z_i = w_1 x_{i1} + \cdots + w_D x_{iD} - b", "wrong"),
        (r"z_i = \sum_k x_{ik} w_k + b = w_1 x_{1i} + \cdots + w_D x_{Di} + b", "wrong"),
        (r"z_i = w_1 x_{i1} + \cdots + b_D x_{iD} + b", "not understood"),
        (r"z_i = w_1 x_{i1} + w_2 x_{i1} + \cdots + w_D x_{iD} + b", "not understood"),
        (r"z_i = w_1 x_{i1} + w_2 y_i + \cdots + w_D x_{iD} + b", "not understood"),
        (r"z_i = w_1 x_{i1} - \cdots + w_D x_{iD} + b", "not understood"),
        (r"z_i = \cdots + w_D x_{iD} + b", "not understood"),
        (r"L = \frac{1}{2} ((h_1 - y_1)^2 + \cdots + (h_N - y_N)^2)", "right"),
        (r"L = \frac{1}{2} ((h_1 + y_1)^2 + \cdots + (h_N + y_N)^2)", "wrong"),
        (r"w = \begin{bmatrix} w_1 \\ \vdots \\ w_D \end{bmatrix}", "right"),
        (r"z = X \begin{bmatrix} w_1 \\ \vdots \\ w_D \end{bmatrix} + b", "right"),
        (r"z = X \begin{bmatrix} w_1 & \cdots & w_D \end{bmatrix} + b", "not understood"),
        (r"w = [w_1, w_2, \dots, w_D]^T", "right"),
        (r"z = \begin{bmatrix} x_{11} & \cdots & x_{1D} \\ \vdots & & \vdots \\ x_{N1} & \cdots & x_{ND} \end{bmatrix} w + b",
         "right"),
        (r"z = \begin{bmatrix} x_{11} & ... & x_{1D} \newline & ... & \newline x_{N1} & ... & x_{ND} \end{bmatrix} w - b",
             "wrong"),
        (r"z = \begin{bmatrix} x_{11} & x_{12} & x_{1D} \\ x_{21} & & x_{2D} \end{bmatrix} w + b",
         "not understood"),  # an empty entry
        (r"z = \begin{bmatrix} x_{11} & \cdots & x_{1D} \\ \vdots & \ddots & \vdots \\ x_{N1} & \cdots & x_{ND}"
         r"\end{bmatrix} w + b", "right"),
        (r"z = \begin{bmatrix} x_{11} & \cdots & x_{1D} \\ \vdots & \ddots & \vdots \\ x_{N1} & \cdots & x_{ND}"
         r"\end{bmatrix} w - b", "wrong"),
        (r"X = \begin{bmatrix} (x^{(1)})^T \\ \vdots \\ (x^{(N)})^T \end{bmatrix}", "right"),
        (r"\frac{\partial L}{\partial z} = \frac{\partial L}{\partial h} \cdots \frac{\partial h}{\partial z}", "not understood"),
    ],
)  # fmt: skip
def test_dots(line, verdict):
    assert last(line, LINEAR) == verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"\frac{\partial L}{\partial o_T} = o_T - y_T", "right"),
        (r"\frac{\partial L}{\partial h_T} = W_q^T (o_T - y_T)", "right"),
        (r"\frac{\partial L}{\partial h_T} = W_q^T (o_T + y_T)", "wrong"),
        (r"\frac{\partial h_t}{\partial h_{t-1}} = \operatorname{diag}(1 - h_t^2) W_h", "right"),
        (r"\frac{\partial o_3}{\partial W_h} = \sum_{k=1}^3 \frac{\partial o_3}{\partial h_3}"
         r"\frac{\partial h_3}{\partial h_k} \frac{\partial h_k}{\partial W_h}", "right"),  # `h` is a size too
        (r"\frac{\partial o_3}{\partial W_h} = \sum_{k=1}^3 \frac{\partial o_3}{\partial h_3}"
         r"\frac{\partial h_2}{\partial h_k} \frac{\partial h_k}{\partial W_h}", "wrong"),
        (r"\frac{1}{T} (h_1 + h_2 + h_3) = \frac{1}{3} (h_1 + h_2 + h_3)", "right"),
        (r"\frac{1}{T} (h_1 + h_2 + h_3) = \frac{1}{2} (h_1 + h_2 + h_3)", "wrong"),
    ],
)  # fmt: skip
def test_the_last_step_of_time(line, verdict):
    assert last(line, STEPS) == verdict


@pytest.mark.parametrize(
    ("line", "verdict"), [(r"y_j = 0", "no claim"), (r"z_i = 0", "not understood"), (r"b = 1", "no claim")]
)
def test_numbers_of_quantities_are_of_an_example_and_define_nothing(line, verdict):
    text = rf"$$ {line} $$ $$ \frac{{\partial L}}{{\partial z_j}} = (h_j - y_j) h_j (1 - h_j) $$"
    found = lines(text, LINEAR)
    assert [str(one.verdict) for one in found[-2:]] == [verdict, "right"]
    assert "number" in found[-2].reason


def test_formulas_between_lone_dollars_and_with_spaces_inside():
    text = "$\nz = X w + b\n$\nthen $ h = \\sigma(z) $ or $h = \\sigma(z) $ and it costs $ 5 or $ 6\n\n$\nL = \\frac{1}{2} \\sum (h - y)^2 ...(1)\n$\n"
    assert [line.source.strip() for line in lines(text, LINEAR)] == [
        "z = X w + b",
        r"h = \sigma(z)",
        r"h = \sigma(z)",
        r"L = \frac{1}{2} \sum (h - y)^2",
    ]
    assert {str(line.verdict) for line in lines(text, LINEAR)} == {"right"}
    assert last("z = 1", LINEAR, "a lone dollar\n$\nthat is not closed") == "not understood"


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"b \leftarrow b - \eta \frac{\partial L}{\partial b} = b - \eta \sum_i \frac{\partial L}{\partial z_i}", "right"),
        (r"b \leftarrow b - \eta \frac{\partial L}{\partial b} = b + \eta \sum_i \frac{\partial L}{\partial z_i}", "wrong"),
        (r"b \leftarrow b - \eta \frac{\partial L}{\partial b} = -\eta \frac{\partial L}{\partial b}", "not understood"),
        (r"X(m \times 2) \cdot w(2 \times 1) + b(1 \times 1) = z(m \times 1)", "right"),
        (r"X(m \times 2) \cdot w(2 \times 1) - b(1 \times 1) = z(m \times 1)", "wrong"),
        (r"z = X w + b\ \ \ \ x \in \Bbb{R}^{20}", "right"),
    ],
)  # fmt: skip
def test_what_stands_beside(line, verdict):
    assert last(line, LINEAR) == verdict


def test_a_sum_over_a_condition():
    margins = sb.parse_network("""
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
m = y * (X @ w)
J = sum(maximum(0, 1 - m))
""")
    assert last(r"\frac{\partial J}{\partial w} = -\sum_{m_i < 1} y_i x_i", margins) == "right"
    assert last(r"\frac{\partial J}{\partial w} = -\sum_{m_i > 1} y_i x_i", margins) == "wrong"
