"""Habits of lectures, books and courses: what is numbered, abbreviated, or written as code."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

CASES = [
    Case(
        "errors-counted-backwards",
        """
x: input(1, D)
y: one_hot(1, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
z1 = x @ W1 + b1
h = sigmoid(z1)
z2 = h @ W2 + b2
yhat = softmax(z2, axis=1)
J = -sum(y * log(yhat))
""",
        r"""
Let $\boldsymbol{z}_1 = \boldsymbol{x}\boldsymbol{W}_1 + \boldsymbol{b}_1$, $\boldsymbol{z}_2 = \boldsymbol{h}
\boldsymbol{W}_2 + \boldsymbol{b}_2$ and $\hat{\boldsymbol y} = \mathrm{softmax}(\boldsymbol z_2)$. From the top down:
\begin{align*}
\boldsymbol{\delta}_1 &= \frac{\partial J}{\partial \boldsymbol{z}_2} = \hat{\boldsymbol{y}} - \boldsymbol{y} \\
\boldsymbol{\delta}_2 &= \frac{\partial J}{\partial \boldsymbol{h}}
  = \boldsymbol{\delta}_1 \frac{\partial \boldsymbol{z}_2}{\partial \boldsymbol{h}}
  = \boldsymbol{\delta}_1 \boldsymbol{W}_2^\top \\
\boldsymbol{\delta}_3 &= \frac{\partial J}{\partial \boldsymbol{z}_1}
  = \boldsymbol{\delta}_2 \circ \sigma'(\boldsymbol{z}_1) \\
\frac{\partial J}{\partial \boldsymbol{x}} &= \boldsymbol{\delta}_3 \boldsymbol{W}_1^\top
\end{align*}
""",
        r"\boldsymbol{\delta}_2 \circ \sigma'(\boldsymbol{z}_1)",
        r"\boldsymbol{\delta}_2 \circ \sigma'(\boldsymbol{z}_2)",
        (Kind.QUANTITY,),
    ),
    Case(
        "signals-counted-backwards",
        """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
W2: parameter(H, K)
Z1 = X @ W1
A1 = sigmoid(Z1)
Z2 = A1 @ W2
A2 = sigmoid(Z2)
J = sum((A2 - Y)**2) / (2*N)
""",
        r"""
We work backwards and count the signals in that order. Let $\delta_1 = \frac{\partial J}{\partial A_2}$.
$$\delta_1 = \frac{1}{N}(A_2 - Y)$$
$$\delta_2 = \delta_1 \odot A_2 \odot (1 - A_2)$$
$$\delta_3 = \delta_2 W_2^T$$
$$\frac{\partial J}{\partial W_2} = A_1^T \delta_2$$
$$\frac{\partial J}{\partial W_1} = X^T (\delta_3 \odot A_1 \odot (1 - A_1))$$
""",
        r"\frac{\partial J}{\partial W_2} = A_1^T \delta_2",
        r"\frac{\partial J}{\partial W_2} = A_1^T \delta_1",
        (Kind.QUANTITY,),
    ),
    Case(
        "sums-of-numpy-in-formulas",
        """
X: input(nx, m)
Y: target(n2, m)
W1: parameter(n1, nx)
b1: parameter(n1, 1)
W2: parameter(n2, n1)
b2: parameter(n2, 1)
Z1 = W1 @ X + b1
A1 = tanh(Z1)
Z2 = W2 @ A1 + b2
A2 = sigmoid(Z2)
J = -sum(Y * log(A2) + (1 - Y) * log(1 - A2)) / m
""",
        r"""
$$dZ^{[2]} = A^{[2]} - Y$$
$$dW^{[2]} = \frac{1}{m} dZ^{[2]} A^{[1]T}$$
$$db^{[2]} = \frac{1}{m} \text{np.sum}(dZ^{[2]}, axis=1, keepdims=True)$$
$$dZ^{[1]} = W^{[2]T} dZ^{[2]} * g^{[1]\prime}(Z^{[1]})$$
$$dW^{[1]} = \frac{1}{m} dZ^{[1]} X^T$$
$$db^{[1]} = \frac{1}{m} \sum_{i=1}^m dZ^{[1](i)}$$
""",
        r"axis=1",
        r"axis=0",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "output-gate-and-cell",
        """
x: input(D, 1)
c0: input(H, 1)
y: target(H, 1)
Wi: parameter(H, D)
Wo: parameter(H, D)
i = sigmoid(Wi @ x)
o = sigmoid(Wo @ x)
c = c0 + i
h = o * tanh(c)
E = sum((h - y)**2) / 2
""",
        r"""
$$\frac{\partial E}{\partial o} = \frac{\partial E}{\partial h} \odot \tanh(c)$$
$$\frac{\partial E}{\partial c} = \frac{\partial E}{\partial h} \odot o \odot \operatorname{sech}^2(c)$$
$$\frac{\partial E}{\partial c} = \frac{\partial E}{\partial h} * o * (1 - \tanh^2 c)$$
$$\frac{\partial E}{\partial W_i} = \left[ \frac{\partial E}{\partial c} \odot i \odot (1-i) \right] x^\top$$
$$\frac{\partial E}{\partial W_o} = \left[ \frac{\partial E}{\partial o} \odot o \odot (1-o) \right] x^\top$$
""",
        r"\operatorname{sech}^2(c)",
        r"\operatorname{sech}(c)",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "errors-of-gates",
        """
x: input(D, 1)
c0: input(H, 1)
y: target(H, 1)
Wi: parameter(H, D)
Wo: parameter(H, D)
Wg: parameter(H, D)
Wf: parameter(H, D)
zi = Wi @ x
i = sigmoid(zi)
zf = Wf @ x
f = sigmoid(zf)
zo = Wo @ x
o = sigmoid(zo)
zg = Wg @ x
g = tanh(zg)
c = f * c0 + i * g
h = o * tanh(c)
E = sum((h - y)**2) / 2
""",
        r"""
$$c = f \odot c_0 + i \odot g, \qquad h = o \odot \tanh(c)$$
$$\delta h = \frac{\partial E}{\partial h} = h - y$$
$$\delta o = \delta h \odot \tanh(c)$$
$$\delta c = \delta h \odot o \odot (1 - \tanh^2(c))$$
$$\delta i = \delta c \odot g, \qquad \delta f = \delta c \odot c_0, \qquad \delta g = \delta c \odot i$$
$$\frac{\partial E}{\partial W_i} = (\delta i \odot i \odot (1 - i)) x^T$$
$$\frac{\partial E}{\partial W_g} = (\delta g \odot (1 - g^2)) x^T$$
""",
        r"\delta c = \delta h \odot o \odot (1 - \tanh^2(c))",
        r"\delta c = \delta h \odot o \odot (1 - \tanh(c))",
        (Kind.POWER,),
    ),
]
