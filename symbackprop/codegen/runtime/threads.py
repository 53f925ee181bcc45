"""Threads that divide the examples, with BLAS limited to one thread: products and functions run in parallel."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, cached_property
from threading import Lock
from typing import Any, TypeAlias

import numpy as np

from symbackprop.codegen.runtime.numpy_runtime import _added, _Memory, _some

Part: TypeAlias = tuple[Callable[..., Any], Callable[..., Any], int]  # a function, its work arrays, the examples' axis
Form: TypeAlias = tuple[Any, ...]  # the sizes and the dtype of work arrays
Arrays: TypeAlias = tuple[Any, ...]  # arrays, and Python floats

WORTH_A_THREAD = 2**21  # bytes of work arrays, below which another thread costs more than it saves
# Bytes of one example, above which most of the time goes into products. BLAS divides those among its own threads, which
# wait busily after each call, and would compete with the threads of this module.
NARROW = 2**11


class Threads(_Memory):
    """Work arrays for several threads, each of which computes a part of the examples where that is faster."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[_Memory] = []  # the work arrays of the other threads

    def in_parts(self, part: Part, form: Form, data: Arrays, rest: Arrays, results: Sequence[Any]) -> Sequence[Any]:
        """Return the sums of a part over all threads and batches; see `_Memory.in_parts`."""
        _, memory, axis = part
        n = data[0].shape[axis] if data else 0
        need = self.need(memory, form) if n > 1 else 0
        count = BLAS.threads if need <= NARROW and n * need >= WORTH_A_THREAD else 1
        if count == 1:
            return super().in_parts(part, form, data, rest, results)
        self.others += [_Memory() for _ in range(count - 1 - len(self.others))]

        def run(k: int) -> Sequence[Any]:
            own = self.others[k - 1] if k else self
            some = _some(data, n * k // count, n * (k + 1) // count, axis)
            with np.errstate(all="ignore"):
                return _Memory.in_parts(own, part, form, some, rest, [None] * len(results) if k else results)

        with BLAS.pinned():
            others = [pool().submit(run, k) for k in range(1, count)]
            total = run(0)
            for other in others:
                total = _added(total, other.result())
        return total


class Blas:
    """NumPy's BLAS, limited to one thread while at least one caller needs that."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0
        self.limit: Any = None

    @cached_property
    def controller(self) -> Any:
        """The threadpoolctl controller of the loaded BLAS libraries; None without threadpoolctl."""
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            return None
        return ThreadpoolController().select(user_api="blas")

    @property
    def threads(self) -> int:
        """The number of threads that BLAS may use, which is also the number of threads that share the work."""
        libraries = self.controller.lib_controllers if self.controller is not None else []
        return min((library.get_num_threads() for library in libraries), default=1)

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """Limit BLAS to one thread inside a `with` block."""
        with self.lock:
            self.users += 1
            if self.users == 1:
                self.limit = self.controller.limit(limits=1)
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if not self.users:
                    self.limit.restore_original_limits()


@cache
def pool() -> ThreadPoolExecutor:
    """Return the thread pool that all functions share."""
    return ThreadPoolExecutor(os.cpu_count(), "symbackprop")


BLAS = Blas()
os.register_at_fork(after_in_child=pool.cache_clear)  # threads do not survive a fork
