"""Conditions under which a line is claimed: i = j, i ≠ j, t = 1, L > 0, "where the hinge is active"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from symbackprop.network.network import TARGET
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.documents import read_document
from symbackprop.parsing.statements import Statement, read_statements
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.printing.naming import key_of
from symbackprop.proofread.derivation.reading import DocumentReading, Setting
from symbackprop.proofread.derivation.search import complete
from symbackprop.proofread.derivation.subjects import is_index
from symbackprop.proofread.derivation.surroundings import heading, index_letters, text_before, text_behind
from symbackprop.proofread.interpreter.class_index import with_class
from symbackprop.proofread.interpreter.network_at_point import NetworkAtPoints

_NAME = r"\\?[A-Za-z]+(?:_(?:\w|\{\s*\w+\s*\}))?(?:\^(?:\w|\{\s*\(?\w+\)?\s*\}))?"
_SIGN = r"=|\\neq?(?![a-z])|\\not\s*=|≠|>|<|\\geq?(?![a-z])|\\leq?(?![a-z])|\\gt(?![a-z])|\\lt(?![a-z])"
_RELATION = re.compile(rf"(?<![\w\\^_}})])({_NAME})\s*({_SIGN})\s*([01](?![\d.])|{_NAME})(?![\w^_(+*/-]|\s*[-+=(\\])")
_SIGNS = {"=": "=", ">": ">", "<": "<", r"\gt": ">", r"\lt": "<"} | {"≠": "!=", r"\ge": ">=", r"\le": "<="}
_CONDITIONAL = re.compile(
    r"\b(?:if|when|whenever|where|for|case|on|suppose|assume|assuming|given|provided|since)\b", re.I
)
_ACTIVE = re.compile(r"\b(?:active|positive|violated|non-?zero|greater than (?:0|zero))\b", re.I)
_COST = re.compile(r"\b(?:loss|cost|hinge|margin|error|objective|constraint|triplet)\b", re.I)
_BINARY = re.compile(r"\\\{\s*0\s*,\s*1\s*\\\}|\bbinary\b|\b(?:0|zero) (?:or|and) (?:1|one)\b", re.I)
_MOST_SEEDS = 12


@dataclass(frozen=True)
class Condition:
    """A condition of a line, and its words; without a relation, that the targets are 0 and 1."""

    relation: tree.Relation | None
    words: str
    classes: tuple[tuple[str, Name], ...] = ()  # letters that denote the class of an example, and the label

    def of(self, side: Node) -> Node:
        """Return a side where the condition holds, and 0 elsewhere."""
        if self.relation is None:
            return side
        if self.classes:
            (letter, label), *others = self.classes
            plain = replace(self, classes=tuple(others), relation=_with_class(self.relation, letter, label))
            return plain.of(with_class(side, letter, label))
        return tree.Multiply(sign=r"\odot", factors=(_in_brackets(side), tree.Indicator(condition=self.relation)))


def _with_class(relation: tree.Relation, letter: str, label: Name) -> tree.Relation:
    return replace(
        relation, left=with_class(relation.left, letter, label), right=with_class(relation.right, letter, label)
    )


def _in_brackets(side: Node) -> Node:
    return tree.Group(items=(side,)) if isinstance(side, tree.Add | tree.Multiply) else side


def conditions_of(reading: DocumentReading, index: int) -> Iterator[Condition]:
    """Yield the conditions that the text says of a line, the nearest first."""
    before, behind = text_before(reading, index), text_behind(reading, index)
    every = [list(_relations(reading, text)) for text in (behind, before, heading(reading, index))]
    relations = [condition for found in every for condition in reversed(found)]
    if reading.class_letters:
        letters = index_letters(*reading.sides(index)) - {*reading.class_letters}
        yield from (_of_class(reading, one) for one in relations if letters & _letters(one))
        yield from _of_own_class(reading, index)
    yield from relations
    if _ACTIVE.search(before + behind) and _COST.search(before + behind):
        cost = Name(base=key_of(str(reading.network.cost.symbol))[0])
        yield Condition(tree.Relation(left=cost, sign=">", right=tree.number(0)), "the cost is greater than 0")
    if _speaks_of_binary_targets(reading, index):
        yield Condition(None, "the targets are 0 and 1")


def _of_class(reading: DocumentReading, condition: Condition) -> Condition:
    """Return k ≠ c where c is the class of an example, as the text says."""
    label = reading.symbols.label()
    classes = () if label is None else tuple((letter, label) for letter in reading.class_letters)
    return replace(condition, classes=classes)


def _letters(condition: Condition) -> set[str]:
    return {part.base for part in walk(condition.relation) if isinstance(part, Name)} if condition.relation else set()


def _of_own_class(reading: DocumentReading, index: int) -> Iterator[Condition]:
    """Yield that c is the class of the example, for the index letters c of a line of which the text says so."""
    label, letters = reading.symbols.label(), index_letters(*reading.sides(index))
    for letter in reading.class_letters:
        if label is not None and letter in letters:
            relation = tree.Relation(left=Name(base=letter), sign="=", right=label)
            yield Condition(relation, f"{letter} is the class of the example")


def under(reading: DocumentReading, condition: Condition) -> DocumentReading | None:
    """Return the document read at points at which a condition holds for some entries; None if none is found."""
    points, relation = reading.points, condition.relation
    if relation is not None and isinstance(relation.right, Name):
        return reading
    labels = _labels(relation)
    for number in range(_MOST_SEEDS):
        other = _at_other_points(reading, points.seed + 10 * number, labels)
        if relation is None or all(_is_met(other, relation, point) for point in (0, 1)):
            return other
    return None


def _at_other_points(reading: DocumentReading, seed: int, labels: tuple[int, ...]) -> DocumentReading:
    """Return the document read at points with another seed, at which targets have these values."""
    points, key = reading.points, (seed, labels)
    if key not in reading.at_other_points:
        others = NetworkAtPoints(points.network, seed, points.is_hard, labels)
        others.budget = points.budget
        other = complete(reading.like(points=others))
        if points.budget.is_spent:
            return other
        reading.at_other_points[key] = other
    return reading.at_other_points[key]


def _labels(relation: tree.Relation | None) -> tuple[int, ...]:
    """Return the values that targets have under a condition; () if it does not say so."""
    if relation is None:
        return 0, 1
    if relation.sign not in {"=", "!="} or not isinstance(relation.right, tree.Number):
        return ()
    value = int(relation.right.value)
    return (value if relation.sign == "=" else 1 - value,)


def _is_met(reading: DocumentReading, relation: tree.Relation, point: int) -> bool:
    """Return True if a condition is true of some entries at a point."""
    evaluator = reading.evaluator(Setting(reading.interpretation.scope), point)
    found = [] if evaluator is None else evaluator.attempt(tree.Indicator(condition=relation))
    return any(value.array.any() for value in found)


# relations


def _relations(reading: DocumentReading, text: str) -> Iterator[Condition]:
    """Yield the conditions in a text; "otherwise" is the opposite of the one before it."""
    is_conditional = bool(_CONDITIONAL.search(text))
    for match in _RELATION.finditer(text):
        relation = _read_relation(match[1], match[2], match[3])
        if relation is None:
            continue
        if _is_of_letters(reading, relation) or (is_conditional and _is_of_quantity(reading, relation)):
            yield Condition(relation, " ".join(match[0].split()))


def _read_relation(left: str, sign: str, right: str) -> tree.Relation | None:
    sign = re.sub(r"\\neq?$|\\not\s*=", "≠", sign).replace("eq", "e")
    sides = [side for text in (left, right) for side in _read(text)]
    known = _SIGNS.get(sign)
    return None if known is None or len(sides) != 2 else tree.Relation(left=sides[0], sign=known, right=sides[1])


def _read(text: str) -> list[Node]:
    if text.isdigit():
        return [tree.number(int(text))]
    statements: list[Statement] = read_statements(read_document(f"$${text} = 0$$"))
    return [
        statement.sides[0] for statement in statements[:1] if statement.sides and isinstance(statement.sides[0], Name)
    ]


def _is_of_letters(reading: DocumentReading, relation: tree.Relation) -> bool:
    """Return True for i = j or i ≠ j, where neither letter is a quantity of the network."""
    names = {side for side in (relation.left, relation.right) if isinstance(side, Name)}
    return len(names) == 2 and relation.sign in {"=", "!="} and all(is_index(reading, name) for name in names)


def _is_of_quantity(reading: DocumentReading, relation: tree.Relation) -> bool:
    """Return True for t = 1, where t is a target, and for z > 0, where z is any quantity."""
    if not isinstance(relation.left, Name) or not isinstance(relation.right, tree.Number):
        return False
    return _is_target(reading, relation.left) if relation.sign in {"=", "!="} else _is_known(reading, relation.left)


def _is_known(reading: DocumentReading, name: Name) -> bool:
    return any(reading.symbols.symbol(key) is not None for key in reading.keys(name))


def _is_target(reading: DocumentReading, name: Name) -> bool:
    targets = reading.network.of_role(TARGET)
    return any(reading.symbols.symbol(key) in targets for key in reading.keys(name))


def _speaks_of_binary_targets(reading: DocumentReading, index: int) -> bool:
    """Return True if the line itself tells targets of 0 and 1 apart, or the document says that there are no others."""
    parts = [part for side in reading.sides(index) for part in walk(side)]
    relations = [condition for part in parts if isinstance(part, tree.Cases) for condition in part.conditions]
    relations += [part.condition for part in parts if isinstance(part, tree.Indicator)]
    if any(isinstance(one, tree.Relation) and _is_of_quantity(reading, one) for one in relations):
        return True
    return bool(reading.network.of_role(TARGET)) and bool(_BINARY.search(reading.text))
