"""Documents compiled with pdflatex."""

import shutil
import subprocess
from pathlib import Path

import pytest

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="LATEX IS MISSING: pdflatex is not installed, no document was compiled"
)


def compiled(source: str, folder: Path) -> str:
    """Return what pdflatex prints; fail if the document does not compile."""
    (folder / "derivation.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "derivation.tex"]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout[-3000:]
    return run.stdout
