"""Commands of the command line. Each imports its dependencies when it runs: `--help` needs neither SymPy nor NumPy."""

import argparse
import keyword
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import symbackprop as sb
from symbackprop.cli.data import arrays_of, values_for
from symbackprop.cli.options import (
    add_document_options,
    add_network_options,
    add_output_option,
    add_seed_option,
    derivation_from,
    derived,
    names,
    read_network,
)
from symbackprop.cli.output import (
    as_json,
    page_width,
    prepare_streams,
    require_writable,
    shows_signs,
    write,
    write_exactly,
    write_file,
)
from symbackprop.cli.parser import Parser, complete, one_of
from symbackprop.cli.proofread import (
    add_options,
    by_line,
    code_check,
    document_checks,
    is_document,
    is_failure,
    together,
)
from symbackprop.errors import NotCertifiedError, SymbackpropError, nearest

if TYPE_CHECKING:
    from symbackprop.derivation import Derivation
    from symbackprop.gradcheck.report import GradientCheck

    Commands = argparse._SubParsersAction[Parser]

AGREES, DISAGREES, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_EPILOG = """\
exit status: 0 if the gradients agree and the proofs hold (or none was requested), 1 if they do not,
2 for wrong usage or input

examples:
  symbackprop demo
  symbackprop derive --format latex -o derivation.tex --standalone
  symbackprop derive --detail delta --view both
  symbackprop derive mynet.txt --wrt W1
  symbackprop derive layer.txt --output yhat
  symbackprop derive --sizes D-H-K --verify
  symbackprop derive --sizes 784-128-10 --activation tanh --cost softmax_cross_entropy --bias
  symbackprop generate -o grads.py --tests
  symbackprop check --sizes D-H-K --activation relu --l2 lam
  symbackprop check mine.py:cost mine.py:gradient --data data.npz
  symbackprop proofread mine.py:cost mine.py:gradient --shapes X=N,D y=N,K W=D,K --wrt W
  symbackprop report -o report.html
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    prepare_streams()
    parser, commands = _parser()
    complete(parser)
    args = _parsed(parser, commands, list(sys.argv[1:] if argv is None else argv))
    try:
        require_writable(args)
        return int(args.run(args))
    except BrokenPipeError:  # the reader, such as head, stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing left to flush
        return AGREES
    except KeyboardInterrupt:
        print(f"symbackprop {args.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (SymbackpropError, OSError, MemoryError) as error:
        print(f"symbackprop {args.command}: {_reason(error)}", file=sys.stderr)
        return BAD_INPUT


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "not enough memory for arrays of these sizes"
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


def _parsed(parser: Parser, commands: dict[str, Parser], words: list[str]) -> argparse.Namespace:
    """Return the options that the words choose; print help or an error and exit if they choose no command."""
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if words == ["version"]:
        words = ["--version"]
    if not words:
        parser.exit(BAD_INPUT, parser.format_help())
    if not words[0].startswith("-") and words[0] not in commands:
        parser.error(f"there is no command {words[0]}: {nearest(words[0], commands)}")
    args, rest = parser.parse_known_args(words)
    if rest:
        commands[args.command].refuse(rest)
    return args


def _parser() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser, and the parser of each command."""
    parser = Parser(
        prog="symbackprop",
        description="Derive the gradients of a network, print and prove the steps, generate NumPy code, check and "
        "proofread gradients.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"symbackprop {sb.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    _command(commands, "demo", _demo, "show everything on the example network, which predicts a test score")

    purpose = "derive the gradients and print each step with the name of its rule"
    derive = _command(commands, "derive", _derive, purpose, add_network_options)
    form = derive.add_mutually_exclusive_group()
    form.add_argument(
        "--format",
        type=one_of(_FORMATS, {"md": "markdown", "tex": "latex", "txt": "text"}, _OTHER_FORMATS),
        choices=_FORMATS,
        default="text",
        help="format of the document (default: text)",
    )
    form.add_argument("--json", action="store_true", help="print the derivation as JSON")
    add_document_options(derive)
    derive.add_argument("--verify", action="store_true", help="prove every step and report how far each proof reaches")
    add_seed_option(derive)
    derive.add_argument("--standalone", action="store_true", help="with --format latex: a complete document")
    derive.add_argument("--numbered", action="store_true", help="with --format latex: number the formulas")
    derive.add_argument("--compact", action="store_true", help="with --format latex: rules beside the formulas")
    derive.add_argument("--beamer", action="store_true", help="with --format latex: slides, a step a slide")
    derive.add_argument("--notation", metavar="NAME", help="with --format latex: W^{(l)}, W^{[l]}, W^l or W_l")
    derive.add_argument("--transpose", metavar="SIGN", help=r"with --format latex: the sign of a transpose, \top or T")
    derive.add_argument("--bold", action="store_true", help="with --format latex: bold matrices")
    derive.add_argument(
        "--certificate",
        type=one_of(("coq",)),
        choices=("coq",),
        help="write theorems for Coq, for coqc to check, in place of a document",
    )
    derive.add_argument("--lines", action="store_true", help="with --certificate: a lemma for each line, too")
    add_output_option(derive)

    purpose = "write a module with the functions cost and cost_and_gradients, in NumPy or for other libraries"
    generate = _command(commands, "generate", _generate, purpose, add_network_options)
    generate.add_argument(
        "--target",
        type=one_of(
            _TARGETS, {"array-api": "array_api"}, dict.fromkeys(_LIBRARIES, "array_api runs on PyTorch and JAX")
        ),
        choices=_TARGETS,
        default="numpy",
        help="array_api: for arrays of NumPy, PyTorch, JAX or dask; such a module needs array-api-compat",
    )
    generate.add_argument(
        "--style",
        type=one_of(_STYLES),
        choices=_STYLES,
        default="fast",
        help="textbook: one line for each formula of the derivation, as people write it (default: fast)",
    )
    generate.add_argument(
        "--tests", action="store_true", help="also write test_FILE in the same folder, which gradient-checks the module"
    )
    add_output_option(generate)

    purpose = "check generated gradients, or your own, against finite differences"
    check = _command(commands, "check", _check, purpose, add_network_options)
    check.add_argument("gradient", nargs="?", metavar="PATH.py:NAME", help=_GRADIENT_HELP)
    check.add_argument(
        "--wrt",
        action="append",
        metavar="NAME",
        help="your parameters (or W1,W2), if your gradients are returned without names",
    )
    check.add_argument(
        "--data", metavar="FILE.npz", help="arrays by name; missing arguments of the network are drawn at random"
    )
    add_seed_option(check)
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    add_output_option(check)

    purpose = "find the mistakes in a derivation or in gradient code"
    _command(commands, "proofread", _proofread, purpose, add_options, add_output_option)

    purpose = "write a page for a browser with steps, proofs, code and the gradient check"
    groups = (add_network_options, add_document_options, add_seed_option, add_output_option)
    _command(commands, "report", _report, purpose, *groups)

    purpose = "open a page in the browser that derives and proofreads while you write"
    page = _command(commands, "page", _page, purpose)
    page.add_argument(
        "--port", type=int, default=0, metavar="NUMBER", help="the port to listen on (default: a free one)"
    )
    page.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser, commands.choices


_FORMATS, _TARGETS = ("text", "latex", "markdown"), ("numpy", "array_api")
_STYLES = ("fast", "textbook")
_LIBRARIES = ("torch", "pytorch", "jax", "tensorflow", "dask", "cupy")
_OTHER_FORMATS = {
    "json": "write --json",
    "html": "write symbackprop report -o report.html",
    "pdf": "write --format latex --standalone -o derivation.tex, and run pdflatex derivation.tex",
}
_GRADIENT_HELP = (
    "a gradient function of your own, with its cost as MODEL: mine.py:cost mine.py:gradient --data data.npz; each "
    "function gets the arrays that match its arguments by name"
)


def _command(
    commands: "Commands",
    name: str,
    run: Callable[[argparse.Namespace], int],
    purpose: str,
    *groups: Callable[[argparse.ArgumentParser], None],
) -> Parser:
    """Add a command with some groups of options, and return its parser, to which options can be added."""
    parser = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
    parser.set_defaults(run=run)
    for add_group in groups:
        add_group(parser)
    return parser


_OF_LATEX = ("standalone", "numbered", "compact", "beamer", "notation", "transpose", "bold")


def _derive(args: argparse.Namespace) -> int:
    derivation = derivation_from(args)
    style = {option: getattr(args, option) for option in _OF_LATEX if getattr(args, option)}
    if style and args.format != "latex":
        raise SymbackpropError(f"--{next(iter(style))} goes with --format latex")
    if args.json and (args.detail, args.view) != ("full", "matrix"):
        raise SymbackpropError("--detail and --view are for documents; --json has everything")
    wanted = {"detail": args.detail, "view": args.view}
    if args.certificate is not None:
        return _certificate(args, derivation)
    if args.lines:
        raise SymbackpropError("--lines goes with --certificate coq")
    documents: dict[str, Callable[[], str]] = {
        "text": lambda: derivation.to_text(
            **wanted, width=page_width(args), ascii=args.file is None and not shows_signs()
        ),
        "latex": lambda: derivation.to_latex(**style, **wanted),
        "markdown": lambda: derivation.to_markdown(**wanted),
    }
    verification = derivation.verify(seed=args.seed) if args.verify else None
    proved = {} if verification is None else {"verification": verification.to_dict()}
    document = as_json(derivation.to_dict() | proved) if args.json else documents[args.format]()
    if verification is not None and not args.json:
        if args.format == "text":
            document = f"{document}\n\n{verification}"
        else:  # keeps the LaTeX or Markdown document valid
            print(verification, file=sys.stderr)
    is_text = args.format == "text" and not args.json
    (write if is_text else write_exactly)(args, document)
    return AGREES if verification is None or verification.verdict == sb.Verdict.RIGHT else DISAGREES


def _certificate(args: argparse.Namespace, derivation: "Derivation") -> int:
    if args.json or args.verify or args.format != "text":
        raise SymbackpropError("--certificate writes a file for Coq; leave out --format, --json and --verify")
    try:
        text = derivation.to_coq(lines=args.lines)
    except NotCertifiedError as error:
        print(f"symbackprop derive: {error}", file=sys.stderr)
        return DISAGREES
    write_exactly(args, text)
    return AGREES


def _generate(args: argparse.Namespace) -> int:
    if args.tests and args.file is None:
        raise SymbackpropError("--tests writes beside the module: say where with -o grads.py")
    module = Path(args.file or "grads.py")
    if module.stem in _SHADOWING or (args.tests and not _is_importable(module)):
        raise SymbackpropError(f"{module.name} cannot be imported, or hides another module; name it like grads.py")
    derivation = derived(args)
    write_exactly(args, derivation.to_source(args.target, style=args.style))
    if args.tests:
        tests = module.with_name(f"test_{module.name}")
        write_file(str(tests), derivation.to_tests(module.stem), f"; run it with: pytest {tests}")
    return AGREES


# Names that generated modules and tests import or define.
_SHADOWING = {"numpy", "np", "array_api_compat", "pytest", "symbackprop", "sb", "rng", "values", "params", "gradients"}


def _is_importable(module: Path) -> bool:
    name = module.stem
    usable = name.isidentifier() and not keyword.iskeyword(name) and name not in sys.stdlib_module_names
    return usable and module.suffix == ".py"


def _check(args: argparse.Namespace) -> int:
    if args.gradient is not None or ".py:" in (args.model or ""):
        report, origin = _check_user_functions(args)
    elif args.wrt:
        raise SymbackpropError("--wrt is for functions of your own: check mine.py:cost mine.py:gradient --wrt W1")
    else:
        derivation = derived(args)
        values, origin = values_for(args, derivation.network)
        report = derivation.check(values, seed=args.seed)
    if args.json:
        write_exactly(args, as_json(report.to_dict() | {"point": origin}))
    else:
        write(args, f"{report.to_text(page_width(args))}\npoint: {origin}")
    return AGREES if report.verdict == sb.Verdict.RIGHT else DISAGREES


def _proofread(args: argparse.Namespace) -> int:
    if is_document(args):
        return _proofread_documents(args)
    found = code_check(args)
    _write_report(args, found.to_dict(), found.to_text(details=args.details))
    return AGREES if found.verdict in (sb.Verdict.RIGHT, sb.Verdict.CONVENTION) else DISAGREES


def _proofread_documents(args: argparse.Namespace) -> int:
    from symbackprop.proofread.derivation.annotate import annotated

    found = document_checks(args, None if args.network is None else read_network(args.network))
    if args.html:
        write_exactly(args, sb.marked_page(found))
    elif args.lines:
        write_exactly(args, by_line(found))
    elif len(found) == 1:
        ((name, check),) = found.items()
        if args.annotate and not args.json:
            write_exactly(args, annotated(Path(name), check))
        else:
            _write_report(args, check.to_dict(), str(check))
    else:
        _write_report(args, {name: check.to_dict() for name, check in found.items()}, together(found))
    return DISAGREES if any(is_failure(check.verdict, args.fail_on) for check in found.values()) else AGREES


def _write_report(args: argparse.Namespace, data: dict[str, object], text: str) -> None:
    if args.json:
        write_exactly(args, as_json(data))
    else:
        write(args, text)


def _check_user_functions(args: argparse.Namespace) -> "tuple[GradientCheck, str]":
    from symbackprop.cli.user_functions import check_functions, function_at

    if args.model is None or args.gradient is None or args.data is None:
        missing = "the gradient is missing" if args.gradient is None else "--data is missing"
        raise SymbackpropError(
            f"{missing}: a cost, a gradient and data are needed: check mine.py:cost mine.py:gradient --data data.npz"
        )
    cost, gradient = function_at(args.model), function_at(args.gradient)
    report = check_functions(cost, gradient, arrays_of(args.data), names(args.wrt), seed=args.seed)
    return report, args.data


def _report(args: argparse.Namespace) -> int:
    derivation = derivation_from(args)
    verification = derivation.verify(seed=args.seed)
    check = derivation.check(sb.random_values(derivation.network, seed=args.seed), seed=args.seed)
    write_exactly(args, derivation.to_html(detail=args.detail, view=args.view, verification=verification, check=check))
    return AGREES if verification.verdict == check.verdict == sb.Verdict.RIGHT else DISAGREES


def _page(args: argparse.Namespace) -> int:
    import webbrowser

    from symbackprop.page.server import serve

    def announce(address: str) -> None:
        print(f"The page is at {address}\nIt can be reached from this computer only. Ctrl-C ends it.", flush=True)
        if not args.no_browser:
            webbrowser.open(address)

    serve(args.port, announce=announce)
    return AGREES


def _demo(args: argparse.Namespace) -> int:
    from symbackprop.cli.demo import run

    return AGREES if run() else DISAGREES
