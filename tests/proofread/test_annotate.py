"""Annotated documents keep their format."""

import json
import shutil
import subprocess

import pytest

import symbackprop as sb
from symbackprop.proofread.derivation.annotate import annotated
from tests.page.test_marked import NETWORK, NOTES

LATEX = r"""\documentclass{article}
\usepackage{amsmath}
\begin{document}
The error $\delta^{(3)} = -(y - \hat{y}) \odot f'(z^{(3)})$ is as in
\begin{align}
\delta^{(2)} &= \delta^{(3)} (W^{(2)})^T \odot f(z^{(2)}) \\
\frac{\partial J}{\partial W^{(1)}} &= X \delta^{(2)}
\end{align}
\end{document}
"""


def checked(path):
    return sb.check_derivation(path, sb.parse_network(NETWORK))


@pytest.fixture
def latex(tmp_path):
    path = tmp_path / "notes.tex"
    path.write_text(LATEX, encoding="utf-8")
    return path


def test_latex_has_comments_and_is_otherwise_the_same(latex):
    text = annotated(latex, checked(latex))
    assert [line for line in text.splitlines() if not line.startswith("%")] == LATEX.splitlines()
    assert text.count("\n%   ✗ wrong") == 2
    below = text.splitlines().index(r"\delta^{(2)} &= \delta^{(3)} (W^{(2)})^T \odot f(z^{(2)}) \\") + 1
    assert text.splitlines()[below].startswith("%   ✗ wrong (2)")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_annotated_latex_compiles(latex, tmp_path):
    (tmp_path / "marked.tex").write_text(annotated(latex, checked(latex)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "marked.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("version", [(4, 4), (4, 5)])
def test_a_notebook_has_cells_of_remarks(tmp_path, version):
    first = {"cell_type": "markdown", "metadata": {"k": 1}, "source": "# Notes\n\n", "id": "a"}
    second = {"cell_type": "markdown", "metadata": {}, "source": NOTES.splitlines(keepends=True), "id": "b"}
    third = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": "dW2 = a2 @ delta3"}
    book = {"cells": [first, second, third], "metadata": {}, "nbformat": version[0], "nbformat_minor": version[1]}
    path = tmp_path / "notes.ipynb"
    path.write_text(json.dumps(book), encoding="utf-8")
    found = json.loads(annotated(path, checked(path)))
    assert [cell for cell in found["cells"] if cell in (first, second, third)] == [first, second, third]
    added = [cell for cell in found["cells"] if cell not in (first, second, third)]
    assert [found["cells"].index(cell) for cell in added] == [2, 4]
    assert all(cell["cell_type"] == "markdown" and "✗ **wrong**" in cell["source"] for cell in added)
    assert all(("id" in cell) == (version == (4, 5)) for cell in added)
    assert {key: found[key] for key in found if key != "cells"} == {key: book[key] for key in book if key != "cells"}
