"""Entry by entry, with indices and sums."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

ROWS = """
X: input(N, D)
y: target(N, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
z1 = X @ W1 + b1
a1 = sigmoid(z1)
z2 = a1 @ W2 + b2
J = sum((z2 - y)**2) / (2*N)
"""

CASES = [
    Case(
        "pattern-recognition",
        """
X: input(N, D)
T: target(N, K)
W1: parameter(D, M)
W2: parameter(M, K)
A = X @ W1
Z = tanh(A)
Y = Z @ W2
E = sum((Y - T)**2) / 2
""",
        r"""
We treat one pattern; the pattern index is suppressed. A hidden unit $j$ computes
$$a_j = \sum_{i} w_{ji}^{(1)} x_i, \qquad z_j = h(a_j), \qquad h(a) \equiv \tanh(a),$$
and the outputs are linear, $y_k = \sum_{j} w_{kj}^{(2)} z_j$. A useful feature of this function is that
$$h'(a) = 1 - h(a)^2 .$$

The error of the pattern is $E = \frac{1}{2} \sum_{k} (y_k - t_k)^2$. First we compute the $\delta$'s of the output
units,
$$\delta_k = y_k - t_k ,$$
then we backpropagate them to obtain those of the hidden units,
$$\delta_j = (1 - z_j^2) \sum_{k=1}^{K} w_{kj}^{(2)} \delta_k .$$

Finally, the derivatives with respect to the first-layer and the second-layer weights are given by
$$\frac{\partial E}{\partial w_{ji}^{(1)}} = \delta_j x_i, \qquad
\frac{\partial E}{\partial w_{kj}^{(2)}} = \delta_k z_j .$$
""",
        r"(1 - z_j^2) \sum_{k=1}^{K} w_{kj}^{(2)} \delta_k .$$",
        r"(1 - z_j^2) w_{kj}^{(2)} \delta_k .$$",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "every-index-written",
        ROWS,
        r"""
I never trust a transpose, so here is everything with indices: $n$ counts the $N$ examples, $i$ the features, $j$ the
hidden units and $k$ the outputs.

$$ z^{(1)}_{nj} = \sum_i x_{ni} W^{(1)}_{ij} + b^{(1)}_j, \quad a_{nj} = \sigma(z^{(1)}_{nj}), \quad
   z^{(2)}_{nk} = \sum_j a_{nj} W^{(2)}_{jk} + b^{(2)}_k $$

$$ J = \frac{1}{2N} \sum_n \sum_k (z^{(2)}_{nk} - y_{nk})^2 $$

Every entry of $z^{(2)}$ has its own error

$$ \delta^{(2)}_{nk} = \frac{\partial J}{\partial z^{(2)}_{nk}} = \frac{1}{N} (z^{(2)}_{nk} - y_{nk}) $$

and the hidden units have

$$ \delta^{(1)}_{nj} = \frac{\partial J}{\partial z^{(1)}_{nj}}
   = \Big( \sum_k \delta^{(2)}_{nk} W^{(2)}_{jk} \Big) \, a_{nj} (1 - a_{nj}) . $$

The gradients sum over the examples:

$$ \frac{\partial J}{\partial W^{(2)}_{jk}} = \sum_n \delta^{(2)}_{nk} a_{nj}, \qquad
   \frac{\partial J}{\partial W^{(1)}_{ij}} = \sum_n \delta^{(1)}_{nj} x_{ni} $$
""",
        r"\sum_k \delta^{(2)}_{nk} W^{(2)}_{jk} \Big)",
        r"\sum_k \delta^{(2)}_{nk} W^{(2)}_{kj} \Big)",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "weights-told-apart-by-letters",
        """
x: input(1, D)
t: target(1, K)
W1: parameter(D, H)
W2: parameter(H, K)
s = x @ W1
h = sigmoid(s)
u = h @ W2
o = sigmoid(u)
E = sum((t - o)**2) / 2
""",
        r"""
Inputs have the index $i$, hidden units $j$, outputs $k$. The weight from input $i$ to hidden unit $j$ is $w_{ij}$,
the weight from hidden unit $j$ to output $k$ is $w_{jk}$. The net inputs are $s_j = \sum_i w_{ij} x_i$ and
$u_k = \sum_j w_{jk} h_j$; all units are sigmoid, $h_j = \sigma(s_j)$, $o_k = \sigma(u_k)$. The error is

$$E = \frac{1}{2} \sum_k (t_k - o_k)^2.$$

The delta of an output unit:

$$\delta_k = \frac{\partial E}{\partial u_k} = -(t_k - o_k)\, o_k (1 - o_k)$$

The delta of a hidden unit:

$$\delta_j = \frac{\partial E}{\partial s_j} = h_j (1 - h_j) \sum_k w_{jk} \delta_k$$

Hence the weights have the gradients

$$\frac{\partial E}{\partial w_{jk}} = \delta_k h_j \quad \text{and} \quad \frac{\partial E}{\partial w_{ij}}
= \delta_j x_i.$$
""",
        r"= h_j (1 - h_j) \sum_k w_{jk} \delta_k$$",
        r"= \sum_k w_{jk} \delta_k$$",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "theta-of-the-course",
        """
X: input(m, n)
y: target(m, 1)
theta: parameter(n, 1)
h = X @ theta
J = sum((h - y)**2) / (2*m)
""",
        r"""
**Linear regression, gradient descent.** The hypothesis is $h_\theta(x) = \theta^T x = \sum_{j} \theta_j x_j$. The
cost function:
$$J(\theta) = \frac{1}{2m} \sum_{i=1}^{m} \left( h_\theta(x^{(i)}) - y^{(i)} \right)^2$$

We need its partial derivatives. By the chain rule
\begin{align*}
\frac{\partial}{\partial \theta_j} J(\theta)
 &= \frac{1}{2m} \sum_{i=1}^{m} 2 \left( h_\theta(x^{(i)}) - y^{(i)} \right)
    \frac{\partial}{\partial \theta_j} h_\theta(x^{(i)}) \\
 &= \frac{1}{m} \sum_{i=1}^{m} \left( h_\theta(x^{(i)}) - y^{(i)} \right) x_j^{(i)}
\end{align*}
because $\frac{\partial}{\partial \theta_j} h_\theta(x^{(i)}) = x_j^{(i)}$. In vectorised form the whole gradient is
$$\nabla_\theta J = \frac{1}{m} X^T (X\theta - y).$$
""",
        r"\left( h_\theta(x^{(i)}) - y^{(i)} \right) x_j^{(i)}",
        r"\left( h_\theta(x^{(i)}) - y^{(i)} \right)",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "all-in-one-sum",
        ROWS,
        r"""
Question: what is the derivative of $J$ by one single weight of the first layer?

The output is $o_{nk} = \sum_j f(s_{nj}) W_{2,jk} + b_{2,k}$ where $s_{nj} = \sum_i x_{ni} W_{1,ij} + b_{1,j}$, and
$J = \frac{1}{2N}\sum_{n,k} (o_{nk} - y_{nk})^2$, with the logistic $f$, so that $f'(s) = f(s)(1 - f(s))$.

Answer: the weight $W_{1,ij}$ acts on all outputs $k$ of all examples $n$, through unit $j$.

$$\frac{\partial o_{nk}}{\partial s_{nj}} = f'(s_{nj}) \, W_{2,jk}$$

$$\frac{\partial J}{\partial W_{1,ij}}
= \frac{1}{N} \sum_{n=1}^N \sum_{k=1}^K (o_{nk} - y_{nk}) \, W_{2,jk} \, f'(s_{nj}) \, x_{ni}$$

and likewise

$$\frac{\partial J}{\partial b_{1,j}}
= \frac{1}{N} \sum_{n=1}^N \sum_{k=1}^K (o_{nk} - y_{nk}) \, W_{2,jk} \, f'(s_{nj})$$
""",
        r"\, W_{2,jk} \, f'(s_{nj}) \, x_{ni}$$",
        r"\, W_{2,jk} \, f(s_{nj}) \, x_{ni}$$",
        (Kind.FUNCTION_FOR_DERIVATIVE,),
    ),
    Case(
        "kronecker",
        """
X: input(N, D)
t: target(N, K)
W: parameter(D, K)
b: parameter(1, K)
z = X @ W + b
y = tanh(z)
L = sum((y - t)**2) / 2
""",
        r"""
A layer of tanh units, for one example: $z_k = \sum_i W_{ki} x_i + b_k$ and $y_k = \tanh z_k$. Its loss is
$L = \frac12 \sum_k (y_k - t_k)^2$. We use the Kronecker symbol, $\delta_{kj} = 1$ if $k = j$ and $0$ otherwise.

$$ \cfrac{\partial y_k}{\partial z_j} = \delta_{kj} (1 - y_k^2) $$

$$ \cfrac{\partial z_k}{\partial W_{ji}} = \delta_{kj} x_i $$

$$ \cfrac{\partial L}{\partial z_j} = \sum_k (y_k - t_k) \, \delta_{kj} (1 - y_k^2) = (y_j - t_j) (1 - y_j^2) $$

$$ \cfrac{\partial L}{\partial W_{ji}} = \sum_k \cfrac{\partial L}{\partial z_k} \cfrac{\partial z_k}{\partial W_{ji}}
   = (y_j - t_j) (1 - y_j^2) \, x_i $$
""",
        r"= (y_j - t_j) (1 - y_j^2) \, x_i $$",
        r"= (y_j - t_j) (1 - y_j)^2 \, x_i $$",
        (Kind.FUNCTION,),
    ),
    Case(
        "recursion-over-layers",
        """
X: input(N, D)
y: target(N, K)
W1: parameter(D, H)
W2: parameter(H, M)
W3: parameter(M, K)
z1 = X @ W1
a1 = sigmoid(z1)
z2 = a1 @ W2
a2 = sigmoid(z2)
z3 = a2 @ W3
a3 = sigmoid(z3)
J = sum((a3 - y)**2) / 2
""",
        r"""
For a network of $L = 3$ layers, and for one example, let $a^{(0)} = x$ and

\[ z_j^{(l)} = \sum_i a_i^{(l-1)} W_{ij}^{(l)}, \qquad a_j^{(l)} = f(z_j^{(l)}), \qquad J
= \frac12 \sum_j (a_j^{(L)} - y_j)^2 . \]

Denote \(\delta_j^{(l)} = \partial J / \partial z_j^{(l)}\). The last layer has

\[ \delta_j^{(L)} = (a_j^{(L)} - y_j) \, f'(z_j^{(L)}) \]

and the other layers $l < L$ have

\[ \delta_j^{(l)} = f'(z_j^{(l)}) \sum_k W_{jk}^{(l+1)} \delta_k^{(l+1)} . \]

With them every partial derivative is a product of two numbers:

\[ \frac{\partial J}{\partial W_{ij}^{(l)}} = a_i^{(l-1)} \delta_j^{(l)} . \]
""",
        r"\sum_k W_{jk}^{(l+1)} \delta_k^{(l+1)} . \]",
        r"\sum_k W_{jk}^{(l)} \delta_k^{(l+1)} . \]",
        (Kind.QUANTITY,),
    ),
    Case(
        "bias-of-a-batch",
        ROWS,
        r"""
We abbreviate $e_{nk} = z^{(2)}_{nk} - y_{nk}$, so $J = \frac{1}{2N} \sum_{n,k} e_{nk}^2$, with
$z^{(2)} = a^{(1)} W^{(2)} + b^{(2)}$, $a^{(1)} = \sigma(z^{(1)})$, $z^{(1)} = X W^{(1)} + b^{(1)}$.

A bias is a weight whose input is always $1$:
\begin{equation}
\frac{\partial J}{\partial b^{(2)}_k} = \frac{1}{N} \sum_{n=1}^{N} e_{nk}
\end{equation}

Let $g_{nj}$ be the derivative of $J$ by $z^{(1)}_{nj}$,
\begin{equation}
g_{nj} = \frac{1}{N} \, \sigma'(z^{(1)}_{nj}) \sum_{k} e_{nk} W^{(2)}_{jk} .
\end{equation}
Then
\begin{equation}
\frac{\partial J}{\partial b^{(1)}_j} = \sum_{n=1}^{N} g_{nj}
\quad \text{and} \quad
\frac{\partial J}{\partial W^{(1)}_{ij}} = \sum_{n=1}^{N} x_{ni} \, g_{nj} .
\end{equation}
""",
        r"= \frac{1}{N} \sum_{n=1}^{N} e_{nk}",
        r"= \frac{1}{N} e_{nk}",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "ratings",
        """
R: input(U, I)
P: parameter(U, F)
Q: parameter(I, F)
E = R - P @ Q.T
J = sum(E**2) / 2
""",
        r"""
# Matrix factorization

The rating of user $u$ for item $i$ is approximated by $\hat r_{ui} = \sum_f p_{uf} q_{if}$. The error is
$e_{ui} = r_{ui} - \hat r_{ui}$ and we minimise

$$ J = \frac{1}{2} \sum_{u} \sum_{i} e_{ui}^2 . $$

The derivatives of an error are $\frac{\partial e_{ui}}{\partial p_{uf}} = -q_{if}$ and
$\frac{\partial e_{ui}}{\partial q_{if}} = -p_{uf}$, so that

$$ \frac{\partial J}{\partial p_{uf}} = -\sum_i e_{ui} \, q_{if}, \qquad
   \frac{\partial J}{\partial q_{if}} = -\sum_u e_{ui} \, p_{uf} . $$

In matrices: $\frac{\partial J}{\partial P} = -E Q$ and $\frac{\partial J}{\partial Q} = -E^\top P$.
""",
        r"\frac{\partial J}{\partial q_{if}} = -\sum_u",
        r"\frac{\partial J}{\partial q_{if}} = \sum_u",
        (Kind.SIGN,),
    ),
    Case(
        "gradient-of-a-mean",
        """
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
c: parameter(1, 1)
p = sigmoid(X @ w + c)
J = mean((p - y)**2)
""",
        r"""
Least squares with a logistic curve: $p_n = \sigma(s_n)$, where $s_n = \sum_d x_{nd} w_d + c$.

$$J = \frac{1}{N}\sum_{n=1}^N (p_n - y_n)^2$$
$$\frac{\partial J}{\partial p_n} = \frac{2}{N}(p_n - y_n), \quad \frac{\partial p_n}{\partial s_n} = p_n(1-p_n), \quad
\frac{\partial s_n}{\partial w_d} = x_{nd}$$
$$\frac{\partial J}{\partial w_d} = \frac{2}{N}\sum_{n=1}^N (p_n - y_n)\,p_n(1-p_n)\,x_{nd}$$
$$\frac{\partial J}{\partial c} = \frac{2}{N}\sum_{n=1}^N (p_n - y_n)\,p_n(1-p_n)$$
""",
        r"\frac{\partial J}{\partial c} = \frac{2}{N}\sum",
        r"\frac{\partial J}{\partial c} = \frac{N}{2}\sum",
        (Kind.NUMBER,),
    ),
]
