"""Cross-entropy: softmax and logistic regression, and networks with such outputs."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

LOGISTIC = """
X: input(m, n)
y: target(m, 1)
theta: parameter(n, 1)
z = X @ theta
h = sigmoid(z)
J = -sum(y * log(h) + (1 - y) * log(1 - h)) / m
"""

MOONS = """
X: input(N, D)
Y: one_hot(N, C)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, C)
b2: parameter(1, C)
z1 = X @ W1 + b1
a1 = tanh(z1)
z2 = a1 @ W2 + b2
yhat = softmax(z2, axis=1)
L = -sum(Y * log(yhat)) / N
"""

CASES = [
    Case(
        "softmax-regression",
        """
X: input(N, D)
Y: one_hot(N, K)
W: parameter(D, K)
b: parameter(1, K)
Z = X @ W + b
P = softmax(Z, axis=1)
J = -sum(Y * log(P)) / N
""",
        r"""
# Softmax regression

Scores and probabilities, one example per row:

$$Z = XW + b, \qquad P = \operatorname{softmax}(Z), \qquad P_{nk} = \frac{e^{Z_{nk}}}{\sum_{j=1}^K e^{Z_{nj}}}$$

Cross-entropy with one-hot rows in $Y$:

$$J = -\frac{1}{N} \sum_{n=1}^{N} \sum_{k=1}^{K} Y_{nk} \log P_{nk}$$

All the exponentials cancel and the error is just the difference

$$\Delta = \frac{\partial J}{\partial Z} = \frac{1}{N} (P - Y).$$

So

$$\frac{\partial J}{\partial W} = X^T \Delta, \qquad \frac{\partial J}{\partial b} = \mathbf{1}^T \Delta.$$
""",
        r"\frac{\partial J}{\partial Z} = \frac{1}{N} (P - Y).$$",
        r"\frac{\partial J}{\partial Z} = \frac{1}{N} (Y - P).$$",
        (Kind.SIGN,),
    ),
    Case(
        "derivative-of-softmax",
        """
z: parameter(1, K)
y: one_hot(1, K)
p = softmax(z, axis=1)
L = -sum(y * log(p))
""",
        r"""
Let $p_i = \dfrac{e^{z_i}}{\sum_k e^{z_k}}$. By the quotient rule there are two cases:

$$ \frac{\partial p_i}{\partial z_j} = \begin{cases}
   p_i (1 - p_i) & \text{if } i = j \\ -p_i \, p_j & \text{if } i \neq j
\end{cases} $$

The loss of the example is $L = -\sum_i y_i \ln p_i$, where $y$ is one-hot. Hence $\frac{\partial L}{\partial p_i} =
-\frac{y_i}{p_i}$ and

$$ \frac{\partial L}{\partial z_j} = \sum_i \frac{\partial L}{\partial p_i} \frac{\partial p_i}{\partial z_j}
   = -\frac{y_j}{p_j} \, p_j (1 - p_j) + \sum_{i \neq j} \frac{y_i}{p_i} \, p_i \, p_j $$

$$ = -y_j + y_j p_j + \sum_{i \neq j} y_i p_j = p_j \sum_i y_i - y_j = p_j - y_j $$
""",
        r"\\ -p_i \, p_j & \text{if } i \neq j",
        r"\\ p_i \, p_j & \text{if } i \neq j",
        (Kind.SIGN,),
    ),
    Case(
        "likelihood",
        LOGISTIC,
        r"""
**Logistic regression.** The hypothesis is $h_\theta(x) = g(\theta^T x)$ with $g(z) = \frac{1}{1+e^{-z}}$. A nice
property of the sigmoid:
\begin{align*}
g'(z) &= \frac{e^{-z}}{(1+e^{-z})^2} \\
      &= \frac{1}{1+e^{-z}} \cdot \left( 1 - \frac{1}{1+e^{-z}} \right) \\
      &= g(z)(1-g(z)).
\end{align*}
The negative average log-likelihood is
$$J(\theta)
= -\frac{1}{m} \sum_{i=1}^m \Big[ y^{(i)} \log h_\theta(x^{(i)}) + (1-y^{(i)}) \log(1-h_\theta(x^{(i)})) \Big]$$
and for one training example $(x, y)$, with $\ell = -y \log h - (1-y) \log(1-h)$,
\begin{align}
\frac{\partial \ell}{\partial \theta_j}
 &= -\left( y \frac{1}{g(\theta^T x)} - (1-y) \frac{1}{1-g(\theta^T x)} \right) g'(\theta^T x) \, x_j \\
 &= -\big( y (1-g(\theta^T x)) - (1-y) g(\theta^T x) \big) x_j \\
 &= (h_\theta(x) - y) x_j.
\end{align}
Over all of the examples
$\frac{\partial J}{\partial \theta_j} = \frac{1}{m}\sum_{i=1}^m (h_\theta(x^{(i)}) - y^{(i)}) x_j^{(i)}$.
""",
        r"&= -\big( y (1-g(\theta^T x)) - (1-y) g(\theta^T x) \big) x_j \\",
        r"&= -\big( y (1-g(\theta^T x)) \big) x_j \\",
        (Kind.MISSING_TERM,),
    ),
    Case(
        "loss-on-the-logits",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
b: parameter(1, 1)
z = X @ w + b
J = sum(log(1 + exp(z)) - y * z) / N
""",
        r"""
Numerically it is better to never compute the probability. With the logit $z_i = w^\top x_i + b$ the loss becomes

$$ J = \frac{1}{N} \sum_{i=1}^{N} \left[ \log\left(1 + e^{z_i}\right) - y_i z_i \right] . $$

Only one derivative is needed,

$$ \frac{\mathrm{d}}{\mathrm{d}z} \log\left(1 + e^{z}\right) = \frac{e^{z}}{1 + e^{z}} = \sigma(z), $$

and we are done:

$$ \frac{\partial J}{\partial z_i} = \frac{1}{N} \left( \sigma(z_i) - y_i \right) $$

$$ \nabla_w J = \frac{1}{N} \sum_{i=1}^{N} \left( \sigma(z_i) - y_i \right) x_i, \qquad
   \frac{\partial J}{\partial b} = \frac{1}{N} \sum_{i=1}^{N} \left( \sigma(z_i) - y_i \right) $$
""",
        r"= \frac{e^{z}}{1 + e^{z}} = \sigma(z)",
        r"= \frac{1}{1 + e^{z}} = \sigma(z)",
        (Kind.FUNCTION, Kind.SIGN),
    ),
    Case(
        "labels-plus-and-minus",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
s = X @ w
J = mean(log(1 + exp(-y * s)))
""",
        r"""
With labels $y_n \in \{-1, +1\}$ and the scores $s_n = x_n^T w$ the logistic loss reads
$$J(w) = \frac{1}{N} \sum_{n=1}^N \ln\left(1 + e^{-y_n s_n}\right)$$

Differentiating one term by its score,
$$\frac{d}{ds_n} \ln\left(1 + e^{-y_n s_n}\right) = \frac{-y_n \, e^{-y_n s_n}}{1 + e^{-y_n s_n}}
= \frac{-y_n}{1 + e^{y_n s_n}}$$

With $\frac{\partial s_n}{\partial w} = x_n$ we conclude
$$\nabla J(w) = -\frac{1}{N} \sum_{n=1}^N \frac{y_n \, x_n}{1 + e^{y_n s_n}}$$
or, by the sigmoid function, $\nabla J(w) = -\frac{1}{N} \sum_{n=1}^N \sigma(-y_n s_n) \, y_n x_n$.
""",
        r"\sum_{n=1}^N \frac{y_n \, x_n}{1 + e^{y_n s_n}}$$",
        r"\sum_{n=1}^N \frac{x_n}{1 + e^{y_n s_n}}$$",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "two-moons",
        MOONS,
        r"""
Our network makes predictions with forward propagation:

$$
\begin{aligned}
z_1 &= x W_1 + b_1 \\
a_1 &= \tanh(z_1) \\
z_2 &= a_1 W_2 + b_2 \\
a_2 &= \hat{y} = \mathrm{softmax}(z_2)
\end{aligned}
$$

The loss is the cross-entropy $L(y,\hat{y}) = -\frac{1}{N} \sum_{n \in N} \sum_{i \in C} y_{n,i} \log\hat{y}_{n,i}$.
Applying backpropagation we find:

$$
\begin{aligned}
& \delta_3 = \frac{1}{N} (\hat{y} - y) \\
& \delta_2 = (1 - \tanh^2 z_1) \circ \delta_3 W_2^T \\
& \frac{\partial L}{\partial W_2} = a_1^T \delta_3 \\
& \frac{\partial L}{\partial b_2} = \mathbf{1}^T \delta_3 \\
& \frac{\partial L}{\partial W_1} = x^T \delta_2 \\
& \frac{\partial L}{\partial b_1} = \mathbf{1}^T \delta_2
\end{aligned}
$$
""",
        r"& \frac{\partial L}{\partial W_2} = a_1^T \delta_3 \\",
        r"& \frac{\partial L}{\partial W_2} = a_1 \delta_3 \\",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "softmax-network-for-one-example",
        MOONS,
        r"""
For one example we use column vectors: the input $x$, the one-hot target $t$, and (with the weights transposed
compared to the matrix version) $W^{[1]}$, $W^{[2]}$. Then $z^{[1]} = W^{[1]} x + b^{[1]}$, $a = \tanh(z^{[1]})$,
$z^{[2]} = W^{[2]} a + b^{[2]}$ and

$$ p = \operatorname{softmax}(z^{[2]}), \qquad \ell = -\sum_k t_k \log p_k . $$

Since the softmax and the logarithm belong together,

$$ \delta^{[2]} = \frac{\partial \ell}{\partial z^{[2]}} = p - t . $$

The rest is the usual recursion

$$ \delta^{[1]} = \frac{\partial \ell}{\partial z^{[1]}}
= \left( W^{[2]\mathsf{T}} \delta^{[2]} \right) \odot \left( 1 - a \odot a \right) $$

and the gradients are $\frac{\partial \ell}{\partial W^{[2]}} = \delta^{[2]} a^{\mathsf T}$,
$\frac{\partial \ell}{\partial b^{[2]}} = \delta^{[2]}$,
$\frac{\partial \ell}{\partial W^{[1]}} = \delta^{[1]} x^{\mathsf T}$,
$\frac{\partial \ell}{\partial b^{[1]}} = \delta^{[1]}$.
""",
        r"\frac{\partial \ell}{\partial z^{[2]}} = p - t . $$",
        r"\frac{\partial \ell}{\partial z^{[2]}} = (p - t) \odot p \odot (1 - p) . $$",
        (Kind.EXTRA_FACTOR,),
    ),
    Case(
        "hinge",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
b: parameter(1, 1)
s = X @ w + b
J = sum(maximum(0, 1 - y * s)) / N
""",
        r"""
The hinge loss of a linear classifier with the scores $s_i = w^T x_i + b$ is
$$J = \frac{1}{N}\sum_{i=1}^{N} \max(0,\, 1 - y_i s_i).$$
An example counts only if its margin is violated, $y_i s_i < 1$:
$$\frac{\partial J}{\partial s_i} = -\frac{1}{N} \, y_i \, \mathbb{1}[y_i s_i < 1]$$
and hence
$$\frac{\partial J}{\partial w} = -\frac{1}{N}\sum_{i=1}^{N} \mathbb{1}[y_i s_i < 1] \, y_i \, x_i, \qquad
\frac{\partial J}{\partial b} = -\frac{1}{N}\sum_{i=1}^{N} \mathbb{1}[y_i s_i < 1] \, y_i .$$
""",
        r"\frac{\partial J}{\partial b} = -\frac{1}{N}\sum_{i=1}^{N} \mathbb{1}",
        r"\frac{\partial J}{\partial b} = -\frac{1}{N} \mathbb{1}",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "logistic-with-a-matrix",
        LOGISTIC,
        r"""
In matrix form: $h = \sigma(X\theta)$, and
\[ J = -\frac{1}{m} \left( y^T \log(h) + (1 - y)^T \log(1 - h) \right). \]
Let $z = X\theta$. We have
\[ \frac{\partial J}{\partial h} = -\frac{1}{m} \left( \frac{y}{h} - \frac{1-y}{1-h} \right), \qquad
   \frac{\partial h}{\partial z} = h \odot (1-h) \]
(divisions are elementwise), then
\[ \frac{\partial J}{\partial z} = \frac{1}{m} (h - y) \]
and at last
\[ \nabla_\theta J = X^T \frac{\partial J}{\partial z} = \frac{1}{m} X^T (h - y). \]
""",
        r"= X^T \frac{\partial J}{\partial z} = \frac{1}{m} X^T (h - y). \]",
        r"= X^T \frac{\partial J}{\partial z} = \frac{1}{m} X^T \odot (h - y). \]",
        (Kind.PRODUCT,),
    ),
    Case(
        "skip-gram",
        """
v: parameter(1, D)
u: parameter(1, D)
U: parameter(K, D)
J = -log(sigmoid(v @ u.T)) - sum(log(sigmoid(-v @ U.T)))
""",
        r"""
Negative sampling: the centre word has the vector $v$, the outside word $u$, and the $K$ negative samples $u_k$ (the
rows of $U$). As column vectors,

$$J = -\log \sigma(u^\top v) - \sum_{k=1}^K \log \sigma(-u_k^\top v)$$

With $\frac{d}{dx} \log \sigma(x) = 1 - \sigma(x)$:

$$\frac{\partial J}{\partial v} = (\sigma(u^\top v) - 1)\, u + \sum_{k=1}^K (1 - \sigma(-u_k^\top v))\, u_k$$

$$\frac{\partial J}{\partial u} = (\sigma(u^\top v) - 1)\, v$$

$$\frac{\partial J}{\partial u_k} = (1 - \sigma(-u_k^\top v))\, v, \qquad k = 1, \dots, K$$
""",
        r"\sum_{k=1}^K \log \sigma(-u_k^\top v)$$",
        r"\sum_{k=1}^K \log \sigma(u_k^\top v)$$",
        (Kind.SIGN,),
    ),
]
