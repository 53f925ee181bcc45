"""The public functions that read a user's NumPy code: `check_code` and `network_from_function`."""

from collections.abc import Collection, Iterable, Mapping
from itertools import product

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.network.network import Network
from symbackprop.proofread.code.proofreading import Proofreading
from symbackprop.proofread.code.reading import FAILURES, CodeReader, said
from symbackprop.proofread.code.report import CodeCheck
from symbackprop.proofread.code.second import SecondDerivatives, without_directions
from symbackprop.proofread.code.vjp import check_vjp, holds_nests, is_layer
from symbackprop.tracing.aliases import DeclaredSize, UserFunction
from symbackprop.tracing.arguments import argument_spec
from symbackprop.tracing.arrays.run import CLIP
from symbackprop.tracing.arrays.trace import trace
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.conditions import ConditionKind
from symbackprop.tracing.sizes import OTHER_PRIMES, PRIMES


def network_from_function(
    cost: UserFunction,
    shapes: Mapping[str, object],
    wrt: Iterable[str] | str | None = None,
    *,
    attributes: Mapping[str, object] | Collection[str] | None = None,
    labels: Mapping[str, DeclaredSize] | None = None,
    scalars: Mapping[str, object] | Iterable[str] | None = None,
) -> Network:
    """Return the network that a plain NumPy function computes. The function is run on symbolic arrays.

    Args:
        cost: a function, or a method of an object, that returns the cost, or a tuple with the cost first.
        shapes: the shapes of its arguments by name; sizes are names, whole numbers, or sums and products of them such
            as "D + 1"; ("H",) is a vector, () a number.
        wrt: the names of the parameters; by default, all names that begin with W, b, w, theta or U.
        attributes: the shapes of arrays that are attributes of a method's object.
        labels: the arguments that are class labels (whole numbers), with the number of classes.
        scalars: the names of hyperparameters, or their values by name.

    Raises:
        ArgumentError: the code cannot be converted to a network; the message contains the reason and the line.

    >>> import numpy as np
    >>> def cost(X, y, W):
    ...     return 0.5 * np.sum((np.tanh(X @ W) - y) ** 2)
    >>> print(network_from_function(cost, {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}))
    X: input(N, D)
    y: target(N, K)
    W: parameter(D, K)
    J = (1/2) * sum((tanh(X @ W) - y)**2)
    """
    spec = argument_spec(shapes, wrt, attributes=attributes, labels=labels, scalars=scalars)
    code = UserCode(cost, None, spec.attributes, spec.structure)
    code.check_names(spec.names)
    reader = CodeReader(code, spec, np.random.default_rng())
    reason = "the network that was read from it has other values than the function"
    for primes, ignored in product((PRIMES, OTHER_PRIMES), (frozenset({CLIP}), frozenset[str]())):
        try:
            found = trace(code, spec, gradient=False, ignored=ignored, primes=primes)
            is_same = reader.computes(found)
        except SymbackpropError:
            raise
        except FAILURES as problem:
            reason = said(problem)
            break
        if reader.varies:
            reason = "two runs at one point differ: draw random numbers before, and give them as an argument"
            break
        if is_same:
            return found.network
    raise ArgumentError(f"this function cannot be read as a network: {reason}")


def check_code(
    cost: UserFunction,
    gradient: UserFunction | None,
    shapes: Mapping[str, object],
    wrt: Iterable[str] | str,
    *,
    attributes: Mapping[str, object] | Collection[str] | None = None,
    labels: Mapping[str, DeclaredSize] | None = None,
    scalars: Mapping[str, object] | Iterable[str] | None = None,
    hessian: UserFunction | None = None,
    hvp: UserFunction | None = None,
    step: str | float | None = None,
    upstream: Iterable[str] | str | None = None,
    network: Network | None = None,
    one_hot: Iterable[str] | str | None = None,
    masks: Iterable[str] | str | None = None,
    signs: Iterable[str] | str | None = None,
    positive: Iterable[str] | str | None = None,
    symmetric: Iterable[str] | str | None = None,
    sign: str = "descent",
    seed: int | None = None,
) -> CodeCheck:
    """Check a user's gradient code, and name the mistake if it is wrong. The code is run.

    Args:
        cost: a function, or a method of an object, that returns the cost (or a tuple with the cost first).
        gradient: a function that returns the gradients: in the order of `wrt`, by name, in one vector, or after the
            cost; or a method that leaves them on its object; None if `cost` returns both.
        shapes: the shapes of the arguments by name; sizes are names, whole numbers, or sums and products of them such
            as "D + 1"; ("H",) is a vector, () a number. A dictionary or a list holds several shapes.
        wrt: the names of the parameters, or of a dictionary or a list of them.
        attributes: the shapes of arrays that are attributes of the methods' object, also deeper ones, as in
            {"params": {"W": ("D", "K")}}.
        labels: the arguments that are class labels (whole numbers), with the number of classes.
        scalars: the names of hyperparameters, or their values by name.
        hessian: a function of the same arguments that returns second derivatives: a matrix, a block for each two
            parameters (by name, or in rows), or the diagonal in the shapes of the parameters.
        hvp: a function that returns the product of the Hessian with a direction, which it takes beside the same
            arguments: one for each parameter, or one vector for all.
        step: the step length, a number or the name of an argument, of a `gradient` that updates the parameters, in
            place or as results; their gradients are then found from the update.
        upstream: the upstream gradient of a layer, an argument of `gradient`: the cost is the sum of its product with
            what `cost` returns first (see `check_vjp`). For several results, one name for each.
        network: the network that the cost computes, which allows naming a mistake if the code cannot be traced.
        one_hot: the arguments whose rows are one-hot.
        masks: the arguments whose entries are 0 or 1.
        signs: the arguments whose entries are 1 or −1.
        positive: the arguments whose entries are positive.
        symmetric: the arguments that are symmetric matrices.
        sign: "ascent" if the gradients are meant to be those of −J, for a cost that is maximized.
        seed: repeats the random points.

    Raises:
        ArgumentError: an argument has no shape, a function fails, or gradients cannot be distinguished.

    >>> import numpy as np
    >>> def cost(X, y, W):
    ...     return 0.5 * np.sum((np.tanh(X @ W) - y) ** 2)
    >>> def gradient(X, y, W):
    ...     yhat = np.tanh(X @ W)
    ...     delta = yhat - y
    ...     return X.T @ delta
    >>> check = check_code(cost, gradient, {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}, ["W"])
    >>> print(check.verdict, "at the level", check.level)
    wrong at the level formula
    >>> check.mistake
    'dJdW equals the right one with the derivative tanh′(X W) left out, the slope of the activation'
    """
    if hvp is not None:
        shapes = without_directions(shapes, hvp, cost, gradient)
    nested = holds_nests(shapes) or holds_nests(attributes)
    has_second = hessian is not None or hvp is not None
    if not has_second and step is None and (upstream is not None or is_layer(cost, gradient, shapes)) and not nested:
        return check_vjp(
            cost,
            gradient,
            shapes,
            wrt,
            upstream=upstream,
            attributes=attributes,
            labels=labels,
            scalars=scalars,
            seed=seed,
        )
    declared = {
        ConditionKind.ONE_HOT: one_hot,
        ConditionKind.MASK: masks,
        ConditionKind.SIGNS: signs,
        ConditionKind.POSITIVE: positive,
        ConditionKind.SYMMETRIC: symmetric,
    }
    spec = argument_spec(
        shapes,
        wrt,
        attributes=attributes,
        labels=labels,
        scalars=scalars,
        step=step,
        upstream=upstream,
        declared=declared,
        sign=sign,
    )
    code = UserCode(cost, gradient, spec.attributes, spec.structure)
    code.check_names(spec.names)
    reader = CodeReader(code, spec, np.random.default_rng(seed))
    check = Proofreading(reader, network).result()
    if not has_second:
        return check
    return SecondDerivatives(hessian, hvp, shapes, labels, scalars, attributes, declared, seed).added_to(check, reader)
