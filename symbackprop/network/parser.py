"""A network as text: declarations and assignments in NumPy syntax, the last one the cost."""

import ast
from typing import Any

from symbackprop.errors import FormulaError, NetworkError, SymbackpropError, nearest, shape_text
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.formula_parser import Formula
from symbackprop.network.network import ROLES, SCALAR, Network
from symbackprop.network.source import Source
from symbackprop.printing.text import typed

_MOST_CHARACTERS = 200_000
_MATRICES = [role for role in ROLES if role != SCALAR]

_STATEMENTS: dict[type, str] = {
    ast.AugAssign: "a quantity keeps its value; give the new one a name of its own",
    ast.For: "a loop cannot be part of a network; write each step as an equation",
    ast.While: "a loop cannot be part of a network; write each step as an equation",
    ast.If: "a choice cannot be part of a network; relu, abs and maximum make the usual ones",
    ast.FunctionDef: "a function cannot be part of a network; write what it computes",
    ast.Import: "nothing is imported here: the functions of formulas are there already",
    ast.ImportFrom: "nothing is imported here: the functions of formulas are there already",
    ast.Return: "nothing is returned: the last assignment is the cost",
}


def parse_network(text: str) -> Network:
    """The network that a text says; `str(network)` is such a text.

    Declarations are `X: input(N, D)`, `y: target(N, K)`, `Y: one_hot(N, K)`, `W1: parameter(D, H)` and `lam: scalar`,
    with sizes that are names or whole numbers. Equations are assignments in NumPy's syntax; the last one is the cost,
    a scalar. In a formula the name of a size is its value. The text is parsed, and nothing in it is run.

    Raises:
        FormulaError: what is no network, with the line, the column, and what to try.

    >>> net = parse_network('''
    ...     X: input(N, D)
    ...     y: target(N, 1)
    ...     w: parameter(D, 1)
    ...     J = mean((X @ w - y)**2)
    ... ''')
    >>> print(net.cost.expression)
    (Total(HadamardPower(X*w - y, 2)))/N
    """
    if not isinstance(text, str):
        raise NetworkError(f"a network is read from text, not from a {type(text).__name__}")
    if len(text) > _MOST_CHARACTERS:
        raise NetworkError(f"this text has {len(text)} characters; a network is read from at most {_MOST_CHARACTERS}")
    return _Reader(Source(text)).network()


class _Reader:
    """Reads one text, statement by statement."""

    def __init__(self, source: Source):
        self.source = source
        self.statements = source.parse()
        self.net = Network()
        self.lines = {name: node.lineno for node in self.statements for name in _says(node)}

    def network(self) -> Network:
        if not self.statements:
            raise NetworkError("there is nothing here: declare inputs and parameters; the last assignment is the cost")
        for node in self.statements:
            try:
                self._statement(node)
            except FormulaError:
                raise
            except SymbackpropError as error:
                raise self.source.error(str(error), node) from None
        if not isinstance(self.statements[-1], ast.Assign):
            raise self.source.error("the last line must be the cost, as in J = sum((y - yhat)**2)", self.statements[-1])
        return self.net

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=said, value=None):
                self._declare(name, said)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._define(node, name, value)
            case ast.Assign():
                raise NetworkError(f"{self.source.quote(node)}: an equation has one name on its left side")
            case ast.Expr(value=ast.Lambda()):
                raise NetworkError(f"{self.source.quote(node)}: lambda is a word of Python itself; write lam")
            case ast.Expr():
                raise NetworkError(f"{self.source.quote(node)}: this says nothing; an equation is name = formula")
            case _:
                hint = _STATEMENTS.get(type(node), "a network has declarations and equations only")
                raise NetworkError(f"{self.source.quote(node)}: {hint}")

    # declarations

    def _declare(self, name: str, said: ast.expr) -> None:
        role, sizes = self._role(name, said)
        getattr(self.net, role)(name, *sizes)  # each role is a method that declares it

    def _role(self, name: str, said: ast.expr) -> tuple[str, list[Any]]:
        match said:
            case ast.Name(id="scalar"):
                return SCALAR, []
            case ast.Call(func=ast.Name(id=role), args=[rows, columns], keywords=[]) if role in _MATRICES:
                return role, [self._size(rows), self._size(columns)]
            case ast.Call(func=ast.Name(id=role)) | ast.Name(id=role) if role in _MATRICES:
                raise NetworkError(f"{name}: {role} takes two sizes, rows and columns, as in {name}: {role}(N, D)")
        word = self.source.quote(said).partition("(")[0]
        hint = nearest(word, ROLES)
        raise NetworkError(f"{name}: {word:.40} is no role; {hint}")

    def _size(self, node: ast.expr) -> Any:
        """A whole number, the name of a dimension, or a sum of products of them such as 4*H."""
        if isinstance(node, ast.Name):
            return node.id
        sizes = {str(size): size for size in self.net.dimensions}
        return Formula(sizes, self.source, _unknown_size).read(node)

    # equations

    def _define(self, node: ast.Assign, name: str, value: ast.expr) -> None:
        is_cost = node is self.statements[-1]
        if name == "J" and not is_cost:
            raise NetworkError("J is kept for the cost, which is the last line")
        known = dict(self.net.symbols) | {str(size): size for size in self.net.dimensions}
        expression = Formula(known, self.source, self._missing).read(value)
        if not is_cost:
            self.net.define(name, expression)
            return
        if is_matrix(expression) and expression.shape != (1, 1):
            shape = shape_text(expression.shape)
            hint = f"sum or average its entries, as in {name} = mean({typed(expression):.60})"
            raise NetworkError(f"the last line is the cost, which must be a scalar, but {name} is {shape}; {hint}")
        self.net.minimize(name, expression)

    def _missing(self, name: str) -> str:
        if name in self.lines:
            return f"{name} is used before line {self.lines[name]}, where it is said"
        known = [*self.net.symbols, *map(str, self.net.dimensions)]
        return f"{name} is not defined; {nearest(name, known)}"


def _unknown_size(name: str) -> str:
    return f"{name} is not known yet; first declare a matrix that has it alone as a size"


def _says(node: ast.stmt) -> list[str]:
    """The names that a statement declares or defines."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []
