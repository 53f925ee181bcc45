"""Matrices with the examples in rows."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

PLAIN = """
X: input(N, D)
y: target(N, 1)
W1: parameter(D, H)
W2: parameter(H, 1)
z2 = X @ W1
a2 = sigmoid(z2)
z3 = a2 @ W2
yhat = sigmoid(z3)
J = sum((y - yhat)**2) / 2
"""

BIASED = """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
z1 = X @ W1 + b1
a1 = tanh(z1)
z2 = a1 @ W2 + b2
J = sum((z2 - Y)**2) / (2*N)
"""

DEEP = """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
W2: parameter(H, M)
W3: parameter(M, K)
z1 = X @ W1
a1 = relu(z1)
z2 = a1 @ W2
a2 = relu(z2)
z3 = a2 @ W3
J = sum((z3 - Y)**2) / 2
"""

CASES = [
    Case(
        "hours-and-scores",
        PLAIN,
        r"""
# Backpropagation, step by step

Our network has one hidden layer and no biases. The forward pass is

$$z^{(2)} = XW^{(1)} \tag{1}$$
$$a^{(2)} = f(z^{(2)}) \tag{2}$$
$$z^{(3)} = a^{(2)}W^{(2)} \tag{3}$$
$$\hat{y} = f(z^{(3)}) \tag{4}$$
$$J = \sum \frac{1}{2}(y-\hat{y})^2 \tag{5}$$

with the sigmoid $f(z) = \frac{1}{1+e^{-z}}$. Its derivative is
$$f^\prime(z) = \frac{e^{-z}}{(1+e^{-z})^2}$$
By the sum rule we may look at one example at a time and add up at the end:
$$\frac{\partial J}{\partial W^{(2)}} = \sum \frac{\partial \frac{1}{2}(y-\hat{y})^2}{\partial W^{(2)}}$$
Forget the sum for a moment. By the power rule and the chain rule
$$\frac{\partial J}{\partial W^{(2)}} = -(y-\hat{y})\frac{\partial \hat{y}}{\partial z^{(3)}}
\frac{\partial z^{(3)}}{\partial W^{(2)}}$$
We call the first part the backpropagating error,
$$\delta^{(3)} = -(y-\hat{y}) f^\prime(z^{(3)})$$
and with the whole batch in one matrix the sum is taken care of by the matrix product:
$$\frac{\partial J}{\partial W^{(2)}} = (a^{(2)})^T\delta^{(3)} \tag{6}$$

For the other matrix we go on through the synapses,
$$\delta^{(2)} = \delta^{(3)} (W^{(2)})^{T} f^\prime(z^{(2)})$$
$$\frac{\partial J}{\partial W^{(1)}} = X^{T}\delta^{(2)} \tag{7}$$
""",
        r"= -(y-\hat{y})\frac{\partial \hat{y}}{\partial z^{(3)}}",
        r"= (y-\hat{y})\frac{\partial \hat{y}}{\partial z^{(3)}}",
        (Kind.SIGN,),
    ),
    Case(
        "regression-with-tanh",
        BIASED,
        r"""
**Problem 2 (b).** Derive the gradients of the mean squared error of a network with one tanh layer.

*Solution.* With $N$ examples in the rows of $X$ the network computes
\begin{align}
Z^{[1]} &= X W^{[1]} + b^{[1]}, \\
A^{[1]} &= \tanh\left(Z^{[1]}\right), \\
Z^{[2]} &= A^{[1]} W^{[2]} + b^{[2]}, \\
J &= \frac{1}{2N} \left\| Z^{[2]} - Y \right\|_F^2 .
\end{align}

We start at the output. The squared norm gives
\begin{equation}
\Delta^{[2]} := \frac{\partial J}{\partial Z^{[2]}} = \frac{1}{N}\left(Z^{[2]} - Y\right), \label{eq:out}
\end{equation}
and since $\tanh'(z) = 1 - \tanh^2(z)$,
\begin{equation}
\Delta^{[1]} := \frac{\partial J}{\partial Z^{[1]}}
  = \left(\Delta^{[2]} W^{[2]\top}\right) \odot \left(1 - A^{[1]} \odot A^{[1]}\right).
\end{equation}
With the column $\mathbf{1}$ of $N$ ones,
\begin{align*}
\frac{\partial J}{\partial W^{[2]}} &= A^{[1]\top} \Delta^{[2]}, &
\frac{\partial J}{\partial b^{[2]}} &= \mathbf{1}^\top \Delta^{[2]}, \\
\frac{\partial J}{\partial W^{[1]}} &= X^\top \Delta^{[1]}, &
\frac{\partial J}{\partial b^{[1]}} &= \mathbf{1}^\top \Delta^{[1]}. \qquad \blacksquare
\end{align*}
""",
        r"\left(\Delta^{[2]} W^{[2]\top}\right)",
        r"\left(\Delta^{[2]} W^{[2]}\right)",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "three-relu-layers",
        DEEP,
        r"""
## Deep ReLU regression

Set $a^0 = X$. For the hidden layers $l = 1, 2$

$$z^l = a^{l-1} W^l, \qquad a^l = \mathrm{ReLU}(z^l) = \max(0, z^l),$$

and the last one is linear: $z^3 = a^2 W^3$. The loss is $J = \frac12 \|z^3 - Y\|_F^2$.

Write $\delta^l = \partial J / \partial z^l$. At the end of the network

$$\delta^3 = z^3 - Y,$$

and from then on backwards, for $l = 2, 1$,

$$\delta^{l} = \left(\delta^{l+1} (W^{l+1})^{\mathsf T}\right) \odot \mathrm{ReLU}'(z^l)$$

where $\mathrm{ReLU}'(z) = \mathbb{1}[z > 0]$. Every weight matrix gets

$$\frac{\partial J}{\partial W^l} = (a^{l-1})^{\mathsf T} \delta^l, \qquad l = 1, 2, 3.$$
""",
        r"\left(\delta^{l+1} (W^{l+1})^{\mathsf T}\right)",
        r"\left((W^{l+1})^{\mathsf T} \delta^{l+1}\right)",
        (Kind.ORDER,),
    ),
    Case(
        "row-of-biases",
        """
X: input(N, D)
t: target(N, C)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, C)
b2: parameter(1, C)
h = relu(X @ W1 + b1)
s = h @ W2 + b2
L = sum((s - t)**2) / N
""",
        r"""
The scores of the $N$ rows of $X$ are $s = h W_2 + b_2$ with $h = \max(0, X W_1 + b_1)$, and we use the loss

$$ L = \frac{1}{N} \sum_{n=1}^{N} \sum_{c=1}^{C} (s_{nc} - t_{nc})^2 . $$

**Gradient on the scores.** Each score stands in one term of the loss only, so

$$ \frac{\partial L}{\partial s} = \frac{2}{N} (s - t). $$

**Second layer.** Using this, $\nabla_{W_2} L = h^\top \frac{\partial L}{\partial s}$. The bias is added to every row,
so its gradient collects the rows:

$$ \nabla_{b_2} L = \sum_{n=1}^{N} \left( \frac{\partial L}{\partial s} \right)_{n} . $$

**First layer.** The error flows back through $W_2$ and is stopped where the unit was off:

$$ \frac{\partial L}{\partial h} = \frac{\partial L}{\partial s} W_2^\top, \qquad
g = \frac{\partial L}{\partial h} \odot \mathbb{1}[h > 0] . $$
Then again

$$ \nabla_{W_1} L = X^\top g, \qquad \nabla_{b_1} L = \sum_{n=1}^{N} g_{n} . $$
""",
        r"\nabla_{b_1} L = \sum_{n=1}^{N} g_{n} .",
        r"\nabla_{b_1} L = g .",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "layers-from-zero",
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
yhat = sigmoid(z2)
J = mean((y - yhat)**2)
""",
        r"""
I count the layers from 0, the input: $a^{(0)} = X$. Then

\[ z^{(1)} = a^{(0)} W^{(1)} + b^{(1)}, \quad a^{(1)} = \sigma(z^{(1)}), \quad
   z^{(2)} = a^{(1)} W^{(2)} + b^{(2)}, \quad \hat y = a^{(2)} = \sigma(z^{(2)}) \]

and the cost is the mean of all the squares of the $N \times K$ errors,

\[ J = \frac{1}{NK} \sum_{n,k} (y_{nk} - \hat y_{nk})^2 . \]

The sigmoid has $\sigma'(z) = \sigma(z)\,(1 - \sigma(z))$, thus $\sigma'(z^{(l)}) = a^{(l)} \circ (1 - a^{(l)})$.

The derivative with respect to the output is
\[ \frac{\partial J}{\partial a^{(2)}} = \frac{2}{NK} \left( a^{(2)} - y \right) \]

and so
\[ \delta^{(2)} = \frac{\partial J}{\partial a^{(2)}} \circ \sigma'(z^{(2)})
   = \frac{2}{NK} \left( a^{(2)} - y \right) \circ a^{(2)} \circ \left( 1 - a^{(2)} \right), \]

\[ \delta^{(1)} = \delta^{(2)} W^{(2)T} \circ a^{(1)} \circ \left( 1 - a^{(1)} \right) . \]
From these, \( \frac{\partial J}{\partial W^{(2)}} = a^{(1)T} \delta^{(2)} \) and

\[ \frac{\partial J}{\partial W^{(1)}} = a^{(0)T} \delta^{(1)} . \]
""",
        r"z^{(2)} = a^{(1)} W^{(2)} + b^{(2)}",
        r"z^{(2)} = a^{(0)} W^{(2)} + b^{(2)}",
        (Kind.QUANTITY,),
    ),
    Case(
        "own-macros",
        PLAIN,
        r"""
\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}
\newcommand{\W}[1]{W^{(#1)}}
\newcommand{\had}{\odot}

# Notes, week 4

The network is $z_2 = X \W{1}$, $a_2 = \sigma(z_2)$, $z_3 = a_2 \W{2}$ and $\hat y = \sigma(z_3)$, trained on
$$ J = \tfrac12 \sum_{i} (y_i - \hat y_i)^2 . $$

Output layer:
$$ \delta_3 = \pd{J}{z_3} = (\hat y - y) \had \sigma'(z_3), \qquad \pd{J}{\W{2}} = a_2^\top \delta_3 . $$

Hidden layer:
$$ \delta_2 = \pd{J}{z_2} = \delta_3 \, {\W{2}}^\top \had \sigma'(z_2), \qquad \pd{J}{\W{1}} = X^\top \delta_2 . $$
Remember $\sigma'(z) = \sigma(z)(1-\sigma(z))$: nothing new has to be computed on the way back.
""",
        r"$\sigma'(z) = \sigma(z)(1-\sigma(z))$",
        r"$\sigma'(z) = 1-\sigma(z)^2$",
        (Kind.FUNCTION,),
    ),
    Case(
        "tied-autoencoder",
        """
X: input(N, D)
W: parameter(D, H)
b: parameter(1, H)
c: parameter(1, D)
h = sigmoid(X @ W + b)
R = h @ W.T + c
J = sum((R - X)**2) / 2
""",
        r"""
### An autoencoder with tied weights

The encoder is $H = \sigma(A)$ with $A = XW + b$. The decoder uses the same matrix, transposed: $R = H W^T + c$.
We minimise $J = \frac{1}{2}\sum (R - X)^2$.

Going backwards, with $\delta_R = \frac{\partial J}{\partial R}$ and $\delta_A = \frac{\partial J}{\partial A}$:

$$\begin{aligned}
\delta_R &= R - X \\
\frac{\partial J}{\partial H} &= \delta_R W \\
\delta_A &= (\delta_R W) * H * (1 - H)
\end{aligned}$$

$W$ is used twice. It acts on $J$ through $A$ and through $R$, and both paths count:

$$\frac{\partial J}{\partial W} = X^T \delta_A + \delta_R^T H$$
The biases are simpler: $\frac{\partial J}{\partial b} = \mathbf{1}^T \delta_A$ and
$\frac{\partial J}{\partial c} = \mathbf{1}^T \delta_R$.
""",
        r"= X^T \delta_A + \delta_R^T H$$",
        r"= X^T \delta_A$$",
        (Kind.MISSING_TERM,),
    ),
    Case(
        "mean-over-examples",
        BIASED,
        r"""
**Forward.** $N$ is the size of the batch.

$$\begin{gather}
z_1 = X W_1 + b_1, \qquad a_1 = \tanh(z_1) \\
\hat{y} = z_2 = a_1 W_2 + b_2 \\
J = \frac{1}{2N} \sum_{n=1}^{N} \sum_{k=1}^{K} (\hat{y}_{nk} - Y_{nk})^2
\end{gather}$$
**Backward.** The $2$ of the power rule cancels against the $\frac{1}{2}$:

$$\begin{gather}
\frac{\partial J}{\partial \hat{y}} = \frac{1}{N} (\hat{y} - Y) \\
\frac{\partial J}{\partial W_2} = a_1^T \frac{\partial J}{\partial \hat{y}}
\quad\text{and}\quad
\frac{\partial J}{\partial a_1} = \frac{\partial J}{\partial \hat{y}} W_2^T \\
\frac{\partial J}{\partial z_1} = \frac{\partial J}{\partial a_1} \odot (1 - \tanh^2(z_1)) \\
\frac{\partial J}{\partial W_1} = X^T \frac{\partial J}{\partial z_1}
\end{gather}$$
""",
        r"\frac{\partial J}{\partial \hat{y}} = \frac{1}{N} (\hat{y} - Y)",
        r"\frac{\partial J}{\partial \hat{y}} = \frac{2}{N} (\hat{y} - Y)",
        (Kind.NUMBER,),
    ),
    Case(
        "residual-blocks",
        """
X: input(N, D)
y: target(N, D)
W1: parameter(D, D)
W2: parameter(D, D)
u1 = X @ W1
h1 = X + tanh(u1)
u2 = h1 @ W2
h2 = h1 + tanh(u2)
J = sum((y - h2)**2) / 2
""",
        r"""
Let $h_0 = X$ and let each block be $h_k = h_{k-1} + \tanh(u_k)$ with $u_k = h_{k-1} W_k$, for $k = 1, 2$. The cost is
$J = \frac12 \sum (y - h_2)^2$.

The error arrives at the last block as
$$\frac{\partial J}{\partial h_2} = -(y - h_2).$$

Inside a block, for $k = 2$ and $k = 1$,
$$\frac{\partial J}{\partial u_k} = \frac{\partial J}{\partial h_k} \odot \bigl(1 - \tanh^2(u_k)\bigr), \qquad
\frac{\partial J}{\partial W_k} = h_{k-1}^T \, \frac{\partial J}{\partial u_k}.$$

Below the second block the gradient has two parts, one for the shortcut and one for the branch:
$$\frac{\partial J}{\partial h_1} = \frac{\partial J}{\partial h_2} + \frac{\partial J}{\partial u_2} \, W_2^T.$$
""",
        r"\frac{\partial J}{\partial u_2} \, W_2^T.$$",
        r"\frac{\partial J}{\partial u_2} \odot W_2^T.$$",
        (Kind.PRODUCT,),
    ),
    Case(
        "deep-linear",
        """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
W2: parameter(H, M)
W3: parameter(M, K)
E = X @ W1 @ W2 @ W3 - Y
J = sum(E**2) / 2
""",
        r"""
**Deep linear networks.** Let $E = X W_1 W_2 W_3 - Y$ be the residual and

$$ \mathcal{L} = \frac{1}{2} \lVert E \rVert_F^2 = \frac{1}{2} \mathrm{tr}\left( E^\top E \right) . $$

Then $d\mathcal{L} = \mathrm{tr}\left( E^\top dE \right)$, and by the cyclic property of the trace we read off

$$ \frac{\partial \mathcal{L}}{\partial W_3} = (X W_1 W_2)^\top E, \qquad
   \frac{\partial \mathcal{L}}{\partial W_2} = (X W_1)^\top E \, W_3^\top, $$

$$ \frac{\partial \mathcal{L}}{\partial W_1} = X^\top E \, W_3^\top W_2^\top . $$
""",
        r"X^\top E \, W_3^\top W_2^\top . $$",
        r"X^\top E \, W_2^\top W_3^\top . $$",
        (Kind.ORDER,),
    ),
    Case(
        "leaky-and-smooth",
        """
X: input(N, D)
t: target(N, K)
V: parameter(D, H)
W: parameter(H, K)
a = X @ V
h = softplus(a)
o = h @ W
E = sum((o - t)**2) / 2
""",
        r"""
We use softplus units, $h = \ln(1 + e^{a})$ with $a = XV$, and a linear output $o = hW$. The error is
$E = \frac12 \sum_{n}\sum_{k} (o_{nk} - t_{nk})^2$.

The derivative of softplus is the logistic function, $\dfrac{dh}{da} = \dfrac{1}{1 + \exp(-a)} = \sigma(a)$.

\begin{align}
\dfrac{\partial E}{\partial o} &= o - t \nonumber \\
\dfrac{\partial E}{\partial W} &= h^T (o - t) \\
\dfrac{\partial E}{\partial a} &= \big( (o - t)\, W^T \big) \circ \sigma(a) \\
\dfrac{\partial E}{\partial V} &= X^T \Big[ \big( (o - t)\, W^T \big) \circ \sigma(a) \Big]
\end{align}
""",
        r"\circ \sigma(a) \Big]",
        r"\circ \sigma(a) \circ \sigma(a) \Big]",
        (Kind.EXTRA_FACTOR,),
    ),
]
