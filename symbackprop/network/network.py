"""The class Network: named inputs, targets, parameters, equations and a cost."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sympy import Add, Basic, Expr, Pow, Symbol
from sympy.core.sympify import _sympify
from sympy.matrices.expressions import MatrixSymbol

from symbackprop.errors import NetworkError, ShapeError, SymbackpropError, listed, nearest, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape, Size
from symbackprop.expressions.differentiable import is_differentiable
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.expressions.matrices import (
    LEAVES,
    HadamardPower,
    MatAdd,
    NamedMatrix,
    OneHot,
    Ones,
    adopt,
    is_name,
    postorder,
    quantities,
    split,
)
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import Mismatch, dimension, is_matrix, shape_of
from symbackprop.network.example_axis import example_axis
from symbackprop.network.names import check_gradient_names, check_name, chosen
from symbackprop.printing.latex import Latex, latex
from symbackprop.printing.text import typed

INPUT, TARGET, ONE_HOT, PARAMETER, SCALAR = "input", "target", "one_hot", "parameter", "scalar"
ROLES = {
    INPUT: "an input",
    TARGET: "a target",
    ONE_HOT: "a one-hot target",
    PARAMETER: "a parameter",
    SCALAR: "a scalar",
}


@dataclass(frozen=True)
class Equation:
    """An equation: a named quantity and the expression that defines it."""

    symbol: Expression
    expression: Expression

    @property
    def name(self) -> str:
        """The name of the quantity."""
        return str(self.symbol.name)


class Network:
    """A network defined by equations.

    Matrices are SymPy matrix expressions: `*` (or `@`) is the matrix product, `.T` the transpose,
    `sb.hadamard` the entrywise product. Rows are examples. Dimensions are names or whole numbers.

    >>> import symbackprop as sb
    >>> net = sb.Network()
    >>> X, y = net.input("X", "N", "D"), net.target("y", "N", "K")
    >>> W1 = net.parameter("W1", "D", "K")
    >>> yhat = net.define("yhat", sb.sigmoid(X * W1))
    >>> J = net.minimize("J", sb.total(sb.power(y - yhat, 2)) / 2)
    >>> print(net)
    X:  input(N, D)
    y:  target(N, K)
    W1: parameter(D, K)
    yhat = sigmoid(X @ W1)
    J = (1/2) * sum((y - yhat)**2)
    """

    def __init__(self) -> None:
        self._roles: dict[str, str] = {}
        self._symbols: dict[str, Expression] = {}
        self._dimensions: dict[str, Symbol] = {}
        self._equations: list[Equation] = []
        self._cost: Equation | None = None
        self._outputs: list[Expression] = []
        self.upstream: dict[Expression, Expression] = {}  # the upstream gradient of each output; see `upstream.py`
        self.gradient_prefix = ""  # of the names of its gradients, if they are not dJdW
        self.varying: set[str] = set()  # names of inputs that are differentiated with respect to, like parameters

    # building a network

    def input(self, name: str, *sizes: object) -> Expression:
        """Declare an input: a matrix of rows × columns, in which each row is one example, or another array."""
        return self._declare(INPUT, name, *sizes)

    def target(self, name: str, *sizes: object) -> Expression:
        """Declare the values that the network should predict, a constant matrix or array of these sizes."""
        return self._declare(TARGET, name, *sizes)

    def one_hot(self, name: str, *sizes: object) -> Matrix:
        """Declare one-hot targets: each row has a 1 at the class of its example, and zeros elsewhere."""
        if not sizes:
            raise NetworkError(f"{name}: one-hot targets have an axis of classes, as in one_hot('{name}', 'N', 'K')")
        return self._declare(ONE_HOT, name, *sizes)

    def parameter(self, name: str, *sizes: object) -> Expression:
        """Declare a parameter, with respect to which the cost is differentiated: weights, biases, or a number."""
        return self._declare(PARAMETER, name, *sizes)

    def scalar(self, name: str) -> Scalar:
        """Declare a hyperparameter: a number that is an argument like the data, such as `lam`."""
        name = self._new_name(name)
        self._roles[name] = SCALAR
        self._symbols[name] = Symbol(name, real=True)
        return self._symbols[name]

    def define(self, name: str, expression: object) -> Expression:
        """Define an intermediate quantity, and return its symbol.

        Raises:
            ShapeError: shapes are inconsistent.
            NetworkError: a part of the expression has no derivative rule, or does not belong to this network.
            NameInUseError: the name cannot be used.
        """
        name = self._new_name(name)
        value = self._checked(name, expression)
        shape = shape_of(value)
        self._symbols[name] = NamedMatrix(name, *shape) if shape else Symbol(name, real=True)
        self._equations.append(Equation(self._symbols[name], value))
        return self._symbols[name]

    def minimize(self, name: str, expression: object) -> Scalar:
        """Define the cost, a scalar (or a 1×1 matrix), and return its symbol."""
        if self._cost is not None:
            raise NetworkError(f"the cost is already {self._cost.name} = {typed(self._cost.expression)}")
        name = self._new_name(name, cost=True)
        value = self._checked(name, expression)
        shape = shape_of(value)
        if shape and set(shape) != {1}:
            quoted = typed(value)
            raise ShapeError(
                f"{name} = {quoted}: the cost must be a scalar, this is {shape_text(shape)}; "
                f"sum its entries with sb.total({quoted})"
            )
        self._require_dependence(name, value)
        check_gradient_names(name, self._symbols, self._dimensions)
        self._symbols[name] = Symbol(name, real=True)
        self._cost = Equation(self._symbols[name], _of_one_entry(value) if shape else value)
        return self._symbols[name]

    def output(self, name: str, expression: object | None = None) -> Expression:
        """Declare that the network ends in a quantity, an output, instead of a cost; return its symbol.

        Args:
            name: the name of the quantity. There may be several outputs, one after the other.
            expression: its definition, if it is not defined yet.
        """
        symbol = chosen("name", name, self._symbols) if expression is None else self.define(name, expression)
        if symbol not in self._outputs:
            self._outputs.append(symbol)
        return symbol

    def _require_dependence(self, name: str, cost: Scalar) -> None:
        """Raise an error if the cost depends on no parameter."""
        depends = set(self.parameters)
        for equation in self._equations:
            if equation.expression.free_symbols & depends:
                depends.add(equation.symbol)
        if self.parameters and not cost.free_symbols & depends:
            raise NetworkError(
                f"{name} = {typed(cost)} depends on no parameter, so there is nothing to differentiate; "
                f"the parameters are {listed(p.name for p in self.parameters)}"
            )

    def dimension(self, name: str) -> Size:
        """Return the size with this name, which is a number in formulas such as `total(X) / net.dimension("N")`."""
        return chosen("dimension", name, self._dimensions)

    # reading a network

    @property
    def symbols(self) -> Mapping[str, Expression]:
        """Every declared or defined quantity, by its name."""
        return MappingProxyType(self._symbols)

    def __getitem__(self, name: str) -> Expression:
        return chosen("name", name, self._symbols)

    @property
    def roles(self) -> Mapping[str, str]:
        """The role of each declared quantity (input, target, one_hot, …), in the order of declaration."""
        return MappingProxyType(self._roles)

    def of_role(self, *roles: str) -> tuple[Expression, ...]:
        """Return the declared quantities that have one of these roles, in the order of declaration."""
        return tuple(self._symbols[name] for name, role in self._roles.items() if role in roles)

    @property
    def parameters(self) -> tuple[Matrix, ...]:
        """The parameters, and the inputs that are differentiated with respect to, in the order of declaration."""
        return tuple(self._symbols[n] for n, role in self._roles.items() if role == PARAMETER or n in self.varying)

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """The quantities whose values are needed to evaluate the cost, in the order of declaration."""
        return tuple(self._symbols[name] for name in self._roles)

    @property
    def examples(self) -> tuple[int, frozenset[Size]]:
        """The axis of the examples, and the sizes of the data along it; see `example_axis`."""
        data = [symbol for symbol in self.of_role(INPUT, TARGET) if symbol not in self.upstream.values()]
        formulas = (equation.expression for equation in self.all_equations)
        return example_axis(data, self.of_role(ONE_HOT), self.of_role(PARAMETER), formulas)

    @property
    def dimensions(self) -> tuple[Symbol, ...]:
        """The sizes that have names, in the order of their first use."""
        return tuple(self._dimensions.values())

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The definitions in order, without the cost."""
        return tuple(self._equations)

    @property
    def all_equations(self) -> tuple[Equation, ...]:
        """The definitions in order, then the cost, if there is one."""
        return (*self._equations, *filter(None, [self._cost]))

    @property
    def cost(self) -> Equation:
        """The equation of the cost; raises NetworkError if there is none yet."""
        if self._cost is None:
            last = next((e for e in reversed(self._equations) if shape_of(e.symbol)), None)
            instead = (
                ""
                if last is None
                else (
                    f", or differentiate the output {last.name} ({shape_text(shape_of(last.symbol))}) with an upstream "
                    f"gradient: derive(net, output={last.name!r})"
                )
            )
            raise NetworkError(f"this network has no cost yet; define it with net.minimize('J', …){instead}")
        return self._cost

    @property
    def outputs(self) -> tuple[Expression, ...]:
        """The quantities that `output` declared."""
        return tuple(self._outputs)

    def without_equations(self, unused: Collection[str] = ()) -> "Network":
        """Return a new network with the same arguments, except unused ones, in which nothing is defined yet."""
        fresh = Network()
        for size in self._dimensions:
            fresh.declare_dimension(size)
        for name, role in self._roles.items():
            if name in unused:
                continue
            getattr(fresh, role)(name, *shape_of(self._symbols[name]))  # each role is a method that declares it
        fresh.upstream, fresh.varying = dict(self.upstream), set(self.varying)
        fresh.gradient_prefix = self.gradient_prefix
        return fresh

    def to_text(self) -> str:
        """Return the network in NumPy syntax: declarations, then equations, the cost last."""
        width = max((len(name) for name in self._roles), default=0) + 1
        lines = []
        for name, role in self._roles.items():
            sizes = "" if role == SCALAR else f"({', '.join(map(str, shape_of(self._symbols[name])))})"
            lines.append(f"{name + ':':{width}} {role}{sizes}")
        lines += [f"{equation.name} = {typed(equation.expression)}" for equation in self._equations]
        if self._cost is not None:
            cost = self._cost.expression
            is_1x1 = isinstance(cost, Total) and set(cost.argument.shape) == {1}
            lines.append(f"{self._cost.name} = {typed(cost.argument if is_1x1 else cost)}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows: the arguments with their shapes, and the equations."""
        printer = Latex()
        shapes = {s: printer.shape(shape_of(s)) if shape_of(s) else r"\text{a number}" for s in self.arguments}
        given = ", ".join(f"{self._roles[s.name]} ${latex(s)}$ (${shape}$)" for s, shape in shapes.items())
        rows = " \\\\\n".join(f"{latex(e.symbol)} &= {latex(e.expression)}" for e in self.all_equations)
        return f"{given}\n\n$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$"

    def __repr__(self) -> str:
        return f"<Network with the parameters {', '.join(str(name) for name in self.parameters) or '(none)'}>"

    # checks of names and expressions

    def _new_name(self, name: object, *, cost: bool = False) -> str:
        if self._cost is not None and not cost:
            raise NetworkError(f"{name} comes after the cost {self._cost.name}; define it before minimize")
        return check_name(name, [*self._symbols, *self._dimensions], self._describe, cost=cost)

    def _describe(self, name: str) -> str:
        if name in self._dimensions:
            return "a dimension"
        if name in self._roles:
            return ROLES[self._roles[name]]
        return next(f"defined as {typed(e.expression)}" for e in self._equations if e.name == name)

    def _declare(self, role: str, name: str, *sizes: object) -> Expression:
        name = self._new_name(name)
        shape: Shape = tuple(self._size(name, size) for size in sizes)
        for size in shape:
            if size.is_Symbol:
                self._dimensions.setdefault(str(size), size)
        self._roles[name] = role
        named = OneHot if role == ONE_HOT else NamedMatrix
        self._symbols[name] = named(name, *shape) if shape else Symbol(name, real=True)
        return self._symbols[name]

    def declare_dimension(self, name: str) -> Size:
        """Declare a size before an array has it, so that sizes made of it can come first; return it."""
        check_name(name, self._symbols, self._describe)
        return self._dimensions.setdefault(name, dimension(name))

    def _size(self, name: str, given: object) -> Expr:
        try:
            size = dimension(given)
        except ShapeError as error:
            raise ShapeError(f"{name}: {error}") from None
        if size.is_Symbol and str(size) not in self._dimensions:
            check_name(str(size), [*self._symbols, name], lambda n: "the matrix" if n == name else self._describe(n))
        unknown = [] if size.is_Symbol else sorted(map(str, size.free_symbols - set(self.dimensions)))
        if unknown:
            raise ShapeError(
                f"{name}: {unknown[0]} in {size} is not known yet; first declare a matrix that has it alone"
            )
        return size

    def _checked(self, name: str, expression: object) -> Expression:
        """Return the expression if its nodes are known, its names are declared, and its shapes are consistent."""
        value = _as_expression(name, expression)
        _require_readable(name, value)
        known = set(self._symbols.values()) | set(self._dimensions.values())
        for piece in postorder(value):
            if isinstance(piece, MatrixSymbol) or piece.is_Symbol:
                if piece not in known:
                    raise NetworkError(f"{name} = {typed(value)}: {piece} is not of this network{self._hint(piece)}")
            elif piece.is_number:
                if not (piece.is_real and piece.is_finite):
                    raise NetworkError(f"{name} = {typed(value)}: {piece} is not a finite real number")
            elif not isinstance(piece, LEAVES):
                self._check_piece(name, value, piece)
        return value

    def _hint(self, piece: Expression) -> str:
        name = str(piece.name)
        if name in self._symbols or name in self._dimensions:
            return f"; there is another {name} here: use the object that the network gave you"
        return f"; {nearest(name, [*self._symbols, *self._dimensions])}"

    def _check_piece(self, name: str, whole: Expression, piece: Expression) -> None:
        def equation() -> str:
            return f"{name} = {typed(whole)}"

        try:
            if hasattr(piece, "check"):
                piece.check()
        except Mismatch as mismatch:
            quoted = "" if piece == whole else f"in {typed(piece)}, "
            raise ShapeError(f"{equation()}: {quoted}{mismatch.message(typed)}") from None
        scalar_of_matrix = not is_matrix(piece) and not hasattr(piece, "check") and any(map(is_matrix, piece.args))
        kind = type(piece).__name__
        if scalar_of_matrix and kind in FUNCTIONS:
            inner = typed(next(arg for arg in piece.args if is_matrix(arg)))
            raise NetworkError(
                f"{equation()}: {kind} of SymPy is for scalars, but {inner} is a matrix; sb.{kind} works on each entry"
            )
        if isinstance(piece, Pow | HadamardPower):
            varying = piece.args[1].free_symbols - set(self._dimensions.values()) - set(self.of_role(SCALAR))
            if varying:
                exponent = typed(piece.args[1])
                raise NetworkError(f"{equation()}: the exponent {exponent} is computed; it must be a constant here")
        if scalar_of_matrix or not is_differentiable(piece):
            raise NetworkError(f"{equation()}: there is no derivative rule for {kind} ({typed(piece)})")


def _of_one_entry(matrix: Matrix) -> Scalar:
    """Return the entry of a 1×1 matrix as a scalar; a multiple of the matrix of ones becomes a number."""
    terms = matrix.args if isinstance(matrix, MatAdd) else (matrix,)
    factored = [split(term) for term in terms]
    if not any(isinstance(term, Ones) for _, term in factored):
        return Total(matrix)
    return Add(*(c if isinstance(term, Ones) else c * Total(term) for c, term in factored))


def _as_expression(name: str, expression: object) -> Expression:
    if isinstance(expression, str):
        raise NetworkError(f"{name} = {expression!r}: an expression is built from the network's symbols, not from text")
    try:
        value = adopt(_sympify(expression))
    except (SymbackpropError, ValueError, TypeError):
        value = None
    if not isinstance(value, Expr):
        raise NetworkError(f"{name}: {type(expression).__name__} is not a SymPy expression: {expression!r:.80}")
    return value


_PARTS, _DEPTH = 3000, 40  # of one equation, written out


def _require_readable(name: str, value: Expression) -> None:
    """Raise an error if an equation is too large when written in full: repeated parts let it grow exponentially."""
    sizes: dict[Basic, tuple[int, int]] = {}
    for node in postorder(value):
        parts = [sizes[part] for part in quantities(node) if part in sizes]
        sizes[node] = 1 + sum(size for size, _ in parts), 1 + max((depth for _, depth in parts), default=0)
    size, depth = sizes[value]
    if depth > _DEPTH or (size > _PARTS and size > 4 * len(sizes)):
        raise NetworkError(
            f"the equation of {name} has {size} parts, nested {depth} deep; give some of them a name first"
        )


def by_names(network: Network) -> list[Equation]:
    """Return the equations in order, the cost last; a part that an earlier equation defines is replaced by its name."""
    names: dict[Expression, Expression] = {}
    equations = []
    for equation in (*network.equations, network.cost):
        expression = equation.expression.xreplace(names)
        equations.append(Equation(equation.symbol, expression))
        if not is_name(expression) and not expression.is_number:
            names[expression] = equation.symbol
    return equations
