"""The commands of a notebook: `%load_ext symbackprop` adds `%%backprop` and `%%proofread`."""

import argparse
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

import symbackprop as sb
from symbackprop.cli.options import names
from symbackprop.errors import ArgumentError, nearest

if TYPE_CHECKING:
    from symbackprop.derivation import Derivation
    from symbackprop.proofread.derivation.report import DerivationCheck


class _Words(argparse.ArgumentParser):
    """A parser of the line of a command, whose errors are exceptions."""

    def error(self, message: str) -> NoReturn:
        """Raise an error with the usage."""
        raise ArgumentError(f"{message}; {self.format_usage().strip()}")


def register(shell: Any) -> None:
    """Add the commands to an IPython shell."""

    def backprop(line: str, cell: str) -> "Derivation":
        """Derive the gradients of the network in this cell: `%%backprop [NAME] [--wrt W1,W2] [--output NAME]`."""
        words = _Words(prog="%%backprop", add_help=False)
        words.add_argument("name", nargs="?", metavar="NAME")
        words.add_argument("--wrt", action="append", metavar="NAME")
        words.add_argument("--output", action="append", metavar="NAME")
        args = words.parse_args(shlex.split(line))
        derivation = sb.derive(sb.parse_network(cell), names(args.wrt), output=names(args.output))
        _keep(shell, args.name, derivation)
        return derivation

    def proofread(line: str, cell: str) -> "DerivationCheck":
        """Proofread the derivation in this cell, in Markdown: `%%proofread [NETWORK]`, a network or derivation."""
        name = line.strip()
        if name and name not in shell.user_ns:
            known = [known for known, value in shell.user_ns.items() if isinstance(value, sb.Network | sb.Derivation)]
            raise ArgumentError(f"%%proofread {name}: there is no such variable; {nearest(name, known)}")
        given = shell.user_ns[name] if name else None
        return sb.check_derivation(cell, getattr(given, "network", given))

    for command in (backprop, proofread):
        shell.register_magic_function(command, "cell", command.__name__)


def _keep(shell: Any, name: str | None, derivation: "Derivation") -> None:
    """Keep a derivation in a variable of the notebook."""
    if name is None:
        return
    if not name.isidentifier():
        raise ArgumentError(f"%%backprop {name}: the name of a variable for the derivation is expected")
    shell.push({name: derivation})
