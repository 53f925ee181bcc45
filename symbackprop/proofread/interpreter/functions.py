"""Functions in written formulas: those that everybody knows, the network's activations, the document's own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.expressions.functions import FUNCTIONS, Applied, ElementwiseFunction
from symbackprop.expressions.matrices import postorder, quantities
from symbackprop.expressions.operations import Elementwise, LogSoftmax, Softmax
from symbackprop.network.evaluate import IN_FLOATS
from symbackprop.parsing.latex_parser import applied
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Call, Group, Name, Node, Prime, Transposed
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.differences import entrywise_slope
from symbackprop.proofread.interpreter.library import NAMED, softmax
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

ROWS = {name: name for name in FUNCTIONS} | {
    "ln": "log",
    "ReLU": "relu",
    "RELU": "relu",
    "Relu": "relu",
    "lrelu": "leaky_relu",
    "LeakyReLU": "leaky_relu",
    "sigm": "sigmoid",
    "Sigmoid": "sigmoid",
    "logistic": "sigmoid",
    "logsig": "sigmoid",
    "Tanh": "tanh",
    "th": "tanh",
    "sgn": "sign",
    "id": "identity",
    "ELU": "elu",
    "GELU": "gelu",
    "SiLU": "silu",
    "swish": "silu",
    "absolute": "abs",
}
_USUAL = {"sigma": "sigmoid", "s": "sigmoid", "S": "sigmoid"}  # where the network has it
GENERIC = {
    "f",
    "g",
    "h",
    "sigma",
    "phi",
    "psi",
    "varphi",
    "s",
    "S",
    "act",
    "a",
    "F",
    "G",
    "Phi",
    "rho",
    "theta",
    "o",
    "k",
}
_EVERYDAY = {"exp", "log", "square", "sqrt", "abs", "sign", "identity"}


def call(meaning: Any, node: Call) -> list[IndexedArray]:
    """The values of a function of its arguments."""
    function, order = node.function, 0
    while isinstance(function, Prime):
        function, order = function.base, order + 1
    if isinstance(function, Transposed):
        inner = replace(node, function=function.base, source="")
        return [values.transposed(value) for value in meaning.values(inner)]
    if not isinstance(function, Name):
        raise UnsupportedNotationError(f"{node.source}: {function.source} is no function")
    named = NAMED.get(function.base)
    if named is not None and not order:
        try:
            return named(meaning, node)
        except IndexError:
            raise UnsupportedNotationError(f"{node.source}: an argument is missing") from None
    quantity = None if order else _quantity(meaning, function, node)
    if quantity:
        return quantity
    if len(node.arguments) != 1:
        raise UnsupportedNotationError(f"{node.source}: {function.base} of {len(node.arguments)} arguments is not read")
    found = []
    for argument, plain in zip(meaning.values(node.arguments[0]), _unmoved(meaning, node.arguments[0]), strict=False):
        if argument.is_slope:
            raise ShapeMismatchError("a function of ∂A/∂B")
        for f in functions_of(meaning, function, plain, order):
            found.append(f(argument, order))
    return found


def _unmoved(meaning: Any, argument: Node) -> list[IndexedArray]:
    """The argument where nothing is moved: there it shows what the network applies to it."""
    world = getattr(meaning.world, "world", meaning.world)
    return (
        meaning.values(argument) if world is meaning.world else meaning.beside(world=world, fixed={}).values(argument)
    )


def _quantity(meaning: Any, function: Name, node: Call) -> list[IndexedArray]:
    """J(W, b), a(x): a quantity that is said to depend on others."""
    if not all(isinstance(argument, Name) for argument in node.arguments):
        return []
    if meaning.is_cost(function):
        return meaning.values(function)
    if not _is_of_inputs(meaning, function, node.arguments):
        return []
    names = [argument for argument in node.arguments if isinstance(argument, Name)]
    marked = next((name for name in names if name.above or name.below), None)
    plain = replace(function, below=(), source="") if function.below else function
    if marked is None:
        return meaning.values(plain)
    return meaning.values(replace(plain, above=marked.above, below=marked.below, source=""))


def _is_of_inputs(meaning: Any, function: Name, arguments: Sequence[Node]) -> bool:
    """h_θ(x^{(i)}) of a quantity h of the network."""
    lexicon = meaning.lexicon
    needed = lexicon.needed.get(lexicon.known.get((function.base, "", "")), set())
    if not needed or function.above:
        return False
    for argument in arguments:
        symbols = {lexicon.symbol(split.key) for split in lexicon.splits(argument, meaning.letters)}
        if not symbols & needed & set(meaning.world.network.arguments):
            return False
    return True


Function = Callable[[IndexedArray, int], IndexedArray]


def functions_of(meaning: Any, name: Name, argument: IndexedArray, order: int = 0) -> list[Function]:
    """What a function's name can stand for, where it is given such an argument."""
    base = "_".join([name.base, *(getattr(mark.content, "base", "") for mark in name.below)])
    base = base if base in FUNCTIONS else name.base  # gelu_tanh
    if base in meaning.lexicon.functions:
        return [_of_document(meaning, base)]
    applied_there = [kind for kind in _applied_by_network(meaning, argument) if not order or isinstance(kind, str)]
    activations = activations_of(meaning.world.network)
    if base in ROWS and base not in GENERIC:
        return [_row(ROWS[base])]
    if base in _UNUSUAL:
        return [_unusual(_UNUSUAL[base])]
    if base in _OTHERS:
        raise UnsupportedNotationError(f"{base} is not read")
    usual = _USUAL.get(base)
    if usual in activations:
        return [_row(usual)]
    if base in GENERIC or base in meaning.lexicon.called or applied_there:
        kinds = applied_there or activations
        if usual == "sigmoid" and {"softplus", "silu"} & set(activations):  # of which it is the derivative, or a part
            kinds = [*kinds, usual]
        if kinds:
            return [_row(kind) if isinstance(kind, str) else _softmax(kind, meaning) for kind in kinds]
        if usual is not None:
            return [_row(usual)]
    raise UnsupportedNotationError(f"{name.source or base} is no function that is known here")


def activations_of(network: Any) -> list[str]:
    """The names of the elementwise functions of a network, the everyday ones left out."""
    found: dict[str, None] = {}
    for equation in (*network.equations, network.cost):
        for node in postorder(equation.expression):
            is_map = isinstance(node, Elementwise | Applied) and node.function.order == 0
            if is_map and node.function.name not in _EVERYDAY:
                found[node.function.name] = None
    return list(found)


def _applied_by_network(meaning: Any, argument: IndexedArray) -> list[Any]:
    """What the network applies to a quantity of this value."""
    if argument.indices:
        return []
    found: dict[Any, None] = {}
    known = getattr(meaning.world, "world", meaning.world).values
    for node in known:
        if isinstance(node, Elementwise | Softmax) and not isinstance(node, LogSoftmax):
            inner = np.asarray(known[quantities(node)[0]], float)
            if any(values.close(array, argument.array) for array in (inner, inner.T)):
                is_map = isinstance(node, Elementwise)
                if not is_map or (node.function.order == 0 and node.function.name not in _EVERYDAY):
                    found[node.function.name if is_map else node] = None
    return list(found)


def _row(name: str) -> Function:
    def of(argument: IndexedArray, order: int) -> IndexedArray:
        function = ElementwiseFunction(name, order)
        return values.mapped(argument, IN_FLOATS.function(function))

    return of


_OTHERS = {"tan", "arctan", "arcsin", "arccos", "atan", "arctanh", "artanh", "atanh", "sec", "csc", "cot", "coth"}
_UNUSUAL: dict[str, Callable[[Any], Any]] = {
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sech": lambda x: 1 / np.cosh(x),
}


def _unusual(function: Callable[[Any], Any]) -> Function:
    """What stands in activations and their derivatives, though no network has it."""

    def of(argument: IndexedArray, order: int) -> IndexedArray:
        return values.mapped(argument, lambda array: _derived(function, array, order))

    return of


def _of_document(meaning: Any, base: str) -> Function:
    """A function that the document defines; its derivative by differences."""
    parameter, body = meaning.lexicon.functions[base]

    def of(argument: IndexedArray, order: int) -> IndexedArray:
        key = next(iter(meaning.lexicon.splits(parameter, {}))).key

        def at(array: Any) -> Any:
            dummies = {**meaning.dummies, key: replace(argument, array=array, indices=(), notes=frozenset())}
            found = meaning.beside(dummies=dummies).first(body)
            return np.broadcast_to(found.array, np.shape(array))

        return replace(argument, array=_derived(at, argument.array, order))

    return of


def _derived(at: Callable[[Any], Any], array: Any, order: int) -> Any:
    return at(array) if order == 0 else entrywise_slope(lambda x: _derived(at, x, order - 1), array)


def _softmax(node: Any, meaning: Any) -> Function:
    def of(argument: IndexedArray, order: int) -> IndexedArray:
        if order:
            raise UnsupportedNotationError("the derivative of softmax is no function of each entry")
        axis = 1 - node.axis if meaning.layout.data else node.axis
        return softmax(argument, axis)

    return of


def fused(meaning: Any, factors: Sequence[Node]) -> list[Node]:
    """Juxtaposed factors, a name before brackets read as a function where it is one."""
    found: list[Node] = []
    rest = list(factors)
    while rest:
        factor = rest.pop(0)
        if isinstance(factor, Name) and rest and _is_call(meaning, factor, rest[0]):
            called = applied(factor, rest[0])
            if called is not None:
                rest.pop(0)
                found.append(called)
                continue
        found.append(factor)
    return found


def _is_call(meaning: Any, name: Name, factor: Node) -> bool:  # noqa: PLR0911
    inner = factor
    while not isinstance(inner, Group) and hasattr(inner, "base"):
        inner = inner.base
    if not isinstance(inner, Group) or inner.brackets == "{}" or name.base == "ones":
        return False
    if name.base in meaning.lexicon.functions or (name.base in ROWS and name.base not in GENERIC):
        return True
    if meaning.is_cost(name) and all(isinstance(item, Name) for item in inner.items):
        return True
    lexicon = meaning.lexicon
    keys = [split.key for split in lexicon.splits(name, meaning.letters)]
    if all(isinstance(item, Name) for item in inner.items) and _is_of_inputs(meaning, name, inner.items):
        return True
    exact = (meaning.dummies, lexicon.known, lexicon.definitions, lexicon.chosen)
    if any(key in known for key in keys for known in exact):
        return len(inner.items) > 1
    if name.base in lexicon.called or name.base in GENERIC - _LETTERS_OF_QUANTITIES:
        return True
    return not any(lexicon.symbol(key) is not None or lexicon.adjoint(key) is not None for key in keys)


_LETTERS_OF_QUANTITIES = {"a", "o", "h", "s", "k", "theta"}
