"""The class of an example: p_y, p_{y_i}, [y_i = k] and 1[j = c], where y is one-hot."""

from contextlib import suppress
from dataclasses import replace

from symbackprop.network.network import ONE_HOT
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node, mapped
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError

_BASIS = "e"  # e_c, the vector that has 1 at c


def _is_label(evaluator: Evaluator, node: Node) -> bool:
    """Return True for the name of a one-hot target."""
    symbols, classes = evaluator.symbols, evaluator.point.network.of_role(ONE_HOT)
    readings = symbols.readings(node, evaluator.letters) if isinstance(node, Name) and classes else ()
    return any(symbols.symbol(reading.key) in classes for reading in readings)


def _one_hot(evaluator: Evaluator, label: Name) -> list[IndexedArray]:
    """Return the one-hot row of y_i; if the document is about one example, y has no index i."""
    found = [value for value in evaluator.values(label) if not value.is_number]
    return found or evaluator.values(replace(label, above=(), below=(), source=""))


def has_label_below(node: Name) -> bool:
    """Return True for a name whose subscript has its own subscript, as in p_{y_i}."""
    return any(isinstance(mark.content, Name) and mark.content.below for mark in node.below)


def of_own_class(evaluator: Evaluator, node: Name) -> list[IndexedArray]:
    """Return p_{y_i} or p_{i, y_i}, the entry of p for the class of example i; [] if the subscript is not a label."""
    label = node.below[-1].content if node.below else None
    if len(node.below) > 2 or (len(node.below) == 2 and node.below[:1] != getattr(label, "below", ())):
        return []
    if not isinstance(label, Name) or label.base in evaluator.letters or not _is_label(evaluator, label):
        return []
    if node.base == _BASIS and not node.above and ("e", "", "") not in evaluator.symbols.known:
        return _one_hot(evaluator, label)
    found = []
    for target in _one_hot(evaluator, label):
        scripts = (*label.below, *label.above) if target.indices else ()
        for value in evaluator.values(replace(node, below=scripts, source="")):
            with suppress(ShapeMismatchError):
                found.append(values.total(values.entrywise(value, target, strict=True)))
            found += _line_of_class(value, target)
    return found


def _line_of_class(value: IndexedArray, target: IndexedArray) -> list[IndexedArray]:
    """Return the row or column u_y of a matrix U for the class of one example, also transposed; [] if none fits."""
    column = target if target.shape[1] == 1 else values.transposed(target)
    if 1 in value.shape or value.is_derivative or column.shape[1] != 1:
        return []
    fitting = [one for one in (value, values.transposed(value)) if one.shape[1] == column.shape[0]]
    found = [values.product(one, column) for one in fitting]
    return [turned for one in found for turned in (one, values.transposed(one))]


def class_is(evaluator: Evaluator, node: tree.Relation) -> list[IndexedArray]:
    """Return [y_i = k], which is an entry of the one-hot y, or [y_i ≠ k]; [] if neither side is a label."""
    for label, letter in ((node.left, node.right), (node.right, node.left)):
        is_index = isinstance(letter, Name) and not letter.above and not letter.below
        if node.sign in {"=", "!="} and is_index and isinstance(label, Name) and _is_label(evaluator, label):
            entries = [values.entry(value, (evaluator.index(letter),)) for value in _one_hot(evaluator, label)]
            return entries if node.sign == "=" else [replace(entry, array=1 - entry.array) for entry in entries]
    return []


def unit_vectors(*sides: Node) -> list[str]:
    """Return the letters c of unit vectors e_c."""
    names = (part for side in sides for part in tree.walk(side) if isinstance(part, Name))
    marks = (name.below[0].content for name in names if name.base == _BASIS and len(name.below) == 1)
    return list(dict.fromkeys(content.base for content in marks if isinstance(content, Name)))


def says_index(label: Name, letter: str, *sides: Node) -> bool:
    """Return True if y_c occurs: c is then any class, because y_c for the class of the example is always 1."""
    names = (part for side in sides for part in tree.walk(side) if isinstance(part, Name) and part.base == label.base)
    return any(mark.content == Name(base=letter) for name in names for mark in name.below)


def with_class(node: Node, letter: str, label: Node) -> Node:
    """Return a formula with the label y in place of a letter c that denotes the class of the example."""
    return label if node == Name(base=letter) else mapped(node, lambda part: with_class(part, letter, label))
