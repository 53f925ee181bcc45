"""Functions that a document defines: q(u) = u², g(z) = s(z)(1 - s(z)), "where g is the derivative of tanh"."""

import re
from collections.abc import Sequence
from functools import partial

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.derivation.definitions import function_head
from symbackprop.proofread.derivation.guard import guarded
from symbackprop.proofread.derivation.judge import judge
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.subjects import claims, is_in_network
from symbackprop.proofread.interpreter.adjoint_marks import ADJOINTS
from symbackprop.proofread.interpreter.functions import GENERIC, ROWS, is_defined_as_usual

_KINDS = "|".join(sorted({*ROWS, "hyperbolic tangent", "rectifier"} - {"s", "S"}, key=len, reverse=True))
_IN_WORDS = re.compile(
    r"(?P<name>\$\\?[A-Za-z]+\$|\\\(\\?[A-Za-z]+\\\))\s+(?:is|denotes|being|for|be|stands for)\s+(?:the )?"
    rf"(?P<order>derivative of )?(?:the )?(?:[$(\\]*)(?P<kind>{_KINDS}|sigma|activation)\b",
)
_OTHER_NAMES = {"hyperbolic tangent": "tanh", "rectifier": "relu"}
_VARIABLE = Name(base="u")
_NEVER_OWN = {"sigma", *ADJOINTS}  # σ is the network's, or the sigmoid, and δ[L] is the δ of a layer


def functions_in_words(reading: DocumentReading) -> None:
    """Define the functions of which the text says what they are."""
    for match in _IN_WORDS.finditer(reading.text):
        name = re.sub(r"[$\\()]", "", match["name"])
        if name in ROWS or name in _NEVER_OWN or is_in_network(reading, Name(base=name)):
            continue
        kind = Name(base="sigma" if match["kind"] == "activation" else _OTHER_NAMES.get(match["kind"], match["kind"]))
        if match["order"]:
            body = tree.Call(function=tree.Prime(base=kind), arguments=(_VARIABLE,))
        else:
            body = tree.Call(function=kind, arguments=(_VARIABLE,))
        reading.symbols.functions.setdefault(name, (_VARIABLE, body))


def choose_functions(reading: DocumentReading) -> None:
    """Decide for each f(u) = … that is not true of the network's function whether it defines another function.

    It does if more of the lines that use f are right then; for a letter that is not usual for activations, also if no
    line uses it.
    """
    for index in sorted(reading.function_definitions):
        guarded(partial(_choose, reading, index), lambda _: None)


def _choose(reading: DocumentReading, index: int) -> None:
    left, body = reading.sides(index)[:2]
    head = function_head(left)
    if head is None or head[0].base in {*ROWS} - GENERIC:
        return
    function, parameter = head
    is_usual = defines_as_usual(reading, index)
    if function.base in _NEVER_OWN and not is_usual:
        return
    functions, base = reading.symbols.functions, function.base
    if base in functions:
        is_own = functions[base] == (parameter, body)
    elif judge(reading, index).holds or is_in_network(reading, function):
        return
    else:
        users = _users(reading, index, base)
        before = _failing(reading, users)
        functions[base] = parameter, body
        reading.forget()
        after = _failing(reading, users)
        is_own = after < before or ((is_usual or base not in GENERIC) and after == before)
        if not is_own:
            del functions[base]
            reading.forget()
    if is_own:
        reading.own_functions.add(index)
        reading.forget()


def defines_as_usual(reading: DocumentReading, index: int) -> bool:
    """Return True for a line that defines what the letter of its function usually denotes, as σ the sigmoid."""
    left, *others = reading.sides(index)
    head, evaluator = function_head(left), reading.own_evaluator
    return (
        head is not None
        and evaluator is not None
        and any(is_defined_as_usual(evaluator, *head, side) for side in others)
    )


def _users(reading: DocumentReading, index: int, base: str) -> list[int]:
    """Return the other lines in which a function is applied."""
    parts = {k: [part for side in reading.sides(k) for part in walk(side)] for k in claims(reading) if k != index}
    return [k for k, every in parts.items() if any(_names(part) == base for part in every)]


def _names(part: Node) -> str:
    """Return the name of a function that is applied or differentiated, or any name."""
    return part.base if isinstance(part, Name) else ""


def _failing(reading: DocumentReading, users: Sequence[int]) -> float:
    """Return how many lines fail; one that differs by a factor alone counts a little less."""
    judgments = [judge(reading, user) for user in users]
    return sum(1 - 0.1 * (judgment.ratio is not None) for judgment in judgments if judgment.holds is not True)
