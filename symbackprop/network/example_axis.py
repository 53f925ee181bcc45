"""The axis of the examples in the data of a network: rows, unless only columns can be."""

from collections.abc import Collection, Iterable

from symbackprop.expressions.aliases import Expression, Matrix, Size
from symbackprop.expressions.matrices import MatMul, Transpose, postorder
from symbackprop.expressions.shapes import is_matrix, shape_of

Sizes = frozenset[Size]


def example_axis(
    data: Collection[Matrix], labels: Collection[Matrix], weights: Collection[Matrix], formulas: Iterable[Expression]
) -> tuple[int, Sizes]:
    """Return the axis of the examples, and the sizes of the data along it.

    Examples are rows (axis 0) unless only the columns can be: all inputs and targets have as many columns, no
    parameter has this size, and the data are used like that. The rows of a one-hot target are examples too, unless
    only its columns can be.

    Args:
        data: the inputs and the targets.
        labels: the one-hot targets.
        weights: the parameters.
        formulas: the right-hand sides of all equations.
    """
    of_parameters = {size for symbol in weights for size in shape_of(symbol)} - {1}
    data, labels = ([symbol for symbol in some if is_matrix(symbol)] for some in (data, labels))
    if any(len(symbol.shape) != 2 for symbol in (*data, *labels)):  # the first axis, where it is not one of a parameter
        return 0, frozenset(symbol.shape[0] for symbol in (*data, *labels)) - of_parameters
    rows, columns = (frozenset(symbol.shape[axis] for symbol in data) for axis in (0, 1))
    parts = [part for formula in formulas for part in postorder(formula)]
    for axis_of_labels in (0, 1):
        one_hot = frozenset(symbol.shape[axis_of_labels] for symbol in labels)
        in_rows = len(rows | one_hot) == 1 and not (rows | one_hot) & of_parameters and axis_of_labels == 0
        in_columns = len(columns | one_hot) == 1 and not (columns | one_hot) & of_parameters
        if in_rows:
            return 0, rows | one_hot
        if in_columns and _columns_are_examples(rows, columns, set(weights), parts):
            return 1, columns | one_hot
    return 0, rows | frozenset(symbol.shape[0] for symbol in labels)


def _columns_are_examples(rows: Sizes, columns: Sizes, weights: set[Expression], parts: list[Expression]) -> bool:
    """Return True if data of these rows and columns, which may be examples in columns, are used like that.

    Either their number is called N; or a weight of m×d, as in W X, or of d×m, as in Wᵀ X, takes the d rows as
    features (but Wᵀ X adds up over examples if d is N); or the numbers of rows differ, and no product adds up over
    the columns, as X Zᵀ does over features.
    """
    if "N" not in map(str, rows):
        weights = weights | {part for part in parts if isinstance(part, Transpose) and part.arg in weights}
    if "N" in map(str, columns) or any(
        len(shape) == 2 and shape[0] != shape[1] and shape[1] in rows for shape in map(shape_of, weights)
    ):
        return True
    inner = {factor.shape[1] for part in parts if isinstance(part, MatMul) for factor in part.args[:-1]}
    return len(rows) > 1 and not inner & columns
