"""A generated module as a function: the text is compiled once, and runs as it can be read."""

import linecache
from collections import namedtuple
from collections.abc import Mapping
from functools import cached_property
from itertools import count
from typing import Any

from symbackprop.codegen.bound_function import BoundFunction, said
from symbackprop.codegen.runtime.threads import Threads
from symbackprop.errors import ArgumentError, listed

_numbers = count(1)


class GradientFunction:
    """`J, dJdW1, … = f(X, y, W1, …)`: the cost and its gradients from one forward pass.

    Arguments come in declared order (`f.arguments`) or by keyword, as arrays or lists; integers become
    floats, float32 stays float32. The result is a NamedTuple. `f.source` is the text that runs. Many examples are
    taken some at a time, so that what is needed on the way stays in the cache; those of narrow networks are shared
    among as many threads as BLAS may use, where threadpoolctl is installed.

    Raises:
        ArgumentError: a missing or unknown argument, a shape or a type that does not fit, or a number that is
            not finite (found where a result is not finite, so that good data costs no extra pass).
    """

    def __init__(self, source: str, arguments: tuple[str, ...], parameters: tuple[str, ...], results: tuple[str, ...]):
        self.source = source
        self.arguments = arguments
        self.parameters = parameters
        self._results = results
        self._result = _result_type(results)

    @cached_property
    def _module(self) -> dict[str, Any]:
        """The names of the text, which runs at the first call: numba takes a while to be imported."""
        module = _run(self.source)
        module["_memory"] = Threads()
        return module

    @cached_property
    def _both(self) -> Any:
        return self._module["cost_and_gradients"]

    @cached_property
    def _cost(self) -> Any:
        return self._module["cost"]

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._result._make(self._guarded(self._both, args, kwargs))

    def cost(self, /, *args: Any, **kwargs: Any) -> Any:
        """The cost alone."""
        return self._guarded(self._cost, args, kwargs)

    def bind(self, shapes: Mapping[str, Any], dtype: Any = float) -> BoundFunction:
        """The same function for arrays of these shapes, with all its memory made beforehand.

        Args:
            shapes: the shape of every argument by name, or an array that has it; hyperparameters may be left out.
            dtype: the type of all arrays: float32, float64 or longdouble.

        Raises:
            ArgumentError: a missing or unknown name, shapes that do not fit together, another type.

        >>> import symbackprop as sb
        >>> data, weights = sb.home_data(), sb.home_weights(seed=0)
        >>> f = sb.derive(sb.home_network()).to_numpy()
        >>> bound = f.bind(data | weights)
        >>> bound(**data, **weights).dJdW1 is bound(**data, **weights).dJdW1
        True
        """
        return BoundFunction(self._module, self.arguments, self.parameters, self._result, shapes=shapes, dtype=dtype)

    def _guarded(self, function: Any, args: Any, kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            reason = str(error).replace(f"{function.__name__}() ", "")
            raise ArgumentError(f"{reason}; the arguments are {listed(self.arguments)}") from None
        except (ZeroDivisionError, ValueError) as error:
            raise said(error) from None

    def __reduce__(self) -> Any:
        return GradientFunction, (self.source, self.arguments, self.parameters, self._results)

    def __repr__(self) -> str:
        return f"<{', '.join(self._result._fields)} = f({', '.join(self.arguments)})>"


def _result_type(names: tuple[str, ...]) -> Any:
    """A NamedTuple of these fields; it is pickled as the plain tuple, for its class lives in no module."""
    make: Any = namedtuple  # the fields are data
    fields = make("CostAndGradients", names)
    return type("CostAndGradients", (fields,), {"__slots__": (), "__reduce__": lambda self: (tuple, (tuple(self),))})


def _run(source: str) -> dict[str, Any]:
    """The namespace of a module text of ours; tracebacks show its lines."""
    filename = f"<symbackprop {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": "generated_gradients"}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 — the text is ours, its names are identifiers
    return namespace
