"""Answers of the live page: a pure function of a request, which knows no server and no files."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import symbackprop as sb
from symbackprop.errors import ArgumentError, FormulaError, SymbackpropError
from symbackprop.page.marked import marked_article
from symbackprop.render.html import Fragments, check_table
from symbackprop.render.outline import outline

Answer: TypeAlias = dict[str, Any]

LONGEST = 200_000  # characters of a text
_SUFFIXES = {"md": ".md", "tex": ".tex", "txt": ".txt"}


def answer(request: Mapping[str, Any]) -> Answer:
    """Return the answer to a request as plain data.

    The request has a `job`: "derive" for the derivation of the gradients of a `network` or a `formula`, "check" for its
    proofs and a gradient check, "proofread" for the marks of a document (`text`, `kind`), against a `network` if there
    is one. `wrt` may list parameters. Texts are parsed, and nothing in them is executed. An unusable input is
    answered by `problem`, with a message and, where they are known, its line and column.

    >>> answer({"job": "derive", "network": "w: parameter(1, 1)\\nJ = w @ w"})["names"]
    [{'name': 'w', 'role': 'parameter', 'shape': '1×1'}]
    >>> answer({"job": "derive", "network": "J = w"})["problem"]["line"]
    1
    """
    jobs: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
        "derive": _derived,
        "check": _checked,
        "proofread": _proofread,
    }
    try:
        job = str(request.get("job"))
        if job not in jobs:
            raise ArgumentError(f"job is {job}; {', '.join(jobs)} are expected")
        return jobs[job](request)
    except FormulaError as error:
        return {"problem": {"message": error.reason, "line": error.line, "column": error.column}}
    except SymbackpropError as error:
        return {"problem": {"message": str(error)}}


def _text(request: Mapping[str, Any], key: str) -> str:
    text = request.get(key, "")
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ArgumentError(f"{key} must be a text of at most {LONGEST} characters")
    return text


def _written(request: Mapping[str, Any]) -> str:
    """Return the text of the network, or of the network of a formula."""
    formula = _text(request, "formula")
    return sb.network_of_formula(formula) if formula.strip() else _text(request, "network")


def _derivation(request: Mapping[str, Any]) -> "sb.Derivation":
    network, wrt = sb.parse_network(_written(request)), request.get("wrt") or None
    if wrt is not None and not (isinstance(wrt, list) and all(isinstance(name, str) for name in wrt)):
        raise ArgumentError("wrt must be a list of names of parameters")
    return sb.derive(network, wrt)


def _without_style(html: str) -> str:
    """Return HTML without the widths of formulas, which printed reports use and the page's security policy forbids."""
    return re.sub(r' style="--symbols: \d+"', "", html)


def _derived(request: Mapping[str, Any]) -> Answer:
    derivation = _derivation(request)
    network, parts = derivation.network, Fragments.of(outline(derivation.tape, "full", "matrix"))
    return {
        "written": _written(request),
        "names": [
            {"name": name, "role": role, "shape": "×".join(map(str, getattr(network[name], "shape", ()))) or "a number"}
            for name, role in network.roles.items()
        ],
        "steps": _without_style(parts.steps),
        "network": _without_style(parts.network),
        "result": _without_style(parts.result),
        "latex": derivation.to_latex(),
        "numpy": derivation.to_source(style="textbook"),
        "graph": derivation.draw().svg,
        "count": len(derivation.steps),
    }


def _checked(request: Mapping[str, Any]) -> Answer:
    derivation = _derivation(request)
    verification = derivation.verify(seed=0)
    check = derivation.check(sb.random_values(derivation.network, seed=0), seed=0)
    parts = Fragments.of(
        outline(derivation.tape, "full", "matrix"),
        [(str(line.verdict), line.summary) for line in verification.lines],
        {f.formula.partition(" = ")[0]: (str(f.verdict), f.summary) for f in verification.functions},
    )
    proved = sum(line.verdict == sb.Verdict.RIGHT for line in verification.lines)
    return {
        "steps": _without_style(parts.steps),
        "check": check_table(check),
        "verdicts": [
            {"verdict": str(verification.verdict), "words": f"{proved} of {len(verification.lines)} steps proved"},
            {"verdict": str(check.verdict), "words": f"gradient check: {check.verdict}"},
        ],
    }


def _proofread(request: Mapping[str, Any]) -> Answer:
    text, network = _text(request, "text"), _text(request, "network").strip()
    suffix = _SUFFIXES.get(str(request.get("kind", "md")), ".md")
    given = sb.parse_network(network) if network else None
    check = sb.check_derivation(text, given)
    return {"marked": marked_article(f"your derivation{suffix}", check), "verdict": str(check.verdict)}
