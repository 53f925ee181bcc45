"""Printed formulas equal the derived ones: LaTeX is parsed, evaluated in NumPy, and compared with the code's numbers.

The reader here knows the notation alone: ⊙ holds together less tightly than a product of matrices, a Σ reaches over
all that follows it up to the next + or −, and a row or a column is repeated as in NumPy.
"""

import re

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.expressions.functions import FUNCTIONS
from tests.support import oracle
from tests.support.evaluator import random_point
from tests.support.networks import PAIRS, composite, random_network, residual, rnn, tied, tied_across_sections

NAME = re.compile(
    r"(?:\\hat{(?P<hat>\w)}|\\mathit{(?P<word>\w+)}|\\(?P<greek>delta|lambda)|(?P<letter>[A-Za-z]))"
    r"(?:_{(?P<sub>\\hat{\w}|\\mathrm{\w+}|\\mathit{\w+}|[a-z](?:\^{\(\d+\)})?)})?(?:\^{\((?P<index>\d+)\)})?"
)
OVER = {r"\text{rows}": 0, r"\text{columns}": 1}
CALLS = {
    r"\sigma": "sigmoid",
    r"\log": "log",
    r"\exp": "exp",
    r"\tanh": "tanh",
    r"\psi": "digamma",
    "id": "identity",
    "lrelu": "leaky_relu",
    r"\sin": "sin",
    r"\cos": "cos",
    **{rf"\{name}": name for name in ("tan", "sinh", "cosh", "arcsin", "arccos", "arctan")},
    **{rf"ar{name}": f"arc{name}" for name in ("sinh", "cosh", "tanh")},
}


def plain(name):
    r"""A name as people type it: \delta^{(3)} is delta3, \hat{y} is yhat."""
    match = NAME.fullmatch(name)
    base = (match["hat"] and match["hat"] + "hat") or match["word"] or match["greek"] or match["letter"]
    base = {"lambda": "lam"}.get(base, base)
    if match["sub"]:
        inner = re.sub(r"^\\math(rm|it){(\w+)}$", r"\2", match["sub"])
        base += f"_{plain(inner)}" if NAME.fullmatch(inner) else f"_{inner}"
    return base + (match["index"] or "")


class Reader:
    """A recursive-descent parser that evaluates as it goes."""

    def __init__(self, latex, known, functions):
        self.rest = latex
        self.known, self.functions = known, functions

    def whole(self):
        value = self.sum()
        assert not self.rest.strip(), f"left over: {self.rest}"
        return value

    def take(self, *options):
        """The first of some beginnings, taken away."""
        self.rest = self.rest.lstrip()
        for option in options:
            if self.rest.startswith(option):
                self.rest = self.rest[len(option) :]
                return option
        return None

    def expect(self, text):
        assert self.take(text), f"{text} is missing before {self.rest}"

    def sum(self):
        sign = self.take("-")
        value = self.entrywise()
        value = -value if sign else value
        while sign := self.take("+", "-"):
            term = self.entrywise()
            value = value + term if sign == "+" else value - term
        return value

    def entrywise(self):
        value = self.product()
        while self.take(r"\odot"):
            value = value * self.product()
        return value

    def product(self):
        value = self.factor()
        while self.begins_a_factor():
            value = times(value, self.factor())
        return value

    def begins_a_factor(self):
        self.rest = self.rest.lstrip()
        return bool(self.rest) and not re.match(r"[-+})]|\\odot|\\right|\\top|\\\\|&", self.rest)

    def factor(self):
        if self.take(r"\sum"):
            axis = None
            if self.take("_{"):
                axis = OVER[self.take(*OVER)]
                self.expect("}")
            summand = self.entrywise()
            return np.sum(summand) if axis is None else np.sum(summand, axis=axis, keepdims=True)
        base = self.base()
        while self.take("^{"):
            base = self.raised(base)
            self.expect("}")
        return base

    def raised(self, base):
        if self.take(r"\top"):
            return base.T
        if self.take(r"\odot") is None:
            assert np.ndim(base) < 2 or 1 in base.shape or base.shape[0] != base.shape[1], "the power of which kind?"
        return base ** self.sum()

    def base(self):
        if self.take(r"\frac{"):
            above = self.sum()
            self.expect("}{")
            below = self.sum()
            self.expect("}")
            return above / below
        if self.take(r"\sqrt{"):
            value = np.sqrt(self.sum())
            self.expect("}")
            return value
        if self.take(r"\left("):
            return self.closed()
        if self.take("e^{"):
            value = np.exp(self.sum())
            self.expect("}")
            return value
        if filled := self.take(r"\mathbf{1}_{", r"\mathbf{0}_{"):
            rows = self.named()
            self.expect(r"\times")
            columns = self.named()
            self.expect("}")
            return np.full((int(rows), int(columns)), float("1" in filled))
        return self.call() if re.match(CALL, self.rest) else self.named()

    def closed(self):
        value = self.sum()
        self.expect(r"\right)")
        return value

    def call(self):
        match = re.match(CALL, self.rest)
        self.rest = self.rest[match.end() :]
        value = self.closed()
        if match["braces"]:
            self.expect("}")
        name = match["operator"] or match["command"] or match["letter"]
        name += "_tanh" if match["form"] else ""
        if name in ("softmax", "logsumexp"):
            axis = 0 if match["over"] else 1
            total = np.sum(np.exp(value), axis=axis, keepdims=True)
            return np.exp(value) / total if name == "softmax" else np.log(total)
        return self.functions[CALLS.get(name, name) + match["prime"]](value)

    def named(self):
        self.rest = self.rest.lstrip()
        if number := re.match(r"\d+(\.\d+)?", self.rest):
            self.rest = self.rest[number.end() :]
            return np.float64(number[0])
        match = NAME.match(self.rest)
        assert match, f"no factor: {self.rest}"
        self.rest = self.rest[match.end() :]
        return self.known[plain(match[0])]


CALL = (
    r"(?:\\(?:operatorname|mathrm){(?P<operator>\w+)}(?P<over>_{\\text{rows}})?(?P<form>_{\\tanh})?"
    r"|(?P<command>\\(?:tanh?|sigma|psi|log|exp|(?:arc)?(?:sin|cos|tan)|[sc](?:in|os)h))|(?P<letter>f))"
    r"(?P<prime>'*)(?:\\!|(?P<braces>{))\\left\("
)


def times(left, right):
    """The product of matrices, or with a number; a 1×1 matrix counts as a number."""
    if np.ndim(left) == 0 or np.ndim(right) == 0:
        return left * right
    if left.shape[1] == right.shape[0]:
        return left @ right
    assert 1 == left.size or 1 == right.size, f"{left.shape} times {right.shape}"
    return left * right


def derivative(f):
    return lambda z: np.imag(f(z + 1e-30j)) / 1e-30


class Document:
    """The formulas of a document, by the quantity that each one says, and what each should be."""

    def __init__(self, net, rng, sizes=None):
        self.point = random_point(net, rng, sizes)
        self.derivation = sb.derive(net)
        tape = self.derivation.tape
        symbols = [*net.arguments, *(e.symbol for e in tape.equations), *(a.symbol for a in tape.adjoints)]
        self.known = {s.name: self.point.value(s, self.point.here) for s in symbols}
        self.known |= {str(size): n for size, n in self.point.sizes.items()}
        self.functions = {}
        for name, f in oracle.ACTIVATIONS.items():
            one = lambda z, f=f: np.real(f(np, np.asarray(z, dtype=complex)))
            self.functions |= {name: one, f"{name}'": derivative(lambda z, f=f: f(np, z))}
        self.latex = self.derivation.to_latex(detail="delta")
        used = re.findall(r"\\text{([a-z ]+)}", self.latex)
        for name in (word.replace(" ", "_") for word in used if word.replace(" ", "_") in FUNCTIONS):
            self.functions |= {"f": self.functions[name], "f'": self.functions[f"{name}'"]}
        self.wanted = self.numbers()

    def numbers(self):
        """Return the values that the generated code computes, or that follow from the adjoints."""
        tape = self.derivation.tape
        result = self.derivation.to_numpy()(**{s.name: self.known[s.name] for s in tape.network.arguments})
        gradients = {f"dJd{name}": getattr(result, tape.gradient_name(name)) for name in tape.gradients}
        named = {a.name: self.point.value(a.expression, self.point.here) for a in tape.used_adjoints}
        equations = {e.name: self.known[e.name] for e in tape.equations}
        return equations | {tape.cost.name: result[0]} | named | gradients

    def formulas(self):
        """(name, right side) of each line."""
        for line in self.latex.splitlines():
            left, _, right = line.removesuffix(r" \\").partition(" &= ")
            if right and r"\left(z\right)" not in left and not left.endswith("'"):
                yield said(left), right.split(" && ")[0]

    def read(self, right):
        return Reader(right, self.known, self.functions).whole()

    def agrees(self, name, right):
        """Return whether a formula has these values; one that cannot be computed has not."""
        try:
            value = np.asarray(self.read(right))
        except (AssertionError, ValueError, AttributeError):
            return False
        wanted = np.asarray(self.wanted[name])
        fits = value.shape == wanted.shape or value.size == wanted.size == 1
        return fits and np.allclose(
            value.reshape(wanted.shape), wanted, rtol=1e-9, atol=1e-12 * (np.max(np.abs(wanted)) + 1e-300)
        )


def said(left):
    """The name of a left side: of δ = ∂J/∂z it is δ, of ∂J/∂W it is dJdW."""
    gradient = re.fullmatch(r"\\frac{\\partial .+}{\\partial (.+)}", left)
    return f"dJd{plain(gradient[1])}" if gradient else plain(left.split(" = ")[0])


def compare(net, rng, sizes=None):
    document = Document(net, rng, sizes)
    formulas = list(document.formulas())
    assert {name for name, _ in formulas} == set(document.wanted)
    assert not [(name, right) for name, right in formulas if not document.agrees(name, right)]


@pytest.mark.parametrize(("activation", "cost"), PAIRS)
def test_every_activation_and_cost(activation, cost, rng):
    layers = 1 if activation in ("log", "exp") else 2  # log of log needs arguments above 1
    compare(sb.mlp(["D", "H", "K"][: layers + 1], activation, cost, bias=True, l2="lam"), rng)


@pytest.mark.parametrize("sizes", [[2, 3, 1], [1, 1], [3, 1, 2], [2, 2, 2], ["D", 3, "D"], [f"H{k}" for k in range(5)]])
@pytest.mark.parametrize("cost", ["half_squared_error", "softmax_cross_entropy", "mean_squared_error"])
def test_other_sizes(sizes, cost, rng):
    compare(sb.mlp(sizes, "tanh", cost, output_activation=None, bias=True, l2=0.1), rng)


NETWORKS = {
    "home": sb.home_network,
    "two activations": lambda: sb.mlp(["D", "H", "K"], "tanh", output_activation="sigmoid"),
    "composite": composite,
    "tied": tied,
    "tied across sections": tied_across_sections,
    "rnn": lambda: rnn(3),
    "residual": lambda: residual(3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_other_networks(name, rng):
    compare(NETWORKS[name](), rng)


@pytest.mark.parametrize("rank", range(20))
def test_random_networks(rank, rng):
    compare(random_network(rng), rng)


# planted misprints


def swapped(right):
    """Two neighbouring factors of a product of matrices, in the other order."""
    factor = (
        r"(?:\\left\([^()]*(?:\([^()]*\))?[^()]*\\right\)\^{\\top}|\\delta\^{\(\d\)}|[A-Z]\^{\\top}|[A-Z]\^{\(\d\)})"
    )
    for match in re.finditer(rf"({factor}) ({factor})", right):
        yield f"{right[: match.start()]}{match[2]} {match[1]}{right[match.end() :]}"


def without_a_transpose(right):
    for match in re.finditer(r"\^{\\top}", right):
        yield right[: match.start()] + right[match.end() :]


def with_another_sign(right):
    if right.startswith("-"):
        yield right[1:]
    for match in re.finditer(r" ([-+]) ", right):
        yield right[: match.start()] + {"-": " + ", "+": " - "}[match[1]] + right[match.end() :]


def without_a_prime(right):
    for match in re.finditer("'", right):
        yield right[: match.start()] + right[match.end() :]


def without_a_factor(right):
    for match in re.finditer(r"\\frac{(?!\\partial)[^{}]+}{[^{}]+} ", right):
        yield right[: match.start()] + right[match.end() :]


@pytest.mark.parametrize(
    "misprint", [swapped, without_a_transpose, with_another_sign, without_a_prime, without_a_factor]
)
def test_planted_misprints_are_noticed(misprint, rng):
    nets = [sb.mlp(["D", "D", "D"], "tanh", "mean_squared_error", bias=True, l2="lam"), tied_across_sections()]
    planted = 0
    for net in nets:
        document = Document(net, rng)
        for name, right in document.formulas():
            assert document.agrees(name, right)
            for wrong in misprint(right):
                planted += 1
                assert not document.agrees(name, wrong), f"{name} = {wrong}"
    assert planted


@pytest.mark.parametrize("detail", ["full", "delta", "result"])
@pytest.mark.parametrize("view", ["matrix", "index", "both"])
@pytest.mark.parametrize("name", NETWORKS)
def test_markdown_has_the_very_same_formulas(name, view, detail):
    d = sb.derive(NETWORKS[name]())
    latex, markdown = d.to_latex(detail=detail, view=view), d.to_markdown(detail=detail, view=view)
    assert rows(markdown) == rows(latex) != []


def rows(document):
    return [line.removesuffix(r" \\") for line in document.splitlines() if "&=" in line]
