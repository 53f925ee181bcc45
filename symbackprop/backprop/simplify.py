"""What a person sees at once: y/ŷ ⊙ ŷ is y, and each row of a one-hot target adds up to 1.

An adjoint is taken as it comes from the rules, unless a division in it cancels or a one-hot row adds up. Then it is
simplified in stages, each of which is a line of the derivation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Add, Dummy, Integer, Mul, Pow, preorder_traversal

from symbackprop.backprop.wording import CANCELLATION, ONE_HOT_ROWS, SUBSTITUTION
from symbackprop.expressions.constructors import add, hadamard, power
from symbackprop.expressions.functions import a as output
from symbackprop.expressions.matrices import (
    HadamardPower,
    HadamardProduct,
    MatAdd,
    OneHot,
    Ones,
    Transpose,
    Zeros,
    postorder,
    scaled,
    split,
)
from symbackprop.expressions.operations import COLUMNS, ROWS, Broadcast, Elementwise, Sums, broadcast, sums
from symbackprop.expressions.shapes import is_matrix

_MOST_ATOMS = 8  # of what is cancelled


@dataclass(frozen=True)
class Stage:
    """What an adjoint is by now, and the name of what was done to it."""

    rule: str
    value: Any


def simplified(adjoint: Any, adjoints: Mapping[Any, Any], outputs: Mapping[Any, Any]) -> list[Stage]:
    """The stages of an adjoint that has a simpler form; none where it has not.

    Args:
        adjoint: as the rules give it.
        adjoints: what the names of other adjoints stand for.
        outputs: the name of f(z), for each f(z) that has one.
    """
    if not is_matrix(adjoint):
        return []
    stages = [Stage(rule, value) for rule, value in _stages(adjoint, adjoints, outputs)]
    longest = max(_size(value) for value in (adjoint, *(stage.value for stage in stages)))
    return stages if stages and _size(stages[-1].value) < longest else []


def _stages(value: Any, adjoints: Mapping[Any, Any], outputs: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    inserted = _inserted(value, adjoints, outputs)
    if _divides(inserted):
        cancelled = tidied(inserted)
        if cancelled is None or _divides(cancelled):
            return
        if inserted != value:
            yield SUBSTITUTION, inserted
        yield CANCELLATION, cancelled
        value = cancelled
    ones = {part: _ones(part) for part in postorder(value) if _adds_up_to_one(part)}
    if ones:
        summed = tidied(value.xreplace(ones))
        if summed is not None:
            yield ONE_HOT_ROWS, summed


def _inserted(value: Any, adjoints: Mapping[Any, Any], outputs: Mapping[Any, Any]) -> Any:
    """Other adjoints that have a division written out, and f′(z), by which it may cancel, in terms of f(z)."""
    named = (part for part in postorder(value) if part.is_symbol and part in adjoints)
    divided = {symbol: adjoints[symbol] for symbol in named if _divides(adjoints[symbol])}
    if not divided and not _divides(value):
        return value
    return in_terms_of_output(value.xreplace(divided), outputs)


def in_terms_of_output(value: Any, outputs: Mapping[Any, Any]) -> Any:
    """f′(z) as what it is of a = f(z), such as a ⊙ (1 − a), by the names of such a."""
    slopes = {part: _of_output(part, outputs) for part in postorder(value) if isinstance(part, Elementwise)}
    return rebuilt(value, {slope: form for slope, form in slopes.items() if form is not None})


def _of_output(slope: Any, outputs: Mapping[Any, Any]) -> Any:
    function = slope.function
    form = function.row.prime_of_output if function.order == 1 else None
    value = Elementwise(function.undifferentiated, slope.argument)
    return None if form is None else _as_matrix(form, {output: outputs.get(value, value)}, slope.shape)


def _divides(value: Any) -> bool:
    """Whether there is a division entry by entry by something that a cancellation could take away."""
    return any(isinstance(part, HadamardPower) and _is_division(part.args[1]) for part in postorder(value))


def _is_division(exponent: Any) -> bool:
    return bool(exponent.is_Integer and exponent.is_negative)


def _adds_up_to_one(part: Any) -> bool:
    if not isinstance(part, Sums):
        return False
    matrix, axis = part.argument, part.axis
    return (isinstance(matrix, OneHot) and axis == COLUMNS) or (_is_turned_one_hot(matrix) and axis == ROWS)


def _is_turned_one_hot(matrix: Any) -> bool:
    return isinstance(matrix, Transpose) and isinstance(matrix.args[0], OneHot)


def _ones(part: Any) -> Any:
    return Ones(*part.shape)


def _size(value: Any) -> int:
    return sum(1 for _ in preorder_traversal(value))


def rebuilt(value: Any, replaced: Mapping[Any, Any]) -> Any:
    """A value with some parts replaced, in textbook form: products flat, factors in front."""
    if not replaced:
        return value
    new = value.xreplace(replaced)
    flat = {p: hadamard(*p.args) for p in postorder(new) if isinstance(p, HadamardProduct)}
    return new.xreplace({p: q for p, q in flat.items() if p != q})


# Entry by entry, a matrix is like a number: what has the same shape is added and multiplied as numbers are


def tidied(value: Any) -> Any:
    """The matrix with what cancels cancelled, all products multiplied out; None where that is too much."""
    atoms: dict[Any, Dummy] = {}
    number = _as_number(value, atoms)
    if len(atoms) > _MOST_ATOMS:
        return None
    above, below = sympy.fraction(sympy.cancel(number))
    if below.free_symbols & set(atoms.values()):
        return None
    matrices = {symbol: matrix for matrix, symbol in atoms.items()}
    return _as_matrix(sympy.expand(above / below), matrices, value.shape)


def _as_number(value: Any, atoms: dict[Any, Dummy]) -> Any:
    coefficient, core = split(value)
    read = next((_NUMBERS[kind] for kind in type(core).__mro__ if kind in _NUMBERS), None)
    if read is not None:
        return coefficient * read(core, atoms)
    inner_coefficient, core = split(_inside(core))
    if isinstance(core, Ones):
        return coefficient * inner_coefficient
    return coefficient * inner_coefficient * atoms.setdefault(core, Dummy(f"a{len(atoms)}"))


def _inside(atom: Any) -> Any:
    """What stands inside a sum or a repetition, tidied too; factors come out in front."""
    if isinstance(atom, Sums):
        inner = tidied(atom.argument)
        return atom if inner is None else _in_front(lambda m: _sums(m, atom.axis), inner)
    if isinstance(atom, Broadcast):
        inner_coefficient, inner = split(_inside(atom.argument))
        whole = Ones(*atom.shape) if isinstance(inner, Ones) else broadcast(inner, *atom.shape)
        return scaled(inner_coefficient, whole)
    return atom


def _sums(matrix: Any, axis: int) -> Any:
    """The sums along an axis; those of ones are their number."""
    whole = sums(matrix, axis)
    return scaled(matrix.shape[axis], Ones(*whole.shape)) if isinstance(matrix, Ones) else whole


def _in_front(build: Callable[[Any], Any], value: Any) -> Any:
    coefficient, core = split(value)
    return scaled(coefficient, build(core))


def _power(core: Any, atoms: dict[Any, Dummy]) -> Any:
    base, exponent = core.args
    if exponent.is_Integer:
        return _as_number(base, atoms) ** exponent
    return atoms.setdefault(core, Dummy(f"a{len(atoms)}"))


_NUMBERS: dict[type, Callable[[Any, dict[Any, Dummy]], Any]] = {
    MatAdd: lambda core, atoms: Add(*(_as_number(term, atoms) for term in core.args)),
    HadamardProduct: lambda core, atoms: Mul(*(_as_number(factor, atoms) for factor in core.args)),
    HadamardPower: _power,
    Ones: lambda core, atoms: Integer(1),
}


def _as_matrix(number: Any, matrices: Mapping[Any, Any], shape: Any) -> Any:
    """The matrix that a number stands for; of the terms, those without a minus sign come first."""
    if number == 0:
        return Zeros(*shape)
    if number.is_Add:
        terms = sorted(number.args, key=lambda term: _order(term, matrices))
        return add(*(_as_matrix(term, matrices, shape) for term in terms))
    coefficient, rest = number.as_independent(*matrices, as_Add=False)
    factors = [_as_factor(factor, matrices, shape) for factor in Mul.make_args(rest)]
    return scaled(coefficient, hadamard(*factors))


def _order(term: Any, matrices: Mapping[Any, Any]) -> tuple[bool, list[int]]:
    rank = {symbol: place for place, symbol in enumerate(matrices)}
    return bool(term.as_coeff_Mul()[0].is_negative), sorted(rank[s] for s in term.free_symbols if s in rank)


def _as_factor(factor: Any, matrices: Mapping[Any, Any], shape: Any) -> Any:
    if factor == 1:
        return Ones(*shape)
    base, exponent = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
    return power(matrices[base] if base in matrices else _as_matrix(base, matrices, shape), exponent)
