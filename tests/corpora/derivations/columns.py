"""Matrices with the examples in columns."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

BINARY = """
X: input(n0, m)
Y: target(1, m)
W1: parameter(n1, n0)
b1: parameter(n1, 1)
W2: parameter(1, n1)
b2: parameter(1, 1)
Z1 = W1 @ X + b1
A1 = tanh(Z1)
Z2 = W2 @ A1 + b2
A2 = sigmoid(Z2)
J = -sum(Y * log(A2) + (1 - Y) * log(1 - A2)) / m
"""

SQUARES = """
X: input(D, N)
Y: target(K, N)
W1: parameter(H, D)
b1: parameter(H, 1)
W2: parameter(K, H)
b2: parameter(K, 1)
Z1 = W1 @ X + b1
A1 = sigmoid(Z1)
Z2 = W2 @ A1 + b2
A2 = sigmoid(Z2)
J = sum((A2 - Y)**2) / (2*N)
"""

THREE = """
X: input(D, m)
Y: target(K, m)
W1: parameter(H, D)
b1: parameter(H, 1)
W2: parameter(M, H)
b2: parameter(M, 1)
W3: parameter(K, M)
b3: parameter(K, 1)
Z1 = W1 @ X + b1
A1 = relu(Z1)
Z2 = W2 @ A1 + b2
A2 = relu(Z2)
Z3 = W3 @ A2 + b3
J = sum((Z3 - Y)**2) / (2*m)
"""

CASES = [
    Case(
        "planar-data",
        BINARY,
        r"""
### Forward propagation

$$Z^{[1]} = W^{[1]} X + b^{[1]}, \qquad A^{[1]} = \tanh(Z^{[1]})$$
$$Z^{[2]} = W^{[2]} A^{[1]} + b^{[2]}, \qquad \hat{Y} = A^{[2]} = \sigma(Z^{[2]})$$

The cost is $J = - \frac{1}{m} \sum\limits_{i = 1}^{m} \left( y^{(i)}\log\left(a^{[2] (i)}\right) +
(1-y^{(i)})\log\left(1- a^{[2] (i)}\right) \right)$.

### Backward propagation

As usual, $dZ^{[2]}$ has in its column $i$ the derivative of the loss of example $i$; the $\frac{1}{m}$ comes in
with the weights.

$$dZ^{[2]} = A^{[2]} - Y$$
$$dW^{[2]} = \frac{1}{m} dZ^{[2]} A^{[1]T}$$
$$db^{[2]} = \frac{1}{m} \sum_{i=1}^{m} dZ^{[2](i)}$$
$$dZ^{[1]} = W^{[2]T} dZ^{[2]} * g^{[1]\prime}(Z^{[1]})$$
$$dW^{[1]} = \frac{1}{m} dZ^{[1]} X^{T}$$
$$db^{[1]} = \frac{1}{m} \sum_{i=1}^{m} dZ^{[1](i)}$$

where $*$ is elementwise and $g^{[1]\prime}(Z^{[1]}) = 1 - (A^{[1]})^2$ for $g^{[1]} = \tanh$.
""",
        r"dW^{[1]} = \frac{1}{m} dZ^{[1]} X^{T}",
        r"dW^{[1]} = dZ^{[1]} X^{T}",
        (Kind.MISSING_FACTOR, Kind.MEAN),
    ),
    Case(
        "averages-in-the-error",
        BINARY,
        r"""
Take the matrices of the course, but keep the average inside of the errors. So, let
$\delta_l = \frac{\partial J}{\partial Z_l}$ be the honest derivative. With
$$ J = -\frac1m \sum_{i=1}^m \left[ y_i \ln a_i + (1 - y_i) \ln (1 - a_i) \right], \quad a_i = (A_2)_{1i} $$
we get from $\sigma' = \sigma(1-\sigma)$ a lot of cancellation and

$$ \delta_2 = \frac1m (A_2 - Y) . $$

For the layer before, $A_1 = \tanh(Z_1)$ and $Z_2 = W_2 A_1 + b_2$ give

$$ \delta_1 = W_2^T \delta_2 \odot (1 - A_1 \odot A_1) . $$

Hence

$$ \frac{\partial J}{\partial W_2} = \delta_2 A_1^T, \quad \frac{\partial J}{\partial b_2} = \delta_2 \mathbf{1}, \quad
   \frac{\partial J}{\partial W_1} = \delta_1 X^T, \quad \frac{\partial J}{\partial b_1} = \delta_1 \mathbf{1} $$

($\mathbf{1}$ is a column of $m$ ones).
""",
        r"(1 - A_1 \odot A_1)",
        r"(1 - A_1)",
        (Kind.POWER,),
    ),
    Case(
        "columns-of-a-row-network",
        """
X: input(N, D)
y: target(N, K)
W1: parameter(D, H)
W2: parameter(H, K)
z2 = X @ W1
a2 = sigmoid(z2)
z3 = a2 @ W2
yhat = sigmoid(z3)
J = sum((y - yhat)**2) / 2
""",
        r"""
My code has the examples in rows, but I find the formulas easier with columns. So here $x$ is the $D \times N$ matrix
of the inputs, $y$ is $K \times N$, and the weights are the transposes of those of the code:

$$ z^{(2)} = W^{(1)} x, \quad a^{(2)} = f(z^{(2)}), \quad z^{(3)} = W^{(2)} a^{(2)}, \quad \hat y = f(z^{(3)}) $$

$$ J = \tfrac{1}{2} \lVert y - \hat y \rVert_F^2 $$

The errors of the two layers:

$$ \delta^{(3)} = -(y - \hat y) \odot f'(z^{(3)}) $$

$$ \delta^{(2)} = (W^{(2)})^\top \delta^{(3)} \odot f'(z^{(2)}) $$

and the gradients

$$ \frac{\partial J}{\partial W^{(2)}} = \delta^{(3)} (a^{(2)})^\top, \qquad
   \frac{\partial J}{\partial W^{(1)}} = \delta^{(2)} x^\top . $$
""",
        r"\delta^{(2)} = (W^{(2)})^\top \delta^{(3)}",
        r"\delta^{(2)} = W^{(2)} \delta^{(3)}",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "general-relu-layers",
        THREE,
        r"""
**Theorem.** Consider a network with $L = 3$ layers, $A^{[0]} = X$,
\begin{equation}
Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}, \qquad A^{[l]} = \mathrm{ReLU}\left( Z^{[l]} \right) \quad (l < L)
\label{eq:fwd}
\end{equation}
and the cost $J = \frac{1}{2m} \| Z^{[L]} - Y \|_F^2$ over $m$ examples, one per column. Let
$\delta^{[l]} = \partial J / \partial Z^{[l]}$. Then
\begin{align}
\delta^{[L]} &= \frac{1}{m} \left( Z^{[L]} - Y \right), \\
\delta^{[l]} &= \left( W^{[l+1]\top} \delta^{[l+1]} \right) \odot \mathbb{1}\left[ Z^{[l]} > 0 \right], \quad l < L, \\
\nabla_{W^{[l]}} J &= \delta^{[l]} A^{[l-1]\top}, \\
\nabla_{b^{[l]}} J &= \sum_{i=1}^{m} \delta^{[l]}_{:,i} .
\end{align}

*Proof.* By induction over $l$ downwards from $L$. The bias is broadcast along the columns in \eqref{eq:fwd},
so its gradient is the sum of the columns of $\delta^{[l]}$. $\square$
""",
        r"\nabla_{b^{[l]}} J &= \sum_{i=1}^{m} \delta^{[l]}_{:,i} .",
        r"\nabla_{b^{[l]}} J &= \delta^{[l]} .",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "input-is-layer-one",
        """
x: input(D, m)
y: target(K, m)
W1: parameter(H, D)
b1: parameter(H, 1)
W2: parameter(K, H)
b2: parameter(K, 1)
z2 = W1 @ x + b1
a2 = sigmoid(z2)
z3 = W2 @ a2 + b2
a3 = sigmoid(z3)
J = sum((a3 - y)**2) / (2*m)
""",
        r"""
We write $a^{(1)} = x$ and $z^{(l+1)} = W^{(l)} a^{(l)} + b^{(l)}$, $a^{(l+1)} = f(z^{(l+1)})$ for $l = 1, 2$. The
hypothesis is $h = a^{(3)}$ and the overall cost $J = \frac{1}{2m} \sum_{i=1}^m \| h^{(i)} - y^{(i)} \|^2$.

1. For the output layer set
   $$\delta^{(3)} = -\frac{1}{m} (y - a^{(3)}) \bullet f^{\prime}(z^{(3)})$$
2. For the hidden layer set
   $$\delta^{(2)} = \left((W^{(2)})^T \delta^{(3)}\right) \bullet f^{\prime}(z^{(2)})$$
3. Compute the desired partial derivatives, which are given as:
   $$\begin{align}
   \nabla_{W^{(l)}} J &= \delta^{(l+1)} (a^{(l)})^T, \\
   \nabla_{b^{(l)}} J &= \sum_{i=1}^m \delta^{(l+1)}_{\cdot i}.
   \end{align}$$

Here "$\bullet$" is the element-wise product, and $f^{\prime}(z^{(l)}) = a^{(l)} \bullet (1 - a^{(l)})$.
""",
        r"\nabla_{W^{(l)}} J &= \delta^{(l+1)} (a^{(l)})^T",
        r"\nabla_{W^{(l)}} J &= \delta^{(l+1)} (a^{(l+1)})^T",
        (Kind.QUANTITY,),
    ),
    Case(
        "relu-by-hand",
        THREE,
        r"""
Homework 3, question 1. All gradients of the three-layer network, explicitly.

$$dZ_3 = \frac{\partial J}{\partial Z_3} = \frac{1}{m}(Z_3 - Y), \qquad \text{since } J = \frac{1}{2m}\sum (Z_3 - Y)^2$$

$$dW_3 = dZ_3 \, A_2^T \qquad db_3 = dZ_3 \, \mathbf{1}$$

$$dA_2 = W_3^T \, dZ_3 \qquad dZ_2 = dA_2 \circ \mathbf{1}_{Z_2 > 0} \qquad \text{(ReLU)}$$

$$dW_2 = dZ_2 \, A_1^T \qquad db_2 = dZ_2 \, \mathbf{1}$$

$$dA_1 = W_2^T \, dZ_2 \qquad dZ_1 = dA_1 \circ \mathbf{1}_{Z_1 > 0}$$

$$dW_1 = dZ_1 \, X^T \qquad db_1 = dZ_1 \, \mathbf{1}$$
""",
        r"dA_1 = W_2^T \, dZ_2",
        r"dA_1 = dZ_2 \, W_2^T",
        (Kind.ORDER,),
    ),
    Case(
        "cross-entropy-by-the-chain-rule",
        BINARY,
        r"""
The output is $A_2 = \sigma(Z_2)$ and the cost
$$J = -\frac{1}{m}\sum_{i}\Big(Y_i \log A_{2,i} + (1-Y_i)\log(1-A_{2,i})\Big).$$

First, the derivative with respect to the activations (everything is elementwise):
$$\frac{\partial J}{\partial A_2} = -\frac{1}{m}\left(\frac{Y}{A_2} - \frac{1-Y}{1-A_2}\right)
= \frac{1}{m} \, \frac{A_2 - Y}{A_2 (1 - A_2)}$$

The sigmoid contributes $\frac{\partial A_2}{\partial Z_2} = A_2(1-A_2)$, and the product is beautifully simple:
$$\frac{\partial J}{\partial Z_2} = \frac{\partial J}{\partial A_2}\,\frac{\partial A_2}{\partial Z_2}
= \frac{1}{m}(A_2 - Y)$$

Next, $Z_2 = W_2 A_1 + b_2$. Therefore
$$\frac{\partial J}{\partial W_2} = \frac{1}{m}(A_2 - Y)\,A_1^T.$$
""",
        r"\left(\frac{Y}{A_2} - \frac{1-Y}{1-A_2}\right)",
        r"\left(\frac{Y}{A_2} + \frac{1-Y}{1-A_2}\right)",
        (Kind.SIGN,),
    ),
    Case(
        "no-saturation",
        BINARY,
        r"""
Why cross-entropy? Let $g_2 = \nabla_{Z_2} J$. With the squared error the derivative of the sigmoid would stay in
$g_2$ and a saturated unit would learn slowly. With the cross-entropy $J$ it cancels:

$$ g_2 = \frac{1}{m} \left( \sigma(Z_2) - Y \right) $$

Consequently,
$$ \nabla_{W_2} J = g_2 A_1^{\top}, \qquad \nabla_{A_1} J = W_2^{\top} g_2 . $$
The $\tanh$ layer has no such luck,
$$ g_1 = \nabla_{Z_1} J = (W_2^{\top} g_2) \otimes (1 - \tanh^2(Z_1)), \qquad \nabla_{W_1} J = g_1 X^{\top}, $$
with $\otimes$ for the elementwise product.
""",
        r"\left( \sigma(Z_2) - Y \right) $$",
        r"\left( \sigma(Z_2) - Y \right) \sigma'(Z_2) $$",
        (Kind.EXTRA_FACTOR,),
    ),
    Case(
        "sigmoid-layers-in-a-paper",
        SQUARES,
        r"""
We train by gradient descent on
$$ \mathcal{J} = \frac{1}{2N} \left\Vert \mathbf{A}_2 - \mathbf{Y} \right\Vert_F^2, \quad
\mathbf{A}_k = \sigma\left(\mathbf{W}_k \mathbf{A}_{k-1} + \mathbf{b}_k\right), \quad \mathbf{A}_0 = \mathbf{X}. $$
Denoting the pre-activations by $\mathbf{Z}_k$ and the sensitivities by
$\mathbf{\Delta}_k = \frac{\partial \mathcal{J}}{\partial \mathbf{Z}_k}$, one obtains
$$ \mathbf{\Delta}_2 = \frac{1}{N} (\mathbf{A}_2 - \mathbf{Y}) \circ \mathbf{A}_2 \circ (1 - \mathbf{A}_2) $$
$$ \mathbf{\Delta}_1 = \mathbf{W}_2^T \mathbf{\Delta}_2 \circ \mathbf{A}_1 \circ (1 - \mathbf{A}_1) $$
and, for $k = 1, 2$,
$$ \frac{\partial \mathcal{J}}{\partial \mathbf{W}_k} = \mathbf{\Delta}_k \mathbf{A}_{k-1}^T, \qquad
\frac{\partial \mathcal{J}}{\partial \mathbf{b}_k} = \mathbf{\Delta}_k \mathbf{1}_N . $$
""",
        r"\mathbf{W}_2^T \mathbf{\Delta}_2 \circ \mathbf{A}_1",
        r"\mathbf{W}_2^T \circ \mathbf{\Delta}_2 \circ \mathbf{A}_1",
        (Kind.PRODUCT,),
    ),
    Case(
        "linear-regression-in-columns",
        """
X: input(D, m)
y: target(1, m)
w: parameter(D, 1)
b: parameter(1, 1)
h = w.T @ X + b
J = sum((h - y)**2) / (2*m)
""",
        r"""
Linear regression. The prediction for example $i$ is $h^{(i)} = w^T x^{(i)} + b$, for all of them $h = w^T X + b$.

$$ J(w, b) = \frac{1}{2m} \sum_{i=1}^m \left( h^{(i)} - y^{(i)} \right)^2 $$

$$ \frac{\partial J}{\partial w} = \frac{1}{m} \sum_{i=1}^m \left( h^{(i)} - y^{(i)} \right) x^{(i)}
 = \frac{1}{m} X (h - y)^T $$

$$ \frac{\partial J}{\partial b} = \frac{1}{m} \sum_{i=1}^m \left( h^{(i)} - y^{(i)} \right) $$
""",
        r"J(w, b) = \frac{1}{2m} \sum",
        r"J(w, b) = \frac{1}{m} \sum",
        (Kind.NUMBER,),
    ),
    Case(
        "plain-chain",
        SQUARES,
        r"""
Backpropagation is a chain of factors from the right to the left. Abbreviate $E = A_2 - Y$ and $S_k = A_k (1 - A_k)$,
entry by entry. By $J = \frac{1}{2N}\sum E^2$ we have

$$ \frac{\partial J}{\partial A_2} = \frac{E}{N}, \qquad \frac{\partial J}{\partial Z_2} = \frac{E \odot S_2}{N} $$

$$ \frac{\partial J}{\partial A_1} = W_2^T \, \frac{\partial J}{\partial Z_2} $$

$$ \frac{\partial J}{\partial Z_1} = \frac{\partial J}{\partial A_1} \odot S_1 $$

$$ \partial J / \partial W_2 = \frac{1}{N} (E \odot S_2) A_1^T, \qquad
   \partial J / \partial W_1 = \left( \frac{\partial J}{\partial A_1} \odot S_1 \right) X^T $$
""",
        r"= W_2^T \, \frac{\partial J}{\partial Z_2} $$",
        r"= W_2^T \, \frac{\partial J}{\partial Z_2} + \frac{\partial J}{\partial Z_2} $$",
        (Kind.EXTRA_TERM,),
    ),
]
