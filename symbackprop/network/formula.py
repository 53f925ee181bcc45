"""A plain formula such as `norm(A*x - y)^2` as the text of a network: the shapes of its names are inferred."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count

from symbackprop.errors import ArgumentError, FormulaError, listed
from symbackprop.expressions.functions import FUNCTION

_SCALARS = {  # names of numbers, by custom; other small letters are columns, capital letters are matrices
    *("alpha", "beta", "gamma", "delta", "eps", "epsilon", "eta", "kappa", "lam", "mu", "nu", "rho", "sigma", "tau"),
    *("theta", "c"),
}
_TO_A_NUMBER = {"sum", "mean", "norm", "trace", "tr", "det", "logdet"}
_OF_SQUARES = {"trace", "tr", "det", "logdet", "inv"}
_SPELLED = {"tr": "trace", "ln": "log"}
_LONGEST, _DEEPEST = 2000, 60
_NUMPY_SIGNS = re.compile(r"@|\*\*|\.T\b")
_WORDS = tuple("mnpqrstuvw")

Dimension = str | int  # a size, or a variable for one
Pair = tuple[Dimension, Dimension]
Shape = tuple[str | int, ...]


def network_of_formula(formula: str, shapes: Mapping[str, Shape] | None = None) -> str:
    """Return the text of a network whose cost is a formula, with the shapes that the formula implies.

    Capital letters are matrices, small letters columns, names of Greek letters numbers; matrices and columns are
    parameters. In a formula with `@`, `**` or `.T`, as in NumPy, `*` multiplies entries. In others, `*` is the matrix
    product, `.*` multiplies entries, `^` is a power of a number, `.^` one of entries, and `'` transposes.

    Args:
        formula: the cost, a number, possibly after `J =`.
        shapes: shapes that are given, not inferred, by name: ("m", "n"), ("n",) for a column, or () for a number.

    Raises:
        FormulaError: the formula cannot be read.
        ArgumentError: shapes contradict each other, or the formula is not a number.

    >>> print(network_of_formula("norm(A*x - y)^2"))
    A: parameter(m, n)
    x: parameter(n, 1)
    y: parameter(m, 1)
    J = norm(A @ x - y)**2
    """
    if len(formula) > _LONGEST:
        raise ArgumentError(f"the formula has {len(formula)} characters; at most {_LONGEST} are read")
    right = re.sub(r"^\s*\w+\s*=(?!=)", "", formula)
    inference = _Inference(shapes or {}, is_numpy=bool(_NUMPY_SIGNS.search(right)))
    tree = _parsed(right, is_numpy=inference.is_numpy)
    cost, shape = inference.read(tree)
    if not inference.is_number(shape):
        shown = right.strip()
        raise ArgumentError(f"{shown} is {inference.shown(shape)}, not a number; write sum({shown}) or norm({shown})")
    return "\n".join([*inference.declarations(), f"J = {cost}"])


def _parsed(text: str, *, is_numpy: bool) -> ast.expr:
    if not is_numpy:
        text = re.sub(r"(?<=[\w)\]'])'", ".T", text).replace(".^", "** +").replace("^", "**")  # + stands for the dot
        text = text.replace(".*", "%").replace("./", "//")  # Python's operators of the same precedence
    text = re.sub(r"\blambda\b", "lam", text)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = getattr(error, "offset", None) or 1
        raise FormulaError(f"{text.strip()[:60]}: this is not a formula such as norm(A*x - y)^2", 1, place) from None


class _Inference:
    """Shapes as pairs of variables, which are made equal as the formula demands."""

    def __init__(self, shapes: Mapping[str, Shape], *, is_numpy: bool):
        self.is_numpy = is_numpy
        self.given = shapes
        self.names: dict[str, Pair] = {}
        self.equal: dict[Dimension, Dimension] = {}
        self.fresh = (f"?{k}" for k in count())

    def declarations(self) -> Iterator[str]:
        """Yield a declaration for each name; sizes that are not given are called m, n, p, …"""
        taken = {str(side) for shape in self.given.values() for side in shape} | set(self.names)
        letters = (letter for letter in chain(_WORDS, (f"n{k}" for k in count(1))) if letter not in taken)
        sizes: dict[Dimension, Dimension] = {}
        for name, shape in self.names.items():
            if shape == (1, 1):
                yield f"{name}: scalar"
                continue
            for side in map(self.root, shape):
                if isinstance(side, str) and side.startswith("?") and side not in sizes:
                    sizes[side] = next(letters)
            rows, columns = (sizes.get(side, side) for side in map(self.root, shape))
            yield f"{name}: parameter({rows}, {columns})"

    def root(self, side: Dimension) -> Dimension:
        while side in self.equal:
            side = self.equal[side]
        return side

    def same(self, one: Dimension, other: Dimension, problem: Callable[[], str]) -> None:
        """Make two sizes equal, or raise ArgumentError with the problem if they cannot be.

        No size becomes 1 unless a shape says so: x*y of two columns is a mistake, not a product with a number.
        """
        one, other = self.root(one), self.root(other)
        if one == other:
            return
        if isinstance(other, str) and other.startswith("?") and one != 1:
            self.equal[other] = one
        elif isinstance(one, str) and one.startswith("?") and other != 1:
            self.equal[one] = other
        else:
            raise ArgumentError(problem())

    def read(self, node: ast.expr, depth: int = 0) -> tuple[str, Pair]:
        """Return a part of the formula in the syntax of a network, and its shape."""
        if depth > _DEEPEST:
            raise ArgumentError(f"the formula is nested more than {_DEEPEST} deep")
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return repr(number), (1, 1)
            case ast.Name(id=name):
                return name, self.shape_of(name)
            case ast.Attribute(value=inner, attr="T"):
                text, (rows, columns) = self.read(inner, depth + 1)
                return f"{_bracketed(text, inner)}.T", (columns, rows)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
                text, shape = self.read(inner, depth + 1)
                return ("-" if isinstance(sign, ast.USub) else "") + _bracketed(text, inner), shape
            case ast.BinOp(left=left, op=sign, right=right):
                return self.operation(left, sign, right, depth)
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]):
                return self.call(name, inner, depth)
        raise FormulaError(f"{_shown(node)} is not read in a formula", 1, getattr(node, "col_offset", 0) + 1)

    def shape_of(self, name: str) -> Pair:
        if name not in self.names:
            given = self.given.get(name)
            if given is not None:
                shape: Pair = (1, 1) if not given else (given[0], given[1] if len(given) > 1 else 1)
            elif name in _SCALARS:
                shape = (1, 1)
            else:
                shape = (next(self.fresh), next(self.fresh) if name[0].isupper() else 1)
            self.names[name] = shape
        return self.names[name]

    def operation(self, left: ast.expr, sign: ast.operator, right: ast.expr, depth: int) -> tuple[str, Pair]:
        (one, a), (other, b) = self.read(left, depth + 1), self.read(right, depth + 1)
        is_sum = isinstance(sign, ast.Add | ast.Sub)
        first = one if is_sum else _bracketed(one, left)
        second = _bracketed(other, right, within_sum=is_sum)

        def clash() -> str:
            return f"{first} is {self.shown(a)} and {second} is {self.shown(b)}: they do not fit in {_shown_sign(sign)}"

        numbers = [shape for shape in (a, b) if self.is_number(shape)]
        if isinstance(sign, ast.Pow):
            return self.power(one, a, left, right)
        if isinstance(sign, ast.Div | ast.FloorDiv | ast.Mod | ast.Add | ast.Sub) or numbers:
            words = {ast.Add: " + ", ast.Sub: " - ", ast.Div: " / ", ast.FloorDiv: " / "}
            text = f"{first}{words.get(type(sign), ' * ')}{second}"
            if not numbers:
                for i, j in zip(a, b, strict=True):
                    self.same(i, j, clash)
            return text, b if self.is_number(a) else a
        if isinstance(sign, ast.Mult) and self.is_numpy:
            for i, j in zip(a, b, strict=True):
                self.same(i, j, clash)
            return f"{first} * {second}", a
        if not isinstance(sign, ast.Mult | ast.MatMult):
            raise ArgumentError(f"{_shown_sign(sign)} is not read in a formula")
        self.same(a[1], b[0], lambda: f"{clash()}; write {first}'*{second} or {first} .* {second}")
        return f"{first} @ {second}", (a[0], b[1])

    def power(self, base: str, shape: Pair, left: ast.expr, exponent: ast.expr) -> tuple[str, Pair]:
        """Return a power of entries; `^` is one only of a number."""
        is_dotted = isinstance(exponent, ast.UnaryOp) and isinstance(exponent.op, ast.UAdd)
        if isinstance(exponent, ast.UnaryOp) and is_dotted:
            exponent = exponent.operand
        text, of = self.read(exponent)
        if of != (1, 1):
            raise ArgumentError(f"the exponent {text} must be a number")
        if not (self.is_numpy or is_dotted or self.is_number(shape)):
            raise ArgumentError(
                f"{base}^{text}: {base} is {self.shown(shape)}, not a number; write {base} .^ {text} for its entries"
            )
        return f"{_bracketed(base, left)}**{_bracketed(text, exponent)}", shape

    def call(self, name: str, inner: ast.expr, depth: int) -> tuple[str, Pair]:
        text, shape = self.read(inner, depth + 1)
        if name in _OF_SQUARES:
            self.same(*shape, lambda: f"{name}({text}): {text} is {self.shown(shape)}, not square")
        if name == "logdet":
            return f"log(det({text}))", (1, 1)
        if name not in _TO_A_NUMBER and name != "inv" and _SPELLED.get(name, name) not in FUNCTION:
            raise ArgumentError(
                f"{name} is not a function of formulas; {listed(sorted(_TO_A_NUMBER), 'or')}, inv, exp, log, …"
            )
        return f"{_SPELLED.get(name, name)}({text})", (1, 1) if name in _TO_A_NUMBER else shape

    def is_number(self, shape: Pair) -> bool:
        return tuple(map(self.root, shape)) == (1, 1)

    def shown(self, shape: Pair) -> str:
        return "×".join("?" if str(side).startswith("?") else str(side) for side in map(self.root, shape))


def _bracketed(text: str, node: ast.expr, *, within_sum: bool = False) -> str:
    """Return an operand, in brackets where it needs them: no power does, and no product within a sum."""
    is_simple = not isinstance(node, ast.BinOp | ast.UnaryOp)
    if isinstance(node, ast.BinOp):
        is_simple = isinstance(node.op, ast.Pow) or (within_sum and not isinstance(node.op, ast.Add | ast.Sub))
    return text if is_simple else f"({text})"


def _shown(node: ast.expr) -> str:
    return ast.unparse(node)[:60]


def _shown_sign(sign: ast.operator) -> str:
    signs = {
        ast.Mult: "*",
        ast.MatMult: "@",
        ast.Add: "+",
        ast.Sub: "-",
        ast.Div: "/",
        ast.FloorDiv: "./",
        ast.Mod: ".*",
    }
    return signs.get(type(sign), type(sign).__name__)
