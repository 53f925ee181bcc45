"""The documents as a whole: every step with its rule, formulas, shape and reason; levels of detail; views."""

import re

import pytest

import symbackprop as sb
from symbackprop.backprop.step import why
from symbackprop.errors import shape_text
from symbackprop.network.models.losses import COSTS
from symbackprop.printing.latex import InlineLatex, Latex
from symbackprop.printing.text import Text
from symbackprop.render.latex import latex_blocks
from symbackprop.render.latex_lines import broken
from symbackprop.render.outline import DETAILS, VIEWS, function_names, outline
from tests.support.latex import compiled, needs_latex
from tests.support.networks import ON_PROBABILITIES, composite, residual, rnn, tied, tied_across_sections
from tests.support.zoo import ZOO

NETWORKS = {
    "home": sb.home_network,
    "l2": lambda: sb.mlp(["D", "H", "K"], "tanh", "mean_squared_error", bias=True, l2="lam"),
    "softmax": lambda: sb.mlp([4, "H", 3], "relu", "softmax_cross_entropy", bias=True),
    "composite": composite,
    "tied": tied,
    "tied across sections": tied_across_sections,
    "rnn": lambda: rnn(3),
    "residual": lambda: residual(2),
}


def in_parts(step, last, printer):
    """Return the sides that are printed for a step: without the left side if the line before ended with it."""
    name = f"{printer.doprint(step.symbol)} = " if step.symbol is not None else ""
    left = "" if step.before == last and not name else printer.doprint(step.before)
    return f"{name}{left}".strip(), printer.doprint(step.after)


def steps_of(derivation, printer):
    for section in derivation.tape.sections:
        last = None
        for step in section.steps:
            yield step, *in_parts(step, last, printer)
            last = step.after


@pytest.mark.parametrize("name", NETWORKS)
def test_text_has_every_step_with_rule_formulas_shape_and_reason(name):
    d = sb.derive(NETWORKS[name]())
    printer = Text(function_names(d.tape))
    blocks = d.to_text().split("\n\n")[1:-1]
    assert len(blocks) == len(d.tape.sections)
    lines = [line for block in blocks for line in block.splitlines()[1:]]
    read = []
    for line in lines:
        if line.startswith(" " * 6):
            read[-1][1].append(line.strip())
        else:
            read.append((re.split(r" {2,}(?=\S)", line.strip()), []))
    steps = list(steps_of(d, printer))
    assert len(read) == len(steps)
    for (cells, reason), (step, left, right) in zip(read, steps, strict=True):
        assert cells == [f"{left} = {right}".strip(), step.rule, shape_text(step.shape) if step.shape else "scalar"]
        assert " ".join(reason) == why(step, printer.doprint)
        assert re.fullmatch(r"\S.*\w.*\.", " ".join(reason))


@pytest.mark.parametrize("name", NETWORKS)
def test_latex_and_markdown_have_every_step_with_rule_formulas_shape_and_reason(name):
    d = sb.derive(NETWORKS[name]())
    printer, inline = Latex(function_names(d.tape)), InlineLatex(function_names(d.tape))
    in_latex = re.findall(r"\\intertext{\\emph{(.+?)}: (.+)}\n(.*) &= (.*?)(?: && (.*?))?(?: \\\\)?\n", d.to_latex())
    display = r"\*\*(.+?):\*\* (.+)\n\n\$\$\n\\begin{aligned}\n(.*) &= (.*?)(?: && (.*?))?\n\\end{aligned}\n\$\$"
    in_markdown = re.findall(display, d.to_markdown())
    steps = list(steps_of(d, printer))
    for found in (in_latex, in_markdown):
        assert len(found) == len(steps)
        for (rule, reason, *formula), (step, left, right) in zip(found, steps, strict=True):
            assert rule == step.rule
            assert formula == [left, right, printer.shape(step.shape) if step.shape else ""]
            said = why(step, lambda quantity: f"${inline.doprint(quantity)}$")
            assert r"\frac" not in reason
            assert reason.replace(r"$\sum$", "Σ").replace(r" \times ", "$×$") == said.replace(r" \times ", "$×$")


@pytest.mark.parametrize("name", NETWORKS)
def test_no_sentence_has_a_hole(name):
    d = sb.derive(NETWORKS[name]())
    for step in d.steps:
        assert re.fullmatch(r"\S.*\.", step.why), step.why
        assert "  " not in step.why
        assert not re.search(r"\b1 (rows|columns|examples)\b|[{}]|None|\bis and\b|, and \.", step.why), step.why


def test_numbers_that_do_not_change_are_named():
    net = sb.Network()
    X, W = net.input("X", "N", 2), net.parameter("W", 2, 3)
    net.minimize("J", 3 + sb.total(sb.ones("N", 3) - sb.tanh(X * W)))
    said = [step.why for step in sb.derive(net).steps]
    assert "3 is a constant with respect to W, so its derivative is 0." in said
    assert "3 is a constant with respect to W, so its derivative is 0." in said


def test_the_derivative_is_that_of_the_activation_not_of_a_multiple_of_it():
    net = sb.Network()
    X, W = net.input("X", "N", 2), net.parameter("W", 2, 3)
    z = net.define("z", X * W)
    net.minimize("J", sb.total(sb.power(X * W - 2 * sb.tanh(z), 2)))
    assert "Each entry of tanh(z) depends only on the same entry of z, with the derivative tanh′(z)." in [
        step.why for step in sb.derive(net).steps
    ]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NETWORKS)
def test_delta_has_one_line_for_each_delta_and_gradient(name, view):
    d = sb.derive(NETWORKS[name]())
    full, delta, result = (d.to_text(detail=detail, view=view).split("\n\n") for detail in DETAILS)
    assert delta == [full[0], full[-1]]
    assert result == [full[-1]]
    lines = result[0].splitlines()[1:]
    per_line = 2 if view == "both" else 1
    assert len(lines) == (len(d.adjoints) + len(d.gradients)) * per_line
    names = [re.match(r" *([^ \[]+)", line)[1] for line in lines[::per_line]]
    text = Text()
    wanted = {text.doprint(a.symbol) for a in d.adjoints} | {f"∂J/∂{text.doprint(p)}" for p in d.tape.wrt}
    assert set(names) == wanted
    assert len(names) == len(wanted)
    for document in (d.to_latex(detail="result", view=view), d.to_markdown(detail="result", view=view)):
        assert document.count("&=") == len(lines)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_line_of_the_result_uses_what_lines_above_it_say(name):
    d = sb.derive(NETWORKS[name]())
    lines = d.to_text(detail="result").splitlines()[1:]
    text = Text()
    for adjoint in d.adjoints:
        symbol = re.escape(text.doprint(adjoint.symbol))
        uses = [k for k, line in enumerate(lines) if re.search(rf"(?<![\w∂/]){symbol}(?!\w)", line)]
        assert lines[uses[0]].strip().startswith(f"{text.doprint(adjoint.symbol)} = ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"detail": "ful"}, "unknown detail 'ful': did you mean full?"),
        ({"detail": "deltas"}, "unknown detail 'deltas': did you mean delta?"),
        ({"detail": "all of it"}, "unknown detail 'all of it': there are full, delta and result"),
        ({"detail": None}, "unknown detail None"),
        ({"view": "matrices"}, "unknown view 'matrices': did you mean matrix?"),
        ({"view": "indices"}, "unknown view 'indices': did you mean index?"),
        ({"view": 2}, "unknown view 2: there are matrix, index and both"),
    ],
)
def test_another_detail_or_view_is_refused(options, said):
    d = sb.derive(sb.home_network())
    for document in (d.to_text, d.to_latex, d.to_markdown):
        with pytest.raises(sb.ArgumentError, match=re.escape(said)):
            document(**options)


def test_matrix_and_index_stand_below_each_other():
    d = sb.derive(sb.mlp(["D", "H", "K"]), wrt="W2")
    matrix, index, both = (rows(d.to_latex(view=view)) for view in VIEWS)
    assert len(both) == len(matrix) + len(index) - 2  # f and f′ have no index
    assert [row for row in both if row in matrix or row in index] == [
        row for pair in zip(matrix, index, strict=True) for row in dict.fromkeys(pair) if row in both
    ]


def rows(document):
    return [re.split(r" && | \\\\", line)[0] for line in document.splitlines() if "&=" in line]


# compiled by a real LaTeX


def all_documents():
    for name, network in NETWORKS.items():
        yield name, network()
    for cost in COSTS:
        output = "sigmoid" if cost in ON_PROBABILITIES else None
        yield cost, sb.mlp(["D", "H", "K"], "tanh", cost, output_activation=output, bias=True, l2="lam")


@needs_latex
@pytest.mark.parametrize(("name", "net"), list(all_documents()), ids=lambda part: part if isinstance(part, str) else "")
def test_every_view_compiles_on_pages_that_are_wide_enough(name, net, tmp_path):
    d = sb.derive(net)
    for detail, view in (("full", "both"), ("full", "matrix"), ("delta", "index")):
        source = d.to_latex(standalone=True, detail=detail, view=view)
        assert "Overfull" not in compiled(source, tmp_path)
        assert "[a4paper" in source


@needs_latex
def test_the_compact_form_of_the_example_network_is_one_page(tmp_path):
    d = sb.derive(sb.home_network())
    source = d.to_latex(standalone=True, compact=True)
    assert all(rf"\text{{{step.rule}}}" in source for step in d.steps)
    assert all(step.why not in source for step in d.steps)
    printed = compiled(source, tmp_path)
    assert "(1 page," in printed
    assert "Overfull" not in printed
    assert "(1 page," not in compiled(d.to_latex(standalone=True), tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
def test_broken_formulas_are_whole(name):
    """Each part has its own brackets, and without the breaks it is the formula."""
    for block in latex_blocks(outline(sb.derive(NETWORKS[name]()).tape, "full", "both")):
        for row in block.rows:
            parts = broken(row.right, 20)
            for part in parts:
                assert part.count(r"\left") == part.count(r"\right")
                assert part.count("{") == part.count("}")
                assert part.count(r"\begin") == part.count(r"\end")
            whole = re.sub(r"( \\right\.)* \\\\ \\quad (\\left\. )*\{\}", "", r" \\ ".join(parts))
            assert whole == row.right


def test_formulas_have_numbers_on_request():
    d = sb.derive(sb.batchnorm())
    for standalone in (False, True):
        document = d.to_latex(standalone=standalone, numbered=True)
        assert r"\begin{align}" in document
        assert document.count(r"\nonumber") == document.count(r"\hphantom{{}={}}")
    assert r"\nonumber" in document  # a long formula is broken
    assert r"\begin{align*}" in d.to_latex()


@pytest.mark.parametrize(
    ("formula", "room", "parts"),
    [
        ("a + b", 9, ["a + b"]),
        (r"a \odot b + c \odot d + e \odot f", 9, [r"a \odot b + c \odot d", r"\quad {} + e \odot f"]),
        (r"f\left(a + b\right)", 4, [r"f\left(a \right.", r"\quad \left. {} + b\right)"]),
        (r"\frac{a + b + c}{d}", 3, [r"\frac{a + b + c}{d}"]),
    ],
)
def test_formulas_are_broken_at_operators(formula, room, parts):
    assert broken(formula, room) == parts


# definitions of functions


@pytest.mark.parametrize(
    ("cost", "defined"),
    [
        ("sum(tanh.prime(z) * X)", ["tanh′", "tanh′′"]),
        ("sum(sigmoid.prime(z)**2 * tanh(z))", ["sigmoid", "sigmoid′", "sigmoid′′", "tanh′"]),
        ("sum(tanh.prime.prime(z) * X)", ["tanh′", "tanh′′", "tanh′′′"]),
        ("sum(relu.prime(z) * z)", ["relu", "relu′"]),
        ("tanh(sum(z * X))", ["tanh′"]),
        ("softplus(sum(z * X)) * sum(tanh(z))", ["softplus", "softplus′", "tanh′"]),
        ("sum(log(1 + sigmoid(z)**2) * exp(tanh(X)))", ["sigmoid", "sigmoid′", "tanh′"]),
    ],
)
def test_every_derivative_in_a_formula_is_defined(cost, defined):
    net = sb.parse_network("z: parameter(N, D)\nX: input(N, D)\nJ = " + cost)
    d = sb.derive(net)
    assert left_sides(d.to_text(detail="delta")) == defined
    assert set(re.findall(r"(\w+′+)\(", d.to_text())) <= set(defined)


def left_sides(document):
    return re.findall(r"^  (\w+′*)\(z\) = ", document, re.MULTILINE)


@pytest.mark.parametrize("name", ZOO)
def test_every_derivative_in_the_zoo_is_defined(name):
    shown = sb.derive(sb.parse_network(ZOO[name])).to_text()
    assert set(re.findall(r"(\w+′+)\(", shown)) <= set(left_sides(shown))


def test_documents_of_nested_functions_stay_short():
    """An adjoint that grows with each function gets a name."""

    def nested(count):
        return sb.derive(sb.parse_network("W: parameter(N, D)\nJ = sum(" + "tanh(" * count + "W" + ")" * count + ")"))

    few, many = (len(nested(count).to_text()) for count in (16, 32))
    assert many < 4 * few < 80_000, "it is quadratic, not cubic"
    assert nested(12).verify(seed=0).verdict == "right"
