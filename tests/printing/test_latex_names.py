"""Names in other notations: they read back as the same derivation, and compile."""

import pytest

import symbackprop as sb
from symbackprop.errors import ArgumentError
from tests.support.latex import compiled, needs_latex

STYLES = [
    {"notation": "W^{[l]}"},
    {"notation": "W_l", "transpose": "T", "bold": True},
    {"notation": r"W^{\langle l \rangle}", "transpose": r"\mathsf{T}"},
]


@pytest.mark.parametrize("style", STYLES[:2])
def test_what_is_printed_is_read_back_as_right(style):
    d = sb.derive(sb.mlp(["D", "H", "K"], bias=True))
    check = sb.check_derivation(f"$${d.to_latex(detail='delta', **style)}$$", d.network)
    assert {str(line.verdict) for line in check.lines} == {"right"}, check
    assert len(check.lines) >= 9


def test_the_number_of_a_layer_needs_no_brackets_below():
    d = sb.derive(sb.mlp([2, 3, 1]))
    assert r"a_{2}^{\top} \delta_{3}" in d.to_latex(notation="W_l")
    assert r"\left(a^{[2]}\right)^{\top}" in d.to_latex(notation="W^{[l]}")


def test_a_subscript_stands_beside_the_number_of_a_layer():
    net = sb.parse_network("X: input(N, D)\nW_xh1: parameter(D, H)\nJ = sum((X @ W_xh1)**2)")
    assert r"W_{\mathit{xh}, 1}" in sb.derive(net).to_latex(notation="W_l")


def test_names_that_would_look_the_same_are_refused():
    net = sb.parse_network("X: input(N, D)\nW1: parameter(D, H)\nW_1: parameter(H, K)\nJ = sum((X @ W1 @ W_1)**2)")
    with pytest.raises(ArgumentError, match=r"W1 and W_1 would look the same|W_1 and W1 would look the same"):
        sb.derive(net).to_latex(notation="W_l")
    assert "W^{(1)}" in sb.derive(net).to_latex()


@pytest.mark.parametrize("notation", ["W", "Wl", "W^{(l", "W^{(l]}", "W^{k}", "", 3])
def test_other_notations_are_refused(notation):
    with pytest.raises(ArgumentError, match="the weights of layer l are expected"):
        sb.derive(sb.mlp([2, 3, 1])).to_latex(notation=notation)


@needs_latex
@pytest.mark.parametrize("style", STYLES)
def test_documents_compile(style, tmp_path):
    source = sb.derive(sb.mlp([2, 3, 1], bias=True, l2="lam")).to_latex(standalone=True, **style)
    assert "Overfull" not in compiled(source, tmp_path)
