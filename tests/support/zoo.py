"""The networks of zoo.txt, which people derive by hand. Their text is NumPy: autograd can run it as it stands."""

import ast
from pathlib import Path

import autograd
import autograd.numpy as anp
import numpy as np

from tests.support import oracle


def _zoo():
    """The networks by name: a heading, then the text."""
    parts = Path(__file__).with_name("zoo.txt").read_text(encoding="utf-8").split("## ")[1:]
    return {name.strip(): text for name, text in (part.split("\n", 1) for part in parts)}


ZOO = _zoo()


def _softmax(z, axis=1):
    e = anp.exp(z - anp.max(z, axis=axis, keepdims=True))
    return e / anp.sum(e, axis=axis, keepdims=True)


def _log_softmax(z, axis=1):
    return z - _logsumexp(z, axis=axis)


def _logsumexp(z, axis=1, keepdims=True):
    m = anp.max(z, axis=axis, keepdims=True)
    return m + anp.log(anp.sum(anp.exp(z - m), axis=axis, keepdims=True))


NAMES = {
    **{name: (lambda z, f=f: f(anp, z)) for name, f in oracle.ACTIVATIONS.items()},
    "sum": anp.sum,
    "mean": anp.mean,
    "var": anp.var,
    "max": anp.max,
    "maximum": anp.maximum,
    "minimum": anp.minimum,
    "abs": anp.abs,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "trace": anp.trace,
    "inv": anp.linalg.inv,
    "det": anp.linalg.det,
    "norm": lambda a: anp.sqrt(anp.sum(a**2)),
    "eye": anp.eye,
    "tril": anp.tril,
    "ones": anp.ones,
    "concatenate": anp.concatenate,
}


NAMES["sigmoid"].prime = lambda z: anp.exp(-z) / (1 + anp.exp(-z)) ** 2


def forward(text, values):
    """The last line's value, by running the text."""
    declared = {n.target.id: n.annotation for n in ast.parse(text).body if isinstance(n, ast.AnnAssign)}
    names = dict(NAMES)
    for name, said in declared.items():
        names[name] = values[name]
        sizes = said.args if isinstance(said, ast.Call) else []
        names |= {
            s.id: n
            for s, n in zip(sizes, np.shape(values[name]), strict=False)
            if isinstance(s, ast.Name) and s.id not in declared
        }
    statements = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    exec(compile(ast.Module(statements, []), "<network>", "exec"), names)
    return anp.sum(names[statements[-1].targets[0].id])


def autograd_gradients(text, values):
    """The cost and its gradients, by autograd."""
    parameters = [
        n.target.id
        for n in ast.parse(text).body
        if isinstance(n, ast.AnnAssign) and ast.unparse(n.annotation).startswith("parameter")
    ]

    def of(given):
        return forward(text, values | dict(zip(parameters, given, strict=True)))

    gradients = autograd.grad(of)([values[name] for name in parameters])
    return float(of([values[name] for name in parameters])), dict(zip(parameters, gradients, strict=True))
