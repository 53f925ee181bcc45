"""Names with scripts at a point, and the readings of scripts as indices, examples, layers or powers."""

from contextlib import suppress
from dataclasses import replace

import numpy as np

from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import INPUT
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Multiply, Name, Relation
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.class_index import class_is, has_label_below, of_own_class
from symbackprop.proofread.interpreter.conventions import Quantity, UnknownNameError
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.orientation import all_sizes, example_axis, has_examples, is_transposed, laid_out
from symbackprop.proofread.interpreter.quantities import values_of_definition, values_of_key
from symbackprop.proofread.interpreter.symbol_table import EACH, NameReading
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError, scalar

_CONSTANTS = {"pi": np.pi, "e": np.e}


def evaluate_name(evaluator: Evaluator, node: Name) -> list[IndexedArray]:
    """Return the values of a name in the first reading of its scripts that has a value."""
    if node.base == "ones":
        return _ones(evaluator, node)
    own = of_own_class(evaluator, node) if has_label_below(node) else []  # p_{y_i}
    if own:
        return own
    for reading in evaluator.symbols.readings(node, evaluator.letters):
        found = values_of_reading(evaluator, reading)
        if found:
            own = of_own_class(evaluator, node) if len(reading.indices) == 1 else []
            return [*own, *found, *_lines_of_matrix(evaluator, reading), *_kronecker_delta(evaluator, node)]
    found = _kronecker_delta(evaluator, node) or of_own_class(evaluator, node) or _constant(evaluator, node)
    if found:
        return found
    raise UnknownNameError(node)


def _constant(evaluator: Evaluator, node: Name) -> list[IndexedArray]:
    """Return π, e, the number T of time steps, or the identity matrices of all sizes; [] for any other name."""
    if node.base in _CONSTANTS and not node.above and not node.below:
        return [scalar(_CONSTANTS[node.base])]
    if node == Name(base="T") and evaluator.symbols.last_step:
        return [scalar(evaluator.symbols.last_step)]
    if node.base in {"I", "mathbbI", "E"} and not node.above:
        return [IndexedArray(np.eye(size)) for size in sorted(all_sizes(evaluator), key=lambda size: size == 1)]
    return []


def _kronecker_delta(evaluator: Evaluator, node: Name) -> list[IndexedArray]:
    r"""Return `\delta_{ij}` as the Kronecker delta; [] if it cannot be one."""
    letters = [mark.content for mark in node.below]
    if node.base != "delta" or node.above or len(letters) != 2 or not all(isinstance(k, Name) for k in letters):
        return []
    of_class = class_is(evaluator, Relation(left=letters[0], sign="=", right=letters[1]))  # δ_{k, y_i}
    return of_class or kronecker(evaluator, *(evaluator.index(k) for k in letters))


def kronecker(evaluator: Evaluator, i: str | int, j: str | int) -> list[IndexedArray]:
    """Return the Kronecker delta of two indices, for each possible range of them."""
    if not isinstance(i, str) or not isinstance(j, str) or i == j:
        raise UnsupportedNotationError(f"[{i} = {j}] is not read here")
    return [IndexedArray(np.eye(size)[..., None, None], (i, j)) for size in all_sizes(evaluator)]


def _lines_of_matrix(evaluator: Evaluator, reading: NameReading) -> list[IndexedArray]:
    """Return u_k as a row or a column of U if the network has both a vector u and a matrix U; else []."""
    try:
        lines = [
            values.line(laid_out(evaluator, quantity.node), reading.indices[0], axis)
            for quantity in matrix_of_rows(evaluator, reading)
            for axis in (0, 1)
        ]
        return [value for one in lines for value in (one, values.transposed(one))]
    except ShapeMismatchError:
        return []


def matrix_of_rows(evaluator: Evaluator, reading: NameReading) -> list[Quantity]:
    """Return the matrix U of the network whose rows may be written u_k, if the network also has a vector u; else []."""
    known = evaluator.symbols.known
    other = known.get((reading.key[0].swapcase(), *reading.key[1:]))
    if len(reading.indices) != 1 or other is None or reading.key not in known or not is_matrix(other):
        return []
    return [Quantity(other, is_transposed(evaluator, other))]


def _ones(evaluator: Evaluator, node: Name) -> list[IndexedArray]:
    """Return the matrix of ones whose size is the subscript; without a subscript, rows and columns of all sizes."""
    sizes = all_sizes(evaluator)
    for mark in node.below[:1]:
        if isinstance(mark.content, Multiply) and mark.content.sign == r"\times" and len(mark.content.factors) == 2:
            rows, columns = (values.whole(evaluator.first(factor)) for factor in mark.content.factors)
            return [IndexedArray(np.ones((rows, columns)))]
        with suppress(UnsupportedNotationError, ShapeMismatchError):
            sizes = [values.whole(evaluator.first(mark.content))]
    shapes = [*((size, 1) for size in sizes), *((1, size) for size in sizes)]
    return [IndexedArray(np.ones(shape)) for shape in shapes]


def values_of_reading(evaluator: Evaluator, reading: NameReading) -> list[IndexedArray]:
    """Return the values of a name for one reading of its scripts; [] if this reading has no value."""
    symbols, key = evaluator.symbols, reading.key
    has_entries = key in symbols.definitions or symbols.symbol(key) != evaluator.point.network.cost.symbol
    if (reading.indices or reading.example is not None) and not has_entries:
        return _cost_of_example(evaluator, reading)
    results = []
    for value in values_of_key(evaluator, key):
        with suppress(ShapeMismatchError):
            results += with_scripts(evaluator, value, reading)
    return results


def _cost_of_example(evaluator: Evaluator, reading: NameReading) -> list[IndexedArray]:
    """Return the cost of one example, such as E_n, as the document defines it."""
    places = [index for index in (*reading.indices, reading.example) if index is not None]
    found = values_of_definition(evaluator, (reading.key[0], EACH, "")) if len(places) == 1 else []
    return [values.entry(value, (places[0],)) for value in found]


def with_scripts(evaluator: Evaluator, value: IndexedArray, reading: NameReading) -> list[IndexedArray]:
    """Return the entries, rows, columns or powers of a value that the scripts of its name can denote."""
    found, indices = [value], reading.indices
    symbol, parameters = evaluator.symbols.symbol(reading.key), evaluator.point.network.parameters
    if reading.example is not None:
        if symbol in parameters:
            raise ShapeMismatchError("a parameter is of no example")
        found = one_example(evaluator, value, reading.example)
    if len(indices) == 1 and 1 not in value.shape and reading.example is None:
        found = one_example(evaluator, value, indices[0])
        if symbol in parameters:
            found += _one_unit(evaluator, value, indices[0])
    elif indices:
        found = [*(values.entry(value, indices) for value in found[:1]), *_one_feature(evaluator, value, reading)]
    return found if reading.power is None else [raised(v, evaluator.first(reading.power), False) for v in found]


def one_example(evaluator: Evaluator, value: IndexedArray, index: str | int) -> list[IndexedArray]:
    """Return the row or column of one example, both as it is in the data and transposed.

    Many documents write one example as a column, but stack examples as rows.
    """
    found = values.line(value, index, example_axis(evaluator))
    return [found] if found.is_number else [found, values.transposed(found)]


def _one_unit(evaluator: Evaluator, value: IndexedArray, index: str | int) -> list[IndexedArray]:
    """Return u_w, a row or column of a matrix U, where w numbers units and not examples."""
    with suppress(ShapeMismatchError):
        found = values.line(value, index, 1 - example_axis(evaluator))
        return [found, values.transposed(found)]
    return []


def _one_feature(evaluator: Evaluator, value: IndexedArray, reading: NameReading) -> list[IndexedArray]:
    """Return x_1, one feature of the inputs for all examples; [] for any other name."""
    symbol = evaluator.symbols.symbol(reading.key)
    numbered = [index for index in reading.indices if isinstance(index, int)]
    is_input = symbol in evaluator.point.network.of_role(INPUT)
    if len(numbered) == len(reading.indices) == 1 and is_input and has_examples(evaluator, symbol):
        with suppress(ShapeMismatchError):
            return [values.line(value, numbered[0], 1 - example_axis(evaluator))]
    return []


def raised(base: IndexedArray, exponent: IndexedArray, entrywise: bool) -> IndexedArray:
    """Return a power: by matrix products for a square matrix, else entry by entry."""
    if base.is_derivative or exponent.is_derivative or not exponent.is_number:
        raise ShapeMismatchError("a power of this kind is not read")
    if exponent.indices:  # p_k^{y_k}
        return values.combined(base, exponent, np.power)
    power = float(exponent.array.ravel()[0])
    rows, columns = base.shape
    if rows == columns != 1 and not entrywise and power.is_integer():
        try:
            return replace(base, array=np.linalg.matrix_power(base.array, int(power)))
        except np.linalg.LinAlgError:
            raise ShapeMismatchError("a matrix is inverted that has no inverse here") from None
    return values.mapped(base, lambda array: array ** (int(power) if power.is_integer() else power))
