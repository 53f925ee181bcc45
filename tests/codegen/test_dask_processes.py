"""Examples in chunks on a cluster: two processes, whose memory does not hold the data, and one of which is killed."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import symbackprop as sb
from tests.codegen.test_dask import same

distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
da = pytest.importorskip("dask.array", reason="dask is not installed")
psutil = pytest.importorskip("psutil", reason="dask.distributed brings it")

pytestmark = pytest.mark.slow

LIMIT = 300_000_000  # bytes of memory for a worker
ROWS, WIDTH = 50_000, 11  # of a chunk, which has one more column for the targets


@pytest.fixture
def client():
    """Two worker processes of one thread each, on this machine; both end with the test."""
    two = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "memory_limit": LIMIT}
    here = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(**two, **here) as processes, distributed.Client(processes, timeout=30) as client:
        client.wait_for_workers(2, timeout=30)
        workers = pids(client)
        yield client
        workers |= pids(client)
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)], timeout=10)
    assert not alive


def pids(client):
    return set(client.run(os.getpid).values())


def within(seconds, function, **arguments):
    """Return the result of a function, if it comes in time; its thread ends with the cluster."""
    return ThreadPoolExecutor(1).submit(function, **arguments).result(timeout=seconds)


def seeded(count, marks=None):
    """Chunks of numbers that workers draw from seeds; each leaves a mark when it starts."""

    def block(block_info):
        k = block_info[None]["chunk-location"][0]
        if marks is not None:
            (marks / f"{k} {os.getpid()} {time.time_ns()}").touch()
            time.sleep(0.1)
        return np.random.default_rng(k).normal(size=(ROWS, WIDTH + 1))

    Z = da.map_blocks(block, chunks=((ROWS,) * count, (WIDTH + 1,)), dtype=float, meta=np.empty((0, 0)))
    return {"X": Z[:, :WIDTH], "y": Z[:, WIDTH:]}


def regression(rng):
    """tanh(tanh(X W1 + b1) W2) with a penalty, by hand, from the same chunks one after the other."""
    W1, b1, W2 = rng.normal(size=(WIDTH, 5)) / 4, rng.normal(size=(1, 5)), rng.normal(size=(5, 1))
    text = f"""X: input(N, {WIDTH})
y: target(N, 1)
W1: parameter({WIDTH}, 5)
b1: parameter(1, 5)
W2: parameter(5, 1)
lam: scalar
a2 = tanh(X @ W1 + b1)
yhat = tanh(a2 @ W2)
J = sum((y - yhat)**2) / (2 * N) + lam/2 * sum(W1**2)
"""

    def truth(count):
        J, dW1, db1, dW2 = np.zeros((), np.longdouble), *(np.zeros(w.shape, np.longdouble) for w in (W1, b1, W2))
        for k in range(count):
            Z = np.random.default_rng(k).normal(size=(ROWS, WIDTH + 1))
            X, y = Z[:, :WIDTH], Z[:, WIDTH:]
            a2 = np.tanh(X @ W1 + b1)
            yhat = np.tanh(a2 @ W2)
            delta3 = (yhat - y) * (1 - yhat**2)
            delta2 = delta3 @ W2.T * (1 - a2**2)
            J += np.sum((yhat - y) ** 2) / 2
            dW1 += X.T @ delta2
            db1 += delta2.sum(axis=0, keepdims=True)
            dW2 += a2.T @ delta3
        N, lam = count * ROWS, 0.1
        return J / N + lam / 2 * np.sum(W1**2), dW1 / N + lam * W1, db1 / N, dW2 / N

    return sb.derive(sb.parse_network(text)).to_dask(), {"W1": W1, "b1": b1, "W2": W2, "lam": 0.1}, truth


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
def test_data_larger_than_the_memory_of_all_workers(client, rng):
    def memory():  # the most that a worker ever used
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(status["VmHWM"].split()[0]) * 1024

    g, weights, truth = regression(rng)
    data = seeded(140)
    assert sum(array.nbytes for array in data.values()) > 2 * LIMIT
    before = pids(client)
    same(within(60, g, **data, **weights), truth(140))
    assert pids(client) == before, "a worker was restarted"
    assert all(most < LIMIT for most in client.run(memory).values()), client.run(memory)
    assert not any(client.run(lambda: "symbackprop" in sys.modules).values()), "workers can do without it"
    for worker in client.scheduler_info()["workers"].values():
        assert worker["metrics"]["spilled_bytes"] == {"memory": 0, "disk": 0}


def test_a_worker_is_killed_and_the_result_is_right(client, rng, tmp_path):
    g, weights, truth = regression(rng)
    count, workers = 40, pids(client)
    running = ThreadPoolExecutor(1).submit(g, **seeded(count, tmp_path), **weights)
    deadline = time.monotonic() + 40
    begun = lambda: [name.split() for name in os.listdir(tmp_path)]
    while len(begun()) < 12 and time.monotonic() < deadline:
        time.sleep(0.01)
    victim = max(workers, key=[int(pid) for _, pid, _ in begun()].count)
    os.kill(victim, signal.SIGKILL)
    assert len(begun()) < count, "it was killed too late"
    same(running.result(timeout=60), truth(count))
    assert len(begun()) > count, "nothing had to be done again"
    assert {k for k, *_ in begun()} == {str(k) for k in range(count)}
