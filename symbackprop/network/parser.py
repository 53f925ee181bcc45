"""Networks as text: declarations and assignments in NumPy syntax, the last of which is the cost or an output."""

import ast
from collections.abc import Mapping
from types import MappingProxyType

from symbackprop.errors import FormulaError, NetworkError, SymbackpropError, nearest, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Size
from symbackprop.expressions.shapes import is_matrix, shape_of, told_sizes
from symbackprop.network.elaborate import Elaborator
from symbackprop.network.names import check_name
from symbackprop.network.network import INPUT, ONE_HOT, ROLES, SCALAR, Network
from symbackprop.network.straightened import COST_NAMES, Refused, straightened
from symbackprop.parsing.numpy_parser import NumpyText
from symbackprop.parsing.syntax_tree import Node
from symbackprop.printing.text import typed

_MOST_CHARACTERS = 200_000
INDEX = "index"  # an array of whole numbers, declared with the number of classes
_MATRICES = [role for role in ROLES if role != SCALAR]

COST, OUTPUT = "cost", "output"  # what a network may end in
_COSTS = (*COST_NAMES, "loss")  # names of a last line that must be a scalar
_STATEMENTS: dict[type, str] = {
    ast.AugAssign: "a part of a quantity keeps its value; give the whole a new one",
    ast.While: "a loop cannot be part of a network; write each step as an equation",
    ast.If: "a choice cannot be part of a network; relu, abs and maximum make the usual ones",
    ast.FunctionDef: "a function cannot be part of a network; write what it computes",
    ast.Import: "nothing is imported here: the functions of formulas are there already",
    ast.ImportFrom: "nothing is imported here: the functions of formulas are there already",
    ast.Return: "nothing is returned: the last assignment is the cost",
    ast.Assign: "an equation has one name on its left side",
    ast.Expr: "this defines nothing; an equation is name = formula",
}

_OTHER_ROLES = {  # what to declare instead, with the same meaning
    "symmetric": "declare another matrix A: parameter(D, D), and define {0} = (A + A.T) / 2",
    "positive": "declare another array t: parameter(D), and define {0} = exp(t)",
}


def parse_network(text: str) -> Network:
    """Return the network that a text defines; `str(network)` is such a text.

    Declarations are `X: input(N, D)`, `y: target(N, K)`, `Y: one_hot(N, K)`, `W1: parameter(D, H)` and `lam: scalar`,
    with sizes that are names or whole numbers. Equations are assignments in NumPy's syntax; the last one is the cost,
    a scalar, or an output, a matrix (see `derive`). In a formula, the name of a size is a number. The text is parsed,
    but never run.

    Raises:
        FormulaError: the text is not a network; the message contains the line, the column, and a suggestion.

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
    return _Reader(NumpyText(text)).network()


class _Reader:
    """Reader of one text, statement by statement."""

    def __init__(self, text: NumpyText):
        self.text = text
        try:
            self.statements = straightened(text.statements())
        except Refused as refused:
            raise text.error(f"{text.quote(refused.node)}: {refused.message}", refused.node) from None
        self.net = Network()
        self.sizes: dict[str, Size] = {}  # names that the text gives to sizes, as in n = X.shape[0]
        self.index_names: dict[str, Matrix] = {}  # the one-hot rows of index arrays
        self.factors: dict[str, ast.expr] = {}  # the first size that is made of a name which was not declared alone
        self.lines = {name: node.lineno for node in self.statements for name in _named(node)}
        names = (part for node in self.statements for part in ast.walk(node) if isinstance(part, ast.Name))
        self.used = {part.id for part in names if isinstance(part.ctx, ast.Load)}

    def network(self) -> Network:
        """Return the network that the statements define."""
        if not self.statements:
            raise NetworkError("there is nothing here: declare inputs and parameters; the last assignment is the cost")
        for node in self.statements:
            try:
                self._statement(node)
            except FormulaError:
                raise
            except SymbackpropError as error:
                raise self.text.error(str(error), node) from None
        self._require_told_sizes()
        if not isinstance(self.statements[-1], ast.Assign):
            raise self.text.error("the last line must be the cost, as in J = sum((y - yhat)**2)", self.statements[-1])
        return self.net

    def _require_told_sizes(self) -> None:
        """Raise an error for a size that the arrays do not tell, as H in H*K if no array has K."""
        told = set(map(str, told_sizes([shape_of(symbol) for symbol in self.net.arguments])))
        for name, size in self.factors.items():
            if name not in told:
                raise self.text.error(
                    f"no array tells how large {name} is: {self.text.quote(size)} leaves it open; write a number in "
                    f"its place, or declare an array that has {name} alone",
                    size,
                )

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=declared, value=None):
                role, sizes = self._role(name, declared)
                symbol = getattr(self.net, role)(name, *sizes)  # each role is a method that declares it
                if _word_of(declared) == INDEX:
                    self.index_names[name] = symbol
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=role))) if role in _MATRICES:
                said = self.text.quote(node).partition("=")[2].strip()
                raise NetworkError(f"a declaration has a colon: {name}: {said}")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                is_last = node is self.statements[-1]
                if name in COST_NAMES and not is_last:
                    raise NetworkError(f"{name} is kept for the cost, which is the last line")
                end = OUTPUT if is_last and name not in _COSTS else COST if is_last else ""
                if _is_size(value) and not end:
                    self._name_size(name, self._elaborator().value(self.text.tree(value)))
                else:
                    formula = self.text.tree(value)
                    context = {"lines": self.lines, "sizes": self.sizes, "index_names": self.index_names}
                    add_equation(self.net, name, formula, end=end, **context)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                self._several([name.id for name in names if isinstance(name, ast.Name)], value)
            case ast.Expr(value=ast.Lambda()):
                raise NetworkError(f"{self.text.quote(node)}: lambda is a word of Python itself; write lam")
            case _:
                hint = _STATEMENTS.get(type(node), "a network has declarations and equations only")
                raise NetworkError(f"{self.text.quote(node)}: {hint}")

    def _several(self, names: list[str], value: ast.expr) -> None:
        """Add an equation for each result of a call such as split, or name the sizes in `N, D = X.shape`."""
        formula, elaborator = self.text.tree(value), self._elaborator()
        found = elaborator.several(formula)
        quoted = self.text.quote(value)
        if found is None:
            raise NetworkError(f"{quoted} has one value; an equation has one name on its left side")
        if len(found) != len(names):
            raise NetworkError(f"{quoted} has {len(found)} results, which need as many names")
        for name, part in zip(names, found, strict=True):
            if isinstance(value, ast.Attribute):
                self._name_size(name, part)
            elif name in self.used:
                self.net.define(name, part)

    def _name_size(self, name: str, size: Size) -> None:
        """Let a name stand for a size; that of the size itself is known already."""
        if str(size) != name:
            check_name(name, [*self.net.symbols, *map(str, self.net.dimensions)])
            self.sizes[name] = size

    def _elaborator(self) -> Elaborator:
        known = known_names(self.net, self.sizes)
        return Elaborator(known, lambda name: f"{name} is not defined", self.index_names)

    def _role(self, name: str, declared: ast.expr) -> tuple[str, list[Size]]:
        match declared:
            case ast.Name(id="scalar"):
                return SCALAR, []
            case ast.Call(func=ast.Name(id=role), args=sizes, keywords=[]) if role in _MATRICES:
                return role, [self._size(size) for size in sizes]
            case ast.Call(func=ast.Name(id="mask"), args=sizes, keywords=[]):
                return INPUT, [self._size(size) for size in sizes]
            case ast.Call(
                func=ast.Name(id="index"), args=sizes, keywords=[ast.keyword(arg="of" | "below", value=count)]
            ):
                return ONE_HOT, [self._size(size) for size in (*sizes, count)]
            case ast.Call(func=ast.Name(id="index")) | ast.Name(id="index"):
                raise NetworkError(f"{name}: the number of classes is told by of=, as in {name}: index(N, of=K)")
            case ast.Call(func=ast.Name(id=role)) | ast.Name(id=role) if role in _MATRICES:
                raise NetworkError(
                    f"{name}: {role} takes the size of each axis, rows and columns of a matrix, as in "
                    f"{name}: {role}(N, D)"
                )
            case ast.Call(func=ast.Name(id="scalar")):
                raise NetworkError(f"{name}: scalar has no size; write {name}: scalar")
        word = _word_of(declared)
        hint = _OTHER_ROLES[word].format(name) if word in _OTHER_ROLES else nearest(word, ROLES)
        raise NetworkError(f"{name}: {word:.40} is not a role; {hint}")

    def _size(self, node: ast.expr) -> Size:
        """Return a size from a syntax tree: a whole number, a name, or a sum of products of them such as 4*H."""
        if isinstance(node, ast.Name):
            return node.id
        known = set(map(str, self.net.dimensions))
        for name in _names_in(node):
            if name not in known and name not in self.net.symbols:
                self.factors.setdefault(name, node)
                self.net.declare_dimension(name)
        sizes = {str(size): size for size in self.net.dimensions}
        return Elaborator(sizes, lambda name: f"{name} is not a size").value(self.text.tree(node))


def add_equation(
    net: Network,
    name: str,
    formula: Node,
    *,
    end: str = "",
    lines: Mapping[str, int] = MappingProxyType({}),
    sizes: Mapping[str, Size] = MappingProxyType({}),
    index_names: Mapping[str, Matrix] = MappingProxyType({}),
) -> None:
    """Add a quantity or the cost, a scalar at the end, given as the syntax tree of a formula, to a network.

    Args:
        net: the network, which contains the quantities that the formula uses.
        name: the name of the quantity.
        formula: its definition.
        end: COST if it is the cost, OUTPUT if it is the cost or, as a matrix, an output.
        lines: the line number of each name that is defined anywhere in the text.
        sizes: further names of sizes.
        index_names: the one-hot rows of each index array, by its name.

    Raises:
        NetworkError: the formula contains unsupported syntax, inconsistent shapes, or an unknown name.
    """
    known = known_names(net, sizes)

    def missing(unknown: str) -> str:
        if unknown in lines:
            return f"{unknown} is used before line {lines[unknown]}, where it is defined"
        if not known:
            return f"{unknown} is not defined; first declare what the network has, as in {unknown}: input(N, D)"
        return f"{unknown} is not defined; {nearest(unknown, known)}"

    expression = Elaborator(known, missing, index_names).value(formula)
    is_output = is_matrix(expression) and set(expression.shape) != {1}
    if not end or (is_output and end == OUTPUT):
        net.define(name, expression)
        return
    if is_output:
        shape = shape_text(expression.shape)
        hint = f"sum or average its entries, as in {name} = mean({typed(expression):.60})"
        raise NetworkError(f"the last line is the cost, which must be a scalar, but {name} is {shape}; {hint}")
    net.minimize(name, expression)


def known_names(net: Network, sizes: Mapping[str, Size]) -> dict[str, Expression]:
    """Return the quantities and sizes that a formula may use, by name."""
    return {**net.symbols, **{str(size): size for size in net.dimensions}, **sizes}


def _word_of(declared: ast.expr) -> str:
    """Return the word before the brackets of a declaration."""
    return ast.unparse(declared).partition("(")[0]


def _names_in(size: ast.expr) -> list[str]:
    """Return the names in sums and products of sizes."""
    match size:
        case ast.Name(id=name):
            return [name]
        case ast.BinOp(left=left, right=right):
            return _names_in(left) + _names_in(right)
    return []


def _is_size(value: ast.expr) -> bool:
    """Return True for `X.shape[0]` and `len(X)`, also in sums and products with numbers and each other."""
    match value:
        case ast.Subscript(value=ast.Attribute(attr="shape")) | ast.Call(func=ast.Name(id="len")):
            return True
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
            one, other = (_is_size(side) or isinstance(side, ast.Constant) for side in (left, right))
            return one and other and not (isinstance(left, ast.Constant) and isinstance(right, ast.Constant))
    return False


def _named(node: ast.stmt) -> list[str]:
    """Return the names that a statement declares or defines."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []
