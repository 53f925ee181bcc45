"""What a handwritten case is: its cost, its gradient, the shapes of what they take, and what should be said of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A cost and its gradient by hand. Both take the arguments in `shapes` and `scalars` by name."""

    name: str
    cost: Callable[..., Any]  # a function, or a bound method of an instance
    gradient: Callable[..., Any] | None  # None: cost returns (J, gradients)
    shapes: dict[str, tuple[str | int, ...]]  # arguments by name: names of dimensions or sizes
    wrt: list[str]
    verdict: str  # "right", "wrong", "convention" or "undecided"
    mistake: tuple[str, ...] = ()  # named rightly if the sentence has at least one of these, in any case of letters
    kind: str = ""
    attributes: dict[str, tuple[str | int, ...]] = field(default_factory=dict)  # arrays on self
    labels: dict[str, str] = field(default_factory=dict)  # integer arrays: the dimension of the number of classes
    scalars: tuple[str, ...] = ()  # numbers, drawn at random and not 0


# What names a mistake of each kind. A case that needs other words brings its own.
WORDS: dict[str, tuple[str, ...]] = {
    "sign": ("sign", "negative", "minus", "opposite"),
    "no_slope": (
        *("slope is missing", "derivative is missing", "left out", "dropped", "forgotten", "not multiplied"),
        *("without the slope", "without the derivative", "without f", "no slope", "no derivative", "lacks"),
        *("is missing: the slope", "is missing: the derivative", "is missing, the slope", "is missing, the derivative"),
    ),
    "slope_twice": (
        *("slope twice", "derivative twice", "applied twice", "multiplied twice", "taken twice", "there twice"),
        *("second time", "once more", "too often", "one slope too many", "squared", "is too much", "too many"),
    ),
    "slope_of_output": (
        *("of the output", "of its output", "of the activation instead", "at the activation", "at the output"),
        *("already", "pre-activation", "preactivation", "before the activation", "instead of at", "applied to"),
        *("taken at", "taken of", "derivative at", "slope at"),
    ),
    "f_for_slope": (
        *("instead of its", "instead of the derivative", "instead of the slope", "instead of f", "itself"),
        *("not its derivative", "not its slope", "in place of", "for its derivative", "for its slope"),
        *("where its derivative", "where its slope", "where the derivative", "where the slope"),
    ),
    "transpose": ("transpos", "ᵀ", ".T"),
    "swapped": ("swap", "order", "exchange", "transpos", "other way", "wrong way", "ᵀ", ".T"),
    "matmul_for_product": (
        *("elementwise", "element-wise", "entrywise", "entry by entry", "hadamard", "entry with entry"),
        *("matrix product", "matmul", "np.dot", "∘", "⊙", "@"),
    ),
    "factor": ("factor", "half", "twice", "1/2", "½", "divided by", "times", "too large", "too small", "doubled"),
    "mean": ("1/n", "1/m", "mean", "average", "divided by", "number of", "too large by", "too small by", "factor"),
    "penalty": ("penalty", "l2", "regular", "lam", "reg·", "weight decay"),
    "bias_sum": ("sum", "each example", "axis", "added up", "shape"),
    "softmax_diagonal": ("diagonal", "jacobian", "other entries", "all entries", "sum that is taken away", "softmax"),
    "statistics": (
        *("mean", "variance", "statistic", "constant", "held", "deviation", "norm", "depends on", "depend on"),
        *("std", "sigma", "μ", "σ", "path", "route"),
    ),
    "recurrent": (
        *("recurren", "through time", "previous", "next step", "later step", "earlier", "path", "route"),
        *("uses", "branch", "comes through", "goes through", "state", "time step", "carried"),
    ),
    "neighbour": ("instead of", "in place of", "neighbour", "another layer", "other layer", "wrong layer", "should be"),
    "updated": ("updat", "chang", "mutat", "overwrit", "modif", "in place", "after the step"),
}


@dataclass(frozen=True)
class Planted:
    """A gradient with one mistake in it, beside a right one."""

    name: str
    gradient: Callable[..., Any] | None
    kind: str
    mistake: tuple[str, ...] = ()
    cost: Callable[..., Any] | None = None  # of its own: where the gradient comes with the cost, or a method


def family(
    name: str,
    cost: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    shapes: dict[str, tuple[str | int, ...]],
    wrt: list[str],
    planted: list[Planted],
    verdict: str = "right",
    **more: Any,
) -> list[Case]:
    """The right gradient of a cost and the wrong ones."""
    return [
        Case(name, cost, gradient, shapes, wrt, verdict, **more),
        *(
            Case(
                f"{name}: {one.name}",
                one.cost or cost,
                one.gradient,
                shapes,
                wrt,
                "wrong",
                one.mistake or WORDS[one.kind],
                one.kind,
                **more,
            )
            for one in planted
        ),
    ]


def together(name: str, cost: Callable[..., Any], kind: str, mistake: tuple[str, ...] = ()) -> Planted:
    """A mistake in a function that returns the cost and its gradients."""
    return Planted(name, None, kind, mistake, cost)


def of(
    name: str,
    network: Callable[[], Any],
    kind: str,
    mistake: tuple[str, ...] = (),
    cost: str = "costFunction",
    gradient: str = "costFunctionPrime",
) -> Planted:
    """A mistake in a method: the class that has it, and the names of its methods."""
    instance = network()
    return Planted(name, getattr(instance, gradient), kind, mistake, getattr(instance, cost))
