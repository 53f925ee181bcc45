"""What letters stand for: the class of an example, units of any layer, what runs along dots."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

_TWO_LAYERS = """
q0: input(D, 1)
t: target(K, 1)
W1: parameter(H, D)
W2: parameter(K, H)
p1 = W1 @ q0
q1 = sigmoid(p1)
p2 = W2 @ q1
q2 = sigmoid(p2)
E = sum((t - q2)**2) / 2
"""

CASES = [
    Case(
        "index-of-the-right-class",
        """
v: input(D, 1)
y: one_hot(C, 1)
U: parameter(D, C)
s = U.T @ v
p = softmax(s, axis=0)
L = -sum(y * log(p))
""",
        r"""
The scores are $s = U^\top v_\text{word}$ and $p_j = e^{s_j} / \sum_k e^{s_k}$. Let $c$ be the right class. Then

$$ L = -\log p_c = -s_c + \log \sum_k e^{s_k} $$

$$ \frac{\partial L}{\partial s_j} = -\mathbf{1}[j = c] + p_j = p_j - y_j $$

$$ \frac{\partial L}{\partial s} = p - \mathbf{e}_c = p - y_\text{one-hot} $$

$$ \frac{\partial L}{\partial U} = v_\text{word} (p - y)^\top \qquad \frac{\partial L}{\partial v_\text{word}} = U (p - y) $$
""",
        r"-\mathbf{1}[j = c] + p_j",
        r"\mathbf{1}[j = c] + p_j",
        (Kind.SIGN,),
    ),
    Case(
        "units-of-any-layer",
        _TWO_LAYERS,
        r"""
A unit $i$ takes what units $j$ of the layer below send: $p_i = \sum_j w_{ij} q_j$, and $q_i = f(p_i)$.

$$ E = \frac{1}{2} \sum_j (t_j - q_j)^2 $$

$$ \delta_i = -\frac{\partial E}{\partial p_i}, \qquad \frac{\partial E}{\partial w_{ij}} = -\delta_i q_j $$

For a unit $j$ of the output

$$ \delta_j = (t_j - q_j) f'(p_j), \qquad \frac{\partial q_j}{\partial p_j} = q_j (1 - q_j) $$

and for a unit $i$ that feeds units $k$

$$ \frac{\partial E}{\partial q_i} = \sum_k \frac{\partial E}{\partial p_k} \frac{\partial p_k}{\partial q_i} = -\sum_k \delta_k w_{ki} $$

$$ \delta_i = f'(p_i) \sum_k \delta_k w_{ki} $$
""",
        r"\delta_i = f'(p_i) \sum_k \delta_k w_{ki}",
        r"\delta_i = f'(p_i) \sum_k \delta_k w_{ik}",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "one-letter-for-all-units-before",
        """
X: input(N, D)
y: target(N, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
z1 = X @ W1 + b1
a1 = sigmoid(z1)
z2 = a1 @ W2 + b2
a2 = sigmoid(z2)
E = sum((a2 - y)**2) / 2
""",
        r"""
Units $i$, $j$ and $k$ are of the input, of the layer between and of the output.

$$ \frac{\partial z_k}{\partial w_{jk}} = a_j, \quad \text{since} \quad z_k = \sum_i w_{ik} a_i + b_k $$

$$ \delta_k = (a_k - y_k)\, \sigma'(z_k) $$

$$ \frac{\partial E}{\partial w_{jk}} = \delta_k a_j $$

$$ \delta_j = \sigma'(z_j) \sum_k \delta_k w_{jk} $$

$$ \frac{\partial E}{\partial w_{ij}} = \delta_j a_i $$
""",
        r"\delta_j = \sigma'(z_j) \sum_k \delta_k w_{jk}",
        r"\delta_j = \sum_k \delta_k w_{jk}",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "dots",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
b: parameter(1, 1)
z = X @ w + b
h = sigmoid(z)
L = sum((h - y)**2) / 2
""",
        r"""
$$ X = \begin{bmatrix} x_{11} & x_{12} & \cdots & x_{1D} \\ \vdots & \vdots & \ddots & \vdots \\ x_{N1} & x_{N2} & \cdots & x_{ND} \end{bmatrix} $$

$$ z_i = b + w_1 x_{i1} + w_2 x_{i2} + \cdots + w_D x_{iD} $$

$$ L = \frac{1}{2} \left( (h_1 - y_1)^2 + \ldots + (h_N - y_N)^2 \right) $$

$$ \frac{\partial L}{\partial w} = \begin{bmatrix} \frac{\partial L}{\partial w_1} \\ \vdots \\ \frac{\partial L}{\partial w_D} \end{bmatrix}
   = \left[ \frac{\partial L}{\partial w_1}, \dots, \frac{\partial L}{\partial w_D} \right]^T $$

$$ \frac{\partial L}{\partial w_j} = \frac{\partial L}{\partial z_1} x_{1j} + \cdots + \frac{\partial L}{\partial z_N} x_{Nj} $$
""",
        r"z_i = b + w_1 x_{i1} + w_2 x_{i2} + \cdots",
        r"z_i = -b + w_1 x_{i1} + w_2 x_{i2} + \cdots",
        (Kind.SIGN,),
    ),
    Case(
        "sum-over-a-condition",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
b: parameter(1, 1)
C: scalar
m = y * (X @ w + b)
J = sum(w**2) / 2 + C * sum(maximum(0, 1 - m))
""",
        r"""
$
m_i = y_i (w^T x_i + b)
$

$
J = \frac{1}{2} \lVert w \rVert^2 + C \sum_i \max(0, 1 - m_i)
$

$
\frac{\partial J}{\partial w} = w - C \sum_{m_i < 1} y_i x_i ....(1)
$

$
\frac{\partial J}{\partial b} = -C \sum_{m_i < 1} y_i
$

$
w \leftarrow w - \eta \frac{\partial J}{\partial w} = w - \eta \left( w - C \sum_{m_i < 1} y_i x_i \right)
$
""",
        r"\frac{\partial J}{\partial b} = -C \sum_{m_i < 1} y_i",
        r"\frac{\partial J}{\partial b} = C \sum_{m_i < 1} y_i",
        (Kind.SIGN,),
    ),
    Case(
        "shapes-behind-names",
        """
X: input(m, D)
Y: target(m, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
Z1 = X @ W1 + b1
H1 = relu(Z1)
P = H1 @ W2
L = sum((P - Y)**2) / 2
""",
        r"""
- $ \mathbf{Z}_1 = \mathbf{X}(m \times 2) \cdot \mathbf{W}_1(2 \times 4) + \mathbf{b}_1(1 \times 4) $
- $ \mathbf{P}(m \times 3) = \mathbf{H}_1(m \times 4) \cdot \mathbf{W}_2(4 \times 3) $

$$ \mathrm{d}\mathbf{P} = \mathbf{P} - \mathbf{Y}_{\text{true}} $$

$$ \mathrm{d}\mathbf{H}_1 = \mathrm{d}\mathbf{P}\, \mathbf{W}_2^\top \qquad \mathrm{d}\mathbf{Z}_1 = \mathrm{d}\mathbf{H}_1 \odot \mathbf{1}(\mathbf{Z}_1 > 0) $$

$$ \mathrm{d}\mathbf{W}_1 = \mathbf{X}^\top \mathrm{d}\mathbf{Z}_1 $$
""",
        r"\mathrm{d}\mathbf{W}_1 = \mathbf{X}^\top \mathrm{d}\mathbf{Z}_1",
        r"\mathrm{d}\mathbf{W}_1 = \mathbf{X}^\top \mathrm{d}\mathbf{H}_1",
        (Kind.QUANTITY,),
    ),
]
