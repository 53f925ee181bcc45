"""Search for the repair of a wrong line, which gives the mistake and the corrected line."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import islice, permutations
from typing import TypeVar

from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name, Node, mapped, walk
from symbackprop.proofread.derivation.definitions import function_head
from symbackprop.proofread.derivation.edit import Repair, RepairMaterial
from symbackprop.proofread.derivation.edits import edits
from symbackprop.proofread.derivation.judge import judge_side, values_of_left_side
from symbackprop.proofread.derivation.letters import letters_in_scripts
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.subjects import has_jacobian, with_respect_to
from symbackprop.proofread.interpreter.compare import equal_notes
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.functions import GENERIC, activations_of
from symbackprop.proofread.interpreter.orientation import example_axis
from symbackprop.proofread.interpreter.values import IndexedArray

_Part = TypeVar("_Part", bound=Node)

MOST_EDITS = 6000
_PARTS_OF_STEP = 4  # of a formula: to rewrite as many takes a step
_TRIED_FIRST = 400  # edits whose values are not compared first, where letters may denote classes or units
_MOST_NAMES = 40
_MOST_PAIRED = 12
_MAY_HAPPEN = {MistakeKind.EXTRA_TERM, MistakeKind.QUANTITY}  # for one example, where a deviation from the mean is 0
_LATEST_START = 2  # of a sum that a repair puts in


@dataclass(frozen=True)
class RepairedLine:
    """The mistake in a line, and the corrected line in the notation of the document."""

    mistake: Mistake
    correction: str


def find_repair(
    reading: DocumentReading,
    index: int,
    left: Node,
    right: Node,
    *,
    most: int = MOST_EDITS,
    where: Callable[[Node], Node] = lambda side: side,
) -> RepairedLine | None:
    """Return the first single change of the right side that makes it equal to the left side, or None.

    `where` returns a side where the condition of the line holds, and 0 elsewhere.
    """
    statement = reading.statements[index]
    material = _material(reading, statement, left)
    others = {side for side in equalities(statement) if side != right}
    wanted = where(left)
    targets = values_of_left_side(reading, index, wanted, where(right))
    budget = reading.points.budget
    size = sum(1 for _ in walk(right))
    may_be_lettered = reading.symbols.label() is not None or bool(reading.symbols.units)
    tried_first = _TRIED_FIRST if may_be_lettered and letters_in_scripts(left, right) else 0
    for number, repair in enumerate(islice(edits(right, material), most)):
        budget.taken += 1 + size // _PARTS_OF_STEP
        if budget.is_spent:
            return None
        formula = repair.formula
        is_tried = number < tried_first or _may_repair(targets, where(formula))
        if not is_tried or _says_left_side(left, right, formula) or _adds_side(others, right, formula):
            continue
        if formula == right or _replaces_function(right, repair) or _has_odd_bound(right, formula):
            continue
        found = judge_side(reading, index, wanted, where(formula))
        is_narrow = found.reading not in {"", reading.interpretation.scope} and not has_jacobian(reading, left, formula)
        if is_narrow and not _MAY_HAPPEN.isdisjoint(repair.kinds):
            continue
        if found.holds is True:
            return RepairedLine(repair.mistake, f"{material.text(left)} = {material.text(formula)}")
    return None


def _says_left_side(left: Node, right: Node, formula: Node) -> bool:
    """Return True for a repair that puts the left side, or a letter for its function, in: it says X = X."""
    before, after = set(walk(right)), set(walk(formula))
    if function_head(left) is None:
        return formula == left or left in after - before
    if isinstance(formula, tree.Call):
        return True
    return any(isinstance(part, Name) and part.base in {*GENERIC, _function(left)} for part in after - before)


def _replaces_function(right: Node, repair: Repair) -> bool:
    """Return True for a repair that puts a quantity in the place of a function, such as p for softmax."""
    heads = {part.function for part in walk(right) if isinstance(part, tree.Call)}
    return MistakeKind.QUANTITY in repair.kinds and not heads.isdisjoint(set(walk(right)) - set(walk(repair.formula)))


def _has_odd_bound(right: Node, formula: Node) -> bool:
    """Return True for a repair after which a sum starts at 3 or later, which leaves out terms, or has an odd bound."""
    before, after = ([part for part in walk(side) if isinstance(part, tree.Summation)] for side in (right, formula))
    firsts = {part.first for part in after} - {part.first for part in before}
    bounds = {bound for part in after for bound in (part.first, part.last)} - {part.last for part in before} | firsts
    is_late = any(isinstance(first, tree.Number) and first.value > _LATEST_START for first in firsts)
    return is_late or any(isinstance(bound, tree.Transposed | tree.Power) for bound in bounds)


def _adds_side(others: Set[Node], right: Node, formula: Node) -> bool:
    """Return True for a repair that puts in another side of the same chain: it says A = A + B where B = 0 is meant."""
    added = {part for part in walk(formula) if isinstance(part, tree.Multiply | tree.Partial | tree.Group)}
    return not others.isdisjoint(added - set(walk(right)))


def _function(left: Node) -> str:
    head = function_head(left)
    return "" if head is None else head[0].base


def _may_repair(targets: Sequence[tuple[Evaluator, list[IndexedArray]]], formula: Node) -> bool:
    """Return True if a formula has the value of the left side at one point, in any of the sample scopes."""
    return any(
        equal_notes(one, other) is not None
        for evaluator, wanted in targets
        for one in wanted
        for other in evaluator.attempt(formula)
    )


def _material(reading: DocumentReading, statement: Statement, left: Node) -> RepairMaterial:
    """Return the names, derivatives and terms of the document."""
    is_numpy = statement.kind == "numpy"
    others = [side for one in reading.statements if (one.kind == "numpy") == is_numpy for side in equalities(one)]
    parts = [part for side in (*statement.sides, *others) for part in walk(side)]
    names = _unique(part for part in parts if isinstance(part, Name) and _has_meaning(reading, part))
    differentials = _unique(part for part in parts if isinstance(part, tree.Differential))
    calls = _unique(part for part in parts if _is_function_call(part))
    sizes = reading.points.sizes_of_examples
    counts = tuple(name for name in names if reading.symbols.symbol((name.base, "", "")) in sizes)
    evaluator = reading.own_evaluator
    return RepairMaterial(
        names=(*names[:_MOST_NAMES], *differentials),
        calls=calls,
        terms=_terms(parts, left, names),
        counts=counts or (Name(base="N"),),
        functions=tuple(activations_of(reading.network)),
        axis=0 if evaluator is None else example_axis(evaluator),
        style="numpy" if is_numpy else "latex",
    )


def _has_meaning(reading: DocumentReading, name: Name) -> bool:
    """Return True if a name denotes a quantity or size of the network, an adjoint, or what the document defines."""
    symbols = reading.symbols
    return name.base not in _NO_QUANTITIES and any(
        symbols.symbol(key) is not None or key in symbols.definitions or symbols.adjoint(key) is not None
        for key in reading.keys(name)
    )


_NO_QUANTITIES = {"log", "exp", "tanh", "ln", "e", "max", "softmax", "tr", "diag", "sum", "T", "sqrt", "sin", "cos"}


def _is_function_call(part: Node) -> bool:
    return isinstance(part, tree.Call) and (isinstance(part.function, tree.Prime) or len(part.arguments) == 1)


def _terms(parts: Sequence[Node], left: Node, names: Sequence[Name]) -> tuple[Node, ...]:
    """Return terms of other sums, also with this line's parameter, and products of two quantities."""
    sums = [part for part in parts if isinstance(part, tree.Add) and len(part.terms) > 1]
    found: list[Node] = [
        term for part in sums for term in part.terms if isinstance(term, tree.Multiply | Name | tree.Divide)
    ]
    by = with_respect_to(left)
    found += [_about(term, by) for term in found] if isinstance(by, Name) else []
    found += [part for part in parts if isinstance(part, tree.Multiply)]
    for one, other in permutations(names[:_MOST_PAIRED], 2):
        pairs = ((tree.Transposed(base=one), other), (one, tree.Transposed(base=other)))
        found += [tree.Multiply(sign="", factors=pair) for pair in pairs]
    return _unique(found)


def _about(term: Node, by: Name) -> Node:
    """Return a term with another parameter, such as λ W^{(1)} for λ W^{(2)}."""
    if isinstance(term, Name):
        return by if term.base == by.base else term
    return mapped(term, lambda part: _about(part, by))


def _unique(parts: Iterable[_Part]) -> tuple[_Part, ...]:
    return tuple(dict.fromkeys(parts))
