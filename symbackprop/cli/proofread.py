"""The command `symbackprop proofread`: its options, and the proofreading that they choose."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbackprop.cli.options import add_seed_option
from symbackprop.errors import ArgumentError

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

Code is executed:

  symbackprop proofread mine.py:cost mine.py:gradient --shapes X=N,D y=N,K W1=D,H W2=H,K --wrt W1,W2
  symbackprop proofread net.py:Net.cost net.py:Net.gradient --shapes X=N,D y=N,K \\
      --attributes W1=D,H W2=H,K --wrt W1,W2
  symbackprop proofread mine.py:loss --shapes X=N,D y=N W=D,C --labels y=C --scalars reg --wrt W

In the last example, the function returns (loss, gradients).
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "cost",
        metavar="DOCUMENT|PATH.py:NAME",
        help="a written derivation, or a cost in code: a function or Class.method",
    )
    parser.add_argument("--network", metavar="FILE", help="the network of the document, in NumPy syntax")
    parser.add_argument("--annotate", action="store_true", help="print the document with remarks in it")
    parser.add_argument(
        "gradient", nargs="?", metavar="PATH.py:NAME", help="the gradient; omit it if the cost returns both"
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
    parser.add_argument("--scalars", nargs="+", default=[], metavar="NAME", help="hyperparameters, or NAME=VALUE")
    add_seed_option(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def is_document(args: argparse.Namespace) -> bool:
    """Return True if the options name a document to proofread, not code to run."""
    return Path(args.cost).suffix.lower() in _DOCUMENTS or Path(args.cost).is_file()


def document_check(args: argparse.Namespace, network: "Network | None") -> "DerivationCheck":
    """Check a document against the network or, if that is None, against the network that the document defines."""
    from symbackprop.network.models.home import home_network
    from symbackprop.proofread.derivation.check import check_derivation

    given = [f"--{name}" for name in _OF_CODE if getattr(args, name)] + ["a gradient"] * (args.gradient is not None)
    if given:
        raise ArgumentError(f"{given[0]} is for code, and {args.cost} is a document; leave it out")
    try:
        return check_derivation(Path(args.cost), network, seed=args.seed)
    except ArgumentError as error:
        if network is not None:
            raise
        found = check_derivation(Path(args.cost), home_network(), seed=args.seed)
        note = f"{str(error).partition('; give the network')[0]}: this is a check against the example network"
        return replace(found, notes=(note, *found.notes))


_DOCUMENTS = {".md", ".markdown", ".tex", ".ipynb", ".txt", ".rst"}
_OF_CODE = ("wrt", "shapes", "attributes", "labels", "scalars")


def code_check(args: argparse.Namespace) -> "CodeCheck":
    """Check the cost and the gradient that the options name."""
    from symbackprop.cli.user_functions import function_at
    from symbackprop.proofread.code.check import check_code

    if args.network is not None or args.annotate:
        raise ArgumentError(f"--network and --annotate are for documents such as notes.md, not for {args.cost}")
    if not args.wrt:
        raise ArgumentError("--wrt is missing: name the arguments that are parameters, as in --wrt W1,W2")
    cost = function_at(args.cost)
    gradient = None if args.gradient is None else function_at(args.gradient)
    scalars = _pairs(args.scalars, "--scalars", bare=True)
    fixed = {name: _number(name, value) for name, value in scalars.items() if value is not None}
    shapes: dict[str, Shape] = {name: _shape(value) for name, value in _pairs(args.shapes, "--shapes").items()}
    shapes |= {name: () for name, value in scalars.items() if value is None}
    return check_code(
        cost,
        gradient,
        shapes,
        [name.strip() for given in args.wrt for name in given.split(",")],
        attributes={name: _shape(value) for name, value in _pairs(args.attributes, "--attributes").items()} or None,
        labels={name: _size(value) for name, value in _pairs(args.labels, "--labels").items()} or None,
        scalars=fixed or None,
        seed=args.seed,
    )


def _pairs(given: list[str], option: str, *, bare: bool = False) -> dict[str, Any]:
    """Return a dictionary of the options NAME=VALUE; with `bare`, a NAME alone is allowed, and its value is None."""
    found: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not name.isidentifier() or not (sign or bare):
            raise ArgumentError(f"{option} {text}: NAME=… is expected, as in {option} {_EXAMPLES[option]}")
        found[name] = value if sign else None
    return found


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
        raise ArgumentError(f"--scalars {name}={text}: a number is expected") from None
