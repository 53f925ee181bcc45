"""Equations of a document as NumPy text with shapes: what a network is said to compute, forwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import numpy as np

from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.latex_parser import applied
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Group, Name, Node
from symbackprop.proofread.interpreter.functions import ROWS


@dataclass(eq=False)
class Size:
    """A number of rows or columns; two that must be equal become one."""

    name: str = ""
    same_as: "Size | None" = None

    @property
    def root(self) -> "Size":
        return self if self.same_as is None else self.same_as.root


@dataclass(frozen=True)
class Term:
    """The NumPy text of a formula; `shape` is None where it is a number."""

    text: str
    shape: tuple[Size, Size] | None = None


def unify(one: Size, other: Size) -> None:
    a, b = one.root, other.root
    if a is b:
        return
    if a.name and b.name and a.name != b.name:
        raise UnsupportedNotationError(f"{a.name} and {b.name} should be the same size")
    if a.name:
        b.same_as = a
    else:
        a.same_as = b


PARAMETERS = {"W", "w", "theta", "Theta", "V", "U", "v", "u", "b", "beta", "B"}
_BIASES = {"b", "beta", "B"}
INPUTS, TARGETS = {"x", "X"}, {"y", "Y", "t", "T", "d"}
COUNTS, SCALARS = {"N", "m", "n", "M"}, {"lambda", "alpha", "gamma", "mu", "rho"}
_ENTRYWISE = {r"\odot", r"\circ", "*", "numpy *", r"\otimes"}


@dataclass
class Equations:
    """What has been read of a network.

    Args:
        functions: names of the network's functions by those of the document.
        in_columns: whether the examples are columns.
        examples: how many there are.
    """

    functions: Mapping[str, str]
    in_columns: bool
    examples: Size
    derived_by: frozenset[str] = frozenset()  # what the cost is derived by
    leaves: dict[str, tuple[str, tuple[Size, Size] | None]] = field(default_factory=dict)  # roles and shapes
    known: dict[str, tuple[Size, Size] | None] = field(default_factory=dict)  # what has been computed
    bound: tuple[str, ...] = ()  # indices of sums
    free: frozenset[str] = frozenset()  # the index of an example, or of a unit, that an equation is said for

    # names

    def identifier(self, name: Name) -> str:
        """The name in NumPy syntax; indices of sums are left out."""
        digits, words = "", ""
        for mark in (*name.above, *name.below):
            content = mark.content
            if isinstance(content, tree.Number):
                digits = digits or str(content.value)
            elif isinstance(content, Name) and not content.above and content.base in {*self.bound, *self.free}:
                if name.base in PARAMETERS:
                    raise UnsupportedNotationError(f"{name.source}: weights entry by entry are not read as a network")
            elif name.base == "h" and mark in name.below:  # h_θ(x), of the parameters
                continue
            elif mark.kind == "plain" and mark in name.below:
                words += "".join(part.base for part in tree.walk(content) if isinstance(part, Name))
            else:
                raise UnsupportedNotationError(f"{name.source or name.base} stands for every layer or example")
        base = "lam" if name.base == "lambda" else name.base
        return base + ("_" if words else "") + words + digits

    def letters(self, name: Name) -> frozenset[str]:
        """The letters at a name that may be indices."""
        marks = [mark.content for mark in (*name.above, *name.below)]
        return frozenset(m.base for m in marks if isinstance(m, Name) and len(m.base) == 1 and not m.below)

    def leaf(self, name: Name, identifier: str) -> Term:
        """What nothing says how to compute: data, a parameter, a number."""
        other = identifier[:1].swapcase() + identifier[1:]
        if other in self.leaves and self.leaves[other][0] != "parameter":
            identifier = other  # x is an example of X
        if identifier not in self.leaves:
            self.leaves[identifier] = self._role(name, identifier)
        return Term(identifier, self.leaves[identifier][1])

    def _role(self, name: Name, identifier: str) -> tuple[str, tuple[Size, Size] | None]:
        data = (Size(), self.examples) if self.in_columns else (self.examples, Size())
        if identifier in self.derived_by or name.base in PARAMETERS:
            line = (Size(), Size("1")) if self.in_columns else (Size("1"), Size())
            if name.base in _BIASES:
                return "parameter", line
            is_vector = name.base.islower() and identifier == name.base  # w of one unit
            return "parameter", (Size(), Size("1")) if is_vector else (Size(), Size())
        if name.base in INPUTS or identifier in {"a0", "A0", "h0"}:
            return "input", data
        if name.base in TARGETS:
            return "target", data
        if name.base in SCALARS:
            return "scalar", None
        raise UnsupportedNotationError(f"nothing says what {name.source or name.base} is")

    # formulas

    @singledispatchmethod
    def term(self, node: Node) -> Term:
        raise UnsupportedNotationError(f"{node.source or type(node).__name__} is not read as an equation of a network")

    @term.register
    def _(self, node: tree.Number) -> Term:
        value = node.value
        return Term(str(value) if value.denominator == 1 else f"({value.numerator} / {value.denominator})")

    @term.register
    def _(self, node: Name) -> Term:
        if node.base in COUNTS and not node.below and not node.above:
            return Term(self.examples.root.name)
        identifier = self.identifier(node)
        if identifier in self.known:
            return Term(identifier, self.known[identifier])
        return self.leaf(node, identifier)

    @term.register
    def _(self, node: Group) -> Term:
        if len(node.items) != 1:
            raise UnsupportedNotationError(f"{node.source}: a list is no formula")
        return self.term(node.items[0])

    @term.register
    def _(self, node: tree.Add) -> Term:
        parts = [self.term(part) for part in node.terms]
        biases = [self._is_bias(part) for part in node.terms]
        shapes = [part.shape for part, is_bias in zip(parts, biases, strict=True) if part.shape and not is_bias]
        lines = [part.shape for part, is_bias in zip(parts, biases, strict=True) if part.shape and is_bias]
        whole = next(iter([*shapes, *lines]), None)
        for shape in shapes:
            for one, other in zip(shape, whole or (), strict=True):
                unify(one, other)
        for line in lines:  # a bias is added to each example
            axis = 0 if self.in_columns else 1
            if whole is not None:
                unify(line[axis], whole[axis])
        text = "".join(f" {'+' if sign > 0 else '-'} {part.text}" for sign, part in zip(node.signs, parts, strict=True))
        return Term(f"({text.removeprefix(' + ').strip()})", whole)

    def _is_bias(self, node: Node) -> bool:
        if not isinstance(node, Name) or node.base not in _BIASES:
            return False
        return self.leaves.get(self.identifier(node), ("",))[0] == "parameter"

    @term.register
    def _(self, node: tree.Transposed) -> Term:
        inner = self.term(node.base)
        if inner.shape is None:
            raise UnsupportedNotationError(f"{node.source}: a number is transposed")
        return Term(f"{inner.text}.T", (inner.shape[1], inner.shape[0]))

    @term.register
    def _(self, node: tree.Power) -> Term:
        if isinstance(node.base, tree.Norm) and node.exponent == tree.number(2):
            return Term(f"sum({self.term(node.base.body).text}**2)")
        if node.base == Name(base="e"):
            inner = self.term(node.exponent)
            return Term(f"exp({inner.text})", inner.shape)
        base, exponent = self.term(node.base), self.term(node.exponent)
        if exponent.shape is not None:
            raise UnsupportedNotationError(f"{node.source}: the exponent is no number")
        return Term(f"({base.text}**{exponent.text})", base.shape)

    @term.register
    def _(self, node: tree.Divide) -> Term:
        above, below = self.term(node.above), self.term(node.below)
        return Term(f"({above.text} / {below.text})", _together(above, below))

    @term.register
    def _(self, node: tree.Multiply) -> Term:
        factors = list(node.factors)
        made: Term | None = None
        while factors:
            factor = factors.pop(0)
            if isinstance(factor, Name) and factors and not node.sign and self._is_function(factor):
                called = applied(factor, factors[0], bare=True)
                if called is not None:
                    factors.pop(0)
                    factor = called
            term = self.term(factor)
            made = term if made is None else self._product(node.sign, made, term)
        if made is None:
            raise UnsupportedNotationError("a product of nothing")
        return made

    def _product(self, sign: str, one: Term, other: Term) -> Term:
        if one.shape is None or other.shape is None or sign in _ENTRYWISE or self.bound:
            return Term(f"({one.text} * {other.text})", _together(one, other))
        unify(one.shape[1], other.shape[0])
        return Term(f"({one.text} @ {other.text})", (one.shape[0], other.shape[1]))

    @term.register
    def _(self, node: tree.Summation) -> Term:
        if node.sign != r"\sum":
            raise UnsupportedNotationError(f"{node.sign} is not read")
        before, self.bound = self.bound, (*self.bound, *(node.indices or ("",)))
        try:
            inner = self.term(node.body)
        finally:
            self.bound = before
        return inner if inner.shape is None else Term(f"sum({inner.text})")

    @term.register
    def _(self, node: tree.Norm) -> Term:
        inner = self.term(node.body)
        if node.single:
            return Term(f"abs({inner.text})", inner.shape)
        if node.order == 1:
            return Term(f"sum(abs({inner.text}))")
        raise UnsupportedNotationError(f"{node.source}: a norm that is not squared")

    @term.register
    def _(self, node: tree.Call) -> Term:
        function = node.function
        if not isinstance(function, Name):
            raise UnsupportedNotationError(f"{node.source}: {function.source} is no function")
        if not self._is_function(function):
            return self.term(function)  # h(x), of a quantity
        if function.base == "max" and len(node.arguments) == 2 and node.arguments[0] == tree.number(0):
            inner = self.term(node.arguments[1])
            return Term(f"relu({inner.text})", inner.shape)
        if len(node.arguments) != 1:
            raise UnsupportedNotationError(f"{node.source}: a function of {len(node.arguments)} arguments")
        inner = self.term(node.arguments[0])
        name = self.functions.get(function.base, ROWS.get(function.base, function.base))
        if name in {"softmax", "Softmax"}:
            return Term(f"softmax({inner.text}, axis={0 if self.in_columns else 1})", inner.shape)
        if name not in FUNCTIONS:
            raise UnsupportedNotationError(f"nothing says what {function.source or function.base} is")
        return Term(f"{name}({inner.text})", inner.shape)

    def _is_function(self, name: Name) -> bool:
        everyday = {*ROWS, *FUNCTIONS, "softmax", "Softmax", "max"}
        return name.base in self.functions or (name.base in everyday and name.base not in self.known)


def _together(one: Term, other: Term) -> tuple[Size, Size] | None:
    """The shape of a product entry by entry."""
    if one.shape is None or other.shape is None:
        return one.shape or other.shape
    for a, b in zip(one.shape, other.shape, strict=True):
        unify(a, b)
    return one.shape


def function_like(at: Callable[[Any], Any]) -> str | None:
    """The activation that has the values of a function."""
    points = np.array([-2.3, -0.7, 0.4, 1.9])
    try:
        with np.errstate(all="ignore"):
            found = np.broadcast_to(np.asarray(at(points), float), points.shape)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return next((name for name, values in _KNOWN.items() if np.allclose(values(points), found)), None)


_KNOWN: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "identity": lambda x: x,
}
