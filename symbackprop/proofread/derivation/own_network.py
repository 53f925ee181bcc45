"""The network that the equations of a document define."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.expressions.functions import FUNCTION, FUNCTIONS, z
from symbackprop.network.elaborate import Elaborator
from symbackprop.network.evaluate import IN_FLOATS, Evaluation
from symbackprop.network.network import Network
from symbackprop.network.parser import COST, add_equation
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Call, Name, Node, walk
from symbackprop.parsing.unparse import to_source
from symbackprop.proofread.derivation.definitions import function_head
from symbackprop.proofread.derivation.shape_inference import (
    COUNTS,
    INPUTS,
    PARAMETERS,
    ShapeInference,
    SizeVariable,
    unify,
)
from symbackprop.proofread.interpreter.quantities import call_parts

_COSTS = ("J", "L", "E", "C", "ell", "Loss", "loss", "cost")
_DIMENSIONS = ("D", "H", "K", "M", "P", "Q", "R", "S", "A", "B", "F", "G")
_WORDS = {r"sigmoid|logistic": "sigmoid", r"tanh|hyperbolic tangent": "tanh", r"ReLU|rectified": "relu"}
_COMPARED = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
_ACTIVATIONS = dict.fromkeys(("sigmoid", "tanh", "relu", "softplus", "identity", *FUNCTIONS))  # in this order
_GENERIC = ("f", "g", "h", "phi", "varphi", "a", "act", "psi")


def own_network(text: str, document: Sequence[Statement], one_example: bool) -> Network:
    """Return the network that the equations of a document define.

    Raises:
        ArgumentError: they do not define one; the message names the missing parts.
    """
    functions = _functions(text, document)
    definitions = _shared(dict(_definitions(document, functions)))
    parameters = _parameters(document)
    named = (name for name in reversed(list(definitions)) if name.base in _COSTS)
    cost = next(named, None) or next((name for name in _differentiated(document) if name in definitions), None)
    if cost is None:
        raise ArgumentError(
            "no network is given, and no equation of the document says what the cost is (J = …); give the network, "
            "as of parse_network"
        )
    inference = ShapeInference(
        functions,
        _in_columns(document),
        SizeVariable("1" if one_example and not _counts(document) else "N"),
        parameters,
        has_only_numbers=is_of_numbers(document),
        has_other_matrices=cost.base not in _COSTS and bool(parameters),
    )
    problems: dict[str, str] = {}  # of names
    equations = list(_computed(inference, definitions, cost, problems))
    try:
        final = inference.shaped(definitions[cost])
        for size in final.shape or ():
            unify(size, SizeVariable("1"))
    except UnsupportedNotationError as error:
        reasons = "; ".join(dict.fromkeys([str(error), *problems.values()]))
        raise ArgumentError(
            f"no network is given, and the equations of the document do not define one: {reasons}; give the network, "
            "as of parse_network"
        ) from None
    return _built(list(_declarations(inference)), [*equations, (cost.base, final.tree)])


def _built(declarations: list[tuple[str, str, list[Node]]], equations: list[tuple[str, Node]]) -> Network:
    """Build a network from declarations (names, roles, sizes) and equations, of which the last is the cost."""
    net = Network()
    try:
        for name, role, sizes in declarations:
            getattr(net, role)(name, *(int(text) if text.isdigit() else text for text in map(_numpy, sizes)))
        for name, formula in equations[:-1]:
            add_equation(net, name, formula)
        add_equation(net, *equations[-1], end=COST)
    except SymbackpropError as error:
        declared = [f"{name}: {role}({', '.join(map(_numpy, sizes))})" for name, role, sizes in declarations]
        written = [line.removesuffix("()") for line in declared] + [f"{name} = {_numpy(f)}" for name, f in equations]
        raise ArgumentError(
            f"no network is given, and the one that the document defines cannot be used: {error}\n" + "\n".join(written)
        ) from None
    return net


def _numpy(formula: Node) -> str:
    return to_source(formula, "numpy")


def _definitions(document: Sequence[Statement], functions: Collection[str] = _GENERIC) -> Iterator[tuple[Name, Node]]:
    """Yield the forward equations of a document: for each name, the first one.

    An equation h(x) = … with the name of one of the functions defines this function, not a quantity.
    """
    found: set[Name] = set()
    for written in document:
        sides = equalities(written)
        if not sides or written.continues:
            continue
        name = _name_of(sides[0], functions)
        parts = [part for side in sides[1:2] for part in walk(side)]
        is_derivative = any(
            isinstance(p, tree.Partial | tree.Differential | tree.Prime | tree.Indicator) for p in parts
        )
        if name is not None and name not in found and not is_derivative and name.base not in {"delta", "Delta"}:
            found.add(name)
            yield name, sides[1]


def _counts(document: Sequence[Statement]) -> bool:
    """Return True if the document has a name for the number of examples."""
    return any(name.base in COUNTS and not name.below for written in document for name in written.names)


def _shared(bodies: dict[Name, Node]) -> dict[Name, Node]:
    """Return the formulas with parts replaced by their names: p = σ(Wx + b) with z = Wx + b becomes p = σ(z)."""
    named: dict[Node, Name] = {
        body: name for name, body in bodies.items() if isinstance(body, tree.Add | tree.Multiply)
    }

    def shared(node: Node, own: Name) -> Node:
        name = named.get(node, own)
        return name if name != own else tree.mapped(node, lambda part: shared(part, own))

    return {name: shared(body, name) for name, body in bodies.items()}


def _name_of(left: Node, functions: Collection[str]) -> Name | None:
    """Return the name that an equation defines, such as J for J(W, b) and h_\\theta for h_\\theta(x), or None."""
    if isinstance(left, Name):
        return left
    head, arguments = call_parts(left)
    if not isinstance(head, Name) or not all(isinstance(argument, Name) for argument in arguments):
        return None
    of_data = any(getattr(argument, "base", "") in {*INPUTS, *PARAMETERS} for argument in arguments)
    is_quantity = head.base not in functions and (of_data or any(head.below))
    return head if head.base in _COSTS or is_quantity else None


def _differentiated(document: Sequence[Statement]) -> Iterator[Name]:
    """Yield the names that the document differentiates with respect to something."""
    for part in (part for written in document for side in written.sides for part in walk(side)):
        if isinstance(part, tree.Partial):
            head = call_parts(part.of)[0] or part.of
            if isinstance(head, Name):
                yield head


def is_of_numbers(document: Sequence[Statement]) -> bool:
    """Return True if nothing in a document shows that its lowercase names are vectors: all of them may be numbers."""
    parts = [part for written in document for side in written.sides for part in walk(side)]
    of_matrices = (tree.Transposed, tree.Norm, tree.Summation, tree.Entry, tree.Matrix, tree.IndexedList, tree.Part)
    signs = {part.sign for part in parts if isinstance(part, tree.Multiply)}
    names = [part for part in parts if isinstance(part, Name) and part.base not in _COSTS]
    numbered = [name for name in names if name.base in {"w", "theta", "v", "u"} and name.scripts]
    return (
        bool(numbered)
        and not any(isinstance(part, of_matrices) for part in parts)
        and not signs & {r"\odot", r"\circ", "@", r"\otimes"}
        and all(name.base[:1].islower() and name.base not in {"ones", "diag"} for name in names)
        and all(isinstance(content, tree.Number) for name in names for content in name.scripts)
    )


def _computed(
    inference: ShapeInference, definitions: dict[Name, Node], cost: Name, problems: dict[str, str]
) -> Iterator[tuple[str, Node]]:
    """Yield names with formulas, each after the names that it uses; collect the problems of other equations."""
    pending = {name: body for name, body in definitions.items() if name != cost}
    names = set(pending)
    progress = True
    while pending and progress:
        progress = False
        for name, body in list(pending.items()):
            needed = {part for part in walk(body) if isinstance(part, Name)} & names
            if needed & set(pending) - {name}:
                continue
            del pending[name]
            progress = True
            inference.free = inference.letters(name)
            try:
                identifier = inference.identifier(name)
                made = inference.shaped(body)
            except UnsupportedNotationError as error:
                problems[name.source] = f"{name.source} = …: {error}"
                continue
            if (made.shape is None and name.base in _COSTS) or identifier in inference.known:
                continue
            inference.known[identifier] = made.shape
            yield identifier, made.tree


def _declarations(inference: ShapeInference) -> Iterator[tuple[str, str, list[Node]]]:
    """Yield the name, role and sizes of each quantity without an equation; sizes without a name get a new one."""
    names = iter([name for name in _DIMENSIONS if name not in {*inference.leaves, *inference.known}])
    order = ["input", "target", "parameter", "scalar"]
    for name, (role, shape) in sorted(inference.leaves.items(), key=lambda item: order.index(item[1][0])):
        for size in shape or ():
            size.root.name = size.root.name or next(names, "")
            if not size.root.name:
                raise ArgumentError("the document has more sizes than can be named; give the network")
        yield name, role, [size.tree for size in shape or ()]


def _parameters(document: Sequence[Statement]) -> frozenset[str]:
    """Return the names with respect to which the document differentiates."""
    plain = ShapeInference({}, False, SizeVariable("N"))
    defined = {name for name, _ in _definitions(document)}
    found = set()
    for part in (part for written in document for side in written.sides for part in walk(side)):
        if isinstance(part, tree.Partial) and isinstance(part.by, Name) and part.by not in defined:
            with suppress(UnsupportedNotationError):
                found.add(plain.identifier(part.by))
    return frozenset(found)


def _in_columns(document: Sequence[Statement]) -> bool:
    """Return True if weights precede the data in products, as in W x rather than X W."""
    for part in (part for written in document for side in equalities(written)[1:] for part in walk(side)):
        if isinstance(part, tree.Multiply):
            bases = [_base(factor) for factor in part.factors]
            for one, other in pairwise(bases):
                if one in PARAMETERS and (other in INPUTS or other in {"a", "A", "h"}):
                    return True
                if one in INPUTS and other in PARAMETERS:
                    return False
    return False


def _base(node: Node) -> str:
    inner = node.base if isinstance(node, tree.Transposed) else node
    return inner.base if isinstance(inner, Name) else ""


def _functions(text: str, document: Sequence[Statement]) -> dict[str, str]:
    """Return the activation of each function f, from an equation or a word of the text; σ is the sigmoid by default."""
    bodies = [(function_head(sides[0]), sides[1]) for sides in map(equalities, document) if sides]
    known = ((head[0].base, _activation(head[1], body)) for head, body in bodies if head is not None)
    found = {name: activation for name, activation in known if activation is not None}
    words = [name for pattern, name in _WORDS.items() if re.search(pattern, text)]
    called = {part.function.base for w in document for side in w.sides for part in walk(side)
            if isinstance(part, Call) and isinstance(part.function, Name)}  # fmt: skip
    heads = {name.base for w in document for name in w.names} | called
    if len(words) == 1:
        found = {**dict.fromkeys(heads & set(_GENERIC[:5]), words[0]), **found}
    quantities = {name.base for name, _ in _definitions(document)}
    return {name: kind for name, kind in {"sigma": "sigmoid", **found}.items() if name not in quantities}


def _activation(parameter: Name, body: Node) -> str | None:
    """Return the name of the activation that has the values of this formula at some points, or None."""
    letter = Name(base="z")

    def in_z(node: Node) -> Node:
        return letter if node == parameter else tree.mapped(node, in_z)

    if letter in walk(body) and letter != parameter:
        return None
    points = np.array([-2.3, -0.7, 0.4, 1.9])
    try:
        with np.errstate(all="ignore"):
            values = _values(in_z(body), letter, points)
    except (SymbackpropError, ArithmeticError):
        return None
    with np.errstate(all="ignore"):
        known = {name: IN_FLOATS.function(FUNCTION[name])(points) for name in _ACTIVATIONS}
    return next((name for name, expected in known.items() if np.allclose(expected, values)), None)


def _values(body: Node, letter: Name, points: np.ndarray) -> np.ndarray:
    """Return the values of a formula in one letter at some points."""
    if isinstance(body, tree.Cases):
        found = np.full(points.shape, np.nan)
        for value, condition in reversed(list(zip(body.values, body.conditions, strict=True))):
            holds = True if condition is None else _holds(condition, letter, points)
            found = np.where(holds, _values(value, letter, points), found)
        return found
    inference = ShapeInference({}, False, SizeVariable("N"), known={letter.base: None})
    formula = Elaborator({letter.base: z}, str).value(inference.shaped(body).tree)
    return np.broadcast_to(Evaluation({}).value(formula, {z: points}, IN_FLOATS), points.shape)


def _holds(condition: Node, letter: Name, points: np.ndarray) -> np.ndarray:
    compare = _COMPARED.get(condition.sign) if isinstance(condition, tree.Relation) else None
    if compare is None or not isinstance(condition, tree.Relation):
        raise UnsupportedNotationError(f"{condition.source}: a condition of another kind than z > 0")
    left, right = (_values(side, letter, points) for side in (condition.left, condition.right))
    return np.asarray(compare(left, right))
