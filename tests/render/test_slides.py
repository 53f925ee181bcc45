"""Slides for beamer: a step a slide, which compile and stay on their pages."""

import shutil
import subprocess

import pytest

import symbackprop as sb
from symbackprop.errors import ArgumentError
from tests.support.latex import compiled

KPSEWHICH = shutil.which("kpsewhich")
FOUND = KPSEWHICH and subprocess.run([KPSEWHICH, "beamer.cls"], check=False, capture_output=True).stdout
needs_beamer = pytest.mark.skipif(
    not FOUND, reason="LATEX IS MISSING: beamer is not installed, no slides were compiled"
)
NETWORKS = {
    "home": sb.home_network,
    "lstm": sb.lstm,
    "batchnorm": sb.batchnorm,
    "dense": lambda: sb.mlp(["D", "H", "K"], "relu", "softmax_cross_entropy", bias=True, l2="lam"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_each_step_has_a_slide_whose_formula_follows_its_reason(name):
    d = sb.derive(NETWORKS[name]())
    slides = d.to_latex(beamer=True).split(r"\begin{frame}")[1:]
    steps = [slide for slide in slides if r"\uncover<2->" in slide]
    assert len(steps) == len(d.steps)
    for step, slide in zip(d.steps, steps, strict=True):
        assert f": {step.rule}}}" in slide.partition("\n")[0]
    assert "{Network}" in slides[0]
    assert "{Result}" in slides[-1]


def test_what_is_for_documents_is_refused():
    for option in ("numbered", "compact"):
        with pytest.raises(ArgumentError, match="are for documents"):
            sb.derive(sb.home_network()).to_latex(beamer=True, **{option: True})


@needs_beamer
@pytest.mark.slow
@pytest.mark.parametrize(("name", "view"), [("home", "matrix"), ("batchnorm", "both"), ("dense", "matrix")])
def test_slides_compile_and_nothing_stands_out(name, view, tmp_path):
    printed = compiled(sb.derive(NETWORKS[name]()).to_latex(beamer=True, view=view, notation="W^{[l]}"), tmp_path)
    assert "Overfull" not in printed
