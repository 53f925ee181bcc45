"""The term of a formula that its correction changes."""

import re

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+|[^\s&]", re.DOTALL)
_OPENS = {"{": "}", "(": ")", "[": "]", r"\left": r"\right", r"\begin": r"\end"}
_SCRIPTS = {"^", "_", "'"}
_MOST = 0.8  # of a side: if the correction changes more, the side is marked as a whole


def wrong_term(source: str, correction: str) -> tuple[int, int] | None:
    r"""Return the offsets of the term of a formula that the correction changes, or of the side that it changes.

    They are equal where something is missing. The result is None without a correction, or if nothing differs.

    >>> start, end = wrong_term(r"\delta = a f(z)", r"\delta = a f'(z)")
    >>> r"\delta = a f(z)"[start:end]
    'f(z)'
    """
    ours = list(_TOKEN.finditer(source))
    plain, right = [match[0] for match in ours], _TOKEN.findall(correction)
    if not right or plain == right:
        return None
    shorter = min(len(plain), len(right))
    first = next((k for k in range(shorter) if plain[k] != right[k]), shorter)
    tail = next((k for k in range(shorter - first) if plain[-1 - k] != right[-1 - k]), shorter - first)
    last = len(plain) - tail
    if first == last and first and right[first] in _SCRIPTS:  # a prime or a transpose is missing at the term before
        first -= 1
    first, last = _within_a_side(plain, *_whole(plain, first, last))
    if first == last:
        place = ours[first].start() if first < len(ours) else len(source)
        return place, place
    return ours[first].start(), ours[last - 1].end()


def _whole(tokens: list[str], first: int, last: int) -> tuple[int, int]:
    """Return the smallest range of whole terms around a range, which separates no bracket, argument or script."""
    if first == last:
        return first, last
    partner = _partners(tokens)
    while True:
        before = first, last
        partners = [partner[k] for k in range(first, last) if k in partner]
        first, last = min([first, *partners]), max([last, *(k + 1 for k in partners)])
        is_attached = tokens[first] in _SCRIPTS or tokens[first] == "{"  # a script, or an argument of a command
        if first and (is_attached or tokens[first - 1] in _SCRIPTS):
            first = min(partner.get(first - 1, first - 1), first - 1)
        if last < len(tokens) and tokens[last] == "(" and tokens[last - 1].isalpha():  # f of f(z)
            last = partner.get(last, last) + 1
        if last < len(tokens) and tokens[last] == "{" and tokens[last - 1] not in _OPENS:
            last = partner.get(last, last) + 1
        if before == (first, last):
            return first, last


def _partners(tokens: list[str]) -> dict[int, int]:
    found: dict[int, int] = {}
    opened: list[int] = []
    for k, token in enumerate(tokens):
        if token in _OPENS:
            opened.append(k)
        elif token in _OPENS.values() and opened:
            found[k] = opened.pop()
            found[found[k]] = k
    return found


def _within_a_side(tokens: list[str], first: int, last: int) -> tuple[int, int]:
    """Return the range, or the side of the equation that it lies in if it covers most of it."""
    sign = tokens.index("=") if "=" in tokens else -1
    start, end = (sign + 1, len(tokens)) if first > sign else (0, sign)
    is_most = first < last and last - first > _MOST * (end - start)
    return (start, max(end, last)) if is_most or last > end else (first, last)
