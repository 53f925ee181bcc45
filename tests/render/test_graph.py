"""The computation graph: every quantity and every use is in the picture, and its numbers are right."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

import symbackprop as sb

SVG = "{http://www.w3.org/2000/svg}"
NETWORKS = {
    "home": sb.home_network,
    "mlp": lambda: sb.mlp(["D", "H", "G", "K"], bias=True, l2="lam"),
    "lstm": sb.lstm,
    "attention": sb.attention,
    "a product": lambda: sb.parse_network("w: parameter(D, 1)\nx: input(N, D)\nJ = sum(x @ w) + sum(w**2)"),
}


def drawn(d, values=None):
    root = ET.fromstring(d.draw(values).svg)  # noqa: S314 — of our own
    boxes = {}
    for group in root.findall(f"{SVG}g"):
        first, *others = [text.text for text in group.findall(f"{SVG}text")]
        rect = group.find(f"{SVG}rect").attrib
        boxes[first.split()[0]] = group.get("class"), others, [float(rect[k]) for k in ("x", "y", "width", "height")]
    return root, boxes


@pytest.mark.parametrize("name", NETWORKS)
def test_every_quantity_and_every_use_is_drawn_once_and_no_box_covers_another(name):
    d = sb.derive(NETWORKS[name]())
    root, boxes = drawn(d)
    equations = d.tape.equations
    used = set().union(*(equation.expression.free_symbols for equation in equations))
    names = [s for s in d.network.arguments if s in used] + [equation.symbol for equation in equations]
    assert len(boxes) == len(names)
    uses = sum(len(equation.expression.free_symbols & set(names)) for equation in equations)
    assert len(root.findall(f"{SVG}path[@class='edge']")) == uses
    _, _, width, height = map(float, root.get("viewBox").split())
    places = [place for _, _, place in boxes.values()]
    for k, (x, y, w, h) in enumerate(places):
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        for u, v, s, t in places[k + 1 :]:
            assert x + w <= u or u + s <= x or y + h <= v or v + t <= y


def test_adjoints_flow_back_to_what_depends_on_the_parameters_only():
    root, boxes = drawn(sb.derive(sb.home_network(), "W2"))
    assert len(root.findall(f"{SVG}path[@class='flow']")) == 3  # J to yhat, yhat to z3, z3 to W2
    assert [name for name, (kind, _, _) in boxes.items() if kind == "parameter"] == ["W2"]
    assert "∂J/∂W2 = a2ᵀ δ3" in boxes["W2"][1]
    assert not any("∂" in line for line in boxes["W1"][1])


def test_values_are_those_of_the_network():
    d, values = sb.derive(sb.home_network()), sb.home_data() | sb.home_weights()
    result = d.to_numpy()(**values)
    _, boxes = drawn(d, values)
    assert boxes["J"][1][-1] == f"= {result.J:.3g}"
    assert boxes["W2"][1][-1] == "= " + "; ".join(f"{entry:.3g}" for entry in result.dJdW2[:, 0])
    assert boxes["z2"][1][1] == f"= 3×3 of norm {np.linalg.norm(values['X'] @ values['W1']):.3g}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W1": np.ones((3, 2))}, r"W1 has the shape \(3, 2\); 2×3 is expected"),
        ({"X": np.ones(2)}, "X has the shape"),
        ({"y": np.ones((5, 1))}, "y has the shape"),
        ({"W2": None}, "W2 is missing"),
    ],
)
def test_values_that_do_not_fit_are_named(change, message):
    values = {k: v for k, v in (sb.home_data() | sb.home_weights() | change).items() if v is not None}
    with pytest.raises(sb.ArgumentError, match=message):
        sb.derive(sb.home_network()).draw(values)


def test_a_notebook_shows_the_picture_and_a_file_has_it(tmp_path):
    drawing = sb.derive(sb.home_network()).draw()
    drawing.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == drawing.svg == drawing._repr_svg_()
