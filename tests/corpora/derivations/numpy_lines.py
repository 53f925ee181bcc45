"""Derivations whose formulas are lines in NumPy's syntax."""

from symbackprop.kinds import MistakeKind as Kind
from tests.corpora.derivations.case import Case

SCORES = """
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

SPIRAL = """
X: input(N, D)
Y: one_hot(N, K)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, K)
b2: parameter(1, K)
reg: scalar
hidden = relu(X @ W1 + b1)
scores = hidden @ W2 + b2
probs = softmax(scores, axis=1)
loss = -sum(Y * log(probs)) / N + reg/2 * sum(W1**2) + reg/2 * sum(W2**2)
"""

CASES = [
    Case(
        "cost-function-prime",
        SCORES,
        r"""
The derivative of the cost with respect to both weight matrices, as it goes into the class:

```python
z2 = np.dot(X, W1)
a2 = sigmoid(z2)
z3 = np.dot(a2, W2)
yHat = sigmoid(z3)

delta3 = np.multiply(-(y - yHat), sigmoidPrime(z3))
dJdW2 = np.dot(a2.T, delta3)

delta2 = np.dot(delta3, W2.T) * sigmoidPrime(z2)
dJdW1 = np.dot(X.T, delta2)
```

Here `sigmoidPrime(z)` is `np.exp(-z) / ((1 + np.exp(-z))**2)`.
""",
        r"dJdW2 = np.dot(a2.T, delta3)",
        r"dJdW2 = np.dot(a2, delta3)",
        (Kind.TRANSPOSE,),
    ),
    Case(
        "spiral-classifier",
        SPIRAL,
        r"""
# Training a small network on the spiral data

The gradient on the scores is simple:

```python
dscores = (probs - Y) / N
```

Backpropagate it to the parameters, first `W2` and `b2`, with the regularization gradient on the weights:

```python
dW2 = np.dot(hidden.T, dscores) + reg * W2
db2 = np.sum(dscores, axis=0, keepdims=True)
```

Next the hidden layer, where the ReLU lets through what was positive:

```python
dhidden = np.dot(dscores, W2.T)
dz = dhidden * (hidden > 0)
```

and finally into `W1` and `b1`:

```python
dW1 = np.dot(X.T, dz) + reg * W1
db1 = np.sum(dz, axis=0, keepdims=True)
```
""",
        r"dW2 = np.dot(hidden.T, dscores) + reg * W2",
        r"dW2 = np.dot(hidden.T, dscores)",
        (Kind.MISSING_TERM,),
    ),
    Case(
        "programming-exercise",
        """
X: input(n_x, m)
Y: target(1, m)
W1: parameter(n_h, n_x)
b1: parameter(n_h, 1)
W2: parameter(1, n_h)
b2: parameter(1, 1)
Z1 = W1 @ X + b1
A1 = tanh(Z1)
Z2 = W2 @ A1 + b2
A2 = sigmoid(Z2)
J = -sum(Y * log(A2) + (1 - Y) * log(1 - A2)) / m
""",
        r"""
**Exercise**: implement the function `backward_propagation()`. The six equations of the slide, vectorised (the columns
are the `m` examples, the average over them is taken in the parameters):

```python
dZ2 = A2 - Y
dW2 = 1/m * np.dot(dZ2, A1.T)
db2 = 1/m * np.sum(dZ2, axis=1, keepdims=True)
dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
dW1 = 1/m * np.dot(dZ1, X.T)
db1 = 1/m * np.sum(dZ1, axis=1, keepdims=True)
```

To compute `dZ1` you need the derivative of tanh, which is `1 - A1**2`.
""",
        r"db1 = 1/m * np.sum(dZ1, axis=1, keepdims=True)",
        r"db1 = 1/m * dZ1",
        (Kind.MISSING_SUM,),
    ),
    Case(
        "without-a-code-block",
        """
x: input(N, D)
y: target(N, K)
w1: parameter(D, H)
w2: parameter(H, K)
h = x @ w1
h_relu = relu(h)
y_pred = h_relu @ w2
loss = sum((y_pred - y)**2)
""",
        r"""
Backprop to compute the gradients of w1 and w2 with respect to the loss, in plain text.

First the forward pass:

h = x @ w1
h_relu = np.maximum(h, 0)
y_pred = h_relu @ w2
loss = np.sum((y_pred - y) ** 2)

Then the backward pass, line by line from the end:

grad_y_pred = 2.0 * (y_pred - y)
grad_w2 = h_relu.T @ grad_y_pred
grad_h_relu = grad_y_pred @ w2.T
grad_h = grad_h_relu * (h > 0)
grad_w1 = x.T @ grad_h

That is all there is to it.
""",
        r"grad_y_pred = 2.0 * (y_pred - y)",
        r"grad_y_pred = 0.5 * (y_pred - y)",
        (Kind.NUMBER,),
    ),
    Case(
        "from-scratch",
        """
X: input(N, D)
Y: one_hot(N, C)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, C)
b2: parameter(1, C)
z1 = X @ W1 + b1
a1 = tanh(z1)
z2 = a1 @ W2 + b2
probs = softmax(z2, axis=1)
J = -sum(Y * log(probs))
""",
        r"""
With the one-hot labels `Y` the backward pass of our tanh network is

```python
delta3 = probs - Y
dW2 = (a1.T).dot(delta3)
db2 = np.sum(delta3, axis=0, keepdims=True)
delta2 = delta3.dot(W2.T) * (1 - np.power(a1, 2))
dW1 = np.dot(X.T, delta2)
db1 = np.sum(delta2, axis=0, keepdims=True)
```

(The loss is summed over the examples, so there is no division by N.)
""",
        r"delta2 = delta3.dot(W2.T) * (1 - np.power(a1, 2))",
        r"delta2 = delta3.dot(W2.T).dot(1 - np.power(a1, 2))",
        (Kind.PRODUCT,),
    ),
    Case(
        "rnn-in-a-few-lines",
        """
x1: input(D, 1)
x2: input(D, 1)
h0: input(H, 1)
y: target(K, 1)
Wxh: parameter(H, D)
Whh: parameter(H, H)
Why: parameter(K, H)
h1 = tanh(Wxh @ x1 + Whh @ h0)
h2 = tanh(Wxh @ x2 + Whh @ h1)
o = Why @ h2
loss = sum((o - y)**2) / 2
""",
        r"""
Two steps of a vanilla RNN with one output at the end. `dh2raw` and `dh1raw` are what comes through the tanh.

```python
do = o - y
dWhy = do @ h2.T
dh2 = Why.T @ do
dh2raw = (1 - h2 * h2) * dh2
dh1 = Whh.T @ dh2raw
dh1raw = (1 - h1 * h1) * dh1
dWxh = dh2raw @ x2.T + dh1raw @ x1.T
dWhh = dh2raw @ h1.T + dh1raw @ h0.T
```
""",
        r"dWhh = dh2raw @ h1.T + dh1raw @ h0.T",
        r"dWhh = dh2raw @ h2.T + dh1raw @ h1.T",
        (Kind.QUANTITY,),
    ),
    Case(
        "logistic-unit",
        """
X: input(n_x, m)
Y: target(1, m)
w: parameter(n_x, 1)
b: parameter(1, 1)
A = sigmoid(w.T @ X + b)
J = -sum(Y * log(A) + (1 - Y) * log(1 - A)) / m
""",
        r"""
A single logistic unit. Forward propagation, from `X` to the cost:

    A = sigmoid(np.dot(w.T, X) + b)
    cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))

Backward propagation, to find the gradient:

    dw = 1 / m * np.dot(X, (A - Y).T)
    db = 1 / m * np.sum(A - Y)

We derived both in the lecture.
""",
        r"dw = 1 / m * np.dot(X, (A - Y).T)",
        r"dw = 1 / m * np.dot(X, ((A - Y) * A * (1 - A)).T)",
        (Kind.EXTRA_FACTOR,),
    ),
    Case(
        "residual-lines",
        """
X: input(N, D)
Y: target(N, D)
W1: parameter(D, H)
W2: parameter(H, D)
u = X @ W1
a = relu(u)
out = X + a @ W2
J = sum((out - Y)**2) / (2*N)
""",
        r"""
A residual block: `out = X + a @ W2`. The gradients, in the order in which they are computed:

```python
d_out = (out - Y) / N
d_W2 = a.T @ d_out
d_a = d_out @ W2.T
d_u = d_a * (u > 0)
d_W1 = X.T @ d_u
```

The shortcut adds nothing to `d_W1` and `d_W2`; it would only matter for the gradient of `X`.
""",
        r"d_W2 = a.T @ d_out",
        r"d_W2 = a.T @ d_out + X.T @ d_out",
        (Kind.EXTRA_TERM,),
    ),
    Case(
        "autoencoder-lines",
        """
X: input(N, D)
W1: parameter(D, H)
b1: parameter(1, H)
W2: parameter(H, D)
b2: parameter(1, D)
z1 = X @ W1 + b1
h = sigmoid(z1)
r = h @ W2 + b2
L = mean((r - X)**2)
""",
        r"""
Gradients of the reconstruction error L = mean((r - X)**2). There are N*D entries, hence:

dr = 2 * (r - X) / (N * D)

Decoder, a linear layer:

dW2 = h.T @ dr
db2 = dr.sum(axis=0, keepdims=True)

Encoder, with the derivative h * (1 - h) of the sigmoid:

dh = dr @ W2.T
dz1 = dh * h * (1 - h)
dW1 = X.T @ dz1
db1 = dz1.sum(axis=0, keepdims=True)
""",
        r"dh = dr @ W2.T",
        r"dh = W2.T @ dr",
        (Kind.ORDER,),
    ),
    Case(
        "three-layers-in-lines",
        """
X: input(N, D)
T: target(N, K)
W1: parameter(D, H)
W2: parameter(H, M)
W3: parameter(M, K)
h1 = tanh(X @ W1)
h2 = tanh(h1 @ W2)
out = h2 @ W3
E = sum((out - T)**2) / 2
""",
        r"""
The pattern repeats itself from layer to layer: *go back through the weights, multiply by the slope, multiply by the
input*.

```python
e3 = out - T
gW3 = h2.T @ e3

e2 = (e3 @ W3.T) * (1 - h2**2)
gW2 = h1.T @ e2

e1 = (e2 @ W2.T) * (1 - h1**2)
gW1 = X.T @ e1
```
""",
        r"e1 = (e2 @ W2.T) * (1 - h1**2)",
        r"e1 = (e2 @ W2.T)",
        (Kind.MISSING_FACTOR,),
    ),
    Case(
        "leaky-lines",
        """
X: input(N, D)
y: target(N, 1)
V: parameter(D, H)
w: parameter(H, 1)
a = X @ V
h = softplus(a)
p = sigmoid(h @ w)
C = -mean(y * log(p) + (1 - y) * log(1 - p))
""",
        r"""
Softplus units and a logistic output. The cost is the mean cross-entropy, so the error of the logit is

    delta = (p - y) / N

and the slope of the softplus is the sigmoid, 1 / (1 + exp(-a)):

    dC_dw = h.T @ delta
    dC_dh = delta @ w.T
    dC_da = dC_dh * (1 / (1 + np.exp(-a)))
    dC_dV = X.T @ dC_da
""",
        r"dC_da = dC_dh * (1 / (1 + np.exp(-a)))",
        r"dC_da = dC_dh * (1 / (1 + np.exp(a)))",
        (Kind.FUNCTION, Kind.SIGN),
    ),
]
