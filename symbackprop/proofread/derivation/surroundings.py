"""The surroundings of a line: the text around it, its section, and the other lines of the document."""

import re
from collections.abc import Iterator

from symbackprop.expressions.aliases import Expression
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.statements import Statement, equalities
from symbackprop.parsing.syntax_tree import Name, Node, walk
from symbackprop.proofread.derivation.definitions import function_head
from symbackprop.proofread.derivation.judge import judge, judge_sides
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.search import CLASSES_IN_WORDS, ONE_EXAMPLE_IN_WORDS, other_readings
from symbackprop.proofread.derivation.subjects import (
    claims,
    is_cost,
    is_gradient_line,
    says_letters_equal,
)
from symbackprop.proofread.interpreter.network_at_point import ALL

_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_END = re.compile(r"\\\\|\\end\{|\n[ \t]*\n|[.;](?:\s|$)|\$\$|\\\]")  # of a row or a sentence
_AND = re.compile(r"\W*(?:(?:and|as well as|likewise|similarly)\W*)+", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?](?:\s|$)")
_HEADING = re.compile(
    r"^[ \t]{0,3}#{1,6}\s|^.*\n(?:={3,}|-{3,})[ \t]*$|\\(?:sub)*section\*?\{|\\paragraph\{", re.MULTILINE
)
_BATCH = re.compile(
    r"\bbatch|\b(?:all|many|several|N|m|n) (?:training )?(?:examples|samples|instances|observations|data points)\b"
    r"|\$[NmnM]\$ (?:training )?(?:examples|samples|instances|observations|data points)\b|\bdata ?set\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:suppose|imagine|for instance|for example|instead|alternatively|another (?:choice|option|possibility)"
    r"|other choices|choices (?:are|include)|without (?:an? |the )?bias(?:es)?|ignoring|neglecting|omitting|had we"
    r"|if we (?:had|used|use|take|took|choose|chose))\b|\be\.g\.",
    re.IGNORECASE,
)


# text


def text_before(reading: DocumentReading, index: int) -> str:
    """Return the paragraph that leads to a line, but nothing before the equation that precedes the line."""
    while index and reading.statements[index].continues:  # a side of a chain has the text before the whole chain
        index -= 1
    statement = reading.statements[index]
    before = (other for other in reading.statements[:index] if equalities(other) and not _is_condition(reading, other))
    start = max((other.end for other in before), default=0)
    paragraphs = [part for part in _PARAGRAPH.split(reading.text[start : statement.start]) if _has_words(part)]
    text = paragraphs[-1] if paragraphs else ""
    earlier = next((k for k in range(index - 1, -1, -1) if reading.sides(k)), None)
    goes_on = earlier is not None and _AND.fullmatch(_plain(text))
    return text_before(reading, earlier) + text if goes_on and earlier is not None else text


def text_behind(reading: DocumentReading, index: int) -> str:
    """Return the text behind a line, to the end of its row or sentence, or to the next equation."""
    later = (other for other in reading.statements[index + 1 :] if equalities(other))
    stop = next((other.start for other in later if not _is_condition(reading, other)), len(reading.text))
    text = reading.text[reading.statements[index].end : stop]
    end = _END.search(text)
    return text if end is None else text[: end.start()]


def _is_condition(reading: DocumentReading, statement: Statement) -> bool:
    """Return True for i = j, and for t = 1 within a sentence: they may be conditions, not equations."""
    sides = statement.sides
    gives_number = len(sides) == 2 and isinstance(sides[0], Name) and isinstance(sides[1], tree.Number)
    return says_letters_equal(reading, statement) or (gives_number and statement.kind == "inline")


def _has_words(text: str) -> bool:
    return bool(re.search(r"\w", _plain(text)))


def _plain(text: str) -> str:
    return re.sub(r"\\(?:begin|end)\{\w+\*?\}|\\[a-z]+", "", text)


def supposition(reading: DocumentReading, index: int) -> str:
    """Return the words with which the sentence before a line only supposes it, or ""."""
    sentence = _SENTENCE.split(text_before(reading, index))[-1]
    match = _SUPPOSED.search(sentence)
    return "" if match is None else match[0]


def is_of_batch(reading: DocumentReading, index: int) -> bool:
    """Return True if the text that leads to a line speaks of several examples."""
    return bool(_BATCH.search(text_before(reading, index)))


def speaks_of_classes(reading: DocumentReading, index: int) -> bool:
    """Return True if the section of a line, or the text that leads to it, tells the correct class from the others."""
    start, end = _section(reading, index)
    return bool(CLASSES_IN_WORDS.search(reading.text[start:end]))


def is_of_one_example(reading: DocumentReading, index: int) -> bool:
    """Return True if the section of a line speaks of one example."""
    start, end = _section(reading, index)
    return bool(ONE_EXAMPLE_IN_WORDS.search(reading.text[start:end]))


# sections


def _section(reading: DocumentReading, index: int) -> tuple[int, int]:
    """Return the offsets between which the section of a line stands: from its heading to the next one."""
    place = reading.statements[index].start
    heads = [0, *(match.start() for match in _HEADING.finditer(reading.text)), len(reading.text)]
    return max(head for head in heads if head <= place), min((head for head in heads if head > place), default=place)


def heading(reading: DocumentReading, index: int) -> str:
    """Return the heading of the section of a line."""
    start, end = _section(reading, index)
    return reading.text[start:end].strip().partition("\n")[0] if start else ""


def lines_of_section(reading: DocumentReading, index: int) -> list[int]:
    """Return the claims in the section of a line."""
    start, end = _section(reading, index)
    return [k for k in claims(reading) if start <= reading.statements[k].start < end]


def layout_of_section(reading: DocumentReading, index: int) -> str:
    """Return the other layout in which a line holds, and more of the other lines of its section do, or ""."""
    section = lines_of_section(reading, index)
    if len(section) < 2 or len(section) == len(list(claims(reading))):
        return ""
    others = [k for k in section if k != index]
    own = sum(judge(reading, k).holds is True for k in others)
    for other in other_readings(reading):
        if judge(other, index).holds and sum(judge(other, k).holds is True for k in others) > own:
            return _words_of_layout(other)
    return ""


def _words_of_layout(reading: DocumentReading) -> str:
    layout = reading.interpretation.layout
    found = (
        (layout.data, "with examples as columns"),
        (layout.weights, "with the weights transposed"),
        (layout.numerator, "with the gradient of a column as a row"),
        (reading.interpretation.scope != ALL, "for one example"),
    )
    return " and ".join(words for applies, words in found if applies) or "in the layout of the network"


def settles_layout(reading: DocumentReading, index: int) -> bool:
    """Return True if another gradient of a matrix in the section of a line is right as it stands."""
    others = (k for k in lines_of_section(reading, index) if k != index and is_gradient_line(reading, k))
    return any(judge(reading, k).holds for k in others)


# other lines


def said_otherwise(reading: DocumentReading, index: int) -> list[int]:
    """Return the lines that say something else of the same function or name."""
    own, sides = _subject(reading.sides(index)[0]), set(reading.sides(index)[1:])
    return [
        k
        for k in claims(reading)
        if k != index
        and not reading.statements[k].continues
        and _subject(reading.sides(k)[0]) == own
        and sides.isdisjoint(reading.sides(k)[1:])
    ]


def _subject(left: Node) -> object:
    head = function_head(left)
    return ("function", head[0].base) if head is not None else left


def whole_gradient(reading: DocumentReading, index: int) -> str:
    """Return the left side of another line that is right, about the gradient of the same parameter, or ""."""
    own = _parameter(reading, index)
    same = (k for k in claims(reading) if own is not None and k != index and _parameter(reading, k) == own)
    return next((reading.sides(k)[0].source for k in same if judge(reading, k).holds), "")


def _parameter(reading: DocumentReading, index: int) -> Expression | None:
    """Return the W of a line about ∂J/∂W, or None."""
    left = reading.sides(index)[0]
    if not isinstance(left, tree.Partial) or not isinstance(left.by, Name) or not is_gradient_line(reading, index):
        return None
    return reading.quantity(left.by) if is_cost(reading, left.of) else None


def share_that_holds(reading: DocumentReading, index: int) -> float:
    """Return the share of the other claims that hold; a definition is not a claim."""
    found = [worst for worst in _of_others(reading, index) if worst is not True]
    count = number_of_others(reading, index)
    return 0.0 if not count else 1 - len(found) / count


def number_of_others(reading: DocumentReading, index: int) -> int:
    """Return the number of other lines that make a claim."""
    return len(list(_of_others(reading, index)))


def _of_others(reading: DocumentReading, index: int) -> Iterator[bool | None]:
    for k in claims(reading):
        judgments = judge_sides(reading, k) if k != index else []
        if judgments and not all(judgment.holds and judgment.is_definition for judgment in judgments):
            yield judge(reading, k).holds


def index_letters(*sides: Node) -> set[str]:
    """Return the letters that stand below names: the indices of units."""
    names = (part for side in sides for part in walk(side) if isinstance(part, Name))
    contents = (mark.content for name in names for mark in name.below)
    return {content.base for content in contents if isinstance(content, Name) and len(content.base) == 1}
