"""The pictures of the gallery, made by the product at each build: `python docs/draw_gallery.py FOLDER`."""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import symbackprop as sb

DOCS = Path(__file__).parent


def draw(folder: Path) -> None:
    """Write a marked page, a report, a graph and two plots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    notes = DOCS / "examples" / "notes.md"
    net = sb.home_network()
    _write(folder / "marked-page.html", sb.marked_page({notes.name: sb.check_derivation(notes, net)}))
    d, point = sb.derive(net), sb.home_data() | sb.home_weights(seed=0)
    _write(folder / "report-page.html", d.to_html(verification=d.verify(seed=0), check=d.check(point, seed=0)))
    d.draw(point).save(folder / "graph.svg")
    _plots(folder)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _plots(folder: Path) -> None:
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(7, 4)), rng.normal(size=(4, 3))

    def cost(W: np.ndarray) -> float:
        return np.sum(np.tanh(X @ W) ** 2) / 2

    def mistaken(W: np.ndarray) -> dict[str, np.ndarray]:
        a = np.tanh(X @ W)
        wrong = X.T @ (a * (1 - a**2))
        wrong[:, 1] *= 0.7
        return {"W": wrong}

    for name, plot in (("steps", sb.plot_steps), ("disagreement", sb.plot_disagreement)):
        figure = Figure((7.2, 4.2), layout="compressed")
        if name == "steps":
            plot(cost, {"W": W}, gradients=mistaken, index=(2, 1), ax=figure.add_subplot())
        else:
            plot(cost, mistaken, {"W": W}, ax=figure.add_subplot())
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
