"""Options that several commands share, and the network and the derivation that they choose."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import symbackprop as sb
from symbackprop.cli.parser import one_of
from symbackprop.errors import SymbackpropError, listed, nearest

if TYPE_CHECKING:
    from symbackprop.derivation import Derivation
    from symbackprop.network.network import Network

BUILDERS = (
    *("linear_regression", "logistic_regression", "residual", "rnn", "lstm", "batchnorm", "layernorm", "attention"),
    "word2vec",
)
DETAILS, VIEWS, DERIVATIVES = ("full", "delta", "result"), ("matrix", "index", "both"), ("argument", "output")
_LAYERS: dict[str, Any] = {  # the options that describe layers, with their defaults
    "sizes": "2-3-1",
    "activation": "sigmoid",
    "output_activation": None,
    "cost": "half_squared_error",
    "bias": False,
    "average": None,
    "layout": "rows",
    "l1": "0",
    "l2": "0",
}


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a network."""
    group = parser.add_argument_group("network", "default: the example network, 2-3-1, sigmoid, half_squared_error")
    group.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a file with a network in NumPy syntax (- for standard input), a formula such as 'norm(A*x - y)^2', or "
        f"one of {', '.join(BUILDERS)}",
    )
    group.add_argument("--sizes", metavar="D-H-K", help="width of each layer, numbers or names (default: 2-3-1)")
    group.add_argument("--activation", metavar="NAME", help="activation of every layer (default: sigmoid)")
    group.add_argument("--output-activation", metavar="NAME", help="activation of the last layer, if it differs")
    group.add_argument("--cost", metavar="NAME", help="cost function (default: half_squared_error)")
    group.add_argument("--bias", action="store_true", default=None, help="add a bias b to every layer")
    group.add_argument(
        "--average",
        metavar="NAME",
        help="examples, outputs or entries: divide the cost by their number; sum: do not divide",
    )
    group.add_argument("--layout", metavar="NAME", help="one example in each of the rows (default) or columns")
    group.add_argument("--l1", metavar="LAMBDA", help="add the penalty λ Σ |W|; LAMBDA as for --l2")
    group.add_argument(
        "--l2", metavar="LAMBDA", help="add the penalty λ/2 Σ W²; LAMBDA is a number, or a name such as lam"
    )
    group.add_argument(
        "--output",
        action="append",
        metavar="NAME",
        help="differentiate this output (or h,c) with an upstream gradient, not a cost",
    )


def add_document_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose which parts of a derivation are printed, and in which notation."""
    parser.add_argument(
        "--activation-derivative",
        type=one_of(DERIVATIVES),
        choices=DERIVATIVES,
        default="argument",
        help="write f′ as f′(z) (default), or as a function of a = f(z), such as a ⊙ (1 − a)",
    )
    parser.add_argument("--wrt", action="append", metavar="NAME", help="only with respect to this parameter (or W1,W2)")
    parser.add_argument(
        "--detail",
        type=one_of(DETAILS),
        choices=DETAILS,
        default="full",
        help="full: every step (default); delta: the network and one line for each δ and gradient; result: only "
        "these lines",
    )
    parser.add_argument(
        "--view",
        type=one_of(VIEWS),
        choices=VIEWS,
        default="matrix",
        help="write matrices (default), single entries with Σ over indices, or both",
    )


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """Add `-o FILE`."""
    parser.add_argument("-o", dest="file", metavar="FILE", help="write to this file instead of the terminal")


def add_seed_option(parser: argparse.ArgumentParser) -> None:
    """Add `--seed`."""
    parser.add_argument("--seed", type=_seed, default=0, help="seed of all random numbers (default: 0)")


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"a whole number of at least 0 is expected, not {text!r}")
    return int(text)


def network_from(args: argparse.Namespace) -> "Network":
    """Return the network that the options choose: from a file, from a builder, or from layer sizes."""
    given = {name: getattr(args, name) for name in _LAYERS if getattr(args, name) is not None}
    if args.model is None:
        return _layers(**_LAYERS | given)
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        source = "standard input" if args.model == "-" else args.model
        raise SymbackpropError(f"{options}: the network is defined by {source}; leave one of them out")
    if args.model == "-" or Path(args.model).is_file():
        return read_network(args.model)
    if _FORMULA.search(args.model):
        return sb.parse_network(sb.network_of_formula(args.model))
    if args.model not in BUILDERS:
        raise SymbackpropError(_unknown_model(args))
    built: Network = getattr(sb, args.model)()
    return built


_FORMULA = re.compile(r"[(*^@+='\s]")


def _unknown_model(args: argparse.Namespace) -> str:
    """Return a sentence about a MODEL that is neither a file nor the name of a builder."""
    folder = Path(args.model).parent
    texts = sorted(str(path) for path in folder.glob("*.txt")) if folder.is_dir() else []
    said = f"{args.model} is neither a file nor a known network: {nearest(args.model, [*BUILDERS, *texts])}"
    if not said.endswith("?") and texts:
        said += f"; the text files here are {listed(texts)}"
    if getattr(args, "wrt", None) and args.model.isidentifier():
        said += f"; several parameters are one word, as in --wrt {','.join([*args.wrt, args.model])}"
    return said


def _layers(sizes: str, **options: Any) -> "Network":
    widths = [int(size) if size.isascii() and size.isdecimal() else size for size in re.split("[-,]", sizes)]
    if len(widths) < 2:
        crossed = re.sub(r"(?<=[0-9])[x×](?=[0-9])", "-", sizes)
        hint = f"; write {crossed}" if crossed != sizes else ""
        raise SymbackpropError(f"--sizes {sizes}: the widths of at least two layers are expected, as in 2-3-1{hint}")
    if options["activation"] == "softmax":
        raise SymbackpropError(
            "--activation softmax: softmax mixes the entries of a row, so it can only be the last activation: "
            "--output-activation softmax, or --cost softmax_cross_entropy, which contains it"
        )
    penalties = {name: _number_or_name(options[name]) for name in ("l1", "l2")}
    if widths[-1] == 1 and (options["output_activation"] == "softmax" or options["cost"] == "softmax_cross_entropy"):
        print("note: a softmax over one output is always 1; two classes need --sizes …-2", file=sys.stderr)
    return sb.mlp(widths, options.pop("activation"), options.pop("cost"), **options | penalties)


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def read_network(path: str) -> "Network":
    """Return the network that a file defines in NumPy syntax; `-` is standard input."""
    from symbackprop.parsing.files import decoded

    source = "standard input" if path == "-" else path
    text = decoded(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
    if text is None:
        raise SymbackpropError(f"{source} is not text in UTF-8")
    try:
        return sb.parse_network(text)
    except SymbackpropError as error:
        raise SymbackpropError(f"{source}: {error}") from None


def derivation_from(args: argparse.Namespace) -> "Derivation":
    """Return the derivation that the options choose."""
    return derived(args, names(args.wrt), activation_derivative=args.activation_derivative)


def derived(args: argparse.Namespace, wrt: list[str] | None = None, **options: str) -> "Derivation":
    """Return the derivation of the network that the options choose, of its cost or of the outputs that they name."""
    ends = names(args.output)
    files = [name for name in ends or () if not name.isidentifier()]
    if files:
        raise SymbackpropError(
            f"--output {files[0]}: the name of an output of the network is expected; -o names a file"
        )
    return sb.derive(network_from(args), wrt, output=ends, **options)


def names(given: list[str] | None) -> list[str] | None:
    """Return the names that a repeated option lists, separated by commas as in `W1,W2`; None if there are none."""
    return None if given is None else [name.strip() for listed in given for name in listed.split(",")]
