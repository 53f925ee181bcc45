"""The check of gradients as an assertion, for tests."""

from importlib import import_module
from typing import Any

from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.parameters import Data, Structure
from symbackprop.verdicts import Verdict


def checked(cost: Any, gradients: Any = None, params: Structure | None = None, **options: Any) -> Any:
    """Return the report of `check_gradients` or, without `params`, of `check_function`."""
    if params is not None:
        return check_gradients(cost, gradients, params, **options)
    function = import_module("symbackprop.proofread.code.function")  # it needs SymPy, which a gradient check does not
    return function.check_function(cost, **options)


def assert_gradients(
    cost: Any,
    gradients: Any = None,
    params: Structure | None = None,
    *,
    data: Data | None = None,
    seed: int | None = None,
    **options: Any,
) -> None:
    """Raise AssertionError with the readable report unless the gradients are right; for use in tests.

    Args:
        cost: the cost, as for `check_gradients`; or a subclass of torch.autograd.Function, or a function of
            jax.custom_vjp, for which the other arguments are those of `check_function`, such as `shapes`.
        gradients: the gradients.
        params: the parameters.
        data: fixed keyword arguments of every call.
        seed: see `check_gradients`.
        options: of `check_function`.
    """
    __tracebackhide__ = True
    more = options if params is None else {"data": data, **options}
    report = checked(cost, gradients, params, seed=seed, **more)
    if report.verdict != Verdict.RIGHT:
        raise AssertionError(failure(report))


def failure(report: Any) -> str:
    """Return the report with what was found first."""
    found = getattr(report, "finding", None) or getattr(report, "mistake", "") or f"the verdict is {report.verdict}"
    return f"{found}\n{report}"
