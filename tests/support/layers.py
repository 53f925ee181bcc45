"""Layers as people write them, and each with planted mistakes: a text and its replacement in the code."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class LayerCase:
    """The code of `forward` and `backward`, the shapes, and mistakes by kind: (right text, wrong text)."""

    code: str
    shapes: dict
    mistakes: dict
    options: dict = field(default_factory=dict)

    def functions(self, mistake=""):
        code = self.code
        if mistake:
            right, wrong = self.mistakes[mistake]
            assert code.count(right) == 1, (mistake, right)
            code = code.replace(right, wrong)
        space = {"np": np, "__name__": "a_layer"}
        exec(code, space)
        return space["forward"], space["backward"]


# fmt: off
LAYERS = {
    "affine": LayerCase("""
def forward(x, w, b):
    return x @ w + b, (x, w)
def backward(dout, cache):
    x, w = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db
""", {"x": ("N", "D"), "w": ("D", "M"), "b": ("M",)}, {
        "ignored": ("db = dout.sum(axis=0)", "db = np.ones(dout.shape).sum(axis=0)"),
        "transposed": ("x.T @ dout", "(dout.T @ x)"),
        "not summed": ("dout.sum(axis=0)", "dout"),
        "dropped": ("dx = dout @ w.T", "dx = dout @ w.T * 0"),
        "factor": ("dw = x.T @ dout", "dw = x.T @ dout / len(x)"),
        "order": ("return dx, dw, db", "return dw * 1, dx * 1, db * 1"),
    }),
    "tanh": LayerCase("""
def forward(z):
    return np.tanh(z)
def backward(grad_output, z):
    return grad_output * (1 - np.tanh(z) ** 2)
""", {"z": ("N", "D")}, {
        "ignored": ("grad_output * (1", "(1"),
        "power": ("np.tanh(z) ** 2", "np.tanh(z)"),
        "factor": ("return grad_output", "return 2 * grad_output"),
        "sign": ("return grad_output", "return -grad_output"),
    }),
    "relu, mask in the cache": LayerCase("""
def forward(x):
    mask = x > 0
    return x * mask, mask
def backward(gy, mask):
    return gy * mask
""", {"x": ("N", "D")}, {
        "ignored": ("return gy * mask", "return 1.0 * mask"),
        "dropped": ("return gy * mask", "return gy"),
        "relu of the gradient": ("return gy * mask", "return gy * (gy > 0)"),
    }),
    "sigmoid, output in the cache": LayerCase("""
def forward(x):
    out = 1 / (1 + np.exp(-x))
    return out
def backward(dout, out):
    return dout * out * (1 - out)
""", {"x": ("N", "D")}, {
        "ignored": ("dout * out", "out"),
        "dropped": ("* (1 - out)", ""),
        "sign": ("(1 - out)", "(out - 1)"),
    }),
    "softmax": LayerCase("""
def forward(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p
def backward(g, p):
    return p * (g - (g * p).sum(axis=1, keepdims=True))
""", {"z": ("N", "K")}, {
        "ignored": ("p * (g - (g * p)", "p * (1 - p) + 0 * (g - (g * p)"),
        "wrong axis": ("(g * p).sum(axis=1", "(g * p).sum(axis=0"),
        "dropped": ("- (g * p).sum(axis=1, keepdims=True)", ""),
        "factor": ("return p * (g", "return 0.5 * p * (g"),
    }),
    "log-softmax": LayerCase("""
def forward(x):
    s = x - x.max(axis=1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))
def backward(x, dy):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return dy - p * dy.sum(axis=1, keepdims=True)
""", {"x": ("N", "K")}, {
        "sum left out": ("* dy.sum(axis=1, keepdims=True)", ""),
        "wrong axis": ("dy.sum(axis=1", "dy.sum(axis=0"),
        "dropped": ("- p * dy.sum(axis=1, keepdims=True)", ""),
    }),
    "layer norm": LayerCase("""
def forward(x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    var = ((x - mu) ** 2).mean(axis=1, keepdims=True)
    inv = 1 / np.sqrt(var + 1e-3)
    xhat = (x - mu) * inv
    return gamma * xhat + beta, (xhat, inv, gamma)
def backward(dout, cache):
    xhat, inv, gamma = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    d = dout * gamma
    dx = inv * (d - d.mean(axis=1, keepdims=True) - xhat * (d * xhat).mean(axis=1, keepdims=True))
    return dx, dgamma, dbeta
""", {"x": ("N", "D"), "gamma": ("D",), "beta": ("D",)}, {
        "ignored": ("d = dout * gamma", "d = np.ones_like(dout) * gamma"),
        "not summed": ("dgamma = (dout * xhat).sum(axis=0)", "dgamma = dout * xhat"),
        "dropped": ("- d.mean(axis=1, keepdims=True)", ""),
        "another term dropped": ("- xhat * (d * xhat).mean(axis=1, keepdims=True)", ""),
        "factor": ("dbeta = dout.sum", "dbeta = 3 * dout.sum"),
    }),
    "batch norm": LayerCase("""
def forward(x, gamma, beta, eps=1e-3):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    std = np.sqrt(var + eps)
    xn = (x - mu) / std
    return gamma * xn + beta, (gamma, xn, std)
def backward(dout, cache):
    gamma, xn, std = cache
    N = dout.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xn, axis=0)
    dxn = dout * gamma
    dx = (N * dxn - np.sum(dxn, axis=0) - xn * np.sum(dxn * xn, axis=0)) / (N * std)
    return dx, dgamma, dbeta
""", {"x": ("N", "D"), "gamma": ("D",), "beta": ("D",)}, {
        "ignored": ("dgamma = np.sum(dout * xn", "dgamma = np.sum(xn"),
        "not summed": ("dbeta = np.sum(dout, axis=0)", "dbeta = dout"),
        "dropped": ("- np.sum(dxn, axis=0)", ""),
        "factor": ("(N * dxn", "(dxn"),
        "swapped": ("return dx, dgamma, dbeta", "return dx * 1, dbeta * 1, dgamma * 1"),
    }),
    "attention": LayerCase("""
def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def forward(q, k, v):
    a = softmax(q @ k.T / np.sqrt(q.shape[1]))
    return a @ v
def backward(q, k, v, grad_out):
    a = softmax(q @ k.T / np.sqrt(q.shape[1]))
    da = grad_out @ v.T
    ds = a * (da - (da * a).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return ds @ k, ds.T @ q, a.T @ grad_out
""", {"q": ("N", "D"), "k": ("M", "D"), "v": ("M", "E")}, {
        "ignored": ("da = grad_out @ v.T", "da = np.ones((len(q), v.shape[1])) @ v.T"),
        "transposed": ("a.T @ grad_out", "(grad_out.T @ a).T * a.sum()"),
        "dropped": ("- (da * a).sum(axis=1, keepdims=True)", ""),
        "factor": (" / np.sqrt(q.shape[1])\n    return ds", "\n    return ds"),
    }),
    "LSTM cell": LayerCase("""
def sigmoid(x):
    return 1 / (1 + np.exp(-x))
def forward(a, c0):
    H = c0.shape[1]
    i, f, o, g = sigmoid(a[:, :H]), sigmoid(a[:, H:2 * H]), sigmoid(a[:, 2 * H:3 * H]), np.tanh(a[:, 3 * H:])
    c = f * c0 + i * g
    t = np.tanh(c)
    return o * t, c, (i, f, o, g, c0, t)
def backward(dh, dc, cache):
    i, f, o, g, c0, t = cache
    dc = dc + dh * o * (1 - t ** 2)
    di, df, do, dg = dc * g, dc * c0, dh * t, dc * i
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)], axis=1)
    return da, dc * f
""", {"a": ("N", 8), "c0": ("N", 2)}, {
        "ignored": ("dc = dc + dh * o", "dc = dh * o"),
        "dropped": ("dc + dh * o * (1 - t ** 2)", "dc + dh * 0"),
        "power": ("dg * (1 - g ** 2)", "dg * (1 - g)"),
        "factor": ("return da, dc * f", "return da, dc * f * 2"),
    }),
    "a loss": LayerCase("""
def forward(x, y):
    return ((x - y) ** 2).mean()
def backward(x, y, upstream):
    return upstream * 2 * (x - y) / x.size
""", {"x": ("N", "D"), "y": ("N", "D")}, {
        "ignored": ("return upstream * 2", "return 2"),
        "factor": ("* 2 * (x", "* (x"),
        "sign": ("(x - y) / x.size", "(y - x) / x.size"),
    }, {"wrt": ["x"]}),
    "rows of length 1": LayerCase("""
def forward(x):
    n = np.sqrt((x ** 2).sum(axis=1, keepdims=True))
    return x / n, n
def backward(dy, x, n):
    y = x / n
    return (dy - y * (dy * y).sum(axis=1, keepdims=True)) / n
""", {"x": ("N", "D")}, {
        "ignored": ("(dy - y * (dy * y)", "(1 - y * (1 * y)"),
        "dropped": ("- y * (dy * y).sum(axis=1, keepdims=True)", ""),
        "factor": ("keepdims=True)) / n\n", "keepdims=True)) / n ** 2\n"),
    }),
    "dropout": LayerCase("""
def forward(x, mask, p):
    return x * mask / (1 - p), (mask, p)
def backward(dout, cache):
    mask, p = cache
    return dout * mask / (1 - p)
""", {"x": ("N", "D"), "mask": ("N", "D"), "p": ()}, {
        "ignored": ("return dout * mask", "return mask"),
        "dropped": ("dout * mask / (1 - p)", "dout * mask"),
        "factor": ("dout * mask / (1 - p)", "dout * mask / p"),
    }, {"wrt": "x"}),
    "scale by columns": LayerCase("""
def forward(x, s):
    return x * s
def backward(gout, x, s):
    return gout * s, (gout * x).sum(axis=0, keepdims=True)
""", {"x": ("N", "D"), "s": (1, "D")}, {
        "ignored": ("gout * s, (gout * x)", "gout * s, x"),
        "not summed": ("(gout * x).sum(axis=0, keepdims=True)", "gout * x"),
        "factor": ("return gout * s", "return gout * s * s"),
    }),
    "a pullback": LayerCase("""
def forward(x, w):
    a = x @ w
    def pull(g):
        d = g * np.cos(a)
        return d @ w.T, x.T @ d
    return np.sin(a), pull
backward = None
""", {"x": ("N", "D"), "w": ("D", "M")}, {
        "ignored": ("d = g * np.cos(a)", "d = np.cos(a)"),
        "dropped": ("g * np.cos(a)", "g"),
        "transposed": ("x.T @ d", "(d.T @ x)"),
    }),
    "in place": LayerCase("""
def forward(x, w):
    y = np.tanh(x)
    return y @ w, (y, w)
def backward(dout, cache):
    y, w = cache
    d = (dout @ w.T) * (1 - y * y)
    return d, y.T @ dout
""", {"x": ("N", "D"), "w": ("D", "M")}, {
        "overwritten": ("    return y @ w, (y, w)\n", "    z = y @ w\n    w *= 0.5\n    return z, (y, w)\n"),
        "ignored": ("d = (dout @ w.T) * ", "d = (np.ones(dout.shape) @ w.T) * "),
    }),
}
# fmt: on
