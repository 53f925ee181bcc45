"""Functions for arrays of fixed shapes, and many examples that are taken in batches."""

import pickle
import threading
import tracemalloc

import numpy as np
import pytest
from scipy.optimize import minimize

import symbackprop as sb
from symbackprop.codegen.runtime import threads
from tests.support.zoo import ZOO


def bound_home():
    values = sb.home_data() | sb.home_weights(seed=7)
    f = sb.derive(sb.home_network()).to_numpy()
    return f, f.bind(values), values


def deep(rng, rows=50, width=6):
    net = sb.mlp([4, width, 5, 3], "tanh", bias=True, l2="lam", average="examples")
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    values |= {"X": rng.normal(size=(rows, 4)), "y": rng.normal(size=(rows, 3))}
    return sb.derive(net).to_numpy(), values


def same(ours, theirs, rtol=1e-12):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


def test_a_bound_function_is_the_function(rng):
    for f, values in [(bound_home()[0], bound_home()[2]), deep(rng)]:
        bound = f.bind({name: np.shape(value) for name, value in values.items()})
        for result in (bound(**values), bound(*values.values())):
            assert result._fields == f(**values)._fields
            same(result, f(**values), 1e-15)


@pytest.mark.parametrize("name", ZOO)
def test_every_network_can_be_bound_and_called_again(name, rng):
    net = sb.parse_network(ZOO[name])
    f = sb.derive(net).to_numpy()
    first, second = (sb.random_values(net, seed=int(rng.integers(2**31))) for _ in range(2))
    bound = f.bind(first)
    bound(**first)
    same(bound(**second), f(**second), 1e-15)


def test_gradients_of_a_bound_function_are_overwritten_and_those_of_others_are_not(rng):
    f, values = deep(rng)
    other = values | {"W1": values["W1"] + 1}
    bound = f.bind(values)
    before, kept = bound(**values), f(**values)
    copies = [np.array(gradient) for gradient in kept[1:]]
    after, _ = bound(**other), f(**other)
    assert all(one is two for one, two in zip(before[1:], after[1:], strict=True))
    for gradient, copy in zip(kept[1:], copies, strict=True):
        np.testing.assert_array_equal(gradient, copy)


def test_a_bound_function_allocates_no_arrays(rng):
    """Except for the 8192 numbers at a time that NumPy itself allocates to repeat a row."""
    f, values = deep(rng, rows=1500, width=80)
    arguments = list(values.values())
    bound = f.bind(values)
    for function in (bound, f):
        function(*arguments)
        tracemalloc.start()
        function(*arguments)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 200_000, f"an activation alone has {1500 * 80 * 8} bytes, but {peak} were made"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"X": np.zeros((4, 2)), "y": np.zeros((4, 1))},
            r"X has shape \(4, 2\) but \(3, 2\) is expected; f.bind makes a function for other shapes",
        ),
        ({"W1": np.zeros((3, 2))}, r"W1 has shape \(3, 2\) but \(2, 3\) is expected; W1.T has it; f.bind"),
        ({"X": np.full((3, 2), np.nan)}, r"X\[0, 0\] is nan"),
        (
            {"X": np.zeros((3, 2), np.longdouble)},
            r"X has dtype (longdouble|float128) but this function is bound to float64",
        ),
        ({"X": np.zeros((3, 2), complex)}, "X has dtype complex128; real numbers"),
        ({"W3": 1}, "W3 is missing, unknown or given twice; the arguments are X, y, W1 and W2"),
    ],
)
def test_a_bound_function_refuses_other_arguments(change, said):
    _, bound, values = bound_home()
    with pytest.raises(sb.ArgumentError, match=said):
        bound(**values | change)


def test_a_bound_function_takes_what_can_be_converted():
    f, bound, values = bound_home()
    expected = f(**values)
    for given in [
        {name: value.tolist() for name, value in values.items()},
        {name: np.asfortranarray(value) for name, value in values.items()},
        {name: value[::-1][::-1] for name, value in values.items()},
    ]:
        same(bound(**given), expected, 1e-14)
    single = {name: value.astype(np.float32) for name, value in values.items()}
    assert all(np.asarray(part).dtype == np.float32 for part in f.bind(single, np.float32)(**single))
    with pytest.raises(sb.ArgumentError, match="X has dtype float64 but this function is bound to float32"):
        f.bind(values, np.float32)(**values)
    with pytest.raises(sb.ArgumentError, match="2 arguments are given; they are X, y, W1 and W2"):
        bound(values["X"], values["y"])


@pytest.mark.parametrize(
    ("shapes", "dtype", "said"),
    [
        ({"X": (3, 2)}, float, "shapes of y, W1 and W2 are missing"),
        ({"Z": (3, 2)}, float, "Z is not an argument of this function"),
        ([(3, 2)], float, "shapes is a list; a mapping of names to shapes is expected"),
        ({"X": (3, 2), "y": (4, 1), "W1": (2, 3), "W2": (3, 1)}, float, r"y has shape \(4, 1\) but"),
        (
            {"X": "big", "y": (4, 1), "W1": (2, 3), "W2": (3, 1)},
            float,
            "the shape of X is 'big'; a tuple of whole numbers",
        ),
        ({"X": (3, 2)}, int, "dtype is float32, float64 or longdouble, not int64"),
        ({"X": (3, 2)}, "wide", "dtype is float32, float64 or longdouble, not 'wide'"),
    ],
)
def test_what_cannot_be_bound_is_said(shapes, dtype, said):
    with pytest.raises(sb.ArgumentError, match=said):
        bound_home()[0].bind(shapes, dtype)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG"])
def test_the_flat_form_is_what_scipy_minimises(method):
    _, bound, _ = bound_home()
    weights = sb.home_weights(seed=1)
    found = minimize(bound.flat(**sb.home_data()), bound.pack(weights), jac=True, method=method)
    assert found.fun < 2e-3
    assert np.linalg.norm(found.jac) < 1e-3
    assert bound.unpack(found.x)["W1"].shape == (2, 3)


def test_the_flat_gradient_is_the_gradient(rng):
    f, values = deep(rng)
    bound = f.bind(values)
    data = {name: value for name, value in values.items() if name not in f.parameters}
    evaluate = bound.flat(**data)
    J, gradient = evaluate(bound.pack(values))
    expected = f(**values)
    assert pytest.approx(expected.J) == J
    same(bound.unpack(gradient).values(), expected[1:], 1e-14)
    _, other = evaluate(bound.pack(values) + 1)
    assert not np.shares_memory(gradient, other)


def test_the_flat_form_refuses_what_does_not_fit():
    _, bound, values = bound_home()
    with pytest.raises(sb.ArgumentError, match="flat takes X and y; y is missing"):
        bound.flat(X=values["X"])
    with pytest.raises(sb.ArgumentError, match="flat takes X and y; W1 is none of them"):
        bound.flat(**sb.home_data(), W1=values["W1"])
    with pytest.raises(sb.ArgumentError, match=r"theta has shape \(3,\) but \(9,\) is expected"):
        bound.flat(**sb.home_data())([1, 2, 3])
    with pytest.raises(sb.ArgumentError, match=r"theta has shape \(3,\) but \(9,\) is expected"):
        bound.unpack(np.zeros(3))
    with pytest.raises(sb.ArgumentError, match="W2 is missing"):
        bound.pack({"W1": values["W1"]})


# many examples


@pytest.fixture(params=[1, 2, 3], ids=lambda count: f"{count} threads")
def count(request, monkeypatch):
    """Use that many threads, for work of any size."""
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 0 if request.param > 1 else 2**60)
    monkeypatch.setattr(threads.Blas, "threads", request.param)
    return request.param


@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("rows", [1, 2, 2047, 2048, 9001])
def test_parts_of_the_examples_add_up(rows, layout, count, rng):
    """Against the same data in one batch, in extended precision."""
    net = sb.mlp([4, 6, 5, 3], "tanh", bias=True, l2="lam", average="examples", layout=layout)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    shape = (lambda size: (rows, size)) if layout == "rows" else (lambda size: (size, rows))
    values |= {"X": rng.normal(size=shape(4)), "y": rng.normal(size=shape(3))}
    f = sb.derive(net).to_numpy()
    same(f(**values), oracle(net, values), 1e-11)
    same(f.bind(values)(**values), f(**values), 1e-15)
    assert f.cost(**values) == pytest.approx(f(**values).J, rel=1e-13)


def oracle(net, values):
    wide = {name: np.asarray(value, np.longdouble) for name, value in values.items()}
    return [np.asarray(part, float) for part in sb.derive(net).to_numpy()(**wide)]


@pytest.mark.parametrize("name", ZOO)
def test_networks_over_many_examples(name, rng, monkeypatch):
    """Every network with 5 examples at a time, or all examples if they depend on each other."""
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 2**60)
    net = sb.parse_network(ZOO[name])
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    f = sb.derive(net).to_numpy()
    whole = f(**values)
    f._module["_memory"].parts = lambda n, memory, form: max(1, n // 2)
    same(f(**values), whole, 1e-12)


def test_examples_along_different_axes_are_not_split(rng):
    net = sb.parse_network("X: input(N, D)\nc: parameter(1, N)\nw: parameter(D, 1)\nJ = sum((X @ w - c.T)**2) / 2\n")
    X, c, w = rng.normal(size=(9001, 40)), rng.normal(size=(1, 9001)), rng.normal(size=(40, 1))
    f = sb.derive(net, wrt="w").to_numpy()
    f._module["_memory"].parts = lambda n, memory, form: 3
    same(f(X, c, w)[1:], [X.T @ (X @ w - c.T)])


def test_memory_stays_as_it_is_while_examples_grow(rng):
    f = sb.derive(sb.home_network()).to_numpy()
    weights, peaks = sb.home_weights(seed=3), []
    for rows in (10_000, 100_000, 1_000_000):
        X, y = rng.random((rows, 2)), rng.random((rows, 1))
        f(X, y, **weights)
        tracemalloc.start()
        f.bind({"X": X, "y": y} | weights)(X, y, **weights)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 10e6, "the data alone have 24e6 bytes"


def test_large_memory_is_not_kept_where_examples_need_each_other(rng):
    net = sb.batchnorm()
    small = sb.random_values(net, seed=int(rng.integers(2**31)))
    data = {name for name, value in small.items() if np.ndim(value) and len(value) == len(small["X"])}
    large = {
        name: np.resize(value, (2**20, value.shape[1])) if name in data else value for name, value in small.items()
    }
    f = sb.derive(net).to_numpy()
    for values, most in [(small, 2**20), (large, 2**24)]:
        f(**values)
        kept = sum(array.nbytes for arrays in f._module["_memory"].idle.values() for one in arrays for array in one)
        assert kept < most


def test_calls_at_the_same_time_do_not_disturb_each_other(rng):
    f, values = deep(rng, rows=3000)
    cases = [values | {"W1": values["W1"] + k} for k in range(4)]
    expected = [f(**case) for case in cases]
    wrong = []

    def work(k):
        for _ in range(20):
            result = f(**cases[k])
            wrong.extend(k for one, other in zip(result, expected[k], strict=True) if not np.array_equal(one, other))

    workers = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_blas_has_its_threads_again_after_a_call(count, rng):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    before = [library["num_threads"] for library in threadpoolctl.threadpool_info()]
    f, values = deep(rng, rows=3000)
    f(**values)
    with pytest.raises(sb.ArgumentError):
        f(**values | {"X": values["X"] * np.nan})
    assert [library["num_threads"] for library in threadpoolctl.threadpool_info()] == before


def test_a_mistake_in_a_part_is_said_from_every_thread(count, rng):
    f, values = deep(rng, rows=3000)
    values["X"][-1, -1] = np.inf
    with pytest.raises(sb.ArgumentError, match=r"X\[2999, 3\] is inf"):
        f(**values)


def test_bound_functions_are_made_anew_where_functions_are_pickled():
    f, bound, values = bound_home()
    again = pickle.loads(pickle.dumps(f))
    same(again.bind(values)(**values), bound(**values), 1e-15)
