"""`symbackprop proofread`: its options, and what they mean. SymPy is imported when it runs."""

import argparse
from typing import Any

from symbackprop.errors import ArgumentError

_EPILOG = """\
This runs the code.

  symbackprop proofread mine.py:cost mine.py:gradient --shapes X=N,D y=N,K W1=D,H W2=H,K --wrt W1,W2
  symbackprop proofread net.py:Net.cost net.py:Net.gradient --shapes X=N,D y=N,K \\
      --attributes W1=D,H W2=H,K --wrt W1,W2
  symbackprop proofread mine.py:loss --shapes X=N,D y=N W=D,C --labels y=C --scalars reg --wrt W

The last one is a function that returns (loss, gradients).
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("cost", metavar="PATH.py:NAME", help="the cost: a function, or Class.method")
    parser.add_argument("gradient", nargs="?", metavar="PATH.py:NAME", help="the gradient; none if the cost has both")
    parser.add_argument("--shapes", nargs="+", default=[], metavar="NAME=N,D", help="the shape of each argument")
    parser.add_argument("--wrt", action="append", required=True, metavar="NAME", help="the parameters (or W1,W2)")
    parser.add_argument(
        "--attributes", nargs="+", default=[], metavar="NAME=D,H", help="shapes of arrays on the object"
    )
    parser.add_argument("--labels", nargs="+", default=[], metavar="NAME=C", help="whole numbers: of how many classes")
    parser.add_argument("--scalars", nargs="+", default=[], metavar="NAME", help="hyperparameters, or NAME=VALUE")
    parser.add_argument("--seed", type=int, default=0, help="for what is drawn at random (default: 0)")
    parser.add_argument("--json", action="store_true", help="the report as data")


def proofread(args: argparse.Namespace) -> Any:
    """The check that the options say."""
    from symbackprop.check.scripts import function_at
    from symbackprop.proofread.code import check_code

    cost = function_at(args.cost)
    gradient = None if args.gradient is None else function_at(args.gradient)
    scalars = _pairs(args.scalars, "--scalars", bare=True)
    fixed = {name: _number(name, value) for name, value in scalars.items() if value is not None}
    shapes = {name: _shape(value) for name, value in _pairs(args.shapes, "--shapes").items()}
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
    """NAME=VALUE by name."""
    found: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not name.isidentifier() or not (sign or bare):
            raise ArgumentError(f"{option} {text}: NAME=… is expected, as in {option} {_EXAMPLES[option]}")
        found[name] = value if sign else None
    return found


_EXAMPLES = {"--shapes": "X=N,D", "--attributes": "W1=D,H", "--labels": "y=C", "--scalars": "lam=0.1"}


def _shape(text: str) -> tuple[Any, ...]:
    return tuple(_size(size) for size in text.split(",") if size.strip())


def _size(text: str) -> Any:
    text = text.strip()
    return int(text) if text.isdecimal() else text


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"--scalars {name}={text}: a number is expected") from None
