"""A generated module as a function: the text that a user can read is the code that runs."""

import linecache
from collections import namedtuple
from collections.abc import Mapping
from functools import cached_property
from itertools import count
from typing import Any

from numpy.typing import DTypeLike

from symbackprop.codegen.bound_function import BoundFunction, as_argument_error
from symbackprop.codegen.runtime.threads import Threads
from symbackprop.errors import ArgumentError, listed

_numbers = count(1)


class GradientFunction:
    """A function `J, dJdW1, … = f(X, y, W1, …)`: the cost and its gradients from one forward pass.

    The function of a layer, which ends in an output, is `dX, dW, … = f(X, W, …, G_yhat)`.

    Arguments come in the order of declaration (`f.arguments`) or by keyword, as arrays or lists; integers become
    floats, float32 stays float32. The result is a NamedTuple. `f.source` is the text that runs. Many examples are
    computed in batches, so that intermediate arrays stay in the cache. If threadpoolctl is installed, the examples of
    narrow networks are divided among as many threads as BLAS may use.

    Raises:
        ArgumentError: an argument is missing or unknown, a shape is inconsistent, a dtype is unsuitable, or a number is
            not finite (checked only if a result is not finite, so that finite data cost no extra pass).
    """

    def __init__(self, source: str, arguments: tuple[str, ...], parameters: tuple[str, ...], results: tuple[str, ...]):
        self.source = source
        self.arguments = arguments
        self.parameters = parameters
        self._results = results
        self._result = _result_type(results)

    @cached_property
    def _module(self) -> dict[str, Any]:
        """The namespace of the generated module, which is run at the first call, as importing numba takes a while."""
        module = _run(self.source)
        module["_memory"] = Threads()
        return module

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the cost and its gradients as a NamedTuple; for an output, the gradients alone."""
        of_layer = len(self._results) == len(self.parameters)
        return self._result._make(self._computed("backward" if of_layer else "cost_and_gradients", args, kwargs))

    def cost(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the cost, without computing gradients."""
        return self._computed("cost", args, kwargs)

    def bind(self, shapes: Mapping[str, Any], dtype: DTypeLike = float) -> BoundFunction:
        """Return the same function for arrays of fixed shapes, with all memory allocated in advance.

        Args:
            shapes: the shape of each argument by name, or an array of that shape; hyperparameters may be left out.
            dtype: the dtype of all arrays: float32, float64 or longdouble.

        Raises:
            ArgumentError: a name is missing or unknown, the shapes are inconsistent, or the dtype is not one of these.

        >>> import symbackprop as sb
        >>> data, weights = sb.home_data(), sb.home_weights(seed=0)
        >>> f = sb.derive(sb.home_network()).to_numpy()
        >>> bound = f.bind(data | weights)
        >>> bound(**data, **weights).dJdW1 is bound(**data, **weights).dJdW1
        True
        """
        return BoundFunction(self._module, self.arguments, self.parameters, self._result, shapes=shapes, dtype=dtype)

    def _computed(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of a function of the module: a number for `cost`, a tuple for the others."""
        function = self._module[name]
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            reason = str(error).replace(f"{name}() ", "")
            raise ArgumentError(f"{reason}; the arguments are {listed(self.arguments)}") from None
        except (ZeroDivisionError, ValueError) as error:
            raise as_argument_error(error) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return GradientFunction, (self.source, self.arguments, self.parameters, self._results)

    def __repr__(self) -> str:
        return f"<{', '.join(self._result._fields)} = f({', '.join(self.arguments)})>"


def _result_type(names: tuple[str, ...]) -> Any:
    """Return a NamedTuple class with these fields; it is pickled as a tuple, because no module contains the class."""
    make: Any = namedtuple  # for mypy: the field names are not literals
    fields = make("CostAndGradients", names)
    return type("CostAndGradients", (fields,), {"__slots__": (), "__reduce__": lambda self: (tuple, (tuple(self),))})


def _run(source: str) -> dict[str, Any]:
    """Run a generated module and return its namespace; tracebacks show the module's lines."""
    filename = f"<symbackprop {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": "generated_gradients"}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 — the text is ours, its names are identifiers
    return namespace
