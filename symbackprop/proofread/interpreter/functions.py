"""Functions in formulas: well-known functions, the network's activations, and functions that the document defines."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.functions import FUNCTIONS, Applied, ElementwiseFunction
from symbackprop.expressions.matrices import postorder, quantities
from symbackprop.expressions.operations import Elementwise, LogSoftmax, Softmax
from symbackprop.network.evaluate import IN_FLOATS
from symbackprop.network.network import Network
from symbackprop.parsing.latex_parser import applied
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Call, Group, Name, Node, Prime, Transposed
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.differences import entrywise_derivative
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.library import NAMED, softmax
from symbackprop.proofread.interpreter.network_at_point import PerturbedPoint
from symbackprop.proofread.interpreter.quantities import is_name_of_cost
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

_OfArray = Callable[[NDArray[np.float64]], NDArray[np.float64]]

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
_USUAL = {"sigma": "sigmoid", "s": "sigmoid", "S": "sigmoid"}  # if the network has that activation
GENERIC = {*"fghsSaFGok", "sigma", "phi", "psi", "varphi", "act", "Phi", "rho", "theta"}
_EVERYDAY = {"exp", "log", "square", "sqrt", "abs", "sign", "identity"}


def call(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    """Return the values of a function call."""
    function, order = node.function, 0
    while isinstance(function, Prime):
        function, order = function.base, order + 1
    if isinstance(function, Transposed):
        inner = replace(node, function=function.base, source="")
        return [values.transposed(value) for value in evaluator.values(inner)]
    if not isinstance(function, Name):
        raise UnsupportedNotationError(f"{node.source}: {function.source} is not a function")
    named = NAMED.get(function.base)
    if named is not None and not order:
        try:
            return named(evaluator, node)
        except IndexError:
            raise UnsupportedNotationError(f"{node.source}: an argument is missing") from None
    quantity = None if order else _quantity(evaluator, function, node)
    if quantity:
        return quantity
    if len(node.arguments) != 1:
        raise UnsupportedNotationError(f"{node.source}: {function.base} of {len(node.arguments)} arguments is not read")
    argument = node.arguments[0]
    found = []
    for value, plain in zip(evaluator.values(argument), _unperturbed(evaluator, argument), strict=False):
        if value.is_derivative:
            raise ShapeMismatchError("a function of ∂A/∂B")
        found += [f(value, order) for f in functions_of(evaluator, function, plain, order)]
    return found


def _unperturbed(evaluator: Evaluator, argument: Node) -> list[IndexedArray]:
    """Return the unperturbed values of an argument, which identify the function that the network applies to it."""
    if not isinstance(evaluator.point, PerturbedPoint):
        return evaluator.values(argument)
    return replace(evaluator, point=evaluator.point.unperturbed, fixed={}).values(argument)


def _quantity(evaluator: Evaluator, function: Name, node: Call) -> list[IndexedArray]:
    """Return the values of a quantity that is written with its arguments, as in J(W, b) and a(x)."""
    names = [argument for argument in node.arguments if isinstance(argument, Name)]
    if len(names) < len(node.arguments):
        return []
    if is_name_of_cost(evaluator, function):
        return evaluator.values(function)
    if not _is_of_inputs(evaluator, function, names):
        return []
    marked = next((name for name in names if name.above or name.below), None)
    plain = replace(function, below=(), source="") if function.below else function
    if marked is None:
        return evaluator.values(plain)
    return evaluator.values(replace(plain, above=marked.above, below=marked.below, source=""))


def _is_of_inputs(evaluator: Evaluator, function: Name, arguments: Sequence[Name]) -> bool:
    """Return True if a quantity h of the network is applied to inputs, as in h_θ(x^{(i)})."""
    symbols, given = evaluator.symbols, set(evaluator.point.network.arguments)
    needed = symbols.needed.get(symbols.known.get((function.base, "", "")), set())
    return (
        bool(needed)
        and not function.above
        and all(
            any(
                symbols.symbol(reading.key) in needed & given
                for reading in symbols.readings(argument, evaluator.letters)
            )
            for argument in arguments
        )
    )


Function = Callable[[IndexedArray, int], IndexedArray]


def functions_of(evaluator: Evaluator, name: Name, argument: IndexedArray, order: int) -> list[Function]:
    """Return the functions that a name can denote when it is applied to this argument."""
    base = "_".join([name.base, *(getattr(mark.content, "base", "") for mark in name.below)])
    base = base if base in FUNCTIONS else name.base  # gelu_tanh
    if base in evaluator.symbols.functions:
        return [_of_document(evaluator, base)]
    applied_there = [kind for kind in _applied_by_network(evaluator, argument) if not order or isinstance(kind, str)]
    activations = activations_of(evaluator.point.network)
    if base in ROWS and base not in GENERIC:
        return [_row(ROWS[base])]
    if base in _UNUSUAL:
        return [_unusual(_UNUSUAL[base])]
    if base in _OTHERS:
        raise UnsupportedNotationError(f"{base} is not read")
    usual = _USUAL.get(base)
    if usual in activations:
        return [_row(usual)]
    if base in GENERIC or base in evaluator.symbols.called or applied_there:
        kinds = applied_there or activations
        if usual == "sigmoid" and {"softplus", "silu"} & set(activations):  # of which it is the derivative, or a part
            kinds = [*kinds, usual]
        if kinds:
            return [_row(kind) if isinstance(kind, str) else _softmax(kind, evaluator) for kind in kinds]
        if usual is not None:
            return [_row(usual)]
    raise UnsupportedNotationError(f"{name.source or base} is not a function that is known here")


def is_defined_as_usual(evaluator: Evaluator, function: Name, parameter: Name, body: Node) -> bool:
    """Return True if a formula f(z) = … defines what the letter f usually denotes, as σ the sigmoid."""
    usual = _USUAL.get(function.base)
    argument = IndexedArray(np.array([[-1.3, 0.4, 2.1]]))
    key = next((found.key for found in evaluator.symbols.readings(parameter, {})), None)
    if usual is None or key is None:
        return False
    found = replace(evaluator, dummies={key: argument}).attempt(body)
    return any(values.same(value, _row(usual)(argument, 0)) for value in found)


def may_be_function(evaluator: Evaluator, name: Name) -> bool:
    """Return True for a name of a function: a usual one, such as tanh or σ, or one that is applied somewhere."""
    is_own = name.base in evaluator.symbols.functions or name.base in evaluator.symbols.called
    return is_own or name.base in {*ROWS, *GENERIC, *_USUAL, *_UNUSUAL}


def activations_of(network: Network) -> list[str]:
    """Return the names of the elementwise functions of a network, without common ones such as exp and sqrt."""
    nodes = (node for equation in (*network.equations, network.cost) for node in postorder(equation.expression))
    functions = (node.function for node in nodes if isinstance(node, Elementwise | Applied))
    return list(dict.fromkeys(f.name for f in functions if f.order == 0 and f.name not in _EVERYDAY))


def _applied_by_network(evaluator: Evaluator, argument: IndexedArray) -> list[str | Expression]:
    """Return the names of functions, and the softmax nodes, that the network applies to a quantity with this value."""
    if argument.indices:
        return []
    found: dict[str | Expression, None] = {}
    known = evaluator.point.unperturbed.values
    for node in known:
        if isinstance(node, Elementwise | Softmax) and not isinstance(node, LogSoftmax):
            inner = np.asarray(known[quantities(node)[0]], float)
            if any(values.close(array, argument.array) for array in (inner, inner.T)):
                is_map = isinstance(node, Elementwise)
                if not is_map or (node.function.order == 0 and node.function.name not in _EVERYDAY):
                    found[node.function.name if is_map else node] = None
    return list(found)


def _row(name: str) -> Function:
    return lambda argument, order: values.mapped(argument, IN_FLOATS.function(ElementwiseFunction(name, order)))


_OTHERS = {"tan", "arctan", "arcsin", "arccos", "atan", "arctanh", "artanh", "atanh", "sec", "csc", "cot", "coth"}
_UNUSUAL: dict[str, _OfArray] = {
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sech": lambda x: 1 / np.cosh(x),
}


def _unusual(function: _OfArray) -> Function:
    """Return a function such as cosh, which occurs in formulas of activations, with its derivatives."""
    return lambda argument, order: values.mapped(argument, lambda array: _derived(function, array, order))


def _of_document(evaluator: Evaluator, base: str) -> Function:
    """Return a function that the document defines; its derivatives are finite differences."""
    parameter, body = evaluator.symbols.functions[base]

    def of(argument: IndexedArray, order: int) -> IndexedArray:
        key = next(iter(evaluator.symbols.readings(parameter, {}))).key

        def at(array: NDArray[np.float64]) -> NDArray[np.float64]:
            dummy = replace(argument, array=array, indices=(), notes=frozenset())
            found = replace(evaluator, dummies={**evaluator.dummies, key: dummy}).first(body)
            return np.broadcast_to(found.array, np.shape(array))

        return replace(argument, array=_derived(at, argument.array, order))

    return of


def _derived(at: _OfArray, array: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Return the derivative of this order of an entrywise function."""
    return at(array) if order == 0 else entrywise_derivative(lambda x: _derived(at, x, order - 1), array)


def _softmax(node: Expression, evaluator: Evaluator) -> Function:
    def of(argument: IndexedArray, order: int) -> IndexedArray:
        if order:
            raise UnsupportedNotationError("softmax does not work entry by entry, so softmax′ is not read")
        return softmax(argument, 1 - node.axis if evaluator.layout.data else node.axis)

    return of


def fused(evaluator: Evaluator, factors: Sequence[Node]) -> list[Node]:
    """Return juxtaposed factors, in which a function name before brackets becomes a call."""
    return with_calls(factors, partial(_is_call, evaluator))


def with_calls(factors: Sequence[Node], is_call: Callable[[Name, Node], bool], bare: bool = False) -> list[Node]:
    """Return factors in which a name and the factor after it become a call; `bare` also where it has no brackets."""
    found: list[Node] = []
    rest = list(factors)
    while rest:
        factor = rest.pop(0)
        called = None
        if isinstance(factor, Name) and rest and is_call(factor, rest[0]):
            called = applied(factor, rest[0], bare=bare)
        if called is not None:
            rest.pop(0)
        found.append(factor if called is None else called)
    return found


def _is_call(evaluator: Evaluator, name: Name, factor: Node) -> bool:
    symbols = evaluator.symbols
    inner = factor
    while not isinstance(inner, Group) and hasattr(inner, "base"):
        inner = inner.base
    if not isinstance(inner, Group) or inner.brackets == "{}" or name.base == "ones":
        return False
    if name.base in symbols.functions or (name.base in ROWS and name.base not in GENERIC):
        return True
    names = [item for item in inner.items if isinstance(item, Name)]
    has_names = len(names) == len(inner.items)
    if has_names and (is_name_of_cost(evaluator, name) or _is_of_inputs(evaluator, name, names)):
        return True
    keys = [reading.key for reading in symbols.readings(name, evaluator.letters)]
    exact = (evaluator.dummies, symbols.known, symbols.definitions, symbols.chosen)
    if any(key in known for key in keys for known in exact):
        return len(inner.items) > 1
    if name.base in symbols.called or name.base in GENERIC - _LETTERS_OF_QUANTITIES:
        return True
    return not any(symbols.symbol(key) is not None or symbols.adjoint(key) is not None for key in keys)


_LETTERS_OF_QUANTITIES = {"a", "o", "h", "s", "k", "theta"}
