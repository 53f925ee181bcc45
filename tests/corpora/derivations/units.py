"""Unit by unit: letters that number the units of a layer, single weights, labels, and steps downhill."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

CASES = [
    Case(
        "layers-by-letters",
        """
X: input(N, D)
T: target(N, K)
W1: parameter(D, M)
W2: parameter(M, K)
A1 = X @ W1
Z1 = tanh(A1)
Y = Z1 @ W2
E = 0.5 * sum((Y - T)**2)
""",
        r"""
Take a single pattern. Units $i$ feed units $j$, which feed the outputs $k$:
$$ a_j = \sum_i w_{ji} x_i, \qquad z_j = h(a_j), \qquad y_k = \sum_j w_{kj} z_j $$
$$ E = \frac12 \sum_k (y_k - t_k)^2 $$
The error of a unit is $\delta_j \equiv \partial E / \partial a_j$; for the outputs
$$ \delta_k = y_k - t_k $$
and one layer down
$$ \delta_j = \sum_k \frac{\partial E}{\partial a_k} \frac{\partial a_k}{\partial a_j} = h'(a_j) \sum_k w_{kj} \delta_k
   = (1 - z_j^2) \sum_k w_{kj} \delta_k $$
$$ \frac{\partial a_j}{\partial w_{ji}} = x_i $$
so that
$$ \frac{\partial E}{\partial w_{ji}} = \delta_j x_i $$
$$ \frac{\partial E}{\partial w_{kj}} = \delta_k z_j $$
""",
        r"\frac{\partial E}{\partial w_{kj}} = \delta_k z_j",
        r"\frac{\partial E}{\partial w_{kj}} = \delta_k a_j",
        (Kind.QUANTITY,),
    ),
    Case(
        "delta-rule",
        """
x: input(1, D)
t: target(1, K)
W1: parameter(D, H)
W2: parameter(H, K)
net1 = x @ W1
o1 = sigmoid(net1)
net2 = o1 @ W2
o2 = sigmoid(net2)
E = 0.5 * sum((t - o2)**2)
""",
        r"""
For a training example, $E = \frac12 \sum_k (t_k - o_k)^2$ and $net_k = \sum_j w_{kj} o_j$.
\begin{align}
\frac{\partial E}{\partial w_{kj}} &= \frac{\partial E}{\partial net_k} \frac{\partial net_k}{\partial w_{kj}}
  = \frac{\partial E}{\partial net_k} o_j \\
\frac{\partial E}{\partial net_k} &= -(t_k - o_k)\, o_k (1 - o_k)
\end{align}
Write $\delta_k = (t_k - o_k)\, o_k (1 - o_k)$. Then the weights of the output units change by
$$ \Delta w_{kj} = -\eta \frac{\partial E}{\partial w_{kj}} = \eta\, \delta_k o_j $$
and those of the hidden units, with
$$ \delta_j = o_j (1 - o_j) \sum_k \delta_k w_{kj} $$
by
$$ \Delta w_{ji} = \eta\, \delta_j x_i $$
""",
        r"\Delta w_{ji} = \eta\, \delta_j x_i",
        r"\Delta w_{ji} = -\eta\, \delta_j x_i",
        (Kind.SIGN,),
    ),
    Case(
        "eight-weights",
        """
i1: input(1, 1)
i2: input(1, 1)
t1: target(1, 1)
t2: target(1, 1)
w1: parameter(1, 1)
w2: parameter(1, 1)
w5: parameter(1, 1)
w6: parameter(1, 1)
w7: parameter(1, 1)
b1: parameter(1, 1)
b2: parameter(1, 1)
net_h1 = w1 * i1 + w2 * i2 + b1
out_h1 = sigmoid(net_h1)
net_o1 = w5 * out_h1 + w6 + b2
net_o2 = w7 * out_h1 + b2
out_o1 = sigmoid(net_o1)
out_o2 = sigmoid(net_o2)
E = 0.5 * (t1 - out_o1)**2 + 0.5 * (t2 - out_o2)**2
""",
        r"""
$$ net_{h1} = w_1 * i_1 + w_2 * i_2 + b_1 * 1 $$
$$ out_{h1} = \frac{1}{1 + e^{-net_{h1}}} $$
$$ E_{total} = \frac12 (t_1 - out_{o1})^2 + \frac12 (t_2 - out_{o2})^2 $$
$$ \frac{\partial E_{total}}{\partial out_{o1}} = 2 * \frac12 (t_1 - out_{o1})^{2 - 1} * -1 + 0 $$
$$ \frac{\partial out_{o1}}{\partial net_{o1}} = out_{o1} (1 - out_{o1}) $$
$$ \frac{\partial net_{o1}}{\partial w_5} = 1 * out_{h1} * w_5^{(1 - 1)} + 0 + 0 = out_{h1} $$
$$ \frac{\partial E_{total}}{\partial w_5} = -(t_1 - out_{o1}) * out_{o1} (1 - out_{o1}) * out_{h1} $$
$$ w_5^{+} = w_5 - \eta * \frac{\partial E_{total}}{\partial w_5} $$
""",
        r"= -(t_1 - out_{o1}) * out_{o1} (1 - out_{o1}) * out_{h1}",
        r"= -(t_1 - out_{o1}) * out_{o1} * out_{h1}",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "score-of-the-own-class",
        """
X: input(N, D)
Y: one_hot(N, C)
W: parameter(D, C)
b: parameter(1, C)
lam: scalar
f = X @ W + b
p = softmax(f, axis=1)
L = -sum(Y * log(p)) / N + 0.5 * lam * sum(W**2)
""",
        r"""
$$ p_k = \frac{e^{f_k}}{\sum_j e^{f_j}}, \qquad L_i = -\log\left(p_{y_i}\right) $$
$$ L = \frac{1}{N} \sum_i L_i + \frac12 \lambda \sum_k \sum_l W_{k,l}^2 $$
```python
dscores = p.copy()
dscores[range(N), y] -= 1
dscores /= N
dW = np.dot(X.T, dscores)
db = np.sum(dscores, axis=0, keepdims=True)
dW += lam * W
W -= step * dW
```
""",
        r"db = np.sum(dscores, axis=0, keepdims=True)",
        r"db = np.sum(dscores, axis=1, keepdims=True)",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "mean-and-variance-of-a-batch",
        """
x: parameter(m, D)
gamma: parameter(1, D)
beta: parameter(1, D)
G: input(m, D)
eps: scalar
mu = mean(x, axis=0, keepdims=True)
v = mean((x - mu)**2, axis=0, keepdims=True)
xhat = (x - mu) / sqrt(v + eps)
y = gamma * xhat + beta
l = sum(G * y)
""",
        r"""
$$ \mu_B = \frac1m \sum_{i=1}^m x_i, \qquad \sigma_B^2 = \frac1m \sum_{i=1}^m (x_i - \mu_B)^2 $$
$$ \hat{x}_i = \frac{x_i - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}}, \qquad y_i = \gamma \hat{x}_i + \beta $$
$$ \frac{\partial \ell}{\partial \hat{x}_i} = \frac{\partial \ell}{\partial y_i} \cdot \gamma $$
$$ \frac{\partial \ell}{\partial \sigma_B^2} = \sum_{i=1}^m \frac{\partial \ell}{\partial \hat{x}_i} \cdot
   (x_i - \mu_B) \cdot \frac{-1}{2} (\sigma_B^2 + \epsilon)^{-3/2} $$
$$ \frac{\partial \ell}{\partial x_i} = \frac{\partial \ell}{\partial \hat{x}_i} \cdot \frac{1}{\sqrt{\sigma_B^2
   + \epsilon}} + \frac{\partial \ell}{\partial \sigma_B^2} \cdot \frac{2 (x_i - \mu_B)}{m}
   + \frac{\partial \ell}{\partial \mu_B} \cdot \frac1m $$
$$ \frac{\partial \ell}{\partial \gamma} = \sum_{i=1}^m \frac{\partial \ell}{\partial y_i} \cdot \hat{x}_i $$
""",
        r"(x_i - \mu_B) \cdot \frac{-1}{2} (\sigma_B^2 + \epsilon)^{-3/2}",
        r"(x_i - \mu_B) \cdot \frac{1}{2} (\sigma_B^2 + \epsilon)^{-3/2}",
        (Kind.SIGN,),
    ),
    Case(
        "what-comes-through-each-step",
        """
x1: input(D, 1)
x2: input(D, 1)
x3: input(D, 1)
y1: target(K, 1)
y2: target(K, 1)
y3: target(K, 1)
h0: input(H, 1)
Wxh: parameter(H, D)
Whh: parameter(H, H)
Why: parameter(K, H)
h1 = tanh(Wxh @ x1 + Whh @ h0)
h2 = tanh(Wxh @ x2 + Whh @ h1)
h3 = tanh(Wxh @ x3 + Whh @ h2)
yhat1 = softmax(Why @ h1, axis=0)
yhat2 = softmax(Why @ h2, axis=0)
yhat3 = softmax(Why @ h3, axis=0)
L = -sum(y1 * log(yhat1)) - sum(y2 * log(yhat2)) - sum(y3 * log(yhat3))
""",
        r"""
$$ h_t = \tanh(W_{hh} h_{t-1} + W_{xh} x_t), \qquad L = \sum_{t=1}^T L_t $$
$$ L_t = -\sum_k y_{t,k} \log \hat{y}_{t,k} $$
$$ \frac{\partial L}{\partial h_t} = \frac{\partial L_t}{\partial h_t}
   + \frac{\partial L}{\partial h_{t+1}} \frac{\partial h_{t+1}}{\partial h_t} $$
$$ \frac{\partial L_t}{\partial h_t} = W_{hy}^T (\hat{y}_t - y_t) $$
$$ \frac{\partial L}{\partial W_{hh}} = \sum_t \frac{\partial L}{\partial h_t} \frac{\partial h_t}{\partial W_{hh}} $$
$$ \frac{\partial L}{\partial W_{hh}} = \sum_t \mathrm{diag}(1 - h_t^2) \frac{\partial L}{\partial h_t} h_{t-1}^T $$
$$ \frac{\partial L}{\partial W_{xh}} = \sum_t \mathrm{diag}(1 - h_t^2) \frac{\partial L}{\partial h_t} x_t^T $$
$$ W_{hh} \leftarrow W_{hh} - \eta \frac{\partial L}{\partial W_{hh}} $$
""",
        r"\frac{\partial L}{\partial h_t} h_{t-1}^T $$",
        r"\frac{\partial L}{\partial h_t} h_t^T $$",
        (Kind.QUANTITY,),
    ),
    Case(
        "loss-left-open",
        """
x: input(D, 1)
y: target(K, 1)
W1: parameter(H, D)
W2: parameter(K, H)
lam: scalar
z = W1 @ x
h = tanh(z)
o = W2 @ h
J = sum((o - y)**4) + lam / 2 * (sum(W1**2) + sum(W2**2))
""",
        r"""
$$ \mathbf{z} = \mathbf{W}^{(1)} \mathbf{x}, \quad \mathbf{h} = \phi(\mathbf{z}), \quad \mathbf{o} = \mathbf{W}^{(2)} \mathbf{h} $$
$$ L = l(\mathbf{o}, y), \quad s = \frac{\lambda}{2} \left(||\mathbf{W}^{(1)}||_F^2 + ||\mathbf{W}^{(2)}||_F^2\right) $$
$$ J = L + s $$
$$ \frac{\partial J}{\partial \mathbf{o}} = \text{prod}\left(\frac{\partial J}{\partial L}, \frac{\partial L}{\partial
   \mathbf{o}}\right) = \frac{\partial L}{\partial \mathbf{o}} \in \mathbb{R}^{K} $$
$$ \frac{\partial s}{\partial \mathbf{W}^{(2)}} = \lambda \mathbf{W}^{(2)} $$
$$ \frac{\partial J}{\partial \mathbf{W}^{(2)}} = \text{prod}\left(\frac{\partial J}{\partial \mathbf{o}},
   \frac{\partial \mathbf{o}}{\partial \mathbf{W}^{(2)}}\right) + \text{prod}\left(\frac{\partial J}{\partial s},
   \frac{\partial s}{\partial \mathbf{W}^{(2)}}\right) $$
$$ \frac{\partial J}{\partial \mathbf{W}^{(2)}} = \frac{\partial J}{\partial \mathbf{o}} \mathbf{h}^\top
   + \lambda \mathbf{W}^{(2)} $$
$$ \frac{\partial J}{\partial \mathbf{h}} = {\mathbf{W}^{(2)}}^\top \frac{\partial J}{\partial \mathbf{o}} $$
""",
        r"   + \lambda \mathbf{W}^{(2)} $$",
        r"   + 2\lambda \mathbf{W}^{(2)} $$",
        (Kind.NUMBER, Kind.EXTRA_FACTOR),
    ),
    Case(
        "errors-without-the-mean",
        """
X: input(D, m)
Y: target(K, m)
W1: parameter(H, D)
b1: parameter(H, 1)
W2: parameter(K, H)
b2: parameter(K, 1)
Z1 = W1 @ X + b1
A1 = relu(Z1)
Z2 = W2 @ A1 + b2
A2 = softmax(Z2, axis=0)
J = -sum(Y * log(A2)) / m
""",
        r"""
$$ Z^{[1]} = W^{[1]} X + b^{[1]}, \quad A^{[1]} = g_{\text{ReLU}}(Z^{[1]}) $$
$$ Z^{[2]} = W^{[2]} A^{[1]} + b^{[2]}, \quad A^{[2]} = g_{\text{softmax}}(Z^{[2]}) $$
$$ dZ^{[2]} = A^{[2]} - Y $$
$$ dW^{[2]} = \frac1m dZ^{[2]} A^{[1]T}, \quad dB^{[2]} = \frac1m \Sigma\, dZ^{[2]} $$
$$ dZ^{[1]} = W^{[2]T} dZ^{[2]} .* g^{[1]\prime}(z^{[1]}) $$
$$ dW^{[1]} = \frac1m dZ^{[1]} A^{[0]T} $$
$$ W^{[2]} := W^{[2]} - \alpha\, dW^{[2]} $$
$$ b^{[1]} := b^{[1]} - \alpha\, db^{[1]} $$
""",
        r"dZ^{[1]} = W^{[2]T} dZ^{[2]} .* g^{[1]\prime}(z^{[1]})",
        r"dZ^{[1]} = W^{[2]T} dZ^{[2]} .* g^{[1]\prime}(z^{[2]})",
        (Kind.QUANTITY,),
    ),
    Case(
        "one-word-and-its-neighbours",
        """
vc: parameter(D, 1)
U: parameter(V, D)
y: target(V, 1)
s = U @ vc
yhat = softmax(s, axis=0)
J = -sum(y * log(yhat))
""",
        r"""
$$ J = -\sum_w y_w \log \hat{y}_w $$
$$ \frac{\partial J}{\partial v_c} = U^T (\hat y - y) $$
$$ \frac{\partial J}{\partial v_c} = -\sum_w y_w u_w + \sum_w \hat{y}_w u_w $$
$$ \frac{\partial J}{\partial U} = (\hat y - y) v_c^T $$
$$ \frac{\partial J}{\partial u_w} = (\hat y_w - y_w) v_c $$
""",
        r"\frac{\partial J}{\partial u_w} = (\hat y_w - y_w) v_c",
        r"\frac{\partial J}{\partial u_w} = (y_w - \hat y_w) v_c",
        (Kind.SIGN,),
    ),
]
