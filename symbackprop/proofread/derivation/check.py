"""The function `check_derivation`, which proofreads a written derivation."""

import os
from collections.abc import Sequence

from symbackprop.errors import ArgumentError
from symbackprop.network.network import Network
from symbackprop.parsing.documents import Document, read_document
from symbackprop.parsing.statements import defined_words, is_about_slopes, read_statements
from symbackprop.parsing.syntax_tree import Name
from symbackprop.proofread.derivation.arguments import without_arguments
from symbackprop.proofread.derivation.code_functions import with_functions_of_code
from symbackprop.proofread.derivation.definitions import function_head
from symbackprop.proofread.derivation.example_index import unused_letter, with_own_index
from symbackprop.proofread.derivation.judge import judge
from symbackprop.proofread.derivation.lines import checked_lines
from symbackprop.proofread.derivation.own_network import own_network
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.report import CheckedLine, DerivationCheck, LineVerdict
from symbackprop.proofread.derivation.search import best_reading, may_be_of_one_example
from symbackprop.proofread.derivation.subjects import claims, is_adjoint_name, is_cost


def check_derivation(
    text: "str | os.PathLike[str]", network: Network | None = None, *, seed: int = 0
) -> DerivationCheck:
    r"""Proofread a derivation: judge each of its lines, and name the first mistake.

    Args:
        text: Markdown, LaTeX or lines of NumPy code as text, or the path of an .md, .tex, .ipynb or .txt file. Nothing
            in it is executed.
        network: the network whose cost is differentiated; by default, the one that the document's own equations
            define.
        seed: the seed of the random points at which formulas are compared.

    Raises:
        ArgumentError: the file cannot be read, no network is given and the document does not define one, or lark is
            not installed.

    >>> import symbackprop as sb
    >>> net = sb.mlp(["D", "H", "K"], cost="half_squared_error")
    >>> check = check_derivation(r"$$\frac{\partial J}{\partial W^{(2)}} = (a^{(2)})^T (\hat{y} - y)$$", net)
    >>> check.verdict
    <LineVerdict.WRONG: 'wrong'>
    """
    if network is not None and not isinstance(network, Network):
        raise ArgumentError(f"the network is a {type(network).__name__}; a Network is expected, as of parse_network")
    document = read_document(text)
    if network is not None:
        return _checked(document, _best_reading(document, network, seed))
    statements = read_statements(document, defined_words(document))
    network = own_network(document.text, statements, may_be_of_one_example(document, statements))
    reading = _best_reading(document, network, seed)
    contradiction = _other_equation(reading)
    if contradiction:
        raise ArgumentError(
            f"no network is given, and the one that was read from the equations of the document,\n"
            f"{network.to_text()}\ncontradicts {contradiction}; give the network, as of parse_network"
        )
    found = _checked(
        document, reading, ("the network is the one that the document says:", *network.to_text().splitlines())
    )
    unread = sum(line.verdict == LineVerdict.NOT_UNDERSTOOD for line in found.lines)
    if unread > len(found.lines) / 2:
        raise ArgumentError(
            f"no network is given, and with the one that was read from the equations of the document,\n"
            f"{network.to_text()}\n{unread} of {len(found.lines)} formulas are not understood; give the network, as of "
            "parse_network"
        )
    return found


def check_if_alike(text: "str | os.PathLike[str]", network: Network, *, seed: int = 0) -> DerivationCheck | str:
    """Check a derivation that defines no network against one; return its equation of another network, if any."""
    document = read_document(text)
    reading = _best_reading(document, network, seed)
    return _other_equation(reading) or _checked(document, reading)


def _best_reading(document: Document, network: Network, seed: int) -> DocumentReading:
    statements = read_statements(document, list(network.symbols), [str(p.name) for p in network.parameters])
    statements = with_functions_of_code(document.text, statements)
    letter = unused_letter(statements)
    statements = with_own_index(without_arguments(statements, network, letter), letter)
    return best_reading(network, document, statements, seed)


def _checked(document: Document, reading: DocumentReading, notes: Sequence[str] = ()) -> DerivationCheck:
    lines = checked_lines(reading)
    return DerivationCheck(tuple(lines), document.text, (*notes, *_notes(reading, lines)))


def _other_equation(reading: DocumentReading) -> str:
    """Return the first equation of a network that does not hold, or is a cost that is not understood; or ""."""
    for index in claims(reading):
        sides = reading.sides(index)
        is_forward = isinstance(sides[0], Name) or function_head(sides[0]) is not None
        if not is_forward or any(map(is_about_slopes, sides)) or is_adjoint_name(reading, sides[0]):
            continue
        holds = judge(reading, index).holds
        if holds is False or (holds is None and is_cost(reading, sides[0])):
            return reading.statements[index].source
    return ""


def _notes(reading: DocumentReading, lines: Sequence[CheckedLine]) -> list[str]:
    """Return the notes about the document as a whole."""
    layout, network = reading.interpretation.layout, reading.network
    unknown = [line for line in lines if line.verdict == LineVerdict.NOT_UNDERSTOOD and "is not known" in line.reason]
    missing = ", ".join(dict.fromkeys(line.reason.removesuffix(" is not known") for line in unknown))
    known = ", ".join(network.symbols)
    notes = (
        (
            layout.data and network.examples[0] != 1,
            "the document is read with examples as columns; the network has them as rows",
        ),
        (
            layout.weights and not layout.data,
            "the weights of the document are those of the network transposed",
        ),
        (
            bool(unknown),
            f"names that neither the network nor the document defines: {missing}; the network has {known}",
        ),
        (
            not lines,
            "no formula was found: write them as $$…$$, \\[…\\], an align environment, or lines of NumPy code",
        ),
    )
    return [note for is_true, note in notes if is_true]
