"""The command `symbackprop proofread`: its options, and the proofreading that they choose."""

import argparse
import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbackprop.cli.options import add_seed_option, names
from symbackprop.errors import ArgumentError, listed

if TYPE_CHECKING:
    from symbackprop.network.network import Network
    from symbackprop.proofread.code.report import CodeCheck
    from symbackprop.proofread.derivation.report import DerivationCheck

Shape = tuple[str | int, ...]

_EPILOG = """\
A document is read and never executed. The report says which lines are right, and corrects wrong ones:

  symbackprop proofread notes.md --network net.txt      (or .tex, .ipynb, .txt)
  symbackprop proofread notes.md                        (the network of its equations, or else the example network)
  symbackprop proofread notes.md --network net.txt --annotate -o checked.md
  symbackprop proofread notes.md --html -o marked.html  (a page with each formula marked)
  symbackprop proofread ann.md ben.ipynb folder         (several documents, and all in a folder: a table first)

Code is executed:

  symbackprop proofread mine.py:cost mine.py:gradient --shapes X=N,D y=N,K W1=D,H W2=H,K --wrt W1,W2
  symbackprop proofread net.py:Net.cost net.py:Net.gradient --shapes X=N,D y=N,K \\
      --attributes W1=D,H W2=H,K --wrt W1,W2
  symbackprop proofread mine.py:loss --shapes X=N,D y=N W=D,C --labels y=C --scalars reg --wrt W
  symbackprop proofread layers.py:forward layers.py:backward --upstream dout --shapes x=N,D w=D,M
  symbackprop proofread ops.py:MyFunction --shapes x=N,D w=D,M --scalars eps=1e-5

In the third example, the function returns (loss, gradients). The fourth is a layer, for any upstream gradient dout; the
last one a torch.autograd.Function or a function of jax.custom_vjp.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "what",
        nargs="+",
        metavar="DOCUMENT|PATH.py:NAME",
        help="written derivations, or a cost in code (a function or Class.method) and its gradient, unless the cost "
        "returns both",
    )
    parser.add_argument("--network", metavar="FILE", help="the network of the document, in NumPy syntax")
    parser.add_argument(
        "--annotate", action="store_true", help="print the document with remarks in it, in its own format"
    )
    parser.add_argument(
        "--html", action="store_true", help="print the documents as one HTML page with each formula marked"
    )
    parser.add_argument(
        "--lines", action="store_true", help="print file:line:column: remark, as editors and CI systems read it"
    )
    parser.add_argument(
        "--fail-on",
        default="not-understood",
        choices=list(_FAILURES),
        help="for documents: exit with status 1 for this verdict or a worse one (default: not-understood)",
    )
    parser.add_argument("--shapes", nargs="+", default=[], metavar="NAME=N,D", help="the shape of each argument")
    parser.add_argument("--wrt", action="append", metavar="NAME", help="a parameter (or W1,W2)")
    parser.add_argument(
        "--attributes", nargs="+", default=[], metavar="NAME=D,H", help="the shapes of arrays that are attributes"
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="NAME=C",
        help="arguments that are labels, with their number of classes",
    )
    parser.add_argument(
        "--upstream", action="append", metavar="NAME", help="the code is a layer: its upstream gradient (or dh,dc)"
    )
    parser.add_argument("--scalars", nargs="+", default=[], metavar="NAME", help="hyperparameters, or NAME=VALUE")
    for option, what in _CONDITIONS.items():
        flag = f"--{option.replace('_', '-')}"
        parser.add_argument(flag, nargs="+", default=[], metavar="NAME", help=f"arguments {what}")
    parser.add_argument(
        "--sign", default="descent", choices=["descent", "ascent"], help="ascent: the gradients are those of −J"
    )
    parser.add_argument("--step", metavar="NAME", help="the step length of a gradient function that updates parameters")
    parser.add_argument(
        "--details", action="store_true", help="for code: print its formulas and the gradient check as well"
    )
    add_seed_option(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def is_document(args: argparse.Namespace) -> bool:
    """Return True if the options name documents to proofread, not code to run.

    Raises:
        ArgumentError: there is no such file, it is neither text nor code, or documents and code are mixed.
    """
    for name in args.what:
        _require_readable(name, [f"--{option}" for option in _OF_CODE if getattr(args, option)])
    documents = [name for name in args.what if ":" not in name or Path(name).exists()]
    if documents and len(documents) < len(args.what):
        code = next(name for name in args.what if name not in documents)
        raise ArgumentError(f"{documents[0]} is a document, and {code} is code; proofread them one after the other")
    return bool(documents)


def _require_readable(name: str, options: list[str]) -> None:
    path = Path(name)
    if path.suffix.lower() in _NOT_TEXT:
        raise ArgumentError(f"{name} cannot be read: a document is text, {', '.join(sorted(_DOCUMENTS))}")
    if ":" not in name and not path.exists():
        raise ArgumentError(f"there is no file {name}")
    if options and path.suffix == ".py" and path.is_file():
        try:
            functions = [node.name for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)]
        except (SyntaxError, ValueError):
            functions = []
        has = f"; it has {listed(functions)}" if functions else ""
        example = functions[0] if functions else "cost"
        raise ArgumentError(f"{options[0]} is for code: say which function is the cost, as in {name}:{example}{has}")


def document_checks(args: argparse.Namespace, network: "Network | None") -> "dict[str, DerivationCheck]":
    """Check documents against the network or, if that is None, each against the network that it defines."""
    given = [f"--{name}" for name in _OF_CODE if getattr(args, name)]
    if given:
        raise ArgumentError(f"{given[0]} is for code, and {args.what[0]} is a document; leave it out")
    paths = [path for name in args.what for path in _documents(Path(name))]
    if args.annotate and len(paths) > 1:
        raise ArgumentError(f"--annotate takes one document, not {len(paths)}")
    return {str(path): _document_check(path, network, args.seed) for path in paths}


def _documents(path: Path) -> list[Path]:
    """Return the document, or the documents of a folder."""
    if not path.is_dir():
        return [path]
    found = sorted(inner for inner in path.iterdir() if inner.suffix.lower() in _DOCUMENTS)
    if not found:
        raise ArgumentError(f"the folder {path} has no documents: {', '.join(sorted(_DOCUMENTS))}")
    return found


def _document_check(path: Path, network: "Network | None", seed: int) -> "DerivationCheck":
    from symbackprop.network.models.home import home_network
    from symbackprop.proofread.derivation.check import check_derivation, check_if_alike

    try:
        return check_derivation(path, network, seed=seed)
    except ArgumentError as error:
        if network is not None:
            raise
        reason = str(error).partition("; give the network")[0]
        found = check_if_alike(path, home_network(), seed=seed)
        is_own = re.match(
            r"Network \((rows|columns) are examples\b", path.read_text(encoding="utf-8", errors="replace")
        )
        own = (_OWN_TEXT,) if is_own else ()
        if isinstance(found, str):
            raise ArgumentError(
                f"{reason}; it is not the example network, where {found} does not hold: give it with --network FILE"
                + "".join(f"\n{hint}" for hint in own)
            ) from None
        note = f"{reason}: this is a check against the example network"
        return replace(found, notes=(*own, note, *found.notes))


def together(found: "Mapping[str, DerivationCheck]") -> str:
    """Return the reports on several documents, with a table first."""
    widest = max(map(len, found))
    rows = []
    for name, check in found.items():
        first = check.first_wrong
        where = "" if first is None else f"   first mistake: line {first.place}"
        count = f"{len(check.lines)} formula{'s' * (len(check.lines) != 1)}"
        rows.append(f"{name:<{widest}}   {check.verdict:<14}   {count}{where}")
    reports = (f"{name}\n{check}" for name, check in found.items())
    return "\n\n".join(["\n".join(rows), *reports])


def by_line(found: "Mapping[str, DerivationCheck]") -> str:
    """Return the remarks on documents, each as file:line:column: verdict: remark."""
    from symbackprop.proofread.derivation.report import UNREMARKED, remarks

    rows = []
    for name, check in found.items():
        for line in (line for line in check.lines if line.verdict not in UNREMARKED):
            column = line.start - check.text.rfind("\n", 0, line.start)
            said = "; ".join(" ".join(remark.split()) for remark in remarks(line))
            rows.append(f"{name}:{line.place}:{column}: {line.verdict}: {said or ' '.join(line.source.split())}")
    return "\n".join(rows)


def is_failure(verdict: str, fail_on: str) -> bool:
    """Return True if a verdict on a document is at least as bad as that of the option --fail-on."""
    return verdict in _FAILURES[fail_on]


_FAILURES = {
    "wrong": ("wrong",),
    "not-understood": ("wrong", "not understood"),
    "convention": ("wrong", "not understood", "convention"),
    "never": (),
}
_DOCUMENTS = {".md", ".markdown", ".tex", ".ipynb", ".txt", ".rst"}
_OWN_TEXT = (
    "this is the text that symbackprop derive prints for people; what it writes with --format markdown or --format "
    "latex can be proofread"
)
_NOT_TEXT = {".pdf", ".doc", ".docx", ".odt", ".rtf", ".ppt", ".pptx", ".png", ".jpg", ".jpeg", ".zip"}
_CONDITIONS = {
    "one_hot": "whose rows are one-hot",
    "masks": "whose entries are 0 or 1",
    "signs": "whose entries are 1 or −1",
    "positive": "whose entries are positive",
    "symmetric": "that are symmetric matrices",
}
_OF_CODE = ("wrt", "shapes", "attributes", "labels", "scalars", "upstream", "step", "details", *_CONDITIONS)


def code_check(args: argparse.Namespace) -> "CodeCheck":
    """Check the cost and the gradient that the options name."""
    from symbackprop.cli.user_functions import function_at
    from symbackprop.proofread.code.check import check_code
    from symbackprop.proofread.code.function import check_function
    from symbackprop.proofread.code.vjp import check_vjp
    from symbackprop.tracing.tensors.functions import is_function

    if args.network is not None or args.annotate or args.html or args.lines:
        raise ArgumentError(
            f"--network, --annotate, --html and --lines are for documents such as notes.md, not for {args.what[0]}"
        )
    if len(args.what) > 2:
        raise ArgumentError(f"a cost and a gradient are expected, not {listed(args.what)}")
    cost = function_at(args.what[0])
    if not args.wrt and not args.upstream and not is_function(cost):
        raise ArgumentError("--wrt is missing: name the arguments that are parameters, as in --wrt W1,W2")
    gradient = function_at(args.what[1]) if len(args.what) > 1 else None
    scalars = _pairs(args.scalars, "--scalars", bare=True)
    fixed = {name: _number(f"--scalars {name}", value) for name, value in scalars.items() if value is not None}
    shapes: dict[str, Shape] = {name: _shape(value) for name, value in _pairs(args.shapes, "--shapes").items()}
    shapes |= {name: () for name, value in scalars.items() if value is None}
    labels = {name: _size(value) for name, value in _pairs(args.labels, "--labels").items()}
    options: dict[str, Any] = {
        "attributes": {name: _shape(value) for name, value in _pairs(args.attributes, "--attributes").items()} or None,
        "labels": labels or None,
        "scalars": fixed or None,
        "seed": args.seed,
    }
    wrt, upstream = names(args.wrt), names(args.upstream)
    if is_function(cost):
        del options["attributes"]
        return check_function(cost, shapes, wrt or None, **options)
    try:
        if upstream:
            return check_vjp(cost, gradient, shapes, wrt, upstream=upstream, **options)
        declared = {option: getattr(args, option) or None for option in _CONDITIONS}
        return check_code(
            cost, gradient, shapes, wrt or [], step=_step(args.step), sign=args.sign, **declared, **options
        )
    except ArgumentError as error:
        if labels or "arrays used as indices" not in str(error):
            raise
        raise ArgumentError(f"{error}: if an argument is the labels of C classes, say so, as in --labels y=C") from None


def _step(text: str | None) -> str | float | None:
    """Return a step length: a number, or the name of an argument."""
    if text is None or text.isidentifier():
        return text
    return _number("--step", text)


def _pairs(given: list[str], option: str, *, bare: bool = False) -> dict[str, Any]:
    """Return a dictionary of the options NAME=VALUE; with `bare`, a NAME alone is allowed, and its value is None."""
    found: dict[str, Any] = {}
    for text in (text for words in given for text in _ASSIGNMENTS.split(words)):
        name, sign, value = text.partition("=")
        if not _NAME.fullmatch(name) or not (sign or bare):
            raise ArgumentError(f"{option} {text}: NAME=… is expected, as in {option} {_EXAMPLES[option]}")
        found[name] = value if sign else None
    return found


_NAME = re.compile(r"[^\W\d]\w*(\.\w+|\[\w+\])*")  # of an argument, or of an array in it, as in layers[0].W
_ASSIGNMENTS = re.compile(r"[,;\s]+(?=[\w.\[\]]+=)")  # between X=N,D and y=N,K in one word
_EXAMPLES = {"--shapes": "X=N,D", "--attributes": "W1=D,H", "--labels": "y=C", "--scalars": "lam=0.1"}


def _shape(text: str) -> Shape:
    return tuple(_size(size) for size in text.split(",") if size.strip())


def _size(text: str) -> str | int:
    text = text.strip()
    return int(text) if text.isdecimal() else text


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"{name}={text}: a number is expected") from None
