"""What a handwritten case is: its cost, its gradient, the shapes of what they take, and what should be said of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from symbackprop.kinds import Kinds


@dataclass(frozen=True)
class Case:
    """A cost and its gradient by hand. Both take the arguments in `shapes` and `scalars` by name."""

    name: str
    cost: Callable[..., Any]  # a function, or a bound method of an instance
    gradient: Callable[..., Any] | None  # None: cost returns (J, gradients)
    shapes: dict[str, tuple[str | int, ...]]  # arguments by name: names of dimensions or sizes
    wrt: list[str]
    verdict: str  # "right", "wrong", "convention" or "undecided"
    kinds: Kinds = ()  # of the mistake: each is true of it, and one of them must be named
    attributes: dict[str, tuple[str | int, ...]] = field(default_factory=dict)  # arrays on self
    labels: dict[str, str] = field(default_factory=dict)  # integer arrays: the dimension of the number of classes
    scalars: tuple[str, ...] = ()  # numbers, drawn at random and not 0


@dataclass(frozen=True)
class Planted:
    """A gradient with one mistake in it, beside a right one."""

    name: str
    gradient: Callable[..., Any] | None
    kinds: Kinds
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
                one.kinds,
                **more,
            )
            for one in planted
        ),
    ]


def together(name: str, cost: Callable[..., Any], kinds: Kinds) -> Planted:
    """A mistake in a function that returns the cost and its gradients."""
    return Planted(name, None, kinds, cost)


def of(
    name: str,
    network: Callable[[], Any],
    kinds: Kinds,
    cost: str = "costFunction",
    gradient: str = "costFunctionPrime",
) -> Planted:
    """A mistake in a method: the class that has it, and the names of its methods."""
    instance = network()
    return Planted(name, getattr(instance, gradient), kinds, getattr(instance, cost))
