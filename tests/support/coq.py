"""Coq, for the tests of certificates: the library is compiled once, and the certificates are checked on top of it."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from symbackprop.certificate.names import LIBRARY

IMPORTS = LIBRARY[LIBRARY.index("Require Import") : LIBRARY.index("Open Scope")]
AXIOMS = {  # of Coq's real numbers and of Coquelicot
    *("sig_not_dec", "sig_forall_dec", "functional_extensionality_dep", "classic"),
}


def without_coq() -> str:
    """Return why no certificate can be checked here; nothing if it can."""
    if shutil.which("coqc") is None:
        return "coqc is not installed (Debian: coq and libcoq-coquelicot)"
    return ""


@dataclass
class Answer:
    """What Coq says: where it stops, nothing if it accepts; and what it prints."""

    stops_at: str
    printed: str


class Coq:
    """A folder with the compiled library, in which certificates are checked."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "library.v").write_text(LIBRARY, encoding="utf-8")
        self._run("library")

    def _run(self, name: str) -> subprocess.CompletedProcess[str]:
        command = ["coqc", "-w", "none", f"{name}.v"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300)

    def check(self, text: str, *, axioms: bool = False) -> Answer:
        """Check a certificate on top of the library; with `axioms`, also print those on which it rests."""
        body = text.replace(LIBRARY, IMPORTS + "Require Import library.\nOpen Scope R_scope.\n")
        if not axioms:
            body = body.replace("Print Assumptions all_gradients.", "")
        assert body.count("Require Import library.") == 1
        (self.folder / "one.v").write_text(body, encoding="utf-8")
        done = self._run("one")
        if done.returncode == 0:
            return Answer("", done.stdout)
        line = re.search(r"line (\d+), characters \d+-\d+:\s*Error", done.stderr)
        assert line, done.stderr
        above = "\n".join(body.splitlines()[: int(line[1])])
        return Answer(re.findall(r"(?:Lemma|Theorem|Definition|Hypothesis) ([\w']+)", above)[-1], done.stderr)

    def recheck(self) -> str:
        """Check the last compiled certificate once more, by coqchk; return what it complains about."""
        command = ["coqchk", "-silent", "-norec", "one"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300)
        return done.stderr if done.returncode else ""
