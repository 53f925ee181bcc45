"""Shape inference for the equations of a document: forward formulas in any notation become formulas of a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial, reduce, singledispatchmethod

from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Call, Group, Name, Node
from symbackprop.proofread.interpreter.functions import ROWS, with_calls


@dataclass(eq=False)
class SizeVariable:
    """A number of rows or columns; variables that must be equal are unified."""

    name: str = ""
    same_as: "SizeVariable | None" = None

    @property
    def root(self) -> "SizeVariable":
        """The variable that represents all variables that are equal to this one."""
        return self if self.same_as is None else self.same_as.root

    @property
    def tree(self) -> Node:
        """The size as a node of a syntax tree."""
        name = self.root.name
        return tree.number(int(name)) if name.isdigit() else Name(base=name)


ShapeVariables = tuple[SizeVariable, SizeVariable]


@dataclass(frozen=True)
class ShapedTree:
    """A formula of a network; `shape` is None if it is a scalar."""

    tree: Node
    shape: ShapeVariables | None = None


def unify(one: SizeVariable, other: SizeVariable) -> None:
    """Make two sizes equal; raise UnsupportedNotationError if they have different names."""
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


def _call(name: str, argument: Node, **keywords: Node) -> Call:
    return Call(function=Name(base=name), arguments=(argument,), keywords=tuple(keywords.items()))


@dataclass
class ShapeInference:
    """The shapes and roles of the names in the equations of a document, inferred from the formulas read so far.

    Args:
        functions: the network's functions by the names of functions in the document.
        in_columns: True if the examples are columns.
        examples: the number of examples.
        parameters: the names with respect to which the cost is differentiated.
        has_only_numbers: True if all names are numbers.
        has_other_matrices: True if A, b and the like are given matrices and vectors, as in ‖A x - b‖.
    """

    functions: Mapping[str, str]
    in_columns: bool
    examples: SizeVariable
    parameters: frozenset[str] = frozenset()
    has_only_numbers: bool = False
    has_other_matrices: bool = False
    leaves: dict[str, tuple[str, ShapeVariables | None]] = field(default_factory=dict)  # roles and shapes
    known: dict[str, ShapeVariables | None] = field(default_factory=dict)  # shapes of quantities that are defined
    bound: tuple[str, ...] = ()  # indices of sums
    free: frozenset[str] = frozenset()  # the index of an example, or of a unit, for which an equation is written

    # names

    def identifier(self, name: Name) -> str:
        """Return the name in NumPy syntax, without the indices of sums."""
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
        """Return the letters in the scripts of a name that may be indices."""
        marks = [mark.content for mark in (*name.above, *name.below)]
        return frozenset(m.base for m in marks if isinstance(m, Name) and len(m.base) == 1 and not m.below)

    def leaf(self, name: Name, identifier: str) -> ShapedTree:
        """Return a quantity that has no equation: data, a parameter, or a number."""
        other = identifier[:1].swapcase() + identifier[1:]
        if other in self.leaves and self.leaves[other][0] != "parameter":
            identifier = other  # x is an example of X
        if identifier not in self.leaves:
            is_other = self.has_other_matrices and not self.has_only_numbers
            role = self._role_of_number if self.has_only_numbers else self._role_of_other if is_other else self._role
            self.leaves[identifier] = role(name, identifier)
        return ShapedTree(Name(base=identifier), self.leaves[identifier][1])

    def _role(self, name: Name, identifier: str) -> tuple[str, ShapeVariables | None]:
        new, one = SizeVariable, SizeVariable("1")
        if identifier in self.parameters or name.base in PARAMETERS:
            if name.base in _BIASES:
                return "parameter", (new(), one) if self.in_columns else (one, new())
            is_vector = name.base.islower() and identifier == name.base  # w of one unit
            return "parameter", (new(), one if is_vector else new())
        data = (new(), self.examples) if self.in_columns else (self.examples, new())
        if name.base in INPUTS or identifier in {"a0", "A0", "h0"}:
            return "input", data
        if name.base in TARGETS:
            return "target", data
        if name.base in SCALARS:
            return "scalar", None
        raise UnsupportedNotationError(f"nothing says what {name.source or name.base} is")

    def _role_of_other(self, name: Name, identifier: str) -> tuple[str, ShapeVariables | None]:
        columns = SizeVariable() if name.base[:1].isupper() else SizeVariable("1")
        return "parameter" if identifier in self.parameters else "input", (SizeVariable(), columns)

    def _role_of_number(self, name: Name, identifier: str) -> tuple[str, ShapeVariables | None]:
        one = SizeVariable("1")
        if identifier in self.parameters:
            return "parameter", (one, one)
        roles = {"input": INPUTS, "target": TARGETS, "scalar": SCALARS, "parameter": PARAMETERS}
        role = next((role for role, names in roles.items() if name.base in names), None)
        if role is None:
            raise UnsupportedNotationError(f"nothing says what {name.source or name.base} is")
        return role, None if role == "scalar" else (one, one)

    # formulas

    @singledispatchmethod
    def shaped(self, node: Node) -> ShapedTree:
        """Return a formula of the document as one of a network, with its shape.

        Raises:
            UnsupportedNotationError: the formula contains unsupported notation or inconsistent shapes.
        """
        raise UnsupportedNotationError(f"{node.source or type(node).__name__} is not read as an equation of a network")

    @shaped.register
    def _(self, node: tree.Number) -> ShapedTree:
        return ShapedTree(node)

    @shaped.register
    def _(self, node: Name) -> ShapedTree:
        if node.base in COUNTS and not node.below and not node.above:
            return ShapedTree(self.examples.tree)
        identifier = self.identifier(node)
        if identifier in self.known:
            return ShapedTree(Name(base=identifier), self.known[identifier])
        return self.leaf(node, identifier)

    @shaped.register
    def _(self, node: Group) -> ShapedTree:
        if len(node.items) != 1:
            raise UnsupportedNotationError(f"{node.source}: a list is not a formula")
        return self.shaped(node.items[0])

    @shaped.register
    def _(self, node: tree.Add) -> ShapedTree:
        parts = [self.shaped(term) for term in node.terms]
        biases_last = sorted(zip(map(self._is_bias, node.terms), parts, strict=True), key=lambda pair: pair[0])
        whole = next((part.shape for _, part in biases_last if part.shape), None)
        for is_bias, part in biases_last:
            axes = (0, 1) if not is_bias else (0,) if self.in_columns else (1,)  # a bias is added to each example
            if part.shape is not None and whole is not None:
                for axis in axes:
                    unify(part.shape[axis], whole[axis])
        return ShapedTree(tree.Add(signs=node.signs, terms=tuple(part.tree for part in parts)), whole)

    def _is_bias(self, node: Node) -> bool:
        if not isinstance(node, Name) or node.base not in _BIASES:
            return False
        return self.leaves.get(self.identifier(node), ("",))[0] == "parameter"

    @shaped.register
    def _(self, node: tree.Transposed) -> ShapedTree:
        inner = self.shaped(node.base)
        if inner.shape is None:
            raise UnsupportedNotationError(f"{node.source}: a number is transposed")
        return ShapedTree(tree.Transposed(base=inner.tree), (inner.shape[1], inner.shape[0]))

    @shaped.register
    def _(self, node: tree.Power) -> ShapedTree:
        if isinstance(node.base, tree.Norm) and node.exponent == tree.number(2):
            inner = self.shaped(node.base.body)
            return ShapedTree(_call("sum", tree.Power(base=inner.tree, exponent=tree.number(2))))
        if node.base == Name(base="e"):
            return self._applied("exp", node.exponent)
        base, exponent = self.shaped(node.base), self.shaped(node.exponent)
        if exponent.shape is not None:
            raise UnsupportedNotationError(f"{node.source}: the exponent is not a number")
        return ShapedTree(tree.Power(base=base.tree, exponent=exponent.tree), base.shape)

    @shaped.register
    def _(self, node: tree.Divide) -> ShapedTree:
        above, below = self.shaped(node.above), self.shaped(node.below)
        return ShapedTree(tree.Divide(above=above.tree, below=below.tree), _together(above, below))

    @shaped.register
    def _(self, node: tree.Multiply) -> ShapedTree:
        factors = with_calls(node.factors, self._is_quantity_of)
        called = with_calls(factors, lambda name, _: self._is_function(name), bare=True)
        return reduce(partial(self._product, node.sign), map(self.shaped, node.factors if node.sign else called))

    def _product(self, sign: str, one: ShapedTree, other: ShapedTree) -> ShapedTree:
        factors = (one.tree, other.tree)
        if one.shape is None or other.shape is None or sign in _ENTRYWISE or self.bound:
            return ShapedTree(tree.Multiply(sign="numpy *", factors=factors), _together(one, other))
        unify(one.shape[1], other.shape[0])
        return ShapedTree(tree.Multiply(sign="@", factors=factors), (one.shape[0], other.shape[1]))

    @shaped.register
    def _(self, node: tree.Summation) -> ShapedTree:
        if node.sign != r"\sum":
            raise UnsupportedNotationError(f"{node.sign} is not read")
        before, self.bound = self.bound, (*self.bound, *(node.indices or ("",)))
        try:
            inner = self.shaped(node.body)
        finally:
            self.bound = before
        return inner if inner.shape is None else ShapedTree(_call("sum", inner.tree))

    @shaped.register
    def _(self, node: tree.Norm) -> ShapedTree:
        inner = self._applied("abs", node.body)
        if node.single:
            return inner
        if node.order == 1:
            return ShapedTree(_call("sum", inner.tree))
        raise UnsupportedNotationError(f"{node.source}: a norm that is not squared")

    @shaped.register
    def _(self, node: Call) -> ShapedTree:
        function = node.function
        if not isinstance(function, Name):
            raise UnsupportedNotationError(f"{node.source}: {function.source} is not a function")
        if not self._is_function(function):
            return self.shaped(function)  # h(x), of a quantity
        arguments = [part for part in node.arguments if function.base != "max" or part != tree.number(0)]
        if len(arguments) != 1:
            raise UnsupportedNotationError(f"{node.source}: a function of {len(node.arguments)} arguments")
        if len(node.arguments) == 2:  # max(0, z)
            return self._applied("relu", arguments[0])
        inner = self.shaped(arguments[0])
        name = self.functions.get(function.base, ROWS.get(function.base, function.base))
        axis = 0 if self.in_columns else 1
        if name in {"softmax", "Softmax"}:
            return ShapedTree(_call("softmax", inner.tree, axis=tree.number(axis)), inner.shape)
        if name in {"logsumexp", "LSE"} and inner.shape:
            call = Call(function=Name(base="logsumexp"), arguments=(inner.tree,), axis=axis)
            one = SizeVariable("1")
            return ShapedTree(call, (one, inner.shape[1]) if self.in_columns else (inner.shape[0], one))
        if name not in FUNCTIONS:
            raise UnsupportedNotationError(f"nothing says what {function.source or function.base} is")
        return ShapedTree(_call(name, inner.tree), inner.shape)

    def _applied(self, name: str, argument: Node) -> ShapedTree:
        inner = self.shaped(argument)
        return ShapedTree(_call(name, inner.tree), inner.shape)

    def _is_quantity_of(self, name: Name, factor: Node) -> bool:
        """Return True for a quantity that is written with its arguments, as in h_θ(x)."""
        items = factor.items if isinstance(factor, Group) and factor.brackets == "()" else ()
        are_given = bool(items) and all(
            isinstance(item, Name) and item.base in {*INPUTS, *PARAMETERS} for item in items
        )
        return are_given and not self._is_function(name) and self.identifier(name) in self.known

    def _is_function(self, name: Name) -> bool:
        everyday = {*ROWS, *FUNCTIONS, "softmax", "Softmax", "logsumexp", "LSE", "max"}
        return name.base in self.functions or (name.base in everyday and name.base not in self.known)


def _together(one: ShapedTree, other: ShapedTree) -> ShapeVariables | None:
    """Return the shape of an entrywise product, whose factors get equal sizes; None for a scalar."""
    if one.shape is None or other.shape is None:
        return one.shape or other.shape
    for a, b in zip(one.shape, other.shape, strict=True):
        unify(a, b)
    return one.shape
