"""The page for a browser: well-formed, self-contained, complete, and really drawn."""

import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser
from importlib.resources import files
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

import symbackprop as sb
from symbackprop.cli import commands as cli
from symbackprop.errors import SymbackpropError
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.printing.latex_names import latex_name
from symbackprop.render.latex import latex_blocks
from symbackprop.render.mathml import MathML
from symbackprop.render.outline import outline
from tests.support import networks

VOID = {"meta", "br", "link", "img", "hr", "input"}
MATH = re.compile(r"<math.*?</math>", re.DOTALL)
# what browsers know of MathML (MathML Core)
CORE = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "msup", "msub", "msubsup", "munder"}
CORE |= {"mover", "munderover", "mtable", "mtr", "mtd"}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Tree(HTMLParser):
    """A parser that checks that elements are closed in order, and gathers the text outside of <style> and <pre>."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.said = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "pre"} & set(self.open):
            self.said.append(data)

    @property
    def text(self):
        return "".join(self.said)


def every_network():
    yield from (sb.mlp(["D", "H", "K"], name, bias=True) for name in FUNCTIONS)
    yield from (sb.mlp(["D", "H", "K"], "sigmoid", cost, bias=True, l2="lam") for cost in sb.COSTS)
    yield sb.mlp([2, 3, 4, 1], "relu", output_activation="leaky_relu")
    yield from (networks.composite(), networks.tied(), networks.rnn(3), networks.residual(2), odd_names())


def odd_names():
    net = sb.Network()
    X, W = net.input("X_in", "N", "D_x"), net.parameter("W_hidden_2", "D_x", "width")
    b = net.parameter("bias", 1, "width")
    hidden = net.define("hidden_state", sb.tanh(X * W + sb.broadcast(b, "N", "width")))
    net.minimize("loss", sb.total(sb.power(hidden, 2)) * net.scalar("theta_0"))
    return net


@pytest.fixture(scope="module")
def home():
    return sb.derive(sb.home_network())


@pytest.fixture(scope="module")
def full(home):
    check = home.check(sb.home_data() | sb.home_weights(), seed=0)
    return home.to_html(view="both", verification=home.verify(seed=0), check=check)


def judged(d, verdict, summary, *, step=2):
    """Return proofs as `verify` gives them, with one step that is not proved."""
    right = SimpleNamespace(verdict="right", summary="proved for all sizes")
    lines = [right] * len(d.steps)
    lines[step] = SimpleNamespace(verdict=verdict, summary=summary)
    return SimpleNamespace(lines=tuple(lines), functions=())


@pytest.mark.parametrize("net", list(every_network()))
@pytest.mark.parametrize("view", ["matrix", "both"])
def test_well_formed_without_rests_of_latex(net, view):
    d = sb.derive(net)
    page = d.to_html(view=view, check=d.check(sb.random_values(net, seed=0), seed=0))
    tree = Tree(page)
    assert "script" not in tree.tags
    assert not re.search(r"https?://|[\\$]", re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL))
    assert "&" not in tree.text  # every code of a character is one
    for formula in MATH.findall(page):
        root = ElementTree.fromstring(formula)  # noqa: S314 — it is our own
        assert {element.tag for element in root.iter()} <= CORE
        assert "&" not in "".join(root.itertext())


@pytest.mark.parametrize("net", [sb.home_network(), networks.composite(), odd_names()])
def test_every_step_and_parameter_is_there(net):
    d = sb.derive(net)
    page = Tree(d.to_html()).text
    math = MathML()
    at = 0
    for block in latex_blocks(outline(d.tape)):
        for row in block.rows:
            for part in filter(None, (row.above and math.prose(row.above), math.display("= " + row.right))):
                said = Tree(part).text
                assert said in page[at:], said
                at = page.index(said, at)
    for step in d.steps:
        assert step.rule in page
    for name, role in net.roles.items():
        if role == "parameter":
            assert Tree(math.inline(latex_name(name))).text in page


def test_witnesses_stand_beside_their_steps(home, full):
    verification = home.verify(seed=0)
    steps = re.findall(r'<li class="step" id="step-(\d+)">(.*?)</li>', full, re.DOTALL)
    assert [int(number) for number, _ in steps] == list(range(1, len(home.steps) + 1))
    for (_, step), line in zip(steps, verification.lines, strict=True):
        assert line.step.rule in step
        assert f"✓</span> {line.summary}" in step
    assert "all 17 steps proved" in full
    assert "NOT PROVED" not in full


def test_what_is_not_proved_stands_out_without_colour(home):
    page = home.to_html(verification=judged(home, "wrong", "NOT PROVED: all sizes: x < y & z"))
    assert '<li class="step failed" id="step-3">' in page
    assert page.count("step failed") == 1
    assert "✗</span> NOT PROVED: all sizes: x &lt; y &amp; z" in page
    assert '1 of 17 steps NOT PROVED:</span> <a href="#step-3">step 3</a>' in page
    page = home.to_html(verification=judged(home, "undecided", "numeric"))
    assert "?</span> undecided: numeric" in page
    assert "1 of 17 steps undecided:" in page


def test_without_witnesses_and_check_nothing_is_claimed(home):
    page = home.to_html()
    for claim in ("proved", "✓", "gradient check", "right<"):
        assert claim not in page


def test_gradient_check_is_a_table(home, full):
    check = home.check(sb.home_data() | sb.home_weights(), seed=0)
    said = Tree(full).text
    assert "gradient check: right" in said
    for block in check.blocks:
        assert f"<td>{block.name}</td>" in full
        assert f"{block.numeric:.9g} ± {block.uncertainty:.0e}" in full
    assert f"{check.evaluations} evaluations of the cost" in said


def test_a_failed_check_says_so(home):
    check = sb.check_gradients(lambda x: float((x**2).sum()), lambda x: x, sb.home_data()["X"])
    page = home.to_html(check=check)
    assert "✗ gradient check: wrong" in page
    assert page.count("✗") == 3  # above, over the table, in its row


def test_code_is_that_of_a_textbook_and_escaped(full, home):
    """The activation, its derivative, and the function that computes the gradients."""
    source = home.to_source(style="textbook")
    functions = source[source.index("def f(z)") : source.index("\n\n\ndef cost(")]
    assert "dJdW1 = X.T @ delta2" in functions
    shown = re.search(r"<pre><code>(.*?)</code></pre>", full, re.DOTALL)[1]
    assert unescape(shown) == functions
    assert shown == escape(functions)
    assert "<" not in shown
    assert "&quot;&quot;&quot;" in shown


def test_levels_of_detail(home):
    full, delta, result = (home.to_html(detail=detail) for detail in ("full", "delta", "result"))
    assert full.count('<li class="step"') == 17
    for page in (delta, result):
        assert '<li class="step"' not in page
        assert "steps that each" not in page
    assert "The network" in delta
    assert "The network" not in result
    with pytest.raises(SymbackpropError, match="did you mean full"):
        home.to_html(detail="ful")


def test_grows_linearly():
    def size(layers):
        d = sb.derive(sb.mlp(["D", *(f"H{k}" for k in range(1, layers)), "K"]))
        return len(d.to_html())

    sizes = [size(layers) for layers in (2, 4, 6)]
    first, second = sizes[1] - sizes[0], sizes[2] - sizes[1]
    assert second < 1.2 * first


def test_the_font_and_its_licence_are_in_the_package():
    folder = files("symbackprop.render").joinpath("fonts")
    font = folder.joinpath("stix-two-math-subset.woff2").read_bytes()
    assert font[:4] == b"wOF2"
    assert len(font) < 120_000
    assert "SIL OPEN FONT LICENSE" in folder.joinpath("OFL.txt").read_text(encoding="utf-8")


def test_without_latex2mathml_it_says_what_to_install(home, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    with pytest.raises(SymbackpropError, match=r"pip install 'symbackprop\[html\]'"):
        home.to_html()
    assert cli.main(["report"]) == 2
    assert "pip install 'symbackprop[html]'" in capsys.readouterr().err
    assert home.to_text()


def test_report_command(tmp_path, capsys):
    file = tmp_path / "report.html"
    assert cli.main(["report", "--sizes", "D-H-K", "--bias", "--view", "both", "-o", str(file)]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"wrote {file}\n")
    page = file.read_text(encoding="utf-8")
    Tree(page)
    assert "gradient check: right" in page
    assert cli.main(["report", "--wrt", "W2", "--detail", "delta", "--seed", "3"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert "dJdW2 = a2.T @ delta3" in page
    assert "dJdW1" not in page


# What a browser makes of it.

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the page is not drawn")
MEASURE = """<!doctype html><body><iframe id="f" style="width:380px;height:900px;border:0"></iframe><pre id="out"></pre>
<script>
const frame = document.getElementById("f");
frame.onload = async () => {
  const inner = frame.contentDocument;
  await inner.fonts.ready;
  const faces = [...inner.fonts].map(face => face.status).join();
  document.getElementById("out").textContent = `width ${inner.documentElement.scrollWidth} faces ${faces}`;
};
frame.srcdoc = %s;
</script>"""


def browse(tmp_path, page, *options):
    """Run Chromium on a page, and return its process with the log."""
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars --disable-background-networking "
    flags += "--disable-component-update --disable-sync --disable-dev-shm-usage --enable-logging=stderr"
    return subprocess.run(
        [CHROMIUM, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", *options, file.as_uri()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def pixels(png):
    """Return the bytes of the image: rows of filtered pixels."""
    at, data = 8, b""
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        data += png[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    return zlib.decompress(data)


@needs_chromium
@pytest.mark.parametrize("size", ["500,900", "1400,900"])
def test_it_is_drawn(full, tmp_path, size):
    picture = tmp_path / "page.png"
    done = browse(tmp_path, full, f"--screenshot={picture}", f"--window-size={size}")
    assert "CONSOLE" not in done.stderr
    drawn = pixels(picture.read_bytes())
    assert sum(byte != 0 for byte in drawn) > 0.003 * len(drawn)


@needs_chromium
def test_it_fits_a_phone_and_uses_its_own_font(tmp_path):
    d = sb.derive(sb.mlp(["D", "H", "K"], bias=True, l2="lam", cost="softmax_cross_entropy"))
    verification = judged(d, "wrong", "NOT PROVED: " + "a_long_word" * 20)
    check = d.check(sb.random_values(d.network, seed=0), seed=0)
    page = d.to_html(view="both", verification=verification, check=check)
    literal = "'" + page.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("</", "<\\/") + "'"
    done = browse(tmp_path, MEASURE % literal, "--dump-dom", "--virtual-time-budget=10000")
    assert "CONSOLE" not in done.stderr
    assert re.search(r'<pre id="out">(.*?)</pre>', done.stdout)[1] == "width 380 faces loaded"


def test_a_wrong_derivative_of_a_function_is_said_at_the_top(monkeypatch):
    right = FUNCTIONS["sigmoid"]
    monkeypatch.setitem(FUNCTIONS, "sigmoid", replace(right, prime_of_output=1 + right.prime_of_output))
    d = sb.derive(sb.home_network())
    page = d.to_html(verification=d.verify(seed=0))
    assert "NOT PROVED: the derivative of a function" in page
    assert "NOT PROVED: exact: at z = " in page


def test_the_proof_of_a_derivative_stands_beside_its_definition():
    """Functions that documents do not define, such as exp, have proofs too; f′′ has none."""
    cost = "sum(exp(X) * tanh.prime(z) * sigmoid(z))"
    d = sb.derive(sb.parse_network("z: parameter(N, D)\nX: input(N, D)\nJ = " + cost))
    verification = d.verify(seed=0)
    tampered = [
        SimpleNamespace(formula=p.formula, verdict=p.verdict, summary=f"proof of {p.formula[:4]}")
        for p in verification.functions
    ]
    page = d.to_html(detail="delta", verification=SimpleNamespace(lines=verification.lines, functions=tampered))
    lines = [line for line in page.split('<div class="line')[1:] if "proof of" in line]
    assert [re.search("proof of (....)", line)[1] for line in lines] == ["tanh", "sigm"]
    assert all(f"{name}" in line for name, line in zip(("tanh", "σ"), lines, strict=True))
