"""Costs with a penalty on the weights or on the activations."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

RIDGE = """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
lam: scalar
J = sum((X @ w - y)**2) / (2*N) + lam/2 * sum(w**2)
"""

CASES = [
    Case(
        "weight-decay",
        """
X: input(N, D)
y: target(N, 1)
W1: parameter(D, H)
W2: parameter(H, 1)
lam: scalar
z2 = X @ W1
a2 = sigmoid(z2)
z3 = a2 @ W2
yhat = sigmoid(z3)
J = sum((y - yhat)**2) / (2*N) + lam/2 * (sum(W1**2) + sum(W2**2))
""",
        r"""
# Overfitting, and what to do against it

We punish complex models by a term for the size of the weights:
$$J = \frac{1}{2N}\sum (y-\hat{y})^2 + \frac{\lambda}{2}\left(\sum (W^{(1)})^2 + \sum (W^{(2)})^2\right)$$

The network itself stays as it was: $z^{(2)} = XW^{(1)}$, $a^{(2)} = f(z^{(2)})$, $z^{(3)} = a^{(2)}W^{(2)}$,
$\hat{y} = f(z^{(3)})$. The backpropagating errors have the $\frac{1}{N}$, but no $\lambda$:

$$\delta^{(3)} = -\frac{1}{N}(y-\hat{y}) \odot f'(z^{(3)})$$
$$\delta^{(2)} = \delta^{(3)} (W^{(2)})^T \odot f'(z^{(2)})$$

The new term is differentiated separately, and added:

$$\frac{\partial J}{\partial W^{(2)}} = (a^{(2)})^T \delta^{(3)} + \lambda W^{(2)}$$
$$\frac{\partial J}{\partial W^{(1)}} = X^T \delta^{(2)} + \lambda W^{(1)}$$
""",
        r"\frac{\partial J}{\partial W^{(1)}} = X^T \delta^{(2)} + \lambda W^{(1)}$$",
        r"\frac{\partial J}{\partial W^{(1)}} = X^T \delta^{(2)}$$",
        (Kind.MISSING_TERM,),
    ),
    Case(
        "ridge-regression",
        RIDGE,
        r"""
**Ridge regression.** The objective

$$ J(w) = \frac{1}{2N} \| Xw - y \|_2^2 + \frac{\lambda}{2} \|w\|_2^2 $$

is a quadratic function of $w$. Expand the first norm,

$$ \| Xw - y \|_2^2 = w^\top X^\top X w - 2 y^\top X w + y^\top y , $$

and differentiate term by term with $\nabla_w (w^\top A w) = 2Aw$ for a symmetric $A$, and $\nabla_w (c^\top w) = c$:

$$ \nabla_w J = \frac{1}{N} \left( X^\top X w - X^\top y \right) + \lambda w
= \frac{1}{N} X^\top (Xw - y) + \lambda w . $$

Setting it to zero leads to the normal equations.
""",
        r"= \frac{1}{N} X^\top (Xw - y) + \lambda w . $$",
        r"= \frac{1}{N} X^\top (Xw - y) + 2 \lambda w . $$",
        (Kind.NUMBER, Kind.EXTRA_FACTOR),
    ),
    Case(
        "the-same-ridge-with-a-delta",
        RIDGE,
        r"""
Ridge regression as a one-layer network, so that the notation carries over. Prediction $\hat y = X w$, cost

\[ J = \underbrace{\frac{1}{2N} \sum_i (\hat y_i - y_i)^2}_{\text{data}}
     + \underbrace{\frac{\lambda}{2} \sum_j w_j^2}_{\text{penalty}} . \]

The error signal of the output carries the average:

\[ \delta = \frac{\partial J}{\partial \hat y} = \frac{1}{N} (\hat y - y) \]

The gradient by the weights is the data part plus the penalty part,

\[ \nabla_w J = X^T \delta + \lambda w , \]

entry by entry $\frac{\partial J}{\partial w_j} = \sum_{i} \delta_i x_{ij} + \lambda w_j$.
""",
        r"\nabla_w J = X^T \delta + \lambda w ,",
        r"\nabla_w J = \frac{1}{N} X^T \delta + \lambda w ,",
        (Kind.EXTRA_FACTOR,),
    ),
    Case(
        "lasso",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
b: parameter(1, 1)
lam: scalar
r = X @ w + b - y
J = sum(r**2) / (2*N) + lam * sum(abs(w))
""",
        r"""
The lasso penalises the absolute values, and not the bias:
$$\mathcal{L}(w, b) = \frac{1}{2N} \|r\|^2 + \lambda \|w\|_1, \qquad r = Xw + b - y, \qquad \|w\|_1 = \sum_j |w_j|.$$
Away from zero, $\frac{d|w_j|}{dw_j} = \operatorname{sign}(w_j)$. Consequently
$$\frac{\partial \mathcal{L}}{\partial w} = \frac{1}{N} X^T r + \lambda \operatorname{sign}(w)$$
$$\frac{\partial \mathcal{L}}{\partial b} = \frac{1}{N} \sum_{i=1}^N r_i$$
""",
        r"\frac{1}{N} X^T r + \lambda \operatorname{sign}(w)$$",
        r"\frac{1}{N} X^T r + \lambda |w|$$",
        (Kind.FUNCTION,),
    ),
    Case(
        "frobenius-norms",
        """
X: input(n0, m)
Y: target(n2, m)
W1: parameter(n1, n0)
b1: parameter(n1, 1)
W2: parameter(n2, n1)
b2: parameter(n2, 1)
lam: scalar
Z1 = W1 @ X + b1
A1 = relu(Z1)
Z2 = W2 @ A1 + b2
A2 = sigmoid(Z2)
J = -sum(Y*log(A2) + (1 - Y)*log(1 - A2)) / m + lam/(2*m) * (sum(W1**2) + sum(W2**2))
""",
        r"""
To the cross-entropy cost $J_{CE} = -\frac{1}{m}\sum \left( Y \log A^{[2]} + (1-Y) \log (1 - A^{[2]}) \right)$ we add
the regularization

$$ J = J_{CE} + \frac{\lambda}{2m} \sum_{l=1}^{2} \| W^{[l]} \|_F^2 . $$

The forward pass for columns is $Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}$ with $A^{[0]} = X$,
$A^{[1]} = \mathrm{ReLU}(Z^{[1]})$ and $A^{[2]} = \sigma(Z^{[2]})$. The backward pass:

\begin{align}
\frac{\partial J}{\partial Z^{[2]}} &= \frac{1}{m} (A^{[2]} - Y) \\
\frac{\partial J}{\partial W^{[2]}} &= \frac{\partial J}{\partial Z^{[2]}} A^{[1]\top} + \frac{\lambda}{m} W^{[2]} \\
\frac{\partial J}{\partial Z^{[1]}} &= W^{[2]\top} \frac{\partial J}{\partial Z^{[2]}} \odot \mathbb{1}[Z^{[1]} > 0] \\
\frac{\partial J}{\partial W^{[1]}} &= \frac{\partial J}{\partial Z^{[1]}} X^\top + \frac{\lambda}{m} W^{[1]} \\
\frac{\partial J}{\partial b^{[l]}} &= \frac{\partial J}{\partial Z^{[l]}} \mathbf{1}_m
\end{align}
""",
        r"A^{[1]\top} + \frac{\lambda}{m} W^{[2]} \\",
        r"A^{[1]\top} + \lambda W^{[2]} \\",
        (Kind.MISSING_FACTOR, Kind.MEAN),
    ),
    Case(
        "no-decay-on-biases",
        """
X: input(N, D)
Y: one_hot(N, K)
W: parameter(D, K)
b: parameter(1, K)
lam: scalar
Z = X @ W + b
P = softmax(Z, axis=1)
J = -sum(Y * log(P)) / N + lam * sum(W**2)
""",
        r"""
The regularised softmax classifier has $P = \mathrm{softmax}(XW + b)$ and the cost
$$J = -\frac{1}{N} \sum_{n,k} Y_{nk} \ln P_{nk} + \lambda \sum_{d,k} W_{dk}^2.$$
Note that there is no $\frac{1}{2}$ in front of the penalty. With $Z = XW + b$ as usual
$$\frac{\partial J}{\partial Z} = \frac{P - Y}{N}$$
and from this, minding the $2$,
$$\frac{\partial J}{\partial W} = X^\top \, \frac{P - Y}{N} + 2 \lambda W, \qquad
\frac{\partial J}{\partial b_k} = \sum_{n=1}^N \frac{P_{nk} - Y_{nk}}{N}.$$
""",
        r"= \sum_{n=1}^N \frac{P_{nk} - Y_{nk}}{N}.$$",
        r"= \sum_{n=1}^N \frac{P_{nk} - Y_{nk}}{N} + 2 \lambda b_k.$$",
        (Kind.EXTRA_TERM,),
    ),
    Case(
        "elastic-net",
        """
X: input(N, D)
t: target(N, 1)
w: parameter(D, 1)
alpha: scalar
beta: scalar
e = t - X @ w
E = sum(e**2) / 2 + alpha * sum(abs(w)) + beta/2 * sum(w**2)
""",
        r"""
For the elastic net we have $e = t - Xw$ and
$$ E = \frac{1}{2} e^{T} e + \alpha \sum_j |w_j| + \frac{\beta}{2} \sum_j w_j^2 . $$

The three parts one after another:
$$ \frac{\partial}{\partial w} \left( \frac{1}{2} e^{T} e \right) = -X^{T} e, \qquad
   \frac{\partial}{\partial w} \sum_j |w_j| = \operatorname{sgn}(w), \qquad
   \frac{\partial}{\partial w} \left( \frac{1}{2} \sum_j w_j^2 \right) = w $$

Putting them together:
$$ \frac{\partial E}{\partial w} = -X^{T} e + \alpha \operatorname{sgn}(w) + \beta w $$
""",
        r"\frac{\partial E}{\partial w} = -X^{T} e + \alpha \operatorname{sgn}(w) + \beta w $$",
        r"\frac{\partial E}{\partial w} = -X^{T} e + \alpha \operatorname{sgn}(w) - \beta w $$",
        (Kind.SIGN,),
    ),
    Case(
        "activity-penalty",
        """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
W2: parameter(H, K)
mu: scalar
z1 = X @ W1
a1 = tanh(z1)
z2 = a1 @ W2
J = sum((z2 - Y)**2) / 2 + mu/2 * sum(a1**2)
""",
        r"""
Small activities are encouraged by a penalty on the hidden layer $a_1 = \tanh(z_1)$, $z_1 = X W_1$:
\begin{equation*}
J = \frac{1}{2} \sum (z_2 - Y)^2 + \frac{\mu}{2} \sum a_1^2, \qquad z_2 = a_1 W_2.
\end{equation*}
Now $a_1$ acts on the cost through the next layer *and* directly:
\begin{align*}
\delta_2 &= z_2 - Y \\
\frac{\partial J}{\partial a_1} &= \delta_2 W_2^\top + \mu \, a_1 \\
\delta_1 &= \left( \delta_2 W_2^\top + \mu \, a_1 \right) \odot \left( 1 - a_1^2 \right) \\
\frac{\partial J}{\partial W_2} &= a_1^\top \delta_2, \qquad \frac{\partial J}{\partial W_1} = X^\top \delta_1
\end{align*}
""",
        r"\delta_1 &= \left( \delta_2 W_2^\top + \mu \, a_1 \right)",
        r"\delta_1 &= \left( \delta_2 W_2^\top + \mu \, z_1 \right)",
        (Kind.QUANTITY,),
    ),
    Case(
        "tikhonov",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
G: input(M, D)
J = sum((X @ w - y)**2) / 2 + sum((G @ w)**2) / 2
""",
        r"""
A general Tikhonov penalty uses a matrix $\Gamma$ (written `G` in the program), for example of differences between
neighbours: with $\Gamma = G$,

$$ J(w) = \frac12 \|Xw - y\|^2 + \frac12 \|G w\|^2 . $$

Its differential is

$$ dJ = (Xw - y)^T X \, dw + (G w)^T G \, dw $$

and therefore

$$ \frac{\partial J}{\partial w} = X^T (Xw - y) + G^T G w . $$

With a multiple of the unit matrix this is ridge regression.
""",
        r"X^T (Xw - y) + G^T G w . $$",
        r"X^T (Xw - y) + G G^T w . $$",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "ratings-with-decay",
        """
R: input(U, I)
P: parameter(U, F)
Q: parameter(I, F)
lam: scalar
E = R - P @ Q.T
J = sum(E**2) / 2 + lam/2 * (sum(P**2) + sum(Q**2))
""",
        r"""
We factorise $R \approx P Q^T$ by minimising
$$ J = \frac{1}{2} \|R - P Q^T\|_F^2 + \frac{\lambda}{2} \left( \|P\|_F^2 + \|Q\|_F^2 \right) $$
Set $E = R - P Q^T$. Then
$$ \frac{\partial J}{\partial E} = E $$
$$ \frac{\partial J}{\partial P} = -E Q + \lambda P $$
$$ \frac{\partial J}{\partial Q} = -E^T P + \lambda Q $$
and the row of a single user $u$ gets $\nabla_{p_u} J = -\sum_i e_{ui} q_i + \lambda p_u$.
""",
        r"\frac{\partial J}{\partial Q} = -E^T P + \lambda Q $$",
        r"\frac{\partial J}{\partial Q} = -P^T E + \lambda Q $$",
        (Kind.ORDER,),
    ),
]
