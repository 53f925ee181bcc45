"""What people write beside formulas: arguments of quantities, numbers of an example, remarks, conditions."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

CASES = [
    Case(
        "quantities-with-their-arguments",
        """
X: input(N, D)
T: target(N, K)
W: parameter(D, K)
V = X @ W
O = sigmoid(V)
E = sum((O - T)**2) / 2
""",
        r"""
The error of all patterns $p$ is a function of the weights alone:
$$ E(\vec w) = \frac12 \sum_{p,j} (o_j^{(p)} - t_j^{(p)})^2 $$
$$ v_j(w, x^{(p)}) = \sum_i x_i^{(p)} w_{ij} $$
$$ \frac{\partial v_j(w_{ij}, x^{(p)})}{\partial w_{ij}} = x_i^{(p)} $$
$$ \frac{\partial o_j(v_j)}{\partial v_j} = o_j(v_j) (1 - o_j(v_j)) $$
$$ \frac{\partial E}{\partial w_{ij}} = \sum_p (o_j^{(p)} - t_j^{(p)})\, o_j^{(p)} (1 - o_j^{(p)})\, x_i^{(p)} $$
$$ w_{ij}(s+1) = w_{ij}(s) - \eta \frac{\partial E(s)}{\partial w_{ij}(s)} $$
""",
        r"\frac{\partial o_j(v_j)}{\partial v_j} = o_j(v_j) (1 - o_j(v_j))",
        r"\frac{\partial o_j(v_j)}{\partial v_j} = o_j(v_j) (1 + o_j(v_j))",
        (Kind.SIGN,),
    ),
    Case(
        "an-example-worked-out",
        """
x: input(1, 1)
t: target(1, 1)
w1: parameter(1, 1)
w2: parameter(1, 1)
z = w1 * x
h = sigmoid(z)
o = w2 * h
E = sum((o - t)**2) / 2
""",
        r"""
Take $x = 1.5$, $t = 0.25$, $w_1 = 0.4$ and $w_2 = -1.2$.
$$ z = w_1 x = 0.4 \times 1.5 = 0.6 $$
$$ h = \sigma(z) = \frac{1}{1 + e^{-0.6}} \approx 0.6457 $$
$$ o = w_2 h = -1.2 \times 0.6457 = -0.7748 $$
$$ \frac{\partial E}{\partial o} = o - t = -0.7748 - 0.25 = -1.0248 $$
$$ \frac{\partial E}{\partial w_2} = \frac{\partial E}{\partial o} h = -1.0248 \times 0.6457 = -0.6617 $$
$$ \frac{\partial E}{\partial h} = \frac{\partial E}{\partial o} w_2 = -1.0248 \times (-1.2) = 1.2298 $$
$$ \frac{\partial E}{\partial z} = \frac{\partial E}{\partial h} h (1 - h) = 1.2298 \times 0.6457 \times 0.3543 = 0.2813 $$
$$ \frac{\partial E}{\partial w_1} = \frac{\partial E}{\partial z} x = 0.2813 \times 1.5 = 0.4220 $$
$$ w_1^{+} = w_1 - \eta \frac{\partial E}{\partial w_1} = 0.4 - 0.1 \times 0.4220 = 0.3578 $$
""",
        r"= -1.0248 \times (-1.2) = 1.2298",
        r"= -1.0248 \times (-1.2) = -1.2298",
        (Kind.NUMBER,),
    ),
    Case(
        "where-the-gradient-is-zero",
        """
X: input(n, d)
y: target(n, 1)
theta: parameter(d, 1)
J = sum((X @ theta - y)**2) / (2*n)
""",
        r"""
$$ J(\theta) = \frac{1}{2n} (X\theta - y)^T (X\theta - y) $$
$$ \frac{\partial J}{\partial \theta_k} = \frac1n \sum_{i=1}^n (h_\theta(x^{(i)}) - y^{(i)}) x_k^{(i)} $$
$$ \frac{\partial J}{\partial \theta} = \frac1n X^T (X\theta - y) = 0 $$
""",
        r"\frac{\partial J}{\partial \theta} = \frac1n X^T (X\theta - y) = 0",
        r"\frac{\partial J}{\partial \theta} = \frac1n X (X\theta - y) = 0",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "two-weights-by-number",
        """
x: input(N, 2)
y: target(N, 1)
w: parameter(2, 1)
b: parameter(1, 1)
yhat = x @ w + b
L = sum((y - yhat)**2) / 2
""",
        r"""
$$ \hat y = w_1 x_1 + w_2 x_2 + b $$
$$ L(\hat y, y) = \frac12 (y - \hat y)^2 $$
$$ \frac{\partial L}{\partial \hat y} = -(y - \hat y) $$
$$ \frac{\partial \hat y}{\partial w_1} = x_1, \qquad \frac{\partial \hat y}{\partial w_2} = x_2, \qquad \frac{\partial \hat y}{\partial b} = 1 $$
$$ \frac{\partial L}{\partial w_2} = \frac{\partial L}{\partial \hat y} \cdot \frac{\partial \hat y}{\partial w_2} = -(y - \hat y) x_2 $$
$$ w_2' = w_2 - \alpha \frac{\partial L}{\partial w_2} $$
""",
        r"\frac{\partial \hat y}{\partial w_2} = -(y - \hat y) x_2",
        r"\frac{\partial \hat y}{\partial w_2} = -(y - \hat y) x_1",
        (Kind.QUANTITY,),
    ),
    Case(
        "layers-from-one-on-with-remarks",
        """
x: input(n1, 1)
y: target(n3, 1)
w2: parameter(n2, n1)
b2: parameter(n2, 1)
w3: parameter(n3, n2)
b3: parameter(n3, 1)
z2 = w2 @ x + b2
a2 = sigmoid(z2)
z3 = w3 @ a2 + b3
a3 = sigmoid(z3)
C = sum((y - a3)**2) / 2
""",
        r"""
1. Set $$a^{1}$$ to the input.
2. Forward, for each layer: $$z^l = w^l a^{l-1} + b^l$$ and $$a^l = \sigma(z^l)$$
3. At the output
$$ \delta^L = \nabla_a C \odot \sigma'(z^L) \quad (\text{need } a^L, z^L) $$
$$ \delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l) \quad (l = L-1, \ldots, 2) $$
$$ \frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j \qquad \frac{\partial C}{\partial b^l_j} = \delta^l_j $$
""",
        r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)",
        r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^{l+1})",
        (Kind.QUANTITY,),
    ),
    Case(
        "one-unit-at-a-time-in-boxes",
        """
X: input(n0, 1)
Y: target(1, 1)
W1: parameter(n1, n0)
b1: parameter(n1, 1)
W2: parameter(1, n1)
b2: parameter(1, 1)
Z1 = W1 @ X + b1
A1 = sigmoid(Z1)
Z2 = W2 @ A1 + b2
A2 = sigmoid(Z2)
L = -sum(Y*log(A2) + (1 - Y)*log(1 - A2))
""",
        r"""
```math
z^{[1]} = W^{[1]} x + b^{[1]}, \quad a^{[1]} = \sigma(z^{[1]})
```
```math
\boxed{dz^{[2]} = \frac{\partial L}{\partial a^{[2]}} \times \frac{\partial a^{[2]}}{\partial z^{[2]}} = a^{[2]} - y}
```
```math
dW^{[2]} = \frac{\partial L}{\partial z^{[2]}} \times \frac{\partial z^{[2]}}{\partial W^{[2]}} = \boxed{dz^{[2]} \times a^{[1]}}
```
```math
dz^{[1]} = \frac{\partial L}{\partial a^{[1]}} \times \frac{\partial a^{[1]}}{\partial z^{[1]}} = \boxed{(dz^{[2]} \times W^{[2]}) \times \sigma'(z^{[1]})}
```
```math
dW^{[1]} = \frac{\partial L}{\partial z^{[1]}} \times \frac{\partial z^{[1]}}{\partial W^{[1]}} = \boxed{dz^{[1]} \times x}
```
""",
        r"\boxed{dz^{[1]} \times x}",
        r"\boxed{dz^{[1]} \times a^{[1]}}",
        (Kind.QUANTITY,),
    ),
    Case(
        "through-each-step-of-time",
        """
x1: input(D, 1)
x2: input(D, 1)
x3: input(D, 1)
y1: target(K, 1)
y2: target(K, 1)
y3: target(K, 1)
h0: input(H, 1)
W_xh: parameter(H, D)
W_hh: parameter(H, H)
W_hy: parameter(K, H)
a1 = W_hh @ h0 + W_xh @ x1
h1 = tanh(a1)
yhat1 = W_hy @ h1
a2 = W_hh @ h1 + W_xh @ x2
h2 = tanh(a2)
yhat2 = W_hy @ h2
a3 = W_hh @ h2 + W_xh @ x3
h3 = tanh(a3)
yhat3 = W_hy @ h3
L = sum((yhat1 - y1)**2)/2 + sum((yhat2 - y2)**2)/2 + sum((yhat3 - y3)**2)/2
""",
        r"""
$$ L = \sum_{t=1}^3 L_t, \quad \text{where } L_t = \frac12 \| \hat{y}_t - y_t \|^2 $$
Let $\delta_t = \frac{\partial L}{\partial a_t}$. Then
$$ \delta_t = (W_{hy}^T (\hat y_t - y_t) + W_{hh}^T \delta_{t+1}) \odot (1 - h_t^2) \quad (\text{need } h_t) $$
$$ \frac{\partial L}{\partial W_{hh}} = \sum_{t=1}^3 \delta_t h_{t-1}^T $$
Seen from the losses, a state counts for each loss behind it:
$$ \frac{\partial L}{\partial W_{hh}} = \sum_{t=1}^3 \frac{\partial L_t}{\partial W_{hh}} $$
$$ \frac{\partial L_3}{\partial W_{hh}} = \sum_{k=1}^3 \frac{\partial L_3}{\partial h_3} \cdot \frac{\partial h_3}{\partial h_k} \cdot \frac{\partial h_k}{\partial W_{hh}} $$
""",
        r"\sum_{k=1}^3 \frac{\partial L_3}{\partial h_3} \cdot \frac{\partial h_3}{\partial h_k}",
        r"\sum_{k=1}^3 \frac{\partial L_3}{\partial h_3} \cdot \frac{\partial h_2}{\partial h_k}",
        (Kind.QUANTITY,),
    ),
]
