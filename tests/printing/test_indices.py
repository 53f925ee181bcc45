"""The index view, read back: its text is parsed and evaluated with plain loops over the indices.

The reader here knows the notation alone, as the documents describe it: a Σ reaches over the product that follows it.
"""

import itertools
import math
import re

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.expressions.functions import FUNCTIONS
from tests.support import oracle
from tests.support.evaluator import random_point
from tests.support.networks import PAIRS, composite, random_network, residual, rnn, tied, tied_across_sections

NAME = "[A-Za-zΑ-ω][A-Za-z0-9_Α-ω]*"
TOKEN = re.compile(
    rf"\s*(?:(?P<sum>Σ_[A-Za-z0-9′,]+)|(?P<call>{NAME}′*)\(|(?P<entry>{NAME})\[(?P<at>[^\]]*)\]|(?P<name>{NAME})"
    r"|(?P<number>[0-9]+)|(?P<half>[½¼¾])|(?P<power>[⁰¹²³⁴-⁹⁻]+)|(?P<sign>[-+−/()^√]))"
)
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
HALVES = {"½": 0.5, "¼": 0.25, "¾": 0.75}


class Reader:
    """A recursive-descent parser: each method returns a function from the values of the indices to a number."""

    def __init__(self, text, known, shapes, sizes, functions):
        self.tokens = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            assert match, f"not of the notation: {text[at:]}"
            self.tokens.append((match.lastgroup if match["entry"] is None else "entry", match))
            at = match.end()
        self.known, self.shapes, self.sizes, self.functions = known, shapes, sizes, functions
        self.bound = set()
        self.letters = {}  # the dimension that each letter runs over

    def kind(self):
        return self.tokens[0][0] if self.tokens else None

    def is_sign(self, *signs):
        return self.kind() == "sign" and self.tokens[0][1]["sign"] in signs

    def take(self):
        return self.tokens.pop(0)[1]

    def expect(self, sign):
        assert self.is_sign(sign), f"{sign} is missing"
        self.take()

    def sum(self):
        terms = []
        first = True
        while first or self.is_sign("+", "−"):
            negative = self.is_sign("−")
            if self.is_sign("+", "−"):
                self.take()
            terms.append((-1 if negative else 1, self.product()))
            first = False
        return lambda at: sum(sign * term(at) for sign, term in terms)

    def product(self):
        factors = []
        while self.kind() in ("sum", "call", "entry", "name", "number", "half") or self.is_sign("(", "√"):
            if self.kind() == "sum":
                factors.append(self.running_sum())
                break
            factors.append(self.powered())
            while self.is_sign("/"):
                self.take()
                factors.append(self.inverse())
        assert factors, "a product of nothing"
        return lambda at: float(np.prod([factor(at) for factor in factors]))

    def inverse(self):
        below = self.powered()
        return lambda at: 1 / below(at)

    def running_sum(self):
        letters = self.take()["sum"][2:].split(",")
        assert not self.bound & set(letters), f"{letters} stand for something already"
        self.bound |= set(letters)
        summand = self.product()
        self.bound -= set(letters)

        def added(at):
            ranges = [range(self.sizes[self.letters[letter]]) for letter in letters]
            return sum(summand(at | dict(zip(letters, places, strict=True))) for places in itertools.product(*ranges))

        return added

    def powered(self):
        base = self.factor()
        if self.kind() == "power":
            exponent = int(self.take()["power"].translate(DIGITS))
            return lambda at: base(at) ** exponent
        if self.is_sign("^"):
            self.take()
            by = self.factor()
            return lambda at: base(at) ** by(at)
        return base

    def factor(self):
        kind = self.kind()
        if self.is_sign("√"):
            self.take()
            below = self.factor()
            return lambda at: math.sqrt(below(at))
        if self.is_sign("("):
            self.take()
            inside = self.sum()
            self.expect(")")
            return inside
        match = self.take()
        if kind == "call":
            argument = self.sum()
            self.expect(")")
            return lambda at, f=self.functions[match["call"]]: f(argument(at))
        if kind == "entry":
            return self.entry(match["entry"], match["at"].split(","))
        if kind == "name":
            value = self.known[match["name"]]
            assert np.size(value) == 1
            return lambda at: float(np.squeeze(value))
        number = HALVES[match["half"]] if kind == "half" else float(match["number"])
        return lambda at: number

    def entry(self, name, letters):
        """An entry of a named matrix; the index of a dimension of size 1 is left out."""
        wide = [axis for axis, size in enumerate(self.shapes[name]) if size != "1"]
        assert len(letters) == len(wide), f"{name}{letters} has a shape of {self.shapes[name]}"
        for letter, axis in zip(letters, wide, strict=True):
            if "+" not in letter and not letter.isdigit():  # an index that does not begin at an offset
                assert letter in self.bound, f"{letter} stands for nothing"
                assert self.letters.setdefault(letter, self.shapes[name][axis]) == self.shapes[name][axis]
        places = dict(zip(wide, letters, strict=True))
        value = self.known[name]
        return lambda at: value[tuple(self.place(places[axis], at) if axis in places else 0 for axis in (0, 1))]

    def place(self, index, at):
        """The value of an index: a letter, or sums of products such as 2 H+h."""
        known = self.sizes | at
        return sum(math.prod(known[f] if f in known else int(f) for f in term.split()) for term in index.split("+"))


class Document:
    """The lines of an index view, each read and evaluated at all places."""

    def __init__(self, net, rng, **sizes):
        self.point = random_point(net, rng, sizes or None)
        self.tape = self.point.tape
        self.derivation = sb.derive(net)
        self.functions = functions_of(self.derivation)
        named = [*self.tape.network.arguments, *(e.symbol for e in self.tape.equations)]
        named += [adjoint.symbol for adjoint in self.tape.adjoints]
        self.known = {printed(s): self.point.value(s, self.point.here) for s in named}
        self.shapes = {printed(s): [str(n) for n in getattr(s, "shape", ())] for s in named}
        self.sizes = {str(size): n for size, n in self.point.sizes.items()}
        self.known |= {size: n for size, n in self.sizes.items() if not size.isdigit()}

    def lines(self):
        """Each formula's left side, right side, and matrix form."""
        matrices = [(printed(e.symbol), e.expression) for e in self.tape.equations]
        names = {adjoint.symbol: printed(adjoint.symbol) for adjoint in self.tape.adjoints}
        matrices += [(names[adjoint.symbol], adjoint.expression) for adjoint in self.tape.used_adjoints]
        matrices += [(f"∂{printed(self.tape.cost.symbol)}/∂{name}", g) for name, g in self.gradients()]
        expressions = dict(matrices)
        document = self.derivation.to_text(detail="delta", view="index").replace("\n\nResult", "").splitlines()
        assert document[-1] == self.derivation.to_text(detail="result", view="index").splitlines()[-1]
        read = set()
        for line in document:
            formula = re.split(r" {3,}", line.strip())[0]
            left, *_, right = formula.split(" = ") if " = " in formula else ("", "")
            name = left.split("[")[0]
            if name in expressions and "(z)" not in left:
                read.add(name)
                yield left, right, expressions[name]
        assert read == set(expressions)

    def gradients(self):
        return [(printed(p), self.tape.gradients[p.name]) for p in self.tape.wrt]

    def evaluated(self, left, right, shape):
        """The right side at every entry of the left side, and the letters' dimensions."""
        reader = Reader(right, self.known, self.shapes, self.sizes, self.functions)
        letters = left.partition("[")[2].rstrip("]").split(",") if "[" in left else []
        wide = [axis for axis, size in enumerate(shape) if str(size) != "1"]
        assert len(letters) == len(wide)
        assert len(set(letters)) == len(letters)
        reader.bound = set(letters)
        reader.letters = {letter: str(shape[axis]) for letter, axis in zip(letters, wide, strict=True)}
        formula = reader.sum()
        assert not reader.tokens, "something is left over"
        values = np.empty([int(self.point.sizes.get(n, n)) for n in shape])
        for place in np.ndindex(*values.shape):
            values[place] = formula({letter: place[axis] for letter, axis in zip(letters, wide, strict=True)})
        return values, reader.letters


def printed(symbol):
    """How the text names a quantity: Greek letters as themselves."""
    return re.sub(r"^(delta|lam)(?=\d|_|$)", lambda match: {"delta": "δ", "lam": "λ"}[match[1]], str(symbol.name))


def functions_of(derivation):
    names = {m for m in re.findall(r"\((\w+)\)$", derivation.to_text(detail="delta"), re.MULTILINE) if m in FUNCTIONS}
    functions = {name: value_of(name) for name in FUNCTIONS} | {f"{name}′": derivative_of(name) for name in FUNCTIONS}
    for name in names:
        functions |= {"f": value_of(name), "f′": derivative_of(name)}
    return functions


def value_of(name):
    return lambda z: float(np.real(oracle.ACTIVATIONS[name](np, complex(z))))


def derivative_of(name):
    return lambda z: float(np.imag(oracle.ACTIVATIONS[name](np, z + 1e-30j)) / 1e-30)


def compare(net, rng, **sizes):
    document = Document(net, rng, **sizes)
    dimensions = {}
    for left, right, expression in document.lines():
        matrix = np.asarray(document.point.value(expression, document.point.here))
        values, letters = document.evaluated(left, right, getattr(expression, "shape", ()))
        size = np.max(np.abs(matrix)) + 1e-300
        np.testing.assert_allclose(values, matrix.reshape(values.shape), rtol=1e-9, atol=1e-12 * size, err_msg=left)
        for letter, dimension in letters.items():
            assert dimensions.setdefault(letter.rstrip("′"), dimension) == dimension, (
                f"{letter} runs over two dimensions"
            )


@pytest.mark.parametrize(("activation", "cost"), PAIRS)
def test_every_activation_and_cost(activation, cost, rng):
    layers = 1 if activation in ("log", "exp") else 2  # log of log needs arguments above 1
    compare(sb.mlp(["D", "H", "K"][: layers + 1], activation, cost, bias=True, l2="lam"), rng, N=4, D=2, H=3)


@pytest.mark.parametrize(
    "sizes", [[2, 3, 1], [1, 1], [1, 3, 1], [3, 1, 2], [2, 2, 2], ["D", 3, "D"], [f"H{k}" for k in range(5)]]
)
@pytest.mark.parametrize("cost", ["half_squared_error", "softmax_cross_entropy", "mean_squared_error"])
def test_sizes_that_are_numbers_equal_or_one(sizes, cost, rng):
    compare(sb.mlp(sizes, "tanh", cost, bias=True, l2=0.1), rng)


def test_one_example(rng):
    compare(sb.mlp([2, 3, 4], "tanh", "softmax_cross_entropy", bias=True, examples=1), rng)


NETWORKS = {
    "composite": composite,
    "tied": tied,
    "tied across sections": tied_across_sections,
    "rnn": lambda: rnn(2),
    "residual": lambda: residual(2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_other_networks(name, rng):
    net = NETWORKS[name]()
    compare(net, rng, **{str(d): n for d, n in zip(net.dimensions, (3, 2, 4, 5), strict=False)})


PARTS = """
X: input(N, 6)
r: input(1, 4)
w: parameter(1, 2)
v: parameter(N, 1)
u: parameter(N, H)
U: input(N, 3*H)
z = X[:, 1:3] * w + X[:, 0:1] * v + X[:, 4:5] + X[:, 1:5][:, 0:2] + X[:, 1:5][:, 2:3]
J = sum(z**2) + sum(X[0:1, 0:1] * w) + sum(r[:, 0:1] * v) + sum(r[0:1, 3:4] * v) + sum(u * U[:, H:2*H])
"""


def test_parts_of_matrices(rng):
    """The index of a part counts from where the part begins, and an index 0 is written."""
    net = sb.parse_network(PARTS)
    shown = sb.derive(net).to_text(view="index", detail="delta")
    for entry in ("X[n,1+j]", "X[n,0]", "X[n,4]", "X[n,3]", "X[0,0]", "r[0]", "r[3]", "U[n,H+l]"):
        assert entry in shown
    compare(net, rng, N=3, H=2)


def test_parts_of_a_parameter():
    net = "g: parameter(N, 3)\nA: input(N, K)\nB: input(N, K)\nJ = sum((g[:, 0:1] * A + g[:, 1:2] * B)**2)"
    d = sb.derive(sb.parse_network(net))
    assert "g[n,0] A[n,k] + g[n,1] B[n,k]" in d.to_text(view="index", detail="result")
    assert r"g_{n,0} A_{n k} + g_{n,1} B_{n k}" in d.to_latex(view="index", detail="result")


@pytest.mark.parametrize("rank", range(10))
def test_random_networks(rank, rng):
    compare(random_network(rng), rng, N=3, D=2, K=4)


def test_dimensions_and_quantities_of_the_same_letter(rng):
    net = sb.Network()
    h, d, W = net.input("h", "N", "H"), net.parameter("d", "H", "n"), net.parameter("W", "n", "k")
    net.minimize("J", sb.total(sb.power(sb.tanh(h * d) * W, 2)) + 1 / sb.total(sb.power(W, 2)))
    compare(net, rng, N=3, H=2, n=4, k=5)


def test_what_is_read_is_what_is_printed(rng):
    """Planted misprints are noticed."""
    document = Document(sb.mlp(["D", "H", "K"], bias=True), rng, N=4, D=2, H=3, K=5)
    lines = {left: (right, expression) for left, right, expression in document.lines()}
    right, expression = lines["∂J/∂W2[h,k]"]
    assert right == "Σ_n a2[n,h] δ3[n,k]"
    matrix = document.point.value(expression, document.point.here)
    assert np.allclose(document.evaluated("∂J/∂W2[h,k]", right, expression.shape)[0], matrix)
    for wrong in ("−Σ_n a2[n,h] δ3[n,k]", "Σ_n a2[n,h] y[n,k]", "Σ_n (a2[n,h] + δ3[n,k])"):
        assert not np.allclose(document.evaluated("∂J/∂W2[h,k]", wrong, expression.shape)[0], matrix)
    for wrong in (
        "Σ_n a2[n,k] δ3[n,k]",
        "Σ_n a2[n,h] δ3[n,k′]",
        "a2[n,h] δ3[n,k]",
        "Σ_h a2[n,h] δ3[n,k]",
        "Σ_n a2[n,h] ᵀ",
    ):
        with pytest.raises(AssertionError):
            document.evaluated("∂J/∂W2[h,k]", wrong, expression.shape)
