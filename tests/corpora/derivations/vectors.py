"""One example at a time: column vectors, and single neurons."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

ONE = """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
z1 = X @ W1 + b1
a1 = sigmoid(z1)
z2 = a1 @ W2 + b2
a2 = sigmoid(z2)
C = sum((Y - a2)**2) / 2
"""

MANY = """
X: input(N, D)
Y: target(N, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
z1 = X @ W1 + b1
a1 = tanh(z1)
z2 = a1 @ W2 + b2
J = sum((z2 - Y)**2) / 2
"""

NEURON = """
x: input(D, 1)
t: target(1, 1)
w: parameter(D, 1)
b: parameter(1, 1)
net = w.T @ x + b
o = sigmoid(net)
E = (t - o)**2 / 2
"""

CASES = [
    Case(
        "four-equations",
        ONE,
        r"""
## The four fundamental equations

The activations are $a^0 = x$ and $a^l = \sigma(z^l)$ with $z^l = w^l a^{l-1} + b^l$, up to $L = 2$. The quadratic cost
for one example is $C = \frac{1}{2} \|y - a^L\|^2 = \frac{1}{2} \sum_j (y_j - a^L_j)^2$. We define the error of neuron
$j$ in layer $l$ by
\begin{eqnarray}
  \delta^l_j \equiv \frac{\partial C}{\partial z^l_j}.
\end{eqnarray}

An equation for the error in the output layer:
\begin{eqnarray}
  \delta^L = (a^L - y) \odot \sigma'(z^L) \tag{BP1}
\end{eqnarray}
An equation for the error $\delta^l$ in terms of the error in the next layer:
\begin{eqnarray}
  \delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l) \tag{BP2}
\end{eqnarray}
The rate of change of the cost with respect to any bias:
\begin{eqnarray}
  \frac{\partial C}{\partial b^l_j} = \delta^l_j \tag{BP3}
\end{eqnarray}
and with respect to any weight:
\begin{eqnarray}
  \frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j \tag{BP4}
\end{eqnarray}
""",
        r"= a^{l-1}_k \delta^l_j",
        r"= a^l_k \delta^l_j",
        (Kind.QUANTITY,),
    ),
    Case(
        "one-logistic-neuron",
        NEURON,
        r"""
Consider a single neuron with output $o = \sigma(net)$, where $net = \sum_i w_i x_i + b$. For the target $t$ the squared
error is
$$E = \tfrac{1}{2}(t - o)^2$$

The derivative of the error with respect to a weight is found by applying the chain rule twice:
$$\frac{\partial E}{\partial w_i} = \frac{\partial E}{\partial o} \, \frac{\partial o}{\partial net} \,
\frac{\partial net}{\partial w_i}$$

The three factors are
$$\frac{\partial E}{\partial o} = -(t - o), \qquad
\frac{\partial o}{\partial net} = o(1 - o), \qquad
\frac{\partial net}{\partial w_i} = x_i$$

and together
$$\frac{\partial E}{\partial w_i} = -(t - o) \, o \, (1 - o) \, x_i$$

With the abbreviation $\delta = (o - t)\,o\,(1 - o)$ this is $\frac{\partial E}{\partial w_i} = \delta\, x_i$, and for
the bias
$\frac{\partial E}{\partial b} = \delta$.
""",
        r"\frac{\partial o}{\partial net} = o(1 - o)",
        r"\frac{\partial o}{\partial net} = o(1 + o)",
        (Kind.SIGN,),
    ),
    Case(
        "adaline-with-sigmoid",
        NEURON,
        r"""
**Delta rule.** A unit computes $o = f(net)$ from $net = w^\top x + b$, with $f(u) = 1/(1+e^{-u})$. Minimise
$E = \frac{1}{2}(t-o)^2$ by moving $w$ against the gradient.

\[ \nabla_w E = \frac{dE}{do} \cdot \frac{do}{d\,net} \cdot \nabla_w\, net = -(t - o) \cdot f'(net) \cdot x \]

\[ \frac{dE}{db} = -(t - o) \cdot f'(net) \]

where \( f'(net) = f(net)\,(1 - f(net)) \). If the unit is right already, nothing changes.
""",
        r"= -(t - o) \cdot f'(net) \cdot x \]",
        r"= -(t - o) \cdot f(net) \cdot x \]",
        (Kind.FUNCTION_FOR_DERIVATIVE,),
    ),
    Case(
        "one-example-of-the-batch",
        MANY,
        r"""
For one example, let $x$ be its column of features and $y$ the column of its targets. (The code keeps examples in
rows; here the matrices are transposed, such that they stand in front of the vectors.) The network is

$$ z_1 = W_1 x + b_1, \quad a_1 = \tanh(z_1), \quad z_2 = W_2 a_1 + b_2, \quad J = \tfrac12 \| z_2 - y \|^2 . $$

**Output.** $\delta_2 = \nabla_{z_2} J = z_2 - y$.

**Weights of the output.** $\nabla_{W_2} J = \delta_2 a_1^\top$ and $\nabla_{b_2} J = \delta_2$.

**Hidden layer.** Each hidden unit reaches all the outputs, which is what the matrix product sums up:

$$ \delta_1 = \nabla_{z_1} J = \left( W_2^\top \delta_2 \right) \odot \left( 1 - a_1^2 \right) $$

**Weights of the hidden layer.** $\nabla_{W_1} J = \delta_1 x^\top$ and $\nabla_{b_1} J = \delta_1$.
""",
        r"\left( W_2^\top \delta_2 \right)",
        r"\left( \delta_2 W_2^\top \right)",
        (Kind.ORDER,),
    ),
    Case(
        "outer-products",
        ONE,
        r"""
Exercise: write down backprop for a sigmoid network with one hidden layer in vector form, for one example with the
features $x$ and the targets $y$ (columns).

Forward: $z^{[1]} = W^{[1]} x + b^{[1]}$, $a^{[1]} = \sigma(z^{[1]})$, $z^{[2]} = W^{[2]} a^{[1]} + b^{[2]}$,
$a^{[2]} = \sigma(z^{[2]})$.

Backward:

$$ dz^{[2]} = (a^{[2]} - y) * a^{[2]} * (1 - a^{[2]}) $$
$$ dW^{[2]} = dz^{[2]} \, a^{[1]T} $$
$$ db^{[2]} = dz^{[2]} $$
$$ dz^{[1]} = W^{[2]T} dz^{[2]} * a^{[1]} * (1 - a^{[1]}) $$
$$ dW^{[1]} = dz^{[1]} \, x^T $$
$$ db^{[1]} = dz^{[1]} $$

Check of the shapes: $dW^{[1]}$ is an outer product, $(n_h, 1) \times (1, n_x) = (n_h, n_x)$.
""",
        r"dW^{[1]} = dz^{[1]} \, x^T $$",
        r"dW^{[1]} = dz^{[1]} * x $$",
        (Kind.PRODUCT, Kind.TRANSPOSE),
    ),
    Case(
        "a-chain-of-single-neurons",
        """
x: input(1, 1)
y: target(1, 1)
w1: parameter(1, 1)
b1: parameter(1, 1)
w2: parameter(1, 1)
b2: parameter(1, 1)
z1 = w1 * x + b1
a1 = sigmoid(z1)
z2 = w2 * a1 + b2
a2 = sigmoid(z2)
C = (a2 - y)**2
""",
        r"""
The simplest network has one neuron per layer. Let $L = 2$ be the last layer, and

$$z^{(L)} = w^{(L)} a^{(L-1)} + b^{(L)}, \qquad a^{(L)} = \sigma(z^{(L)}), \qquad C = (a^{(L)} - y)^2.$$

How sensitive is the cost to the last weight? Multiply the ratios together:

$$\frac{\partial C}{\partial w^{(L)}} = \frac{\partial z^{(L)}}{\partial w^{(L)}}
\frac{\partial a^{(L)}}{\partial z^{(L)}} \frac{\partial C}{\partial a^{(L)}}$$

$$\frac{\partial C}{\partial a^{(L)}} = 2(a^{(L)} - y) \qquad
\frac{\partial a^{(L)}}{\partial z^{(L)}} = \sigma'(z^{(L)}) \qquad
\frac{\partial z^{(L)}}{\partial w^{(L)}} = a^{(L-1)}$$

$$\frac{\partial C}{\partial w^{(L)}} = a^{(L-1)} \sigma'(z^{(L)}) 2(a^{(L)} - y)$$

And to the activation before it, through which everything earlier acts:

$$\frac{\partial C}{\partial a^{(L-1)}} = w^{(L)} \sigma'(z^{(L)}) 2(a^{(L)} - y)$$
""",
        r"z^{(L)} = w^{(L)} a^{(L-1)} + b^{(L)}",
        r"z^{(L)} = w^{(L)} a^{(L)} + b^{(L)}",
        (Kind.QUANTITY,),
    ),
    Case(
        "jacobians",
        """
x: input(D, 1)
y: target(K, 1)
W1: parameter(H, D)
W2: parameter(K, H)
z1 = W1 @ x
h = tanh(z1)
s = W2 @ h
J = sum((s - y)**2) / 2
""",
        r"""
In the numerator layout the derivative of a scalar by a column is a row, and the chain rule is a product of Jacobian
matrices from the left to the right. For $z_1 = W_1 x$, $h = \tanh(z_1)$, $s = W_2 h$ and $J = \frac12 \|s - y\|^2$:

$$ \frac{\partial J}{\partial s} = (s - y)^T, \qquad \frac{\partial s}{\partial h} = W_2, \qquad
\frac{\partial h}{\partial z_1} = \operatorname{diag}\left(1 - h \odot h\right) $$

$$ \frac{\partial J}{\partial z_1} = \frac{\partial J}{\partial s} \frac{\partial s}{\partial h}
\frac{\partial h}{\partial z_1} = (s - y)^T \, W_2 \, \operatorname{diag}\left(1 - h \odot h\right) $$

As a column, with the shape of $z_1$ itself, this is the well-known

$$ \delta_1 = W_2^T (s - y) \odot (1 - h \odot h) $$
""",
        r"(s - y)^T \, W_2 \, \operatorname{diag}\left(1 - h \odot h\right) $$",
        r"(s - y)^T \, \operatorname{diag}\left(1 - h \odot h\right) \, W_2 $$",
        (Kind.ORDER,),
    ),
    Case(
        "gradient-of-the-input",
        """
x: parameter(D, 1)
t: target(K, 1)
W: parameter(H, D)
V: parameter(K, H)
S: parameter(K, D)
a = W @ x
h = relu(a)
o = V @ h + S @ x
L = sum((o - t)**2) / 2
""",
        r"""
To construct an adversarial example we need the gradient of the loss $\ell = \frac{1}{2} \sum_k (o_k - t_k)^2$ by the
*input*. Our network has a linear short cut $S$ from the input to the output:

$$ a = W x, \qquad h = \mathrm{ReLU}(a), \qquad o = V h + S x . $$

With $\delta_o = o - t$ the hidden layer gets

$$ \delta_a = (V^{\mathsf T} \delta_o) \odot \mathbb{1}[a > 0] . $$

The input is used by the hidden layer and by the short cut, therefore

$$ \frac{\partial \ell}{\partial x} = W^{\mathsf T} \delta_a + S^{\mathsf T} \delta_o . $$

For completeness, the gradients by the weights are
$\frac{\partial \ell}{\partial W} = \delta_a x^{\mathsf T}$,
$\frac{\partial \ell}{\partial V} = \delta_o h^{\mathsf T}$ and
$\frac{\partial \ell}{\partial S} = \delta_o x^{\mathsf T}$.
""",
        r"= W^{\mathsf T} \delta_a + S^{\mathsf T} \delta_o .",
        r"= W^{\mathsf T} \delta_a .",
        (Kind.MISSING_TERM,),
    ),
    Case(
        "average-of-outer-products",
        """
X: input(D, N)
Y: target(K, N)
W1: parameter(H, D)
W2: parameter(K, H)
Z = W1 @ X
H1 = sigmoid(Z)
O = W2 @ H1
J = sum((O - Y)**2) / (2*N)
""",
        r"""
The training set has the examples $x^{(i)}$ with targets $y^{(i)}$, $i = 1, \dots, N$. For each of them

\begin{align*}
z^{(i)} &= W_1 x^{(i)}, & h^{(i)} &= \sigma(z^{(i)}), & o^{(i)} &= W_2 h^{(i)},
\end{align*}

and $J = \frac{1}{2N} \sum_{i=1}^{N} \| o^{(i)} - y^{(i)} \|^2$. Let $e^{(i)} = o^{(i)} - y^{(i)}$ and

$$ d^{(i)} = \left( W_2^\top e^{(i)} \right) \odot h^{(i)} \odot \left( 1 - h^{(i)} \right) . $$

Every example contributes an outer product to each of the gradients:

\begin{align*}
\frac{\partial J}{\partial W_2} &= \frac{1}{N} \sum_{i=1}^{N} e^{(i)} h^{(i)\top} \\
\frac{\partial J}{\partial W_1} &= \frac{1}{N} \sum_{i=1}^{N} d^{(i)} x^{(i)\top}
\end{align*}
""",
        r"\frac{1}{N} \sum_{i=1}^{N} d^{(i)} x^{(i)\top}",
        r"\frac{1}{N} d^{(i)} x^{(i)\top}",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "squared-length-of-the-error",
        """
x: input(D, 1)
y: target(K, 1)
W: parameter(K, D)
b: parameter(K, 1)
z = W @ x + b
p = sigmoid(z)
J = sum((p - y)**2)
""",
        r"""
Let $p = \sigma(Wx + b)$ and $J = \|p - y\|_2^2 = (p - y)^T (p - y)$. Write $z = Wx + b$. Then

$$\frac{\partial J}{\partial p} = 2(p - y)$$
$$\frac{\partial J}{\partial z} = \frac{\partial J}{\partial p} \odot p \odot (1 - p)
= 2 (p - y) \odot p \odot (1 - p)$$
$$\frac{\partial J}{\partial W} = \frac{\partial J}{\partial z} \, x^T, \qquad \frac{\partial J}{\partial b} =
\frac{\partial J}{\partial z}$$
""",
        r"= 2 (p - y) \odot p \odot (1 - p)$$",
        r"= \frac{1}{2} (p - y) \odot p \odot (1 - p)$$",
        (Kind.NUMBER,),
    ),
]
