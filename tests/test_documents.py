"""README and docs: every Python block and every console block runs, and prints what stands there.

`python -m tests.test_documents` writes the real output into them.
"""

import doctest
import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import symbackprop as sb
from symbackprop.backprop.rules import RULES
from symbackprop.backprop.wording import (
    CANCELLATION,
    DEFINITION,
    FUNCTION,
    GIVEN_ADJOINT,
    KNOWN_ADJOINT,
    NAMED_ADJOINT,
    NO_DEPENDENCE,
    ONE_HOT_ROWS,
    SAME_QUANTITY,
    SENTENCES,
    SEVERAL_USES,
    SUBSTITUTION,
)
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.network.models.layout import LAYOUTS
from symbackprop.network.models.losses import AVERAGES, COSTS, FACTORS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def sybil():
    return Sybil(parsers=[PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS)])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_python_blocks(path):
    document = sybil().parse(path)
    examples = list(document.examples())
    assert bool(examples) == bool(_PYTHON.search(path.read_text(encoding="utf-8")))
    for example in examples:
        example.evaluate()


def consoles():
    return [(path, block) for path in DOCUMENTS for block in _CONSOLE.findall(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("path", "block"), consoles(), ids=lambda part: getattr(part, "name", None))
def test_console_blocks(path, block, tmp_path):
    assert played(block, tmp_path) == block


def played(block, folder):
    """The block with the real output of its commands."""
    lines = []
    for line in block.splitlines():
        if line.startswith("$ "):
            command = line[2:].replace("symbackprop ", f"'{sys.executable}' -m symbackprop ", 1)
            run = subprocess.run(  # noqa: S602 — the commands are the documents' own
                command,
                shell=True,
                cwd=folder,
                text=True,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            lines += [line, *run.stdout.splitlines()]
    return "\n".join(lines) + "\n"


def test_documents_are_really_run(tmp_path):
    """A planted wrong output, in either kind of block, is noticed."""
    planted = tmp_path / "planted.md"
    planted.write_text("```python\n>>> 1 + 1\n3\n\n```\n", encoding="utf-8")
    with pytest.raises(Exception, match="Expected:\n    3"):
        next(iter(sybil().parse(planted).examples())).evaluate()
    assert played("$ symbackprop --version\nsymbackprop 9\n", tmp_path) != "$ symbackprop --version\nsymbackprop 9\n"


def rule_names():
    """Every name that a step can carry."""
    for rule in RULES.values():
        yield from filter(None, (rule.name, rule.with_one_variable, rule.local and rule.local.name))
    yield from (DEFINITION, KNOWN_ADJOINT, NAMED_ADJOINT, SEVERAL_USES, SAME_QUANTITY, NO_DEPENDENCE)
    yield from (SUBSTITUTION, CANCELLATION, ONE_HOT_ROWS, FUNCTION, GIVEN_ADJOINT)


def test_every_rule_is_explained():
    explained = (ROOT / "docs" / "derivation.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| ([a-z -]+) \| .+ \| .+ \|$", explained, re.MULTILINE)
    assert set(rule_names()) <= set(table)
    assert set(rule_names()) == {key if isinstance(key, str) else key[0] for key in SENTENCES}


NAMED = [*FUNCTIONS, *COSTS, *FACTORS, *AVERAGES, *LAYOUTS]  # before any test registers a function


@pytest.mark.parametrize("name", NAMED)
def test_every_row_of_a_table_is_in_the_documents(name):
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page or f'"{name}"' in page


def test_every_builder_is_in_the_documents():
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    modules = [
        module
        for name, module in sb._HOME.items()
        if module.startswith("symbackprop.network.models") and not name.startswith(("COSTS", "home_"))
    ]
    assert len(modules) == 10
    assert all(f"`sb.{name}" in page for name, home in sb._HOME.items() if home in modules and name != "COSTS")


def test_the_picture_of_the_architecture_is_current():
    """`python docs/draw_architecture.py` draws it anew, after a change of the import contract."""
    drawing = run_path(str(ROOT / "docs" / "draw_architecture.py"))
    assert drawing["PICTURE"].read_text(encoding="utf-8") == drawing["picture"]()


def test_every_module_of_the_contract_is_on_the_page_of_the_architecture():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layers = run_path(str(ROOT / "docs" / "draw_architecture.py"))["layers"]()
    modules = {module for layer in layers for module in layer} - {"__main__"}
    assert {module for module in modules if f"`{module}`" not in page and f"`{module}/`" not in page} == set()


def test_pre_commit_and_ci_run_the_same_commands():
    hooks = re.findall(r"^ +entry: (.+)$", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    script = re.sub(r"^ *(say|#).*", "", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), flags=re.MULTILINE)
    commands = re.findall(r"(?<![\w-])((?:ruff|mypy|lint-imports)\b[^\n;&|>]*)", script.replace('"', ""))
    assert hooks
    assert sorted(hooks) == sorted({command.strip() for command in commands})


def test_every_page_is_in_the_table_of_contents():
    start = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```{toctree}\n(?::[^\n]*\n)+\n(.*?)```", start, re.DOTALL)
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert sorted(page for tree in trees for page in tree.split()) == sorted(pages)


def test_every_public_name_is_in_the_reference():
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. auto\w+:: symbackprop\.(\w+)$", page, re.MULTILINE)
    assert sorted([*listed, "COSTS"]) == sorted(set(sb.__all__) - {"ElementwiseFunction"})
    assert all(getattr(sb, name).__doc__ for name in listed)


def rewritten(text, folder):
    """A document with the real output in all its blocks."""
    namespace = {}
    text = _CONSOLE.sub(lambda match: f"```console\n{played(match[1], folder)}```", text)
    return _PYTHON.sub(lambda match: f"```python\n{_executed(match[1], namespace)}\n```", text)


def _executed(block, namespace):
    said = []

    class Recorder(doctest.DocTestRunner):
        def record(self, example, got):
            source = example.source.splitlines()
            code = "\n".join([f">>> {source[0]}", *(f"... {line}" for line in source[1:])])
            raised = f"Traceback (most recent call last):\n...\n{example.exc_msg}"
            said.extend([code, "\n", got if example.exc_msg is None else raised])

        def report_success(self, out, test, example, got):
            self.record(example, got)

        def report_failure(self, out, test, example, got):
            self.record(example, got)

        def report_unexpected_exception(self, out, test, example, exc_info):
            raise exc_info[1]

    test = doctest.DocTestParser().get_doctest(block, namespace, "block", None, 0)
    test.globs = namespace
    Recorder(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False, out=lambda _: None)
    return "".join(said)


if __name__ == "__main__":
    import tempfile

    for document in DOCUMENTS:
        with tempfile.TemporaryDirectory() as folder:
            document.write_text(rewritten(document.read_text(encoding="utf-8"), folder), encoding="utf-8")
