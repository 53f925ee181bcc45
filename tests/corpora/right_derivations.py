r"""Right derivations in many habits, each of which a reader may take for a mistake: no line of them is wrong.

A case has a name, a network, a text, and optionally a planted mistake (old, new), which the report must not call right.
"""

from typing import NamedTuple

LOGISTIC = """
x: input(1, D)
y: target(1, 1)
w: parameter(D, 1)
b: parameter(1, 1)
z = x @ w + b
p = sigmoid(z)
J = -sum(y * log(p) + (1 - y) * log(1 - p))
"""
BATCH = """
X: input(N, D)
Y: target(N, K)
W: parameter(D, K)
b: parameter(1, K)
Z = X @ W + b
A = tanh(Z)
J = sum((A - Y)**2) / (2*N)
"""
SOFTMAX = """
s: parameter(1, K)
t: one_hot(1, K)
q = softmax(s)
L = -sum(t * log(q))
"""
TWO_LAYERS = """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
Z1 = X @ W1 + b1
A1 = sigmoid(Z1)
Z2 = A1 @ W2 + b2
A2 = sigmoid(Z2)
J = sum((A2 - Y)**2) / 2
"""
COLUMNS = """
x: input(D, 1)
y: target(K, 1)
V: parameter(H, D)
U: parameter(K, H)
r = V @ x
h = tanh(r)
o = U @ h
E = sum((o - y)**2) / 2
"""
RELU_CODE = """
X: input(N, D)
T: target(N, K)
A: parameter(D, H)
a: parameter(1, H)
B: parameter(H, K)
U = X @ A + a
R = relu(U)
V = R @ B
J = sum((V - T)**2) / N
"""
TRIPLET = """
a: parameter(D, 1)
p: parameter(D, 1)
n: parameter(D, 1)
m: scalar
L = maximum(0, sum((a - p)**2) - sum((a - n)**2) + m)
"""
NORMALIZED = """
U: parameter(N, D)
G: input(N, D)
m = sum(U, axis=0, keepdims=True) / N
v = sum((U - m)**2, axis=0, keepdims=True) / N
P = (U - m) / sqrt(v + 1)
J = sum(G * P)
"""
CHAIN = """
x: input(1, 1)
t: target(1, 1)
m1: parameter(1, 1)
m2: parameter(1, 1)
m3: parameter(1, 1)
m4: parameter(1, 1)
a1 = sigmoid(m1*x)
a2 = sigmoid(m2*a1)
a3 = sigmoid(m3*a2)
a4 = sigmoid(m4*a3)
C = sum((a4 - t)**2)
"""


class Case(NamedTuple):
    """A right derivation; with `old` and `new`, also a twin that is wrong."""

    name: str
    network: str
    text: str
    old: str = ""
    new: str = ""


CASES = [
    # functions of the author's own
    Case(
        "letter for tanh'",
        BATCH,
        r"""
$d(u) = 1 - \tanh^2(u)$

$$\frac{\partial J}{\partial Z} = \frac{1}{N} (A - Y) \odot d(Z)$$
""",
        r"(A - Y)",
        r"(Y - A)",
    ),
    Case(
        "square by name",
        BATCH,
        r"""
Write $r(v) = v^2$ for the square. Then

$$\frac{\partial J}{\partial Z} = \frac{1}{N} (A - Y) \odot (1 - r(A)).$$
""",
        "1 - r(A)",
        "1 + r(A)",
    ),
    Case(
        "derivative in words",
        BATCH,
        r"""
Here $k$ is the derivative of $\tanh$:

$$\frac{\partial J}{\partial W} = \frac{1}{N} X^T ((A - Y) \odot k(Z))$$
""",
        "X^T",
        "-X^T",
    ),
    Case(
        "logistic by another letter",
        TWO_LAYERS,
        r"""
With $\phi(u) = \frac{1}{1 + e^{-u}}$ and $g(u) = \phi(u)(1 - \phi(u))$,

$$\frac{\partial J}{\partial Z_2} = (A_2 - Y) \odot g(Z_2)$$
""",
    ),
    Case(
        "toy function first",
        LOGISTIC,
        r"""
Recall the chain rule. With $y = u^3$ and $u = 2 x$ we have

$$\frac{dy}{du} = 3 u^2.$$

For our network

$$\frac{\partial J}{\partial z} = p - y.$$
""",
        "p - y.",
        "y - p.",
    ),
    Case(
        "toy with g and f",
        BATCH,
        r"""
If $f(x) = x^2$ and $g(x) = \sin x$, then the derivative of their composition is $2 \sin x \cos x$.

$$\frac{\partial J}{\partial b} = \frac{1}{N} \sum_n (A_n - Y_n) \odot (1 - A_n^2)$$
""",
    ),
    Case(
        "choices of an activation",
        SOFTMAX,
        r"""
Common activations are $\sigma(u) = \tanh(u)$ and $\sigma(u) = \max(0, u)$.

$$\frac{\partial L}{\partial s} = q - t$$
""",
        "q - t",
        "q + t",
    ),
    Case(
        "choices in a list",
        TWO_LAYERS,
        r"""
Any of these will do:

- $f(z) = \max(0, z)$
- $f(z) = \tanh(z)$
- $f(z) = \frac{1}{1 + e^{-z}}$

$$\frac{\partial J}{\partial W_2} = A_1^T ((A_2 - Y) \odot A_2 \odot (1 - A_2))$$
""",
        r"A_1^T",
        r"A_2^T",
    ),
    Case(
        "supposition",
        TWO_LAYERS,
        r"""
Suppose for a moment that the output were linear: $A_2 = Z_2$.

In truth,

$$\frac{\partial J}{\partial Z_2} = (A_2 - Y) \odot A_2 \odot (1 - A_2).$$
""",
        r"(A_2 - Y)",
        r"(A_2 + Y)",
    ),
    Case(
        "other loss for instance",
        BATCH,
        r"""
One could take another cost, for instance $J = \sum_{n,k} |A_{nk} - Y_{nk}|$. We take half of the mean square:

$$\frac{\partial J}{\partial A} = \frac{1}{N} (A - Y)$$
""",
    ),
    # conditions
    Case(
        "diagonal behind",
        SOFTMAX,
        r"""
$$\frac{\partial q_i}{\partial s_j} = q_i (1 - q_i) \quad \text{if } i = j$$

$$\frac{\partial q_i}{\partial s_j} = -q_i q_j \quad \text{if } i \neq j$$
""",
        "-q_i q_j",
        "q_i q_j",
    ),
    Case(
        "diagonal before",
        SOFTMAX,
        r"""
If $i = j$ then

$$\frac{\partial q_i}{\partial s_j} = q_j (1 - q_j),$$

while for $i \ne j$

$$\frac{\partial q_i}{\partial s_j} = - q_j q_i.$$
""",
        "(1 - q_j)",
        "(1 + q_j)",
    ),
    Case(
        "headings as conditions",
        SOFTMAX,
        r"""
### Case $k = c$

$$\frac{\partial q_k}{\partial s_c} = q_k - q_k^2$$

### Case $k \neq c$

$$\frac{\partial q_k}{\partial s_c} = -q_k q_c$$
""",
    ),
    Case(
        "cases environment",
        SOFTMAX,
        r"""
$$\frac{\partial q_i}{\partial s_j} = \begin{cases} q_i (1 - q_i) & \text{if } i = j \\ -q_i q_j & \text{if } i \neq j \end{cases}$$
""",
        "-q_i q_j",
        "q_i q_j",
    ),
    Case(
        "cost by cases",
        LOGISTIC,
        r"""
$$J = \begin{cases} -\log(p) & \text{if } y = 1 \\ -\log(1 - p) & \text{if } y = 0 \end{cases}$$
""",
        r"-\log(1 - p)",
        r"\log(1 - p)",
    ),
    Case(
        "label of one",
        LOGISTIC,
        r"""
If $y = 1$, the cost is $J = -\log p$, and

$$\frac{\partial J}{\partial z} = p - 1.$$

In general

$$\frac{\partial J}{\partial z} = p - y.$$
""",
    ),
    Case(
        "active hinge",
        TRIPLET,
        r"""
When the hinge is active,

$$\frac{\partial L}{\partial a} = 2 (n - p)$$

and

$$\frac{\partial L}{\partial p} = 2 (p - a).$$
""",
        r"2 (n - p)",
        r"2 (p - n)",
    ),
    Case(
        "positive loss",
        TRIPLET,
        r"""
$$\frac{\partial L}{\partial n} = 2(a - n) \quad \text{for } L > 0$$
""",
        "2(a - n)",
        "2(n - a)",
    ),
    Case(
        "where the unit is on",
        RELU_CODE,
        r"""
$$\frac{\partial R_{nh}}{\partial U_{nh}} = 1 \quad \text{if } U_{nh} > 0$$
""",
    ),
    # scopes
    Case(
        "one example beside the batch",
        BATCH,
        r"""
For one example $x$ with target $y$ the error is $\delta = (a - y) \odot (1 - a^2)$.

For the whole batch

$$\frac{\partial J}{\partial W} = \frac{1}{N} X^T ((A - Y) \odot (1 - A^2)).$$
""",
        r"\frac{1}{N} X^T",
        r"-\frac{1}{N} X^T",
    ),
    Case(
        "another network before",
        SOFTMAX,
        r"""
# Logistic regression

There the cost is $L = -t \log p - (1 - t) \log(1 - p)$ with $p = \sigma(s)$.

# Softmax

$$\frac{\partial L}{\partial s_i} = q_i - t_i$$
""",
        r"q_i - t_i",
        r"t_i - q_i",
    ),
    Case(
        "another network behind",
        LOGISTIC,
        r"""
$$\frac{\partial J}{\partial w} = x^T (p - y)$$

# Linear regression

For a linear output $p = z$ and the cost $J = \frac{1}{2}(p - y)^2$ the same formula holds.
""",
    ),
    Case(
        "sizes",
        TWO_LAYERS,
        r"""
The shapes fit: $(N \times D)(D \times H) = N \times H$.

$$\frac{\partial J}{\partial W_1} = X^T \frac{\partial J}{\partial Z_1}$$
""",
        "X^T",
        "-X^T",
    ),
    Case(
        "numbers of a setting",
        CHAIN,
        r"""
Let $m_1 = 0.5$ and $x = 1$.

$$\frac{\partial C}{\partial a_4} = 2 (a_4 - t)$$
""",
        "2 (a_4 - t)",
        "2 (a_4 + t)",
    ),
    Case(
        "ranges of letters",
        SOFTMAX,
        r"""
For $i = 1, \ldots, K$,

$$\frac{\partial L}{\partial s_i} = q_i - t_i, \quad i = 1, \dots, K.$$
""",
    ),
    Case(
        "probabilities add up",
        SOFTMAX,
        r"""
Since $\sum_i q_i = 1$ and $\sum_i t_i = 1$,

$$\frac{\partial L}{\partial s_i} = q_i \sum_j t_j - t_i = q_i - t_i.$$
""",
    ),
    Case(
        "total beside direct",
        CHAIN,
        r"""
$$\frac{\partial C}{\partial a_2} = \frac{\partial C}{\partial a_3} \frac{\partial a_3}{\partial a_2}$$

$$\frac{\partial a_3}{\partial a_2} = m_3 a_3 (1 - a_3)$$
""",
        "m_3 a_3 (1 - a_3)",
        "m_3 a_3 (1 + a_3)",
    ),
    # chains
    Case(
        "chain behind words",
        SOFTMAX,
        r"""
\begin{align}
\frac{\partial L}{\partial s_i} &= \text{(by the chain rule)} \\
&= \sum_j \frac{\partial L}{\partial q_j} \frac{\partial q_j}{\partial s_i} \\
&= q_i - t_i
\end{align}
""",
        "&= q_i - t_i",
        "&= t_i - q_i",
    ),
    Case(
        "chain with an unread head",
        SOFTMAX,
        r"""
$$\frac{\partial q_i}{\partial s_j} = q_i ([i = j] - q_j)$$

\begin{align}
\oint \frac{\partial L}{\partial s_i} &= q_i - t_i \\
&= q_i - t_i
\end{align}
""",
    ),
    Case(
        "long chain",
        CHAIN,
        r"""
$$\frac{\partial C}{\partial m_1} = 2 (a_4 - t) a_4 (1 - a_4) m_4 a_3 (1 - a_3) m_3 a_2 (1 - a_2) m_2 a_1 (1 - a_1) x$$
""",
        "m_3 a_2",
        "m_3 a_1",
    ),
    Case(
        "chain of sides",
        LOGISTIC,
        r"""
\begin{align}
\frac{\partial J}{\partial z} &= \frac{\partial J}{\partial p} \frac{\partial p}{\partial z} \\
&= \left(-\frac{y}{p} + \frac{1 - y}{1 - p}\right) p (1 - p) \\
&= -y (1 - p) + (1 - y) p \\
&= p - y
\end{align}
""",
        "&= -y (1 - p) + (1 - y) p",
        "&= y (1 - p) + (1 - y) p",
    ),
    # layouts
    Case(
        "columns of a batch",
        BATCH,
        r"""
Examples are columns here, $Z = W^T X + b$.

$$\frac{\partial J}{\partial W} = \frac{1}{N} X ((A - Y) \odot (1 - A^2))^T$$
""",
    ),
    Case(
        "rows for columns",
        COLUMNS,
        r"""
$$\frac{\partial E}{\partial o} = (o - y)^T$$

$$\frac{\partial E}{\partial U} = (o - y) h^T$$
""",
    ),
    Case(
        "columns",
        COLUMNS,
        r"""
$$r = V x, \quad h = \tanh(r), \quad o = U h$$

$$\frac{\partial E}{\partial V} = \left(U^T (o - y) \odot (1 - h \odot h)\right) x^T$$
""",
        "U^T (o - y)",
        "U (o - y)",
    ),
    Case(
        "indices of columns",
        COLUMNS,
        r"""
$$\frac{\partial E}{\partial V_{jk}} = \sum_i (o_i - y_i) U_{ij} (1 - h_j^2) x_k$$
""",
        "U_{ij} (1 - h_j^2)",
        "U_{ij} (1 + h_j^2)",
    ),
    Case(
        "one unit",
        COLUMNS,
        r"""
$$\frac{\partial h_j}{\partial r_j} = 1 - h_j^2$$
""",
        "1 - h_j^2",
        "1 + h_j^2",
    ),
    Case(
        "normalized rows",
        NORMALIZED,
        r"""
$$P = (U - m) (v + 1)^{-1/2}$$
""",
        "(U - m)",
        "(U + m)",
    ),
    Case(
        "statistics held",
        NORMALIZED,
        r"""
$$\frac{\partial J}{\partial P} = G$$

The direct influence of $U_{ij}$, with $m$ and $v$ held fixed, is $(v_j + 1)^{-1/2}$.
""",
    ),
    Case(
        "zero in a chain",
        BATCH,
        r"""
$$\frac{\partial (Y - A)}{\partial W} = 0 - \frac{\partial A}{\partial W}$$
""",
    ),
    # steps
    Case(
        "step subtracted",
        LOGISTIC,
        r"""
$$\Delta w = \eta \, x^T (p - y)$$

$$w \leftarrow w - \Delta w$$
""",
        "(p - y)",
        "(y - p)",
    ),
    Case(
        "step added",
        LOGISTIC,
        r"""
$$\Delta w = -\eta \frac{\partial J}{\partial w}$$

$$w \leftarrow w + \Delta w$$
""",
    ),
    Case(
        "step",
        LOGISTIC,
        r"""
$$w \leftarrow w - \eta \, x^T (p - y)$$
""",
        "(p - y)",
        "(y - p)",
    ),
    # code
    Case(
        "code",
        RELU_CODE,
        """
```python
U = X @ A + a
R = np.maximum(0, U)
V = R @ B
dV = 2 * (V - T) / N
dB = R.T @ dV
dR = dV @ B.T
dU = dR * (U > 0)
dA = X.T @ dU
da = np.sum(dU, axis=0, keepdims=True)
```
""",
        "np.sum(dU, axis=0, keepdims=True)",
        "np.mean(dU, axis=0, keepdims=True)",
    ),
    Case(
        "code without a sum",
        RELU_CODE,
        """
```python
dV = 2 * (V - T) / N
dU = (dV @ B.T) * (U > 0)
da = dU.sum(axis=0)
```
""",
        "dU.sum(axis=0)",
        "dU",
    ),
    Case(
        "code in two goes",
        SOFTMAX,
        """
```python
first = np.log(q)
```
and then, complete,
```python
first = np.log(q) * t
dLds = q - t
```
""",
        "dLds = q - t",
        "dLds = t - q",
    ),
    Case(
        "code with a step",
        RELU_CODE,
        """
```python
dV = 2 * (V - T) / N
dB = R.T @ dV
B = B - lr * dB
```
""",
    ),
    # definitions
    Case(
        "only definitions",
        LOGISTIC,
        r"""
Let $c = p - y$ and $e = c^2$.

$$u = x^T c$$
""",
    ),
    Case(
        "own name in between",
        TWO_LAYERS,
        r"""
$$M = (A_2 - Y) \odot A_2 \odot (1 - A_2)$$

$$\frac{\partial J}{\partial W_2} = A_1^T M$$

$$\frac{\partial J}{\partial W_1} = X^T \left((M W_2^T) \odot A_1 \odot (1 - A_1)\right)$$
""",
        "(M W_2^T)",
        "(M W_2)",
    ),
    Case(
        "names in another case",
        TWO_LAYERS,
        r"""
$$\delta_2 = (a_2 - y) \odot a_2 \odot (1 - a_2)$$

$$\frac{\partial J}{\partial b_2} = \sum_n \delta_2^{(n)}$$
""",
    ),
    Case(
        "target called output",
        TWO_LAYERS,
        r"""
The network predicts $Y = A_2$ when it is trained.

$$\frac{\partial J}{\partial A_2} = A_2 - Y$$
""",
        "= A_2 - Y",
        "= A_2 + Y",
    ),
    Case(
        "expectation",
        SOFTMAX,
        r"""
On average $E[t] = \bar t$.

$$\frac{\partial L}{\partial q_i} = -\frac{t_i}{q_i}$$
""",
        r"-\frac{t_i}{q_i}",
        r"\frac{t_i}{q_i}",
    ),
    Case(
        "two classes",
        SOFTMAX,
        r"""
With two classes $t_2 = 1 - t_1$, and the result is again

$$\frac{\partial L}{\partial s} = q - t.$$
""",
    ),
    Case(
        "half of the cost",
        BATCH,
        r"""
$$J = \frac{1}{2N} \sum_{n, k} (A_{nk} - Y_{nk})^2$$

$$\frac{\partial J}{\partial A_{nk}} = \frac{1}{N} (A_{nk} - Y_{nk})$$
""",
    ),
    Case(
        "logarithm first",
        LOGISTIC,
        r"""
$$\log p = -\log(1 + e^{-z})$$

$$\frac{\partial \log p}{\partial z} = 1 - p$$
""",
        "= 1 - p",
        "= 1 + p",
    ),
    Case(
        "sigmoid in three forms",
        LOGISTIC,
        r"""
$$\sigma(z) = \frac{1}{1 + e^{-z}} = \frac{e^z}{1 + e^z}$$

$$\sigma'(z) = \sigma(z) (1 - \sigma(z)) = p (1 - p)$$
""",
        r"\sigma(z) (1 - \sigma(z))",
        r"\sigma(z) (1 + \sigma(z))",
    ),
    Case(
        "tanh by exponentials",
        BATCH,
        r"""
$$\tanh(z) = \frac{e^z - e^{-z}}{e^z + e^{-z}}$$

$$\frac{\partial A}{\partial Z} = 1 - A^2$$
""",
        "1 - A^2",
        "1 + A^2",
    ),
    Case(
        "sum over others",
        NORMALIZED,
        r"""
$$\sum_{i=1}^{N} (U_{ij} - m_j) = 0$$
""",
    ),
    Case(
        "two vectors of ones",
        BATCH,
        r"""
Let $\mathbf{1}$ be a column of $N$ ones.

$$\frac{\partial J}{\partial b} = \mathbf{1}^T \frac{\partial J}{\partial Z}$$
""",
    ),
    Case(
        "sentence with equalities",
        LOGISTIC,
        r"""
At $z = 0$ we have $p = 1/2$, so that $p (1 - p) = 1/4$ is largest there.

$$\frac{\partial p}{\partial z} = p (1 - p)$$
""",
        "= p (1 - p)$$",
        "= p (1 + p)$$",
    ),
    Case(
        "weights of another model",
        LOGISTIC,
        r"""
For a model without a bias, $z = x w$.

$$\frac{\partial J}{\partial b} = p - y$$
""",
        "= p - y",
        "= y - p",
    ),
    Case(
        "symmetric initialization",
        TWO_LAYERS,
        r"""
If all weights were equal, $W_1 = W_2 = 0$, then all units would learn the same.

$$\frac{\partial J}{\partial Z_1} = \frac{\partial J}{\partial A_1} \odot A_1 \odot (1 - A_1)$$
""",
        "(1 - A_1)",
        "(1 + A_1)",
    ),
    Case(
        "numerical gradient",
        LOGISTIC,
        r"""
Numerically, $J'(w) \approx \frac{J(w + h) - J(w - h)}{2h}$ with $h = 10^{-5}$.

$$\frac{\partial J}{\partial w} = x^T (p - y)$$
""",
    ),
    Case(
        "a second cost",
        TWO_LAYERS,
        r"""
# With a penalty

Adding a penalty gives $J = \frac{1}{2} \sum (A_2 - Y)^2 + \frac{\lambda}{2} \sum W_2^2$.

# Without

$$\frac{\partial J}{\partial W_2} = A_1^T \frac{\partial J}{\partial Z_2}$$
""",
    ),
    # signs, classes and factors that the text settles
    Case(
        "log-likelihood beside the cost",
        LOGISTIC,
        r"""
The log-likelihood of one observation is $\ell = y \log p + (1 - y) \log(1 - p)$, which we maximize:

$$\frac{\partial \ell}{\partial z} = y - p$$

$$\frac{\partial \ell}{\partial w_j} = (y - p) x_j$$

The cost is its negative, and

$$\frac{\partial J}{\partial z} = p - y.$$
""",
        "= p - y.",
        "= y - p.",
    ),
    Case(
        "the class of the example",
        SOFTMAX,
        r"""
The true class is $c$. For its own logit

$$\frac{dL}{ds_c} = q_c - 1.$$
""",
        "q_c - 1",
        "q_c + 1",
    ),
    Case(
        "all other classes, by the heading",
        SOFTMAX,
        r"""
Only $t_c = 1$.

## The other logits: $k \neq c$

There is one term that is left, so

$$\frac{dL}{ds_k} = q_k.$$

Words in between.

$$\frac{dL}{ds_k} = -\frac{1}{q_c} (-q_c q_k)$$
""",
        r"(-q_c q_k)",
        r"(q_c q_k)",
    ),
    Case(
        "the mean where the cost is the sum",
        TWO_LAYERS,
        r"""
Averaged over the $N$ examples,

$$\frac{\partial J}{\partial W_2} = \frac{1}{N} A_1^T \frac{\partial J}{\partial Z_2}$$

$$\frac{\partial J}{\partial b_2} = \frac{1}{N} \sum_{n=1}^N \frac{\partial J}{\partial Z_{2,n}}$$
""",
    ),
    Case(
        "a line of numbers",
        BATCH,
        r"""
With numbers, $z = w x + b$. In matrices,

$$\frac{\partial J}{\partial W} = \frac{1}{N} X^T ((A - Y) \odot (1 - A^2)).$$
""",
    ),
    # what is said of another case, layout or model
    Case(
        "decision boundary",
        LOGISTIC,
        r"""
Points on the boundary satisfy $$x w + b = 0.$$

$$\frac{\partial J}{\partial z} = p - y$$
""",
        "p - y$$",
        "y - p$$",
    ),
    Case(
        "derivative of a column as a row",
        COLUMNS,
        r"""
$$\frac{\partial E}{\partial o} = (o - y)^T$$

$$\frac{\partial E}{\partial U} = (o - y) h^T$$

$$\frac{\partial E}{\partial h} = U^T (o - y)$$
""",
        "= (o - y) h^T",
        "= (y - o) h^T",
    ),
    Case(
        "the same layer for one column",
        BATCH,
        r"""
Written for columns, a layer computes $$Z = W X + b.$$ With rows, $$Z = X W + b.$$

$$\frac{\partial J}{\partial Z} = \frac{1}{N} (A - Y) \odot (1 - A^2)$$
""",
        r"(1 - A^2)",
        r"(1 - A)^2",
    ),
    Case(
        "own class and another class",
        SOFTMAX,
        r"""
Let u be the true class. For the score of the true class

$$\frac{\partial L}{\partial s_u} = q_u - 1,$$

and for a score of another class

$$\frac{\partial L}{\partial s_k} = q_k.$$

Together

$$\frac{\partial L}{\partial s_k} = q_k - t_k.$$
""",
        "q_k - t_k.",
        "t_k - q_k.",
    ),
    Case(
        "sum over one index that equals another",
        SOFTMAX,
        r"""
$$\frac{\partial L}{\partial s_i} = -\sum_{j=i} \frac{t_j}{q_j} \frac{\partial q_j}{\partial s_i}
- \sum_{j \neq i} \frac{t_j}{q_j} \frac{\partial q_j}{\partial s_i} = q_i - t_i$$
""",
        r"= q_i - t_i",
        r"= q_i + t_i",
    ),
    Case(
        "condition before a chain",
        SOFTMAX,
        r"""
If $$i \neq j$$,

$$
\begin{align}
\frac{\partial q_i}{\partial s_j} &= \frac{0 - e^{s_i} e^{s_j}}{\left(\sum_k e^{s_k}\right)^2} \\
&= -q_i q_j
\end{align}
$$
""",
        "&= -q_i q_j",
        "&= q_i q_j",
    ),
    Case(
        "argument of a function by another letter",
        LOGISTIC,
        r"""
For the logistic function

$$\frac{\partial g}{\partial \xi} = \frac{e^{-\xi}}{(1 + e^{-\xi})^2} = g(\xi) \frac{e^{-\xi}}{1 + e^{-\xi}} = g(\xi) (1 - g(\xi)).$$

$$\frac{\partial J}{\partial z} = p - y$$
""",
        "g(\\xi) (1 - g(\\xi))",
        "g(\\xi) (1 + g(\\xi))",
    ),
    Case(
        "slope that code takes of the activation",
        BATCH,
        r"""
```python
class Layer:
    def tanh_slope(self, a):
        # of the value
        return 1 - a**2

    def backward(self):
        dA = (A - Y) / N
        dZ = dA * self.tanh_slope(A)
        dW = X.T @ dZ
```
""",
        "X.T @ dZ",
        "-X.T @ dZ",
    ),
    Case(
        "entries by their numbers",
        BATCH,
        r"""
$$r_i = a_i - y_i$$ $$r_1 = a_1 - y_1$$ $$r_2 = a_2 - y_2$$

$$J = \frac{1}{2N} \sum_{i,k} (A_{ik} - Y_{ik})^2$$

$$\frac{\partial J}{\partial A} = \frac{1}{N} (A - Y)$$
""",
        "(A - Y)$$",
        "(A + Y)$$",
    ),
    Case(
        "sums left out as Einstein did",
        BATCH,
        r"""
In Einstein's notation $$Z_{ik} = X_{id} W_{dk} + b_k,$$ and in matrices

$$\frac{\partial J}{\partial W} = \frac{1}{N} X^T ((A - Y) \odot (1 - A^2)).$$
""",
        "(A - Y)",
        "(Y - A)",
    ),
    Case(
        "chain rule as a sketch",
        BATCH,
        r"""
```
δ = ∂J/∂Z = (A - Y) * (1 - A²) / N
∂J/∂W = ∂Z/∂W * δ = X.T.dot(δ)
```
""",
        "X.T.dot(δ)",
        "-X.T.dot(δ)",
    ),
]
