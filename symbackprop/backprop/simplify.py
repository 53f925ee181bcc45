"""Simplifications of adjoints: y/ŷ ⊙ ŷ is y, and each row of a one-hot target adds up to 1.

An adjoint stays as the rules give it, unless a division in it cancels or a one-hot row adds up. Then it is simplified
in stages, each of which is a step of the derivation.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import sympy
from sympy import Add, Dummy, Integer, Mul, Pow, ordered, preorder_traversal

from symbackprop.backprop.wording import CANCELLATION, ONE_HOT_ROWS, SUBSTITUTION
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Shape
from symbackprop.expressions.constructors import add, hadamard, power, spread
from symbackprop.expressions.functions import a as output
from symbackprop.expressions.matrices import postorder, scaled, split
from symbackprop.expressions.operations import COLUMNS, ROWS, Broadcast, Elementwise, Sums, sums
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.notation import SPECIAL

_MOST_ATOMS = 8  # in an expression whose common factors are cancelled


@dataclass(frozen=True)
class Stage:
    """The value of an adjoint after one simplification, and the name of that simplification."""

    rule: str
    value: Expression


def simplified(
    adjoint: Expression, adjoints: Mapping[Expression, Expression], outputs: Mapping[Expression, Expression]
) -> list[Stage]:
    """Return the stages of the simplification of an adjoint; an empty list if it has no simpler form.

    Args:
        adjoint: the adjoint, as the rules give it.
        adjoints: the expression of each other named adjoint, by its symbol.
        outputs: the name of f(z), for each f(z) that has one.
    """
    if not is_matrix(adjoint):
        return []
    stages = list(_stages(adjoint, adjoints, outputs))
    longest = max(node_count(value) for value in (adjoint, *(stage.value for stage in stages)))
    return stages if stages and node_count(stages[-1].value) < longest else []


def _stages(
    value: Expression, adjoints: Mapping[Expression, Expression], outputs: Mapping[Expression, Expression]
) -> Iterator[Stage]:
    inserted = _inserted(value, adjoints, outputs)
    if _divides(inserted):
        cancelled = tidied(inserted)
        if cancelled is None or _divides(cancelled):
            return
        if inserted != value:
            yield Stage(SUBSTITUTION, inserted)
        yield Stage(CANCELLATION, cancelled)
        value = cancelled
    ones = {part: nodes.Ones(*part.shape) for part in postorder(value) if _adds_up_to_one(part)}
    if ones:
        summed = tidied(value.xreplace(ones))
        if summed is not None:
            yield Stage(ONE_HOT_ROWS, summed)


def _inserted(
    value: Expression, adjoints: Mapping[Expression, Expression], outputs: Mapping[Expression, Expression]
) -> Expression:
    """Return a value with f′(z) and the adjoints that contain a division written out, so that factors may cancel."""
    named = (part for part in postorder(value) if part.is_symbol and part in adjoints)
    divided = {symbol: adjoints[symbol] for symbol in named if _divides(adjoints[symbol])}
    if not divided and not _divides(value):
        return value
    return in_terms_of_output(value.xreplace(divided), outputs)


def in_terms_of_output(value: Expression, outputs: Mapping[Expression, Expression]) -> Expression:
    """Return a value with each f′(z) written in terms of a = f(z), such as a ⊙ (1 − a), if a has a name."""
    forms = {part: _of_output(part, outputs) for part in postorder(value) if isinstance(part, Elementwise)}
    return rebuilt(value, {part: form for part, form in forms.items() if form is not None})


def _of_output(derivative: Expression, outputs: Mapping[Expression, Expression]) -> Expression:
    form, value = derivative.function.prime_of_output, derivative.output
    return None if form is None else _as_matrix(form, {output: outputs.get(value, value)}, derivative.shape)


def _divides(value: Expression) -> bool:
    """Return True if there is an entrywise division that a cancellation could remove."""
    exponents = (part.args[1] for part in postorder(value) if isinstance(part, nodes.HadamardPower))
    return any(exponent.is_Integer and exponent.is_negative for exponent in exponents)


def _adds_up_to_one(part: Expression) -> bool:
    if not isinstance(part, Sums):
        return False
    is_turned = isinstance(part.argument, nodes.Transpose)
    matrix, axis = (part.argument.args[0], ROWS) if is_turned else (part.argument, COLUMNS)
    return isinstance(matrix, nodes.OneHot) and part.axis == axis


def node_count(value: Expression) -> int:
    """Return the number of nodes in an expression."""
    return sum(1 for _ in preorder_traversal(value))


def rebuilt(value: Expression, replaced: Mapping[Expression, Expression]) -> Expression:
    """Return a value with some parts replaced, in textbook form: nested products merged, factors in front."""
    if not replaced:
        return value
    new = value.xreplace(replaced)
    flat = {p: hadamard(*p.args) for p in postorder(new) if isinstance(p, nodes.HadamardProduct)}
    return new.xreplace({p: q for p, q in flat.items() if p != q})


# Entry by entry, matrices of one shape are added and multiplied like numbers


def tidied(value: Expression) -> Expression:
    """Return the matrix with common factors cancelled and products expanded; None if the expression is too large.

    SymPy only sees symbols: one for each matrix, and one for each scalar that contains matrices, such as Σ A.
    """
    atoms: dict[Expression, Dummy] = {}
    number = _as_number(value, atoms)
    if len(atoms) > _MOST_ATOMS:
        return None
    opaque = {scalar: Dummy(f"s{k}") for k, scalar in enumerate(ordered(number.atoms(*SPECIAL)))}
    above, below = sympy.fraction(sympy.cancel(number.xreplace(opaque)))
    if below.free_symbols & set(atoms.values()):
        return None
    matrices = {symbol: matrix for matrix, symbol in atoms.items()}
    found = _as_matrix(sympy.expand(above / below), matrices, value.shape)
    return found.xreplace({symbol: scalar for scalar, symbol in opaque.items()})


def _as_number(value: Expression, atoms: dict[Expression, Dummy]) -> Expression:
    coefficient, core = split(value)
    read = next((_NUMBERS[kind] for kind in type(core).__mro__ if kind in _NUMBERS), None)
    if read is not None:
        return coefficient * read(core, atoms)
    inner_coefficient, core = split(inside(core))
    if isinstance(core, nodes.Ones):
        return coefficient * inner_coefficient
    return coefficient * inner_coefficient * atoms.setdefault(core, Dummy(f"a{len(atoms)}"))


def inside(atom: Expression) -> Expression:
    """Return a sum, or a repeated row or column, with a simplified argument and the scalar factors in front."""
    if isinstance(atom, Sums):
        inner = tidied(atom.argument)
        return atom if inner is None else _sums(inner, atom.axis)
    return spread(inside(atom.argument), atom.shape) if isinstance(atom, Broadcast) else atom


def _sums(matrix: Matrix, axis: int) -> Expression:
    """Return the sums of a matrix along an axis, with the scalar factor in front; sums of ones are numbers."""
    coefficient, core = split(matrix)
    whole = sums(core, axis)
    return scaled(
        coefficient, scaled(core.shape[axis], nodes.Ones(*whole.shape)) if isinstance(core, nodes.Ones) else whole
    )


def _power(core: Expression, atoms: dict[Expression, Dummy]) -> Expression:
    base, exponent = core.args
    if exponent.is_Integer:
        return _as_number(base, atoms) ** exponent
    return atoms.setdefault(core, Dummy(f"a{len(atoms)}"))


_NUMBERS: dict[type, Callable[[Matrix, dict[Matrix, Dummy]], Scalar]] = {
    nodes.MatAdd: lambda core, atoms: Add(*(_as_number(term, atoms) for term in core.args)),
    nodes.HadamardProduct: lambda core, atoms: Mul(*(_as_number(factor, atoms) for factor in core.args)),
    nodes.HadamardPower: _power,
    nodes.Ones: lambda core, atoms: Integer(1),
}


def _as_matrix(number: Scalar, matrices: Mapping[Expression, Expression], shape: Shape) -> Expression:
    """Return the matrix expression of a scalar form; terms without a minus sign come first."""
    if number == 0:
        return nodes.Zeros(*shape)
    if number.is_Add:
        terms = sorted(number.args, key=lambda term: _order(term, matrices))
        return add(*(_as_matrix(term, matrices, shape) for term in terms))
    coefficient, rest = number.as_independent(*matrices, as_Add=False)
    factors = [_as_factor(factor, matrices, shape) for factor in Mul.make_args(rest)]
    return scaled(coefficient, hadamard(*factors))


def _order(term: Expression, matrices: Mapping[Expression, Expression]) -> tuple[bool, list[int]]:
    order = {symbol: index for index, symbol in enumerate(matrices)}
    return bool(term.as_coeff_Mul()[0].is_negative), sorted(order[s] for s in term.free_symbols if s in order)


def _as_factor(factor: Expression, matrices: Mapping[Expression, Expression], shape: Shape) -> Expression:
    if factor == 1:
        return nodes.Ones(*shape)
    base, exponent = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
    return power(matrices[base] if base in matrices else _as_matrix(base, matrices, shape), exponent)
