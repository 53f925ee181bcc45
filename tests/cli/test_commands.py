"""The command line, as a process and in process: output, exit status, messages."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.backprop import rules
from symbackprop.cli import commands as cli
from symbackprop.cli import options, output
from symbackprop.expressions.operations import Elementwise


def run(*args, **given):
    return subprocess.run(
        [sys.executable, "-m", "symbackprop", *args], capture_output=True, text=True, check=False, **given
    )


def test_help_imports_neither_sympy_nor_numpy():
    program = (
        "import sys\nfrom symbackprop.cli.commands import main\n"
        "try: main(['--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "assert not {'sympy', 'numpy'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("demo", "derive", "generate", "check", "report"):
        assert command in done.stdout


def test_demo_shows_everything():
    done = run("demo")
    assert (done.returncode, done.stderr) == (0, "")
    for piece in [
        "X    input       N×2",
        "∂J/∂W2   3×1, the shape of W2",
        "∂J/∂W1   2×3, the shape of W1",
        "matrix form",
        "δ3 is the adjoint ∂J/∂z3. It is used again below, so it gets a name.",
        "verification: right",
        r"\begin{align*}",
        "def cost_and_gradients(X, y, W1, W2):",
        "gradient check: right",
        "lower",
        "higher",
    ]:
        assert piece in done.stdout, piece
    assert "NOT" not in done.stdout


@pytest.mark.parametrize("command", ["demo", "derive", "generate", "check", "report"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([command, "--help"])
    assert end.value.code == 0
    assert "usage: symbackprop" in capsys.readouterr().out


def test_derive_in_every_format(capsys):
    d = sb.derive(sb.home_network())
    for option, text in [("text", d.to_text()), ("latex", d.to_latex()), ("markdown", d.to_markdown())]:
        assert cli.main(["derive", "--format", option]) == 0
        assert capsys.readouterr().out == text.rstrip("\n") + "\n"
    assert cli.main(["derive", "--format", "latex", "--standalone"]) == 0
    assert capsys.readouterr().out.startswith(r"\documentclass")


def test_derive_as_data(capsys):
    assert cli.main(["derive", "--json", "--wrt", "W2"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["gradients"] == {
        "dJdW2": {"text": "a2ᵀ δ3", "latex": r"\left(a^{(2)}\right)^{\top} \delta^{(3)}", "shape": ["3", "1"]}
    }
    assert data["steps"][-1]["rule"] == "matrix form"
    assert data["steps"][-1]["after"] == {k: data["gradients"]["dJdW2"][k] for k in ("text", "latex")}
    assert {step["parameter"] for step in data["steps"]} == {"W2"}
    assert [step["name"] for step in data["steps"] if step["name"]] == ["delta3"]
    assert all(step["why"] and step["shape"] for step in data["steps"])


MODEL = """
X: input(N, D)
y: target(N, K)
W1: parameter(D, H)
W2: parameter(H, K)
yhat = tanh(X @ W1) @ W2
J = mean((y - yhat)**2) + sum(abs(W1))
"""


def test_every_command_takes_a_model(tmp_path, capsys):
    model, module = tmp_path / "mynet.txt", tmp_path / "grads.py"
    model.write_text(MODEL)
    assert cli.main(["derive", str(model), "--wrt", "W1", "--verify"]) == 0
    printed = capsys.readouterr().out
    assert "yhat = f(X W1) W2" in printed
    assert "∂J/∂W2   H" not in printed
    assert cli.main(["generate", str(model), "-o", str(module), "--tests"]) == 0
    assert "def cost_and_gradients(X, y, W1, W2)" in module.read_text()
    assert cli.main(["check", str(model)]) == 0
    assert cli.main(["report", str(model), "-o", str(tmp_path / "report.html")]) == 0
    assert "tanh" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("name", options.BUILDERS)
def test_a_model_may_be_the_name_of_a_builder(name, capsys, tmp_path, monkeypatch):
    assert cli.main(["derive", name, "--detail", "result"]) == 0
    printed = capsys.readouterr().out
    assert printed.strip() == sb.derive(getattr(sb, name)()).to_text(detail="result").strip()
    monkeypatch.chdir(tmp_path)  # a file of that name is the model
    (tmp_path / name).write_text("W: parameter(N, D)\nJ = sum(W**2)", encoding="utf-8")
    assert cli.main(["derive", name, "--detail", "result"]) == 0
    assert "∂J/∂W = 2 W" in capsys.readouterr().out


def test_layers_in_columns_averaged_and_with_both_penalties(capsys):
    given = ["--layout", "columns", "--average", "examples", "--l1", "mu", "--l2", "lam", "--bias"]
    assert cli.main(["derive", "--sizes", "D-H-K", *given, "--detail", "result"]) == 0
    assert "∂J/∂W2 = λ W2 + μ sign(W2) + δ3 a2ᵀ" in capsys.readouterr().out


def test_a_model_may_be_piped_in():
    done = run("derive", "-", "--detail", "result", input=MODEL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "∂J/∂W1 = sign(W1) + Xᵀ ((δ_yhat W2ᵀ) ⊙ f′(X W1))" in done.stdout


@pytest.mark.parametrize(
    ("text", "args", "said"),
    [
        ("X: input(N, D)\nW: parameter(D, H)\nJ = sum(X * W)", [], "mynet.txt: line 3, column 9: X * W: X is N×D but"),
        (MODEL, ["--bias", "--cost", "hinge"], "--cost, --bias: the network is defined by"),
        (MODEL, ["--wrt", "W3"], "W3"),
        ("\udcff", [], "is not text in UTF-8"),
        ("", [], "there is nothing here"),
    ],
)
def test_a_model_that_is_none_is_refused_in_one_line(text, args, said, tmp_path, capsys):
    model = tmp_path / "mynet.txt"
    model.write_bytes(text.encode(errors="surrogateescape"))
    assert cli.main(["derive", str(model), *args]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("view", ["matrix", "index", "both"])
@pytest.mark.parametrize("detail", ["full", "delta", "result"])
def test_derive_in_every_detail_and_view(detail, view, capsys):
    d = sb.derive(sb.home_network())
    documents = {"text": d.to_text, "latex": d.to_latex, "markdown": d.to_markdown}
    for form, document in documents.items():
        assert cli.main(["derive", "--format", form, "--detail", detail, "--view", view]) == 0
        assert capsys.readouterr().out == document(detail=detail, view=view).rstrip("\n") + "\n"
    assert cli.main(["derive", "--format", "latex", "--standalone", "--detail", detail, "--view", view]) == 0
    assert capsys.readouterr().out == d.to_latex(standalone=True, detail=detail, view=view)


def test_derive_and_prove(capsys):
    assert cli.main(["derive", "--verify", "--detail", "result"]) == 0
    said = capsys.readouterr().out
    assert "∂J/∂W2 = a2ᵀ δ3" in said
    assert "verification: right (18 lines: 17 proved for all sizes, 18 exact, 18 numeric)" in said
    assert cli.main(["derive", "--verify", "--format", "latex"]) == 0
    document, report = capsys.readouterr()
    assert "verification" not in document
    assert report.startswith("verification: right")
    assert cli.main(["derive", "--verify", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["verification"]["verdict"] == "right"
    assert len(data["verification"]["steps"]) == len(data["steps"])


def test_derive_exits_with_1_where_a_step_is_not_proved(monkeypatch, capsys):
    wrong = rules.Rule(
        "derivative of the activation", lambda G, _, f, Z: [None, G], local=rules.RULES[Elementwise].local
    )
    monkeypatch.setitem(rules.RULES, Elementwise, wrong)
    assert cli.main(["derive", "--verify"]) == 1
    assert "NOT PROVED: all sizes: the two sides differ; exact: at N=4, at W2[" in capsys.readouterr().out


def test_derive_a_network_of_the_users_sizes(capsys):
    given = [
        "--sizes",
        "784-128-10",
        "--activation",
        "tanh",
        "--cost",
        "softmax_cross_entropy",
        "--bias",
        "--l2",
        "lam",
    ]
    assert cli.main(["derive", *given]) == 0
    out = capsys.readouterr().out
    assert "W1   parameter        784×128" in out
    assert "λ    hyperparameter   scalar" in out
    assert "δ3 = ∂J/∂z3 = softmax(z3) − y" in out


def test_generate_writes_a_module_and_its_tests(tmp_path, capsys):
    target = tmp_path / "grads.py"
    assert cli.main(["generate", "-o", str(target), "--tests", "--sizes", "4-3-2"]) == 0
    assert "run it with: pytest" in capsys.readouterr().err
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_grads.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "5 passed" in done.stdout


def test_generate_in_the_style_of_a_textbook(capsys):
    assert cli.main(["generate", "--style", "textbook"]) == 0
    assert capsys.readouterr().out == sb.derive(sb.home_network()).to_source(style="textbook")


def test_check_agrees_with_data_of_the_users_own(tmp_path, capsys):
    np.savez(tmp_path / "home.npz", **sb.home_data())
    assert cli.main(["check", "--data", str(tmp_path / "home.npz"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["verdict"] == "right"
    assert data["point"].startswith("X, y from")
    assert "W1, W2 drawn at random" in data["point"]


MINE = """
import numpy as np
from beside import error

def cost(X, y, W, lam):
    return np.sum(error(X, y, W) ** 2) / 2 + lam / 2 * np.sum(W**2)

def gradient(X, y, W, lam):
    return {"W": X.T @ error(X, y, W) + lam * W}

def in_a_tuple(X, y, W, lam):
    return (gradient(X, y, W, lam)["W"],)

def without_penalty(X, y, W):
    return {"W": X.T @ error(X, y, W)}

def greedy(X, y, W, rate):
    return {"W": W}

def broken(X, y, W):
    raise KeyError("W1")
"""


@pytest.fixture
def mine(tmp_path, rng, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    (tmp_path / "beside.py").write_text("def error(X, y, W):\n    return X @ W - y\n", encoding="utf-8")
    (tmp_path / "fails.py").write_text("1 / 0\n", encoding="utf-8")
    arrays = {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=(5, 2)), "W": rng.normal(size=(3, 2)), "lam": 0.3}
    np.savez(tmp_path / "data.npz", **arrays)
    np.savez(tmp_path / "more.npz", rest=1.0, **arrays)
    return lambda *args: run("check", *args, cwd=tmp_path)


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["mine.py:cost", "mine.py:gradient", "--data", "data.npz"], 0, "gradient check: right"),
        (["mine.py:cost", "mine.py:in_a_tuple", "--data", "data.npz", "--wrt", "W"], 0, "gradient check: right"),
        (["mine.py:cost", "mine.py:without_penalty", "--data", "data.npz"], 1, "0.3 · W is missing"),
        (
            ["mine.py:cost", "mine.py:in_a_tuple", "--data", "data.npz", "--wrt", "W,y"],
            2,
            "1 gradients are returned for 2",
        ),
        (["mine.py:cost", "mine.py:in_a_tuple", "--data", "data.npz"], 2, "say which they are with --wrt W1,W2"),
        (["mine.py:cost", "mine.py:gradent", "--data", "data.npz"], 2, "mine.py has no function gradent: did you mean"),
        (["mine.py:cost", "mine.py:gradient"], 2, "a cost, a gradient and data are needed: check mine.py:cost"),
        (["mine.py:cost", "--data", "data.npz"], 2, "a cost, a gradient and data are needed: check mine.py:cost"),
        (["mine.py:cost", "yours.py:gradient", "--data", "data.npz"], 2, "there is no file yours.py"),
        (["mine.py:cost", "mine:gradient", "--data", "data.npz"], 2, "a function is given as PATH.py:NAME"),
        (["mine.py:cost", "fails.py:g", "--data", "data.npz"], 2, "fails as it is imported: ZeroDivisionError"),
        (["mine.py:cost", "mine.py:greedy", "--data", "data.npz"], 2, "the gradient takes rate, which the data lack"),
        (["mine.py:cost", "mine.py:gradient", "--data", "more.npz"], 2, "neither function takes rest"),
        (["mine.py:cost", "mine.py:broken", "--data", "data.npz"], 2, "the gradient raised KeyError: 'W1'"),
        (["mine.py:cost", "mine.py:gradient", "--data", "data.npz", "--wrt", "V"], 2, "the data have no V"),
        (["--wrt", "W1"], 2, "--wrt is for functions of your own"),
    ],
)
def test_check_of_functions_of_the_users_own(args, status, said, mine):
    done = mine(*args)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    assert said in (done.stderr if status == 2 else done.stdout)


def test_check_exits_with_1_where_the_gradients_disagree(monkeypatch, capsys):
    wrong = rules.Rule("chain rule", lambda G, _, f, Z: [None, G])
    monkeypatch.setitem(rules.RULES, Elementwise, wrong)
    assert cli.main(["check"]) == 1
    assert "gradient check: wrong" in capsys.readouterr().out
    assert cli.main(["demo"]) == 1


def test_undecided_exits_with_1_and_json_has_no_infinity(tmp_path, capsys):
    np.savez(tmp_path / "large.npz", X=np.full((3, 1), 1e4), W1=np.ones((1, 1)))
    given = ["--sizes", "1-1", "--activation", "exp", "--data", str(tmp_path / "large.npz"), "--json"]
    assert cli.main(["check", *given]) == 1
    data = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert data["verdict"] == "undecided"
    assert data["cost"] is None


def test_seed_decides_what_is_drawn(capsys):
    def cost_of(seed):
        cli.main(["check", "--json", "--seed", seed])
        return json.loads(capsys.readouterr().out)["cost"]

    assert cost_of("1") == cost_of("1") != cost_of("2")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["derive", "--activation", "sigmod"], "did you mean sigmoid"),
        (["derive", "lstn"], "lstn is neither a file nor a known network: did you mean lstm?"),
        (["derive", "nofile.txt"], "nofile.txt is neither a file nor a known network: there are linear_regression"),
        (["derive", "--cost", "mse"], "unknown cost 'mse'"),
        (["derive", "--sizes", "2"], "at least two layers"),
        (["derive", "--sizes", ""], "at least two layers"),
        (["derive", "--sizes", "2-0-1"], "at least 1"),
        (["derive", "--sizes", "2-np-1"], "np is a name"),
        (["derive", "--wrt", "X"], "X is an input"),
        (["derive", "--wrt", "W9"], "there are W1 and W2"),
        (["derive", "--l2", "-1"], "l2 is a number of at least 0"),
        (["derive", "--standalone"], "goes with --format latex"),
        (["derive", "--json", "--detail", "delta"], "--json has everything"),
        (["derive", "--json", "--view", "index"], "--json has everything"),
        (["derive", "-o", "/nowhere/at/all.txt", "--verify"], "-o /nowhere/at/all.txt: there is no folder /nowhere/at"),
        (["derive", "-o", "."], "this is a folder"),
        (["derive", "--sizes", "2x3x1"], "as in 2-3-1; write 2-3-1"),
        (["derive", "lstm", "--sizes", "2-3-1"], "--sizes: the network is defined by lstm; leave one of them out"),
        (["derive", "lstm", "--bias"], "--bias: the network is defined by lstm; leave one of them out"),
        (["derive", "--wrt", "W1", "W2"], "several parameters are one word, as in --wrt W1,W2"),
        (["derive", "--activation", "softmax"], "--output-activation softmax"),
        (["derive", "--output-activation", "softmx"], "did you mean softmax?"),
        (["derive", "--cost", "crossentropy"], "'crossentropy': here it is softmax_cross_entropy, of logits"),
        (["derive", "--wrt", "X"], "X: parameter(…) in a text"),
        (["check", "mine.py:cost", "mine.py:gradient"], "--data is missing"),
        (["generate", "--tests"], "say where with -o"),
        (["generate", "--tests", "-o", "my-grads.py"], "cannot be imported"),
        (["check", "--data", "/nowhere.npz"], "No such file"),
        (["check", "--sizes", "²-1"], "a dimension is a name or a whole number"),
        (["check", "--sizes", "99999999999999-1"], "not enough memory"),
        (["generate", "--tests", "-o", "class.py"], "cannot be imported"),
        (["generate", "--tests", "-o", "sb.py"], "hides another module"),
        (["generate", "-o", "numpy.py"], "hides another module"),
    ],
)
def test_bad_input_exits_with_2_and_one_line(args, said, capsys):
    assert cli.main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert err.startswith(f"symbackprop {args[0]}: ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["fly"], "there is no command fly: there are demo, derive"),
        (["drive"], "there is no command drive: did you mean derive?"),
        (["derive", "--fomat", "latex"], "there is no option --fomat: did you mean --format?"),
        (["derive", "lstm", "rnn"], "rnn: there is one word too many"),
        (["derive", "--format", "pdf"], "--format latex --standalone"),
        (["derive", "--format", "json"], "write --json"),
        (["derive", "--format", "html"], "symbackprop report"),
        (["derive", "--format", "ltex"], "did you mean latex?"),
        (["derive", "--json", "--format", "latex"], "not allowed with"),
        (["derive", "--detail", "some"], "there are full, delta and result"),
        (["derive", "--view", "entries"], "there are matrix, index and both"),
        (["generate", "--target", "torch"], "array_api runs on PyTorch and JAX"),
        (["check", "--seed", "-1"], "a whole number of at least 0 is expected"),
    ],
)
def test_bad_usage_exits_with_2_and_one_line(args, said, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(args)
    assert end.value.code == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_without_a_command_the_help_is_shown(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([])
    assert end.value.code == 2
    assert "usage: symbackprop" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"), [(["help"], "examples:"), (["help", "derive"], "--format"), (["version"], sb.__version__)]
)
def test_help_and_version_are_also_commands(words, said, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 0
    assert said in capsys.readouterr().out


def test_other_spellings_of_formats(capsys):
    for short, full in (("md", "markdown"), ("tex", "latex")):
        assert cli.main(["derive", "--format", short]) == cli.main(["derive", "--format", full]) == 0
        out = capsys.readouterr().out
        assert out[: len(out) // 2] == out[len(out) // 2 :]


def test_a_softmax_over_one_output_is_noted(capsys):
    assert cli.main(["derive", "--cost", "softmax_cross_entropy", "--detail", "result"]) == 0
    assert "a softmax over one output is always 1" in capsys.readouterr().err
    assert cli.main(["derive", "--sizes", "2-3", "--cost", "softmax_cross_entropy", "--detail", "result"]) == 0
    assert capsys.readouterr().err == ""


def test_an_unknown_file_is_compared_with_the_files_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mynet.txt").write_text(MODEL, encoding="utf-8")
    assert cli.main(["derive", "mynett.txt"]) == 2
    assert "did you mean mynet.txt?" in capsys.readouterr().err
    assert cli.main(["derive", "quite-other"]) == 2
    assert "the text files here are mynet.txt" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_may_be_in_another_encoding_of_unicode(encoding, tmp_path, capsys):
    path = tmp_path / "net.txt"
    path.write_bytes(MODEL.replace("\n", "\r\n").encode(encoding))
    assert cli.main(["derive", str(path), "--detail", "result"]) == 0
    assert "∂J/∂W1" in capsys.readouterr().out


def test_output_says_if_it_replaces_a_file(tmp_path, capsys):
    target = str(tmp_path / "out.txt")
    for said in (f"wrote {target}\n", f"wrote {target} (in place of the file that was there)\n"):
        assert cli.main(["derive", "-o", target]) == 0
        assert capsys.readouterr().err == said


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "derivation_from", interrupted)
    assert cli.main(["derive"]) == 130
    assert capsys.readouterr().err == "symbackprop derive: interrupted\n"


def test_a_terminal_without_the_signs_gets_ascii():
    done = run("derive", "--detail", "delta", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "dJ/dW2 = a2.T @ delta3" in done.stdout
    assert "?" not in done.stdout
    done = run("generate", "--l2", "lam", env={**os.environ, "PYTHONIOENCODING": "cp1252"}, encoding="utf-8")
    assert "def cost_and_gradients" in done.stdout
    assert "\ufffd" not in done.stdout


def test_lines_follow_the_width_of_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.delenv("LINES", raising=False)
    for args in (["derive", "lstm"], ["derive", "--verify"], ["check"]):
        assert cli.main(args) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 72


@pytest.mark.parametrize(
    ("environment", "coloured"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({}, False)]
)
def test_marks_have_colours_unless_no_color_is_set(environment, coloured, monkeypatch):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    shown = output.for_terminal("derivation: wrong\n✗   1  line 3: a = b", None)
    assert ("\x1b[31m✗\x1b[0m" in shown) == ("\x1b[31mwrong\x1b[0m" in shown) == coloured


def test_completion_answers_a_shell(tmp_path):
    pytest.importorskip("argcomplete")
    answer = tmp_path / "answer"
    line = "symbackprop derive --form"
    environment = {
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
    }
    run(env={**os.environ, **environment})
    assert "--format" in answer.read_text()


def test_data_that_is_no_npz_or_does_not_fit(tmp_path, capsys):
    for name, content in [("text.npz", b"not a zip"), ("empty.npz", b""), ("broken.npz", b"PK\x03\x04 and no more")]:
        (tmp_path / name).write_bytes(content)
        assert cli.main(["check", "--data", str(tmp_path / name)]) == 2
        assert "is not an .npz file of plain arrays" in capsys.readouterr().err
    np.save(tmp_path / "one.npy", np.ones(2))
    assert cli.main(["check", "--data", str(tmp_path / "one.npy")]) == 2
    assert "is not an .npz file of plain arrays" in capsys.readouterr().err
    np.savez(tmp_path / "objects.npz", X=np.array([None, "a"]))
    assert cli.main(["check", "--data", str(tmp_path / "objects.npz")]) == 2
    assert "is not an .npz file of plain arrays" in capsys.readouterr().err
    np.savez(tmp_path / "other.npz", Q=np.ones(2))
    assert cli.main(["check", "--data", str(tmp_path / "other.npz")]) == 2
    assert "has Q; this network takes X, y, W1, W2" in capsys.readouterr().err
    np.savez(tmp_path / "shape.npz", X=np.ones((3, 4)))
    assert cli.main(["check", "--data", str(tmp_path / "shape.npz")]) == 2
    assert "X has shape (3, 4)" in capsys.readouterr().err


def test_a_reader_that_stops_early_is_no_error():
    program = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'symbackprop', 'derive', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE); p.stdout.close(); print(p.stderr.read().decode()); sys.exit(p.wait())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "")
