"""False tapes: one error planted in a right tape, of each kind in each network.

Each error comes with the line that it makes false, and `is_false` confirms with the evaluator of differences, which shares
no code with the proofs, that this line has different values on its two sides. An error without such a line is a gap: all
lines may be true, but one does not go on from the lines above it, has a name that nothing defines, or a word about it is
false. The docstring of such a kind says why.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from sympy import Add, Integer, Rational

import symbackprop as sb
from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Section, Tape
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import PARTIALS, ByEntry, Entrywise, Gradient, ScalarByEntry, by_entry
from symbackprop.expressions.matrices import MatAdd, NamedMatrix, Transpose, Zeros, scaled
from symbackprop.expressions.operations import Total
from symbackprop.expressions.shapes import is_matrix, shape_of
from tests.backprop.test_steps import Moved, direction_of, is_true
from tests.support.networks import composite, residual, rnn, tied, tied_across_sections

TEXTS = {
    "attention": "X: input(T, T)\nWq: parameter(T, T)\nWv: parameter(T, T)\nY: target(T, T)\nQ = X @ Wq\nV = X @ Wv\nS = softmax(Q @ Q.T)\nO = S @ V\nJ = sum((O - Y)**2)/2",
    "one matrix twice": "X: input(N, D)\nW: parameter(D, D)\nh1 = tanh(X @ W)\nh2 = tanh(h1 @ W)\nJ = sum(h2**2)",
    "classes": "X: input(N, D)\nY: one_hot(N, K)\nW: parameter(D, K)\nb: parameter(1, K)\np = softmax(X @ W + b)\nJ = -sum(Y * log(p)) / N",
    "halves": "X: input(N, D)\nW: parameter(D, 6)\nV: parameter(6, 6)\nk = X @ W\nr = concatenate((-k[:, 3:6], k[:, 0:3]), axis=1)\nh = tanh(r @ V)\nJ = sum(h**3) / N",
    "an inverse": "X: input(N, D)\nA: parameter(D, D)\nB: parameter(D, D)\nM = A @ A.T\nP = inv(M) @ B\nJ = sum((X @ P)**2) + log(det(M))",
    "scalars": "X: input(N, D)\nW: parameter(D, K)\nV: parameter(D, K)\ns = sum(W**2) / N\nt = sum(V**2) / N\nh = s * tanh(X @ W) + t * tanh(X @ V)\nJ = log(1 + sum(h**2)) + s**2",
}
MADE = {
    "home": sb.home_network,
    "deep": lambda: sb.mlp(["D", "D", "D", "D"], "tanh", bias=True, l2="lam"),
    "tied": tied,
    "tied across sections": tied_across_sections,
    "in time": lambda: rnn(2),
    "residual": lambda: residual(2),
    "composite": composite,
}
NETWORKS = {**MADE, **{name: lambda text=text: sb.parse_network(text) for name, text in TEXTS.items()}}


class Planted(NamedTuple):
    """A false tape, and the line of it that is false, unless the error is a gap."""

    tape: Tape
    line: Step | None = None


def is_false(planted: Planted, rng: np.random.Generator) -> bool:
    """Return True if the line is false in floats, or if there is none."""
    if planted.line is None:
        return True
    tape, step = planted
    held = [
        part for section in tape.sections if step.wrt == section.parameter for s in section.steps for part in s.held
    ]
    right = sb.derive(tape.network, [p.name for p in tape.wrt]).tape
    point = Moved(right, sb.random_values(tape.network, seed=int(rng.integers(2**31))))
    with np.errstate(all="ignore"):  # a false line may divide by 0
        return not any(is_true(point, step, direction_of(point, step, rng), each) for each in (step.held, held))


# changes of a tape


def places(tape: Tape) -> Iterator[tuple[int, int, Step]]:
    """Yield (section, line, step)."""
    for s, section in enumerate(tape.sections):
        for k, step in enumerate(section.steps):
            yield s, k, step


def with_lines(tape: Tape, s: int, steps: list[Step] | tuple[Step, ...]) -> Tape:
    """Return the tape with other lines in one section."""
    section = replace(tape.sections[s], steps=tuple(steps))
    return replace(tape, sections=(*tape.sections[:s], section, *tape.sections[s + 1 :]))


def with_line(tape: Tape, s: int, k: int, *steps: Step) -> Tape:
    """Return the tape with other lines in place of one."""
    old = tape.sections[s].steps
    return with_lines(tape, s, (*old[:k], *steps, *old[k + 1 :]))


def changed(tape: Tape, s: int, k: int, **parts: object) -> Planted:
    """Return the tape with another side of a line, which must be false by itself."""
    step = replace(tape.sections[s].steps[k], **parts)
    return Planted(with_line(tape, s, k, step), step)


def minus(side):
    return scaled(-1, side) if is_matrix(side) else -side


def times(number, side):
    return scaled(number, side) if is_matrix(side) else number * side


def peers(tape: Tape, quantity) -> list:
    """Return the other named quantities of the network of the same shape."""
    names = (*tape.network.arguments, *(e.symbol for e in tape.equations))
    return [other for other in names if other != quantity and shape_of(other) == shape_of(quantity)]


def partials(side, *kinds):
    return sorted(side.atoms(*kinds), key=str) if not isinstance(side, Gradient) else []


# gaps


def a_line_is_left_out(tape):
    """A line of the middle: the next one starts from terms that are nowhere."""
    for s, k, step in places(tape):
        if 0 < k < len(tape.sections[s].steps) - 1 and step.before != step.after:
            yield Planted(with_line(tape, s, k))


def the_first_line_is_left_out(tape):
    """∂J/∂W is nowhere said to be the sum with which the section goes on."""
    for s, section in enumerate(tape.sections):
        if len(section.steps) > 1:
            first = next(k for k, step in enumerate(section.steps) if step.symbol is None)
            yield Planted(with_line(tape, s, first))


def the_last_line_is_left_out(tape):
    """The section does not end with the gradient."""
    for s, section in enumerate(tape.sections):
        if len(section.steps) > 1:
            yield Planted(with_lines(tape, s, section.steps[:-1]))


def only_the_last_line_is_left(tape):
    """The gradient is stated without a reason."""
    for s, section in enumerate(tape.sections):
        if isinstance(section.steps[-1].before, Gradient) and len(section.steps) > 1:
            yield Planted(with_lines(tape, s, section.steps[-1:]))


def two_lines_are_exchanged(tape):
    """The second goes on from what the first one ends with, so it cannot come before it."""
    for s, section in enumerate(tape.sections):
        for k, (one, other) in enumerate(pairwise(section.steps)):
            if one.symbol is None and set(Add.make_args(one.after)) & set(Add.make_args(other.before)):
                yield Planted(with_lines(tape, s, (*section.steps[:k], other, one, *section.steps[k + 2 :])))


def a_line_is_written_twice(tape):
    """The terms that it replaces are gone the second time."""
    for s, k, step in places(tape):
        if not isinstance(step.before, Gradient) and step.before != step.after:
            yield Planted(with_line(tape, s, k, step, step))


def a_name_is_used_before_it_is_defined(tape):
    """The line that defines δ comes after the lines with δ."""
    for s, k, step in places(tape):
        steps = tape.sections[s].steps
        if step.symbol is not None and any(after.after.has(step.symbol) for after in steps[k + 1 :]):
            yield Planted(with_lines(tape, s, (*steps[:k], *steps[k + 1 :], step)))


def a_name_that_nothing_defines(tape):
    """A name that neither the network nor a line has."""
    for s, k, step in places(tape):
        for symbol in sorted(step.after.free_symbols & set(tape.network.symbols.values()), key=str)[:2]:
            if is_matrix(symbol):
                other = NamedMatrix("Nowhere", *symbol.shape)
                yield Planted(with_line(tape, s, k, replace(step, after=step.after.xreplace({symbol: other}))))


def with_respect_to_another_parameter(tape):
    """∂C/∂V stands in the section about W, where nothing says what becomes of it."""
    for s, k, step in places(tape):
        for partial in partials(step.after, ByEntry, ScalarByEntry):
            for other in tape.network.parameters:
                if other != partial.by:
                    after = step.after.xreplace({partial: by_entry(partial.of, other)})
                    yield Planted(with_line(tape, s, k, replace(step, after=after)))


def a_line_of_another_section(tape):
    """The step says that it differentiates with respect to another parameter."""
    for s, k, step in places(tape):
        for other in tape.network.parameters:
            if other != step.wrt:
                yield Planted(with_line(tape, s, k, replace(step, wrt=other)))


def sections_are_exchanged(tape):
    """The lines stand under the heading of another parameter."""
    for (s, one), (_, other) in pairwise(enumerate(tape.sections)):
        for section in (Section(one.parameter, other.steps), Section(other.parameter, one.steps)):
            yield Planted(replace(tape, sections=(*tape.sections[:s], section, *tape.sections[s + 1 :])))


def an_adjoint_that_no_line_names(tape):
    """A line names δ, of which the tape has no adjoint, or the other way round."""
    for adjoint in tape.adjoints:
        yield Planted(replace(tape, adjoints=tuple(a for a in tape.adjoints if a != adjoint)))
        extra = replace(adjoint, symbol=NamedMatrix("Extra", 2, 2), expression=Zeros(2, 2))
        yield Planted(replace(tape, adjoints=(*tape.adjoints, extra)))


def equations_of_another_network(tape):
    """The tape has an equation that its network has not, or lacks one."""
    yield Planted(replace(tape, equations=tape.equations[:-1]))
    for k, equation in enumerate(tape.equations):
        other = replace(equation, expression=times(2, equation.expression))
        yield Planted(replace(tape, equations=(*tape.equations[:k], other, *tape.equations[k + 1 :])))


def what_is_constant_is_not(tape):
    """A line says that a quantity is constant that depends on W, or that one is held fixed that does not."""
    for s, k, step in places(tape):
        for partial in partials(step.before, ByEntry):
            if partial.of != step.wrt:
                yield Planted(with_line(tape, s, k, replace(step, constants=(*step.constants, partial.of))))
        for other in tape.network.arguments:
            if other != step.wrt:
                yield Planted(with_line(tape, s, k, replace(step, held=(*step.held, other))))


# false lines


def a_sign(tape):
    for s, k, step in places(tape):
        yield changed(tape, s, k, after=minus(step.after))


def a_factor(tape):
    for s, k, step in places(tape):
        yield changed(tape, s, k, after=times(2, step.after))


def a_nearly_right_factor(tape):
    """As an error of one part in 10⁸: less would be noise for the evaluator in floats."""
    for s, k, step in places(tape):
        after = times(1 + Rational(1, 10**8), step.after)
        yield Planted(with_line(tape, s, k, replace(step, after=after)), replace(step, after=times(2, step.after)))


def a_size_for_a_number(tape):
    """N is replaced by 3, its value at the first point of the witnesses in numbers."""
    for s, k, step in places(tape):
        named = {p: NamedMatrix(f"_{i}", *p.shape) for i, p in enumerate(partials(step.after, ByEntry))}
        named |= {p: Integer(10**6 + i) for i, p in enumerate(partials(step.after, ScalarByEntry))}
        after = step.after.xreplace(named).replace(
            lambda part: part.is_Pow and part.base in tape.network.dimensions, lambda part: Integer(3) ** part.exp
        )
        after = after.xreplace({name: partial for partial, name in named.items()})
        if after != step.after:
            yield changed(tape, s, k, after=after)


def a_term_is_left_out(tape):
    for s, k, step in places(tape):
        if isinstance(step.after, Add | MatAdd) and len(step.after.args) > 1:
            rest = step.after.args[1:]
            yield changed(tape, s, k, after=rest[0] if len(rest) == 1 else step.after.func(*rest))


def a_term_is_left_out_of_all_lines(tape):
    """One contribution is forgotten from the first line to the last, so that all lines below the first are true."""
    for s, section in enumerate(tape.sections):
        (k, first) = next((k, step) for k, step in enumerate(section.steps) if step.symbol is None)
        if not first.after.is_Add:
            continue
        lost = first.after.args[0]
        start = replace(first, after=first.after - lost)
        steps = [step for step in section.steps[k + 1 :] if step.before != lost]
        yield Planted(with_lines(tape, s, (*section.steps[:k], start, *steps)), start)


def one_quantity_for_another(tape):
    for s, k, step in places(tape):
        for symbol in sorted(step.after.free_symbols & set(tape.network.symbols.values()), key=str):
            if any(symbol in p.free_symbols for p in partials(step.after, *PARTIALS)):
                continue
            for other in peers(tape, symbol)[:2]:
                yield changed(tape, s, k, after=step.after.xreplace({symbol: other}))


def a_delta_for_its_quantity(tape):
    """On the left of each line, h is replaced by δ_h, as a slip of the pen does it."""
    swap = {a.of: a.symbol for a in tape.adjoints}
    for s, k, step in places(tape):
        if not isinstance(step.before, Gradient) and step.before.xreplace(swap) != step.before:
            yield Planted(with_line(tape, s, k, replace(step, before=step.before.xreplace(swap))))


def a_transpose(tape):
    for s, k, step in places(tape):
        for symbol in sorted(step.after.atoms(NamedMatrix), key=str):
            if symbol.shape[0] == symbol.shape[1] and not any(p.has(symbol) for p in partials(step.after, *PARTIALS)):
                turned = {Transpose(symbol): symbol} if step.after.has(Transpose(symbol)) else {symbol: symbol.T}
                yield changed(tape, s, k, after=step.after.xreplace(turned))


def the_derivative_of_another_quantity(tape):
    """The target of a pending ∂C/∂W is exchanged."""
    for s, k, step in places(tape):
        for partial in partials(step.after, ByEntry):
            for other in peers(tape, partial.of)[:2]:
                yield changed(tape, s, k, after=step.after.xreplace({partial: by_entry(other, partial.by)}))


def the_derivative_of_an_adjoint(tape):
    """∂δ/∂W is not 0, although no line has it: the lines differentiate the quantities of the network only."""
    for s, k, step in places(tape):
        for adjoint in tape.adjoints if not isinstance(step.before, Gradient) and not is_matrix(step.after) else ():
            extra = Total(hadamard(adjoint.symbol, by_entry(adjoint.symbol, step.wrt)))
            if is_matrix(adjoint.symbol):
                yield Planted(with_line(tape, s, k, replace(step, after=step.after + extra)))


def the_function_of_another_argument(tape):
    """∂a/∂z is exchanged for that of another layer."""
    found = {p for _, _, step in places(tape) for p in partials(step.after, Entrywise)}
    for s, k, step in places(tape):
        for partial in partials(step.after, Entrywise):
            for other in sorted(found, key=str):
                if other != partial and other.shape == partial.shape:
                    yield changed(tape, s, k, after=step.after.xreplace({partial: other}))


def an_adjoint_of_another_quantity(tape):
    """The tape calls δ the adjoint of another quantity of its shape."""
    for k, adjoint in enumerate(tape.adjoints):
        for other in peers(tape, adjoint.of)[:3]:
            bad = replace(tape, adjoints=(*tape.adjoints[:k], replace(adjoint, of=other), *tape.adjoints[k + 1 :]))
            named = next(step for step in tape.steps if step.symbol == adjoint.symbol)
            yield Planted(bad, replace(named, before=Gradient(tape.cost.symbol, other)))


def another_adjoint_in_the_tape(tape):
    """The tape gives δ as another expression than the line that names it."""
    for k, adjoint in enumerate(tape.adjoints):
        other = replace(adjoint, expression=times(2, adjoint.expression))
        named = next(step for step in tape.steps if step.symbol == adjoint.symbol)
        bad = replace(tape, adjoints=(*tape.adjoints[:k], other, *tape.adjoints[k + 1 :]))
        yield Planted(bad, replace(named, after=other.expression))


def a_name_for_another_adjoint(tape):
    """The line, and the tape, call the adjoint of one quantity that of another."""
    for s, k, step in places(tape):
        for other in peers(tape, step.before.of)[:3] if step.symbol is not None else ():
            line = replace(step, before=Gradient(tape.cost.symbol, other))
            adjoints = tuple(replace(a, of=other) if a.symbol == step.symbol else a for a in tape.adjoints)
            yield Planted(replace(with_line(tape, s, k, line), adjoints=adjoints), line)


def a_circle(tape):
    """δ is defined by itself."""
    for s, k, step in places(tape):
        if step.symbol is not None:
            line = replace(step, after=step.symbol)
            adjoints = tuple(replace(a, expression=a.symbol) if a.symbol == step.symbol else a for a in tape.adjoints)
            yield Planted(replace(with_line(tape, s, k, line), adjoints=adjoints))


def another_gradient(tape):
    """The tape gives another gradient than its last line."""
    for section in tape.sections:
        name = str(section.parameter.name)
        bad = times(1 + Rational(1, 10**12), tape.gradients[name])
        twice = replace(section.steps[-1], before=Gradient(tape.cost.symbol, section.parameter), after=times(2, bad))
        yield Planted(replace(tape, gradients=tape.gradients | {name: bad}), twice)


def gradients_are_exchanged(tape):
    for one, other in pairwise(tape.network.parameters):
        if one.shape == other.shape:
            a, b = str(one.name), str(other.name)
            bad = replace(tape, gradients=tape.gradients | {a: tape.gradients[b], b: tape.gradients[a]})
            last = next(section for section in tape.sections if section.parameter == one).steps[-1]
            yield Planted(bad, replace(last, before=Gradient(tape.cost.symbol, one), after=tape.gradients[b]))


def no_dependence(tape):
    """The whole section is: J does not depend on W, so ∂J/∂W = 0."""
    for s, section in enumerate(tape.sections):
        parameter, cost = section.parameter, tape.cost.symbol
        zeros = Zeros(*parameter.shape)
        line = Step("constant rule", Gradient(cost, parameter), zeros, zeros.shape, parameter, node=cost)
        gradients = tape.gradients | {str(parameter.name): zeros}
        yield Planted(replace(with_lines(tape, s, [line]), gradients=gradients), line)


def all_lines_are_doubled(tape):
    """Only the first line of the section is false: all others, and the gradient, go on from it."""
    for s, section in enumerate(tape.sections):
        if any(step.symbol is not None for step in section.steps):
            continue
        steps = [
            replace(
                step,
                before=step.before if isinstance(step.before, Gradient) else times(2, step.before),
                after=times(2, step.after),
            )
            for step in section.steps
        ]
        name = str(section.parameter.name)
        bad = replace(with_lines(tape, s, steps), gradients=tape.gradients | {name: times(2, tape.gradients[name])})
        yield Planted(bad, steps[0])


def an_error_that_the_next_line_takes_up(tape):
    """The lines join, but one of them is false."""
    for s, section in enumerate(tape.sections):
        for k, (one, other) in enumerate(pairwise(section.steps)):
            if one.after == other.before:
                line = replace(one, after=times(2, one.after))
                after = replace(other, before=line.after)
                yield Planted(with_lines(tape, s, (*section.steps[:k], line, after, *section.steps[k + 2 :])), line)


KINDS = {
    kind.__name__: kind
    for kind in (
        a_line_is_left_out,
        the_first_line_is_left_out,
        the_last_line_is_left_out,
        only_the_last_line_is_left,
        two_lines_are_exchanged,
        a_line_is_written_twice,
        a_name_is_used_before_it_is_defined,
        a_name_that_nothing_defines,
        with_respect_to_another_parameter,
        a_line_of_another_section,
        sections_are_exchanged,
        an_adjoint_that_no_line_names,
        equations_of_another_network,
        what_is_constant_is_not,
        a_sign,
        a_factor,
        a_nearly_right_factor,
        a_size_for_a_number,
        a_term_is_left_out,
        a_term_is_left_out_of_all_lines,
        one_quantity_for_another,
        a_delta_for_its_quantity,
        a_transpose,
        the_derivative_of_another_quantity,
        the_derivative_of_an_adjoint,
        the_function_of_another_argument,
        an_adjoint_of_another_quantity,
        another_adjoint_in_the_tape,
        a_name_for_another_adjoint,
        a_circle,
        another_gradient,
        gradients_are_exchanged,
        no_dependence,
        all_lines_are_doubled,
        an_error_that_the_next_line_takes_up,
    )
}
