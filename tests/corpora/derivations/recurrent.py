"""Recurrent networks over two or three steps: backpropagation through time."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

LAST = """
X1: input(N, D)
X2: input(N, D)
X3: input(N, D)
Y: target(N, K)
h0: input(N, H)
Wx: parameter(D, H)
Wh: parameter(H, H)
b: parameter(1, H)
Wy: parameter(H, K)
z1 = X1 @ Wx + h0 @ Wh + b
h1 = tanh(z1)
z2 = X2 @ Wx + h1 @ Wh + b
h2 = tanh(z2)
z3 = X3 @ Wx + h2 @ Wh + b
h3 = tanh(z3)
yhat = h3 @ Wy
J = sum((yhat - Y)**2) / 2
"""

EACH = """
x1: input(D, 1)
x2: input(D, 1)
x3: input(D, 1)
y1: target(K, 1)
y2: target(K, 1)
y3: target(K, 1)
h0: input(H, 1)
Wxh: parameter(H, D)
Whh: parameter(H, H)
bh: parameter(H, 1)
Why: parameter(K, H)
by: parameter(K, 1)
a1 = Wxh @ x1 + Whh @ h0 + bh
h1 = tanh(a1)
o1 = Why @ h1 + by
a2 = Wxh @ x2 + Whh @ h1 + bh
h2 = tanh(a2)
o2 = Why @ h2 + by
a3 = Wxh @ x3 + Whh @ h2 + bh
h3 = tanh(a3)
o3 = Why @ h3 + by
L = sum((o1 - y1)**2) / 2 + sum((o2 - y2)**2) / 2 + sum((o3 - y3)**2) / 2
"""

CASES = [
    Case(
        "many-to-one",
        LAST,
        r"""
## BPTT for a many-to-one network

The same weights are used in all of the $T = 3$ steps (rows are examples):

$$z_t = X_t W_x + h_{t-1} W_h + b, \qquad h_t = \tanh(z_t), \qquad t = 1, 2, 3$$

Only the last state is read, $\hat{y} = h_3 W_y$, and $J = \frac{1}{2} \sum (\hat{y} - Y)^2$.

Let $\delta_t = \frac{\partial J}{\partial z_t}$. At the end of time

$$\delta_3 = (\hat{y} - Y) W_y^\top \odot (1 - h_3 \odot h_3)$$

and one step earlier, for $t = 2, 1$,

$$\delta_t = \delta_{t+1} W_h^\top \odot (1 - h_t \odot h_t).$$

The weights are shared, so their gradients are sums over time:

$$\frac{\partial J}{\partial W_x} = \sum_{t=1}^{3} X_t^\top \delta_t, \qquad
\frac{\partial J}{\partial W_h} = \sum_{t=1}^{3} h_{t-1}^\top \delta_t, \qquad
\frac{\partial J}{\partial b} = \sum_{t=1}^{3} \mathbf{1}^\top \delta_t$$

and, without any sum over time, $\frac{\partial J}{\partial W_y} = h_3^\top (\hat{y} - Y)$.
""",
        r"\frac{\partial J}{\partial W_x} = \sum_{t=1}^{3} X_t^\top \delta_t",
        r"\frac{\partial J}{\partial W_x} = X_t^\top \delta_t",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "cost-at-each-step",
        EACH,
        r"""
Every step has an output $o_t = W_{hy} h_t + b_y$ and a loss $L_t = \frac12 \|o_t - y_t\|^2$; the total is
$L = L_1 + L_2 + L_3$. The state is $h_t = \tanh(a_t)$, $a_t = W_{xh} x_t + W_{hh} h_{t-1} + b_h$.

Error of the outputs:
$$ \frac{\partial L}{\partial o_t} = o_t - y_t $$

The last state $h_3$ acts on its output only, but $h_1$ and $h_2$ also act on the next state. For $t < 3$:
$$ \frac{\partial L}{\partial h_t}
   = W_{hy}^T \frac{\partial L}{\partial o_t} + W_{hh}^T \frac{\partial L}{\partial a_{t+1}} $$
while
$$ \frac{\partial L}{\partial h_3} = W_{hy}^T \frac{\partial L}{\partial o_3} . $$

Through the tanh:
$$ \frac{\partial L}{\partial a_t} = \left( 1 - h_t^2 \right) \odot \frac{\partial L}{\partial h_t} $$

Finally the parameters:
$$ \frac{\partial L}{\partial W_{xh}} = \sum_t \frac{\partial L}{\partial a_t} x_t^T \qquad
   \frac{\partial L}{\partial W_{hh}} = \sum_t \frac{\partial L}{\partial a_t} h_{t-1}^T \qquad
   \frac{\partial L}{\partial W_{hy}} = \sum_t \frac{\partial L}{\partial o_t} h_t^T $$
$$ \frac{\partial L}{\partial b_h} = \sum_t \frac{\partial L}{\partial a_t} \qquad
   \frac{\partial L}{\partial b_y} = \sum_t \frac{\partial L}{\partial o_t} $$
""",
        r"W_{hy}^T \frac{\partial L}{\partial o_t} + W_{hh}^T \frac{\partial L}{\partial a_{t+1}} $$",
        r"W_{hh}^T \frac{\partial L}{\partial a_{t+1}} $$",
        (Kind.MISSING_TERM,),
    ),
    Case(
        "jacobians-through-time",
        EACH,
        r"""
**Vanishing gradients.** Write the network as
\begin{align}
h_t &= \tanh(W_{hh} h_{t-1} + W_{xh} x_t + b_h), \\
o_t &= W_{hy} h_t + b_y .
\end{align}
The Jacobian matrix of one step (numerator layout) is
\begin{equation}
\frac{\partial h_t}{\partial h_{t-1}} = \mathrm{diag}\left(1 - h_t \odot h_t\right) W_{hh},
\end{equation}
and that of two steps is the product
\begin{equation}
\frac{\partial h_3}{\partial h_1} = \frac{\partial h_3}{\partial h_2} \frac{\partial h_2}{\partial h_1}
= \mathrm{diag}\left(1 - h_3 \odot h_3\right) W_{hh} \, \mathrm{diag}\left(1 - h_2 \odot h_2\right) W_{hh} .
\end{equation}
The error $e_3 = o_3 - y_3$ of the last step, say $L_3 = \frac{1}{2} \|e_3\|^2$, therefore reaches $h_1$ as
\begin{equation}
\frac{\partial L_3}{\partial h_1} = e_3^T \, W_{hy} \, \frac{\partial h_3}{\partial h_2} \,
\frac{\partial h_2}{\partial h_1} .
\end{equation}
If the largest singular value of $W_{hh}$ is below one, it shrinks with each step.
""",
        r"\frac{\partial h_t}{\partial h_{t-1}} = \mathrm{diag}\left(1 - h_t \odot h_t\right) W_{hh},",
        r"\frac{\partial h_t}{\partial h_{t-1}} = W_{hh} \, \mathrm{diag}\left(1 - h_t \odot h_t\right),",
        (Kind.ORDER,),
    ),
    Case(
        "one-unit-two-steps",
        """
x1: input(1, 1)
x2: input(1, 1)
y: target(1, 1)
h0: input(1, 1)
w: parameter(1, 1)
u: parameter(1, 1)
h1 = tanh(w * x1 + u * h0)
h2 = tanh(w * x2 + u * h1)
J = (h2 - y)**2 / 2
""",
        r"""
A recurrent network of a single unit makes the point. With

$$ h_1 = \tanh(w x_1 + u h_0), \qquad h_2 = \tanh(w x_2 + u h_1), \qquad J = \tfrac{1}{2} (h_2 - y)^2 $$

the derivative by the recurrent weight $u$ is

$$ \frac{dJ}{du} = (h_2 - y) \, \frac{dh_2}{du} . $$

Here $u$ stands twice in $h_2$: openly, and hidden in $h_1$. By the product rule

$$ \frac{dh_2}{du} = (1 - h_2^2) \left( h_1 + u \, \frac{dh_1}{du} \right), \qquad
   \frac{dh_1}{du} = (1 - h_1^2) \, h_0 , $$

all in all

$$ \frac{dJ}{du} = (h_2 - y) (1 - h_2^2) \left( h_1 + u (1 - h_1^2) h_0 \right) . $$

In the same way

$$ \frac{dJ}{dw} = (h_2 - y) (1 - h_2^2) \left( x_2 + u (1 - h_1^2) x_1 \right) . $$
""",
        r"\left( x_2 + u (1 - h_1^2) x_1 \right) . $$",
        r"\left( x_2 + (1 - h_1^2) x_1 \right) . $$",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "linear-recurrence",
        """
x1: input(N, 1)
x2: input(N, 1)
x3: input(N, 1)
t: target(N, 1)
s0: input(N, 1)
v: parameter(1, 1)
w: parameter(1, 1)
s1 = x1 * v + s0 * w
s2 = x2 * v + s1 * w
s3 = x3 * v + s2 * w
C = sum((s3 - t)**2) / N
""",
        r"""
The recurrence $s_k = x_k \, v + s_{k-1} \, w$ is linear, and both weights are plain numbers. After $n = 3$ steps the
output is $s_3$, which the mean squared error compares with the targets:
$C = \frac{1}{N} \sum_{i=1}^{N} (s_{3,i} - t_i)^2$.

$$\frac{\partial C}{\partial s_3} = \frac{2}{N} (s_3 - t)$$

The gradient goes backwards with
$$\frac{\partial C}{\partial s_{k-1}} = \frac{\partial C}{\partial s_k} \, \frac{\partial s_k}{\partial s_{k-1}}
= \frac{\partial C}{\partial s_k} \, w$$

and is accumulated, over the steps and over the examples:
$$\frac{\partial C}{\partial v} = \sum_{k=1}^{3} \sum_{i=1}^{N} \frac{\partial C}{\partial s_{k,i}} \, x_{k,i}$$
$$\frac{\partial C}{\partial w} = \sum_{k=1}^{3} \sum_{i=1}^{N} \frac{\partial C}{\partial s_{k,i}} \, s_{k-1,i}$$
""",
        r"\frac{\partial C}{\partial s_{k,i}} \, s_{k-1,i}$$",
        r"\frac{\partial C}{\partial s_{k,i}} \, s_{k,i}$$",
        (Kind.QUANTITY,),
    ),
    Case(
        "initial-state-too",
        """
X1: input(N, D)
X2: input(N, D)
Y1: target(N, K)
Y2: target(N, K)
h0: parameter(N, H)
U: parameter(D, H)
W: parameter(H, H)
V: parameter(H, K)
s1 = X1 @ U + h0 @ W
h1 = sigmoid(s1)
s2 = X2 @ U + h1 @ W
h2 = sigmoid(s2)
J = sum((h1 @ V - Y1)**2) / 2 + sum((h2 @ V - Y2)**2) / 2
""",
        r"""
Two steps, written out. Let $E_1 = h_1 V - Y_1$ and $E_2 = h_2 V - Y_2$ be the errors,
$J = \frac12 \sum E_1^2 + \frac12 \sum E_2^2$, and $h_k = \sigma(s_k)$ with $s_k = X_k U + h_{k-1} W$.

\begin{gather*}
\nabla_{h_2} J = E_2 V^\top \\
\nabla_{s_2} J = \nabla_{h_2} J \circ h_2 \circ (1 - h_2) \\
\nabla_{h_1} J = E_1 V^\top + \nabla_{s_2} J \, W^\top \\
\nabla_{s_1} J = \nabla_{h_1} J \circ h_1 \circ (1 - h_1) \\
\nabla_{h_0} J = \nabla_{s_1} J \, W^\top
\end{gather*}

The initial state is learnt as well, which is why we need the last line. The weights collect both steps:

\begin{gather*}
\nabla_V J = h_1^\top E_1 + h_2^\top E_2 \\
\nabla_W J = h_0^\top \nabla_{s_1} J + h_1^\top \nabla_{s_2} J \\
\nabla_U J = X_1^\top \nabla_{s_1} J + X_2^\top \nabla_{s_2} J
\end{gather*}
""",
        r"\nabla_{h_0} J = \nabla_{s_1} J \, W^\top",
        r"\nabla_{h_0} J = E_1 V^\top + \nabla_{s_1} J \, W^\top",
        (Kind.EXTRA_TERM,),
    ),
    Case(
        "columns-over-time",
        """
X1: input(D, N)
X2: input(D, N)
Y: target(K, N)
H0: input(H, N)
U: parameter(H, D)
W: parameter(H, H)
V: parameter(K, H)
A1 = U @ X1 + W @ H0
H1 = relu(A1)
A2 = U @ X2 + W @ H1
H2 = relu(A2)
O = V @ H2
J = sum((O - Y)**2) / (2*N)
""",
        r"""
Consider ReLU units, $H_t = \mathrm{ReLU}(A_t)$ and $A_t = U X_t + W H_{t-1}$, for $t = 1, 2$, with
$O = V H_2$ and $J = \frac{1}{2N} \lVert O - Y \rVert^2_F$. With $G_t = \frac{\partial J}{\partial A_t}$

$$ G_2 = \frac{1}{N} \left( V^{\mathsf T} (O - Y) \right) \odot \mathbf{1}[A_2 > 0] $$

$$ G_1 = \left( W^{\mathsf T} G_2 \right) \odot \mathbf{1}[A_1 > 0] $$

$$ \frac{\partial J}{\partial V} = \frac{1}{N} (O - Y) H_2^{\mathsf T}, \quad
   \frac{\partial J}{\partial W} = G_1 H_0^{\mathsf T} + G_2 H_1^{\mathsf T}, \quad
   \frac{\partial J}{\partial U} = G_1 X_1^{\mathsf T} + G_2 X_2^{\mathsf T} $$
""",
        r"G_1 = \left( W^{\mathsf T} G_2 \right)",
        r"G_1 = \left( W G_2 \right)",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "a-gate",
        """
X: input(N, D)
h: input(N, H)
y: target(N, H)
Wu: parameter(D, H)
Wg: parameter(D, H)
au = X @ Wu
u = sigmoid(au)
ag = X @ Wg
g = tanh(ag)
s = u * h + (1 - u) * g
J = sum((s - y)**2) / 2
""",
        r"""
One step of a gated unit. The gate $u = \sigma(a_u)$, $a_u = X W_u$, mixes the old state $h$ with the candidate
$g = \tanh(a_g)$, $a_g = X W_g$:

$$ s = u \odot h + (1 - u) \odot g, \qquad J = \frac12 \sum (s - y)^2 $$

Gradient of the new state: $\frac{\partial J}{\partial s} = s - y$. It splits into

$$ \frac{\partial J}{\partial u} = \frac{\partial J}{\partial s} \odot (h - g), \qquad
   \frac{\partial J}{\partial g} = \frac{\partial J}{\partial s} \odot (1 - u) $$

$$ \frac{\partial J}{\partial a_u} = \frac{\partial J}{\partial u} \odot u \odot (1 - u), \qquad
   \frac{\partial J}{\partial a_g} = \frac{\partial J}{\partial g} \odot (1 - g^2) $$

and both weight matrices see the same input:

$$ \frac{\partial J}{\partial W_u} = X^\top \frac{\partial J}{\partial a_u}, \qquad
   \frac{\partial J}{\partial W_g} = X^\top \frac{\partial J}{\partial a_g} $$
""",
        r"s = u \odot h + (1 - u) \odot g",
        r"s = u \odot h - (1 - u) \odot g",
        (Kind.SIGN,),
    ),
]
