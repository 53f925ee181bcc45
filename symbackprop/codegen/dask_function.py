"""Gradients of chunked dask arrays, on the workers of a cluster; the gradients of the chunks add up by the sum rule."""

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib import import_module
from itertools import accumulate, count
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.batching import split_by_examples
from symbackprop.codegen.bound_function import as_argument_error
from symbackprop.codegen.function import GradientFunction, _run
from symbackprop.codegen.lowering import program
from symbackprop.codegen.runtime import dask_runtime as cluster_runtime
from symbackprop.codegen.runtime.dask_runtime import NOT_FINITE, REFUSED, Remark
from symbackprop.codegen.runtime.numpy_runtime import _as_array, _as_floats, _require_shape
from symbackprop.codegen.runtime.threads import BLAS, Arrays, Form, Part
from symbackprop.errors import ArgumentError, SymbackpropError, listed, shape_text
from symbackprop.expressions.matrices import OneHot
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import INPUT, ONE_HOT, TARGET

_DATA = (INPUT, TARGET, ONE_HOT)
FAN_IN = 8  # the number of sums that one task adds up
THRESHOLD = "distributed.admin.large-graph-warning-threshold"


@dataclass(frozen=True)
class ExampleAxis:
    """The examples in the data: the symbol for their number, their axis in each array, and names of one-hot arrays."""

    size: str
    axis: int
    one_hot: tuple[str, ...]


def examples_of(tape: Tape) -> ExampleAxis:
    """Return the axis along which the examples of a network can be taken chunk by chunk.

    Raises:
        ArgumentError: the examples depend on each other, or their number has no name.
    """
    if tape.network.upstream:
        raise ArgumentError("chunks of examples are for a cost; this network ends in an output")
    phases = split_by_examples(program(tape, list(tape.result_names)), tape.network)
    other = next((symbol for symbol in tape.network.of_role(*_DATA) if len(shape_of(symbol)) != 2), None)
    if not phases.is_split and other is not None:
        raise ArgumentError(
            f"dask takes the data in chunks of rows; {other} is {shape_text(shape_of(other))}, and such data "
            "are not divided yet; to_numpy() can do it"
        )
    if not phases.is_split:
        raise ArgumentError(
            "this network cannot be computed chunk by chunk: its examples depend on each other, as in batch "
            "normalisation, or their number is not a dimension with its own name, such as N"
        )
    data = {value.name for value in phases.axes}
    one_hot = [s.name for s in tape.network.arguments if isinstance(s, OneHot) and s.name in data]
    return ExampleAxis(str(phases.size), next(iter(phases.axes.values())), tuple(one_hot))


class ClusterFunction(GradientFunction):
    """A function `J, dJdW1, … = g(X, y, W1, …)` for data too large for one machine: X and y may be dask arrays.

    Each chunk of examples is a task, on the workers of the active `dask.distributed.Client` or, without one, on the
    threads of dask's own scheduler; a tree of tasks adds up their results. The result is a NamedTuple of NumPy arrays.
    Data that are not dask arrays are divided into chunks; all other arguments are sent once per call. `bind` is for
    arrays in the memory of this machine.

    Raises:
        ArgumentError: before anything is computed: an argument is missing or unknown, a shape is inconsistent, a dtype
            is unsuitable, or chunks have unknown sizes. After the computation: a row of a one-hot target does not add
            up to 1, or a result and a number in the data are not finite.
    """

    def __init__(
        self,
        source: str,
        arguments: tuple[str, ...],
        parameters: tuple[str, ...],
        results: tuple[str, ...],
        examples: ExampleAxis,
    ):
        _require_dask()
        super().__init__(source, arguments, parameters, results)
        self._examples = examples

    def __reduce__(self) -> tuple[Any, ...]:
        return ClusterFunction, (self.source, self.arguments, self.parameters, self._results, self._examples)

    def _computed(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            given = inspect.signature(self._module[name]).bind(*args, **kwargs).arguments
        except TypeError as error:
            raise ArgumentError(f"{error}; the arguments are {listed(self.arguments)}") from None
        try:
            data, values = self._converted(given)
        except ValueError as error:
            raise as_argument_error(error) from None
        chunks = Chunks(self.source, data, values, self._examples)
        try:
            with np.errstate(all="ignore"):
                results = self._module[f"_{name}"](*values.values(), chunks.in_parts)
        except (ZeroDivisionError, np.linalg.LinAlgError) as error:
            raise as_argument_error(error) from error
        found = self._sound(results, values, chunks.remark)
        return found[0] if name == "cost" else found

    def _converted(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check the arguments; return the data as dask arrays, and all arguments, with nan in place of the data."""
        sizes: dict[str, int] = {}
        data: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for name, shape in self._module["_arguments"].shapes.items():
            if self._examples.size in shape:
                data[name] = _lazy(name, given[name])
                _require_shape(name, data[name].shape, shape, sizes)
                values[name] = _as_floats(name, np.empty(0, data[name].dtype))
            else:
                values[name] = _as_array(name, given[name], shape, sizes)
        dtype = np.result_type(*(value for value in values.values() if type(value) is not float))
        for name, value in values.items():
            if name in data:  # nan: if these numbers are used by mistake, the results show it
                values[name] = np.broadcast_to(np.array(np.nan, dtype), data[name].shape)
            elif type(value) is not float:
                values[name] = value.astype(dtype, copy=False)
        if self._module["_arguments"].check is not None:
            self._module["_arguments"].check(*self._without_examples(values))
        return data, values

    def _without_examples(self, values: Mapping[str, Any]) -> list[Any]:
        none = np.s_[:0] if self._examples.axis == 0 else np.s_[:, :0]
        shapes = self._module["_arguments"].shapes
        return [value[none] if self._examples.size in shapes[name] else value for name, value in values.items()]

    def _sound(self, results: Sequence[Any], values: Mapping[str, Any], remark: Remark | None) -> Sequence[Any]:
        """Return the results, or raise ArgumentError if the data make them invalid."""
        kind, _, text = remark or (None, 0, "")
        if kind == REFUSED or (kind == NOT_FINITE and not all(np.isfinite(result).all() for result in results)):
            raise ArgumentError(text)
        known = self._without_examples(values)
        try:
            checked: Sequence[Any] = self._module["_arguments"].sound(results, *known)
        except ValueError as error:
            where = f"; look at {text}" if text and all(np.isfinite(value).all() for value in known) else ""
            raise ArgumentError(f"{error}{where}") from None
        return checked


class Chunks:
    """The driver of one call: dask computes the sums over each chunk of the examples, and adds them up in a tree."""

    def __init__(self, source: str, data: Mapping[str, Any], values: Mapping[str, Any], examples: ExampleAxis):
        self.source, self.examples, self.values = source, examples, values
        self.data = _in_common_chunks(data, examples.axis)
        self.remark: Remark | None = None  # on the numbers in the chunks

    def in_parts(self, part: Part, form: Form, data: Arrays, rest: Arrays, results: Sequence[Any]) -> Sequence[Any]:
        """Return the sums of a part over all chunks; see `_Memory.in_parts`."""
        function, memory, axis = part
        used = [next(name for name in self.data if self.values[name] is one) for one in data]
        names = list(dict.fromkeys([*used, *self.examples.one_hot]))
        call = SimpleNamespace(
            module=f"symbackprop_generated_{sha256(self.source.encode()).hexdigest()}",
            source=self.source,
            function=function.__name__,
            memory=memory.__name__,
            axis=axis,
            form=form,
            rest=rest,
            results=[None] * len(results),
            names=names,
            used=len(used),
            widths=[self.data[name].shape[1 - axis] for name in names],
            one_hot=self.examples.one_hot,
            dtype=data[0].dtype,
        )
        # dask's own threads are enough; for workers that are processes, dask.distributed limits BLAS
        pinned = BLAS.pinned() if BLAS.controller is not None else nullcontext()
        with pinned, _allowance(sum(getattr(value, "nbytes", 0) for value in rest)):
            found: tuple[list[Any], Remark | None] = self.task(call).compute()
        sums, self.remark = found
        return sums

    def task(self, call: SimpleNamespace) -> Any:
        """Return the delayed task that returns the sums over all examples."""
        arrays = [self.data[name] for name in call.names]
        blocks, lengths = zip(*_blocks(arrays), strict=True), arrays[0].chunks[call.axis]
        chunks = [*zip(accumulate(lengths, initial=0), lengths, blocks, strict=False)]
        nonempty = [chunk for chunk in chunks if chunk[1]] or chunks[:1]
        of_chunk, of_sums = _Shipped(partial(_sent()["sums_of_chunk"], call)), _Shipped(_sent()["sums_of_sums"])
        tasks = [of_chunk(first, *some) for first, _, some in nonempty]
        while len(tasks) > 1:
            groups = (tasks[k : k + FAN_IN] for k in range(0, len(tasks), FAN_IN))
            tasks = [of_sums(*group) if len(group) > 1 else group[0] for group in groups]
        return tasks[0]


class _Shipped:
    """A function that is sent to each worker once, as the result of a task, and not with each task that calls it."""

    def __init__(self, function: Callable[..., Any]):
        name = getattr(function, "func", function).__name__
        self.name, self.numbers = f"{name}-{uuid4().hex}", count()
        self.delayed = import_module("dask").delayed
        self.function = self.delayed(function, name=f"function-{self.name}", traverse=False)

    def __call__(self, *arguments: Any) -> Any:
        """Return a task that calls the function."""
        return self.delayed(operator.call)(self.function, *arguments, dask_key_name=(self.name, next(self.numbers)))


def _lazy(name: str, value: Any) -> Any:
    """Return the data as a dask array of known sizes."""
    dask, arrays = import_module("dask"), import_module("dask.array")
    if not dask.is_dask_collection(value):
        return arrays.from_array(_as_floats(name, value), name=False)
    if not isinstance(value, arrays.Array):
        raise ArgumentError(f"{name} is a dask {type(value).__name__}; a dask array is expected")
    if any(np.isnan(size) for size in value.shape):
        raise ArgumentError(f"{name} has chunks of unknown size; {name} = {name}.compute_chunk_sizes() finds them")
    return value


def _in_common_chunks(data: Mapping[str, Any], axis: int) -> dict[str, Any]:
    """Return the data with the chunks of the largest array, split only between examples."""
    largest = max(data.values(), key=lambda array: array.nbytes)
    chunks = {axis: largest.chunks[axis], 1 - axis: -1}
    return {name: array.rechunk(chunks) for name, array in data.items()}


def _blocks(arrays: Sequence[Any]) -> list[list[Any]]:
    """Return the chunks of each array as tasks; a task that several arrays need runs once.

    `to_delayed` would optimize each array alone, and so run shared tasks several times.
    """
    core, delayed = import_module("dask.core"), import_module("dask.delayed")
    graphs = import_module("dask.highlevelgraph").HighLevelGraph
    keys = [[*core.flatten(array.__dask_keys__())] for array in arrays]
    graph = arrays[0].__dask_optimize__(graphs.merge(*(array.__dask_graph__() for array in arrays)), keys)
    layer = f"data-{uuid4().hex}"
    graph = graphs.from_collections(layer, graph)
    return [[delayed.Delayed(key, graph, layer=layer) for key in of_array] for of_array in keys]


def _allowance(size: int) -> AbstractContextManager[Any]:
    """Return a context in which dask warns about large tasks only above this additional size, that of the weights."""
    config = import_module("dask").config
    limit = config.get(THRESHOLD, None)
    if limit is None:  # dask.distributed is not installed
        return config.set({})
    return config.set({THRESHOLD: import_module("dask.utils").parse_bytes(limit) + size})


@cache
def _sent() -> dict[str, Any]:
    """Return the functions that workers run. They belong to no module, so that they are pickled with all they need."""
    return _run(inspect.getsource(cluster_runtime))


def _require_dask() -> None:
    try:
        import_module("dask.array")
    except ImportError:
        raise SymbackpropError("dask arrays need the package dask: pip install 'symbackprop[dask]'") from None
