"""Expressions as terms of Coq: `View` writes them inside or outside of the section in which they were defined."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from sympy import Expr, Symbol

from symbackprop.backprop.graph import ComputationGraph
from symbackprop.certificate.names import Names
from symbackprop.certificate.rows import Texts, row_for
from symbackprop.errors import NotCertifiedError
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.functions import Applied, ElementwiseFunction
from symbackprop.expressions.matrices import is_name
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.text import typed

KNOWN = {  # functions that Coq has, with the lemma of their derivatives
    "exp": ("exp", "derive_exp"),
    "log": ("ln", "derive_ln"),
    "identity": ("(fun x => x)", "derive_id"),
    "sin": ("sin", "derive_sin"),
    "cos": ("cos", "derive_cos"),
}
_X = Symbol("x", real=True)


def rate_of(node: Expression) -> Hashable:
    """Return the key of the name of a node's rate."""
    return "rate", node


def by_section(parameter: Expression, node: Expression) -> Hashable:
    """Return the key of the name of a node's rate in the lines of one parameter."""
    return "by", parameter, node


@dataclass
class Scope:
    """The data that the views of a certificate share: the graph, the names, and what each definition depends on."""

    graph: ComputationGraph
    names: Names
    moving: tuple[Expression, ...]
    functions: dict[ElementwiseFunction, str]
    uses: dict[str, str] = field(default_factory=dict)  # of each definition: "θ", "d", "θd" or nothing


@dataclass(frozen=True)
class View:
    """The texts of expressions at a list of parameters `point`, as the table of rows needs them.

    A definition of a section that is still open has no argument: with an empty point all names are written so, and
    with empty `rates` those of the rates.
    """

    scope: Scope
    point: str = ""
    rates: str = ""
    is_still: bool = False  # only values are wanted

    def term(self, e: Expression) -> str:
        """Return the value of an expression; a quantity is written by its name."""
        known = self.scope.graph.names.get(e, e)
        if known in self.scope.moving:
            matrix = self._parameter(known)
            return matrix if is_matrix(known) else f"({matrix} O O)"
        if known in self.scope.graph.network.dimensions:
            return f"(INR {self.nat(known)})"
        if known in self.scope.names and is_name(known):
            return self.applied(self.scope.names[known], self.point)
        if isinstance(e, Expr) and not is_matrix(e) and e.is_Rational:
            return self.number(e)
        return replace(self, is_still=True).texts(e).value

    def written(self, e: Expression) -> str:
        """Return the value of an expression by its operation, also where a quantity has this value."""
        if is_name(e) or (not is_matrix(e) and e.is_Rational):
            return self.term(e)
        return replace(self, is_still=True).texts(e).value

    def texts(self, e: Expression) -> Texts:
        """Return the texts of an operation by its row."""
        row = row_for(e)
        if row is None or (is_matrix(e) and len(e.shape) != 2) or any(_is_array(a) for a in e.args):
            raise NotCertifiedError(self.complaint(e))
        return row(self, e)

    def complaint(self, e: Expression) -> str:
        """Return a message that names the operation without a row, and the equation that contains it."""
        within = [q for q in self.scope.graph.equations if q.expression.has(e)]
        where = f", in {within[0].name} = {typed(within[0].expression)}" if within else ""
        axes = " of arrays that are not matrices" if _is_array(e) or any(map(_is_array, e.args)) else ""
        return (
            f"no certificate: {type(e).__name__}{axes} has no row in certificate/rows.py ({typed(e)}{where}); "
            "everything else of the derivation is as before, and verify proves it without Coq"
        )

    def _parameter(self, p: Expression) -> str:
        return f"(nth {self.scope.moving.index(p)} {self.point} zeros)" if self.point else self.scope.names[p]

    def applied(self, name: str, point: str, rates: str = "") -> str:
        """Return a definition with the arguments that it has outside of its section."""
        uses = self.scope.uses.get(name, "")
        arguments = [text for letter, text in (("θ", point), ("d", rates)) if letter in uses and text]
        return f"({' '.join([name, *arguments])})" if arguments else name

    def rate(self, e: Expression) -> str:
        """Return the rate of a node."""
        node = self.scope.graph.names.get(e, e)
        if node in self.scope.moving:
            matrix = f"(nth {self.scope.moving.index(node)} {self.rates or 'd'} zeros)"
            return matrix if is_matrix(node) else f"({matrix} O O)"
        name = self.scope.names[rate_of(node)]
        return self.applied(name, self.point, self.rates) if self.rates else name

    def proof(self, e: Expression) -> str:
        """Return the name of the lemma about the rate of a node."""
        node = self.scope.graph.names.get(e, e)
        return self.scope.names["moves", node]

    def varies(self, e: Expression) -> bool:
        """Return True if an expression depends on the parameters."""
        return not self.is_still and self.scope.graph.varies(e)

    def nat(self, size: Expression) -> str:
        """Return a size as a natural number."""
        if size.is_Integer:
            return str(size)
        if size in self.scope.graph.network.dimensions:
            return self.scope.names[size]
        if size.is_Add or (size.is_Mul and all(a.is_Integer or a.is_Symbol for a in size.args)):
            sign = " + " if size.is_Add else " * "
            return "(" + sign.join(map(self.nat, size.args)) + ")%nat"
        raise NotCertifiedError(f"no certificate: the size {size} is not a sum or a product of named sizes")

    def number(self, value: Expression) -> str:
        """Return a rational number."""
        text = f"{value.p}" if value.q == 1 else f"{value.p} / {value.q}"
        return text if value.is_Integer and value >= 0 else f"({text})"

    def function(self, f: ElementwiseFunction) -> str:
        """Return the text of an elementwise function."""
        return KNOWN[f.name][0] if f.name in KNOWN and f.order == 0 else self.scope.functions[f]

    def slope(self, f: ElementwiseFunction) -> str:
        """Return the text of the derivative of an elementwise function, as a function."""
        prime = f.prime(_X)
        if isinstance(prime, Applied) and prime.args[1] == _X:
            return self.function(prime.function)
        return f"(fun x => {self.in_x(prime)})"

    def in_x(self, e: Expression, others: dict[Expression, str] | None = None) -> str:
        """Return the text of a formula in the bound variable x; `others` has the texts of other symbols."""
        return _InX(self.scope, texts_of={_X: "x"} | (others or {})).term(e)

    def fact(self, f: ElementwiseFunction) -> str:
        """Return the name of the fact that the slope is the derivative."""
        return KNOWN[f.name][1] if f.name in KNOWN and f.order == 0 else self.scope.names["fact", f]

    def given(self, node: Expression) -> str:
        """Return the assumption that a node is differentiable here."""
        return f"({self.scope.names['given', self.scope.graph.names.get(node, node)]} {self.point} here)"


@dataclass(frozen=True)
class _InX(View):
    """Formulas in bound variables."""

    texts_of: dict[Expression, str] = field(default_factory=dict)

    def term(self, e: Expression) -> str:
        return self.texts_of[e] if e in self.texts_of else super().term(e)


def _is_array(e: Expression) -> bool:
    return is_matrix(e) and len(e.shape) != 2


def abstract(graph: ComputationGraph) -> list[ElementwiseFunction]:
    """Return the functions of a network that Coq does not have, in order, with their derivatives last."""
    found: dict[ElementwiseFunction, None] = {}
    for equation in graph.equations:
        for part in equation.expression.atoms(Elementwise, Applied):
            found.setdefault(part.function)
    given = [f for f in found if f.name not in KNOWN or f.order]
    slopes = [f.prime(_X).atoms(Applied) for f in found if isinstance(f.prime(_X), Expr)]
    named = sorted({a.function for some in slopes for a in some if a.function.name not in KNOWN}, key=str)
    return list(dict.fromkeys([*given, *named]))
