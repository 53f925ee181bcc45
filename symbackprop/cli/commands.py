"""The command line. Only what a command needs is imported, and only when it runs: --help knows no SymPy."""

import argparse
import json
import keyword
import math
import os
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import symbackprop as sb
from symbackprop.cli.proofread import add_options, is_document, proofread, proofread_document
from symbackprop.errors import SymbackpropError

AGREES, DISAGREES, BAD_INPUT = 0, 1, 2

_EPILOG = """\
exit status: 0 the gradients agree and the proofs hold (or nothing was asked), 1 they do not, 2 bad usage or input

examples:
  symbackprop demo
  symbackprop derive --format latex -o derivation.tex --standalone
  symbackprop derive --detail delta --view both
  symbackprop derive mynet.txt --wrt W1
  symbackprop derive --sizes D-H-K --verify
  symbackprop derive --sizes 784-128-10 --activation tanh --cost softmax_cross_entropy --bias
  symbackprop generate -o grads.py --tests
  symbackprop check --sizes D-H-K --activation relu --l2 lam
  symbackprop check mine.py:cost mine.py:gradient --data data.npz
  symbackprop proofread mine.py:cost mine.py:gradient --shapes X=N,D y=N,K W=D,K --wrt W
  symbackprop report -o report.html
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit status."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without δ gets a ?
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except BrokenPipeError:  # the reader, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush
        return AGREES
    except (SymbackpropError, OSError) as error:
        return _refused(args, str(error))
    except MemoryError:
        return _refused(args, "not enough memory for arrays of these sizes")


def _refused(args: argparse.Namespace, reason: str) -> int:
    print(f"symbackprop {args.command}: {reason}", file=sys.stderr)
    return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="symbackprop",
        description="Derive the gradients of a network, print the steps, generate NumPy code, and check it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"symbackprop {sb.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    _command(commands, "demo", _demo, "show everything on the home network, which predicts a test score")

    derive = _command(commands, "derive", _derive, "derive the gradients, as steps with the names of their rules")
    _network_options(derive)
    form = derive.add_mutually_exclusive_group()
    form.add_argument("--format", choices=["text", "latex", "markdown"], default="text", help="default: text")
    form.add_argument("--json", action="store_true", help="the derivation as data")
    _reading_options(derive)
    derive.add_argument("--verify", action="store_true", help="prove every step, and say how far each proof reaches")
    derive.add_argument("--seed", type=_seed, default=0, help="for the random points of --verify (default: 0)")
    derive.add_argument("--standalone", action="store_true", help="with --format latex: a whole document")
    _output_option(derive)

    generate = _command(
        commands,
        "generate",
        _generate,
        "write a module with cost and cost_and_gradients: in NumPy alone, or for other libraries too",
    )
    _network_options(generate)
    generate.add_argument(
        "--target",
        choices=["numpy", "array_api"],
        default="numpy",
        help="array_api: for arrays of NumPy, PyTorch, JAX or dask; the module needs array-api-compat",
    )
    generate.add_argument(
        "--tests", action="store_true", help="also write test_FILE beside it, which gradient-checks it"
    )
    _output_option(generate)

    check = _command(commands, "check", _check, "check gradients, generated or your own, against finite differences")
    _network_options(check)
    check.add_argument("gradient", nargs="?", metavar="PATH.py:NAME", help=_GRADIENT_HELP)
    check.add_argument("--wrt", action="append", metavar="NAME", help="your parameters, if your gradient has no names")
    check.add_argument("--data", metavar="FILE.npz", help="arrays by name; arguments it lacks are drawn at random")
    check.add_argument("--seed", type=_seed, default=0, help="for what is drawn at random (default: 0)")
    check.add_argument("--json", action="store_true", help="the report as data")
    _output_option(check)

    proofread = _command(
        commands, "proofread", _proofread, "read a derivation or gradient code, and say where it is wrong"
    )
    add_options(proofread)
    _output_option(proofread)

    report = _command(commands, "report", _report, "write a page for a browser: steps, proofs, code, gradient check")
    _network_options(report)
    _reading_options(report)
    report.add_argument("--seed", type=_seed, default=0, help="for what is drawn at random (default: 0)")
    _output_option(report)
    return parser


_GRADIENT_HELP = (
    "your own gradient function, with MODEL the cost, such as mine.py:cost mine.py:gradient --data data.npz; "
    "both are called with the arrays of the data that they have arguments for"
)


def _command(commands: Any, name: str, run: Callable[[Any], int], what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _network_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("network", "without these, the home network: 2-3-1, sigmoid, half_squared_error")
    group.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help=f"a file with a network in NumPy syntax (- reads what is piped in), or one of {', '.join(_BUILDERS)}",
    )
    group.add_argument(
        "--sizes", default="2-3-1", metavar="D-H-K", help="width of each layer, numbers or names (default: 2-3-1)"
    )
    group.add_argument("--activation", default="sigmoid", metavar="NAME", help="f of every layer (default: sigmoid)")
    group.add_argument("--output-activation", metavar="NAME", help="f of the last layer, where it differs")
    group.add_argument("--cost", default="half_squared_error", metavar="NAME", help="default: half_squared_error")
    group.add_argument("--bias", action="store_true", help="add a bias b to every layer")
    group.add_argument("--average", metavar="NAME", help="sum, or divide the cost by: examples, outputs, entries")
    group.add_argument("--layout", default="rows", metavar="NAME", help="examples in rows (default) or columns")
    group.add_argument("--l1", default="0", metavar="LAMBDA", help="weight of the penalty λ Σ |W|, as --l2")
    group.add_argument(
        "--l2", default="0", metavar="LAMBDA", help="weight of the penalty λ/2 Σ W²: a number, or a name such as lam"
    )


def _reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--activation-derivative",
        choices=["argument", "output"],
        default="argument",
        help="f′ as f′(z) (the default), or in terms of a = f(z), such as a ⊙ (1 − a)",
    )
    parser.add_argument("--wrt", action="append", metavar="NAME", help="derive by this parameter only (or W1,W2)")
    parser.add_argument(
        "--detail",
        choices=["full", "delta", "result"],
        default="full",
        help="every step (the default), one line for each δ and gradient, or these without the network",
    )
    parser.add_argument(
        "--view",
        choices=["matrix", "index", "both"],
        default="matrix",
        help="matrices (the default), entry by entry with Σ over indices, or both",
    )


def _output_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file rather than to the terminal")


_BUILDERS = (
    *("linear_regression", "logistic_regression", "residual", "rnn", "lstm", "batchnorm", "layernorm", "attention"),
    "word2vec",
)
_OF_MLP: dict[str, object] = {
    "sizes": "2-3-1",
    "activation": "sigmoid",
    "output_activation": None,
    "cost": "half_squared_error",
}
_OF_MLP |= {"bias": False, "average": None, "layout": "rows", "l1": "0", "l2": "0"}


def _network(args: argparse.Namespace) -> Any:
    if args.model is not None:
        given = [f"--{name.replace('_', '-')}" for name, default in _OF_MLP.items() if getattr(args, name) != default]
        if given:
            source = "what is piped in" if args.model == "-" else args.model
            raise SymbackpropError(f"{', '.join(given)}: the network is said by {source}; leave one of them out")
        if args.model in _BUILDERS and not Path(args.model).exists():
            return getattr(sb, args.model)()
        return _read_network(args.model)
    sizes = [int(size) if size.isascii() and size.isdecimal() else size for size in re.split("[-,]", args.sizes)]
    return sb.mlp(
        sizes,
        args.activation,
        args.cost,
        output_activation=args.output_activation,
        bias=args.bias,
        average=args.average,
        layout=args.layout,
        l1=_number_or_name(args.l1),
        l2=_number_or_name(args.l2),
    )


def _read_network(path: str) -> Any:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SymbackpropError(f"{path} is no text in UTF-8") from None
    try:
        return sb.parse_network(text)
    except SymbackpropError as error:
        raise SymbackpropError(f"{path}: {error}") from None


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"a whole number of at least 0 is expected, not {text!r}")
    return int(text)


def _number_or_name(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _write(args: argparse.Namespace, text: str) -> None:
    if args.output is None:
        print(text.rstrip("\n"), flush=True)
    else:
        Path(args.output).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        print(f"wrote {args.output}", file=sys.stderr)


def _derivation(args: argparse.Namespace) -> Any:
    return sb.derive(_network(args), _names(args.wrt), activation_derivative=args.activation_derivative)


def _names(given: list[str] | None) -> list[str] | None:
    return None if given is None else [name for names in given for name in names.split(",")]


def _derive(args: argparse.Namespace) -> int:
    derivation = _derivation(args)
    if args.standalone and args.format != "latex":
        raise SymbackpropError("--standalone goes with --format latex")
    if args.json and (args.detail, args.view) != ("full", "matrix"):
        raise SymbackpropError("--detail and --view are for documents; --json has everything")
    wanted = {"detail": args.detail, "view": args.view}
    documents: dict[str, Callable[[], str]] = {
        "text": lambda: derivation.to_text(**wanted),
        "latex": lambda: derivation.to_latex(standalone=args.standalone, **wanted),
        "markdown": lambda: derivation.to_markdown(**wanted),
    }
    verification = derivation.verify(seed=args.seed) if args.verify else None
    proved = {} if verification is None else {"verification": verification.to_dict()}
    document = _as_json(derivation.to_dict() | proved) if args.json else documents[args.format]()
    if verification is not None and not args.json:
        if args.format == "text":
            document = f"{document}\n\n{verification}"
        else:  # a LaTeX or Markdown document is not to be spoilt
            print(verification, file=sys.stderr)
    _write(args, document)
    return AGREES if verification is None or verification.verdict == sb.Verdict.RIGHT else DISAGREES


def _generate(args: argparse.Namespace) -> int:
    if args.tests and args.output is None:
        raise SymbackpropError("--tests writes beside the module: say where with -o grads.py")
    module = Path(args.output or "grads.py")
    if module.stem in _SHADOWING or (args.tests and not _is_importable(module)):
        raise SymbackpropError(f"{module.name} cannot be imported, or hides another module; name it like grads.py")
    derivation = sb.derive(_network(args))
    _write(args, derivation.to_source(args.target))
    if args.tests:
        tests = module.with_name(f"test_{module.name}")
        tests.write_text(derivation.to_tests(module.stem), encoding="utf-8")
        print(f"wrote {tests}; run it with: pytest {tests}", file=sys.stderr)
    return AGREES


# What generated modules and tests import themselves, and the names they give it.
_SHADOWING = {
    *("numpy", "np", "array_api_compat", "pytest", "symbackprop", "sb", "rng", "values", "params", "gradients"),
}


def _is_importable(module: Path) -> bool:
    name = module.stem
    usable = name.isidentifier() and not keyword.iskeyword(name) and name not in sys.stdlib_module_names
    return usable and module.suffix == ".py"


def _check(args: argparse.Namespace) -> int:
    if args.gradient is not None or ".py:" in (args.model or ""):
        report, origin = _check_functions(args)
    elif args.wrt:
        raise SymbackpropError("--wrt is for functions of your own: check mine.py:cost mine.py:gradient --wrt W1")
    else:
        derivation = sb.derive(_network(args))
        values, origin = _values(args, derivation.network)
        report = derivation.check(values, seed=args.seed)
    _write(args, _as_json(report.to_dict() | {"point": origin}) if args.json else f"{report}\npoint: {origin}")
    return AGREES if report.verdict == sb.Verdict.RIGHT else DISAGREES


def _proofread(args: argparse.Namespace) -> int:
    if is_document(args):
        return _proofread_document(args)
    found = proofread(args)
    _write(args, _as_json(found.to_dict()) if args.json else str(found))
    return AGREES if found.verdict in (sb.Verdict.RIGHT, sb.Verdict.CONVENTION) else DISAGREES


def _proofread_document(args: argparse.Namespace) -> int:
    found = proofread_document(args, None if args.network is None else _read_network(args.network))
    if args.json:
        _write(args, _as_json(found.to_dict()))
    else:
        _write(args, found.to_markdown() if args.annotate else str(found))
    return AGREES if found.verdict in (sb.LineVerdict.RIGHT, sb.LineVerdict.CONVENTION) else DISAGREES


def _check_functions(args: argparse.Namespace) -> tuple[Any, str]:
    from symbackprop.cli.user_functions import check_functions, function_at

    if args.model is None or args.gradient is None or args.data is None:
        raise SymbackpropError("a cost, a gradient and data: check mine.py:cost mine.py:gradient --data data.npz")
    cost, gradient = function_at(args.model), function_at(args.gradient)
    report = check_functions(cost, gradient, _arrays(args.data), _names(args.wrt), seed=args.seed)
    return report, args.data


def _values(args: argparse.Namespace, network: Any) -> tuple[dict[str, Any], str]:
    """A value for every argument, and where they come from."""
    given = {} if args.data is None else _loaded(args.data, network)
    sizes: dict[str, int] = {}
    for name, array in given.items():
        sizes |= {
            str(s): n for s, n in zip(getattr(network[name], "shape", ()), array.shape, strict=False) if s.is_Symbol
        }
    drawn = [str(s.name) for s in network.arguments if s.name not in given]
    values = sb.random_values(network, sizes, seed=args.seed) | given
    parts = [f"{', '.join(given)} from {args.data}"] if given else []
    parts += [f"{', '.join(drawn)} drawn at random with seed {args.seed}"] if drawn else []
    return values, "; ".join(parts)


def _arrays(path: str) -> dict[str, Any]:
    import numpy as np

    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        reason = "" if "pickle" in str(error) else f": {error}"
        raise SymbackpropError(f"{path} is no .npz file of plain arrays, as numpy.savez writes them{reason}") from None


def _loaded(path: str, network: Any) -> dict[str, Any]:
    arrays = _arrays(path)
    names = [str(s.name) for s in network.arguments]
    unknown = [name for name in arrays if name not in names]
    if unknown:
        raise SymbackpropError(f"{path} has {', '.join(unknown)}; this network takes {', '.join(names)}")
    return arrays


def _report(args: argparse.Namespace) -> int:
    derivation = _derivation(args)
    verification = derivation.verify(seed=args.seed)
    check = derivation.check(sb.random_values(derivation.network, seed=args.seed), seed=args.seed)
    _write(args, derivation.to_html(detail=args.detail, view=args.view, verification=verification, check=check))
    return AGREES if verification.verdict == check.verdict == sb.Verdict.RIGHT else DISAGREES


def _as_json(data: dict[str, Any]) -> str:
    return json.dumps(_finite(data), ensure_ascii=False, indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: null stands for them."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _demo(args: argparse.Namespace) -> int:
    from symbackprop.cli.demo import run

    return AGREES if run() else DISAGREES


if __name__ == "__main__":
    sys.exit(main())
