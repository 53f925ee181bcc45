"""Examples shared among threads, each with a BLAS of one thread: products and functions run side by side."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, cached_property
from threading import Lock
from typing import Any

import numpy as np

from symbackprop.codegen.runtime.numpy_runtime import _added, _Memory, _some

WORTH_A_THREAD = 2**21  # bytes on the way, below which another thread costs more than it saves
# Bytes of one example, above which most of the time goes into products: those BLAS shares among its own threads, which
# wait busily for more after each call, and would be in the way of ours.
NARROW = 2**11


class Threads(_Memory):
    """The driver of `_Memory`, with a part of the examples for each thread where that is faster."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[_Memory] = []  # of the other threads

    def in_parts(self, part: Any, form: Any, data: Any, rest: Any, results: Any) -> Any:
        _, memory, axis = part
        n = data[0].shape[axis] if data else 0
        need = self.need(memory, form) if n > 1 else 0
        count = BLAS.threads if need <= NARROW and n * need >= WORTH_A_THREAD else 1
        if count == 1:
            return super().in_parts(part, form, data, rest, results)
        self.shares += [_Memory() for _ in range(count - 1 - len(self.shares))]

        def share(k: int) -> Any:
            own = self.shares[k - 1] if k else self
            some = _some(data, n * k // count, n * (k + 1) // count, axis)
            with np.errstate(all="ignore"):
                return _Memory.in_parts(own, part, form, some, rest, [None] * len(results) if k else results)

        with BLAS.pinned():
            others = [pool().submit(share, k) for k in range(1, count)]
            total = share(0)
            for other in others:
                total = _added(total, other.result())
        return total


class Blas:
    """NumPy's BLAS, held at one thread as long as anybody needs that."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0
        self.limit: Any = None

    @cached_property
    def controller(self) -> Any:
        """threadpoolctl's, of the BLAS libraries that are loaded; None without it."""
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            return None
        return ThreadpoolController().select(user_api="blas")

    @property
    def threads(self) -> int:
        """How many threads BLAS may use: that many share the work."""
        libraries = self.controller.lib_controllers if self.controller is not None else []
        return min((library.get_num_threads() for library in libraries), default=1)

    @contextmanager
    def pinned(self) -> Iterator[None]:
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
    return ThreadPoolExecutor(os.cpu_count(), "symbackprop")


BLAS = Blas()
os.register_at_fork(after_in_child=pool.cache_clear)  # threads do not survive a fork
