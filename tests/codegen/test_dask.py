"""Examples in chunks, on the threads of dask's own scheduler."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import minimize

import symbackprop as sb
from symbackprop.codegen import dask_function as cluster
from symbackprop.codegen.runtime.threads import BLAS
from tests.support.zoo import ZOO

dask = pytest.importorskip("dask", reason="dask is not installed")
da = pytest.importorskip("dask.array", reason="dask is not installed")


def same(ours, theirs, rtol=1e-12):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max())


def home(rng, rows=100):
    data = {"X": rng.random((rows, 2)), "y": rng.random((rows, 1))}
    return sb.derive(sb.home_network()), data | sb.home_weights(seed=int(rng.integers(2**31)))


def deep(rng, rows=100, layout="rows"):
    net = sb.mlp([4, 6, 5, 3], "tanh", bias=True, l2="lam", average="examples", layout=layout)
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    values |= {"X": rng.normal(size=(rows, 4)), "y": rng.normal(size=(rows, 3))}
    turned = {name: values[name].T for name in ("X", "y")} if layout == "columns" else {}
    return sb.derive(net), values | turned


def columns(rng, rows=100):
    return deep(rng, rows, "columns")


def classes(rng, rows=100):
    net = sb.parse_network(ZOO["softmax regression"])
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    D, K = values["W"].shape
    data = {"X": rng.normal(size=(rows, D)), "Y": np.eye(K)[rng.integers(K, size=rows)]}
    return sb.derive(net), values | data


CASES = [home, deep, columns, classes]
CHUNKS = {"one": -1, "ones": 1, "uneven": (1, 2, 3, 4, 31, 9, 50), "some are empty": (0, 60, 0, 0, 40, 0), "even": 10}


def in_chunks(values, chunks=7, across=2):
    """Return inputs and targets as dask arrays; the targets in chunks of other sizes."""
    found = dict(values)
    for name, of_this in [("X", chunks), ("y", 13), ("Y", 13)]:
        if name in values:
            axis = int(values[name].shape[0] < values[name].shape[1])
            found[name] = da.from_array(values[name], chunks={axis: of_this, 1 - axis: across})
    return found


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("case", CASES)
def test_chunks_of_the_examples_add_up(case, chunks, rng):
    d, values = case(rng)
    result = d.to_dask()(**in_chunks(values, CHUNKS[chunks]))
    expected = d.to_numpy()(**values)
    assert result._fields == expected._fields
    assert all(type(one) is type(other) for one, other in zip(result, expected, strict=True))
    same(result, expected)
    assert d.to_dask().cost(**in_chunks(values, CHUNKS[chunks])) == pytest.approx(expected.J, rel=1e-12)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 64, 65])
def test_sums_of_any_number_of_chunks(count, rng):
    d, values = home(rng, rows=3 * count)
    same(d.to_dask()(**in_chunks(values, 3)), d.to_numpy()(**values))


def test_long_chunks_are_taken_in_blocks(rng):
    d, values = deep(rng, rows=20_000)
    same(d.to_dask()(**in_chunks(values, 9001)), d.to_numpy()(**values))


@pytest.mark.parametrize("name", ZOO)
def test_every_network_is_right_or_refused(name, rng):
    net = sb.parse_network(ZOO[name])
    values = sb.random_values(net, seed=int(rng.integers(2**31)))
    d = sb.derive(net)
    try:
        g = d.to_dask()
    except sb.ArgumentError:
        assert "_cost_and_gradients_part_memory, 0), (), ()" in d.to_source() or not splits(d, values)
        return
    axis, size = g._examples.axis, g._examples.size
    shapes = g._module["_arguments"].shapes
    data = {n: da.from_array(values[n], chunks={axis: 2, 1 - axis: -1}) for n, s in shapes.items() if size in s}
    same(g(**values | data), d.to_numpy()(**values))


def splits(d, values):
    """Return True if the module itself gives its driver examples to split."""
    f, given = d.to_numpy(), []

    def in_parts(part, form, data, rest, results):
        given.extend(data)
        return f._module["_Memory"]().in_parts(part, form, data, rest, results)

    f._module["_cost_and_gradients"](*(values[name] for name in f.arguments), in_parts)
    return bool(given)


@pytest.mark.parametrize(
    "mistake",
    [
        {"sums_of_sums": lambda good: lambda *parts: good(*parts[1:])},
        {"sums_of_sums": lambda good: lambda *parts: good(*parts, parts[0])},
        {"sums_of_chunk": lambda good: lambda call, first, X, y: good(call, first, X[1:], y[1:])},
        {"sums_of_chunk": lambda good: lambda call, first, X, y: good(call, first, X, y[::-1])},
    ],
    ids=["a chunk is forgotten", "a chunk is added twice", "an example is forgotten", "targets of other examples"],
)
def test_a_planted_mistake_is_noticed(mistake, rng, monkeypatch):
    d, values = home(rng)
    sent = cluster._sent()
    monkeypatch.setattr(cluster, "_sent", lambda: sent | {name: f(sent[name]) for name, f in mistake.items()})
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        same(d.to_dask()(**in_chunks(values)), d.to_numpy()(**values))


@pytest.mark.parametrize("case", [home, columns])
def test_no_examples(case, rng):
    d, values = case(rng, rows=0)
    lazy = {name: da.from_array(values[name]) for name in ("X", "y")}
    if case is home:
        same(d.to_dask()(**values | lazy), d.to_numpy()(**values))
    else:
        with pytest.raises(sb.ArgumentError, match="no rows or columns, and the cost divides by their number"):
            d.to_dask()(**values | lazy)


def test_what_is_not_dask_s_is_taken_as_numpy_takes_it(rng):
    d, values = home(rng)
    expected, g = d.to_numpy()(**values), d.to_dask()
    same(g(**values), expected)
    same(g(*values.values()), expected)
    same(g(**in_chunks(values) | {"y": values["y"].tolist(), "W2": values["W2"].tolist()}), expected)
    same(g(**in_chunks(values) | {"W1": da.from_array(values["W1"], chunks=1)}), expected)
    whole = {"X": rng.integers(9, size=(100, 2))}
    same(g(**in_chunks(values | whole)), d.to_numpy()(**values | whole))
    single = {name: value.astype(np.float32) for name, value in values.items()}
    assert all(np.asarray(one).dtype == np.float32 for one in g(**in_chunks(single)))
    same(g(**in_chunks(values) | {"X": in_chunks(single)["X"]}), d.to_numpy()(**values | {"X": single["X"]}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda X: {"y": X[:99, :1]}, r"y has shape \(99, 1\) but \(N, 1\) = \(100, 1\) is expected"),
        (lambda X: {"X": X[:, :1]}, r"X has shape \(100, 1\) but \(N, 2\) = \(100, 2\) is expected"),
        (lambda X: {"y": X[:, 0]}, r"y has shape \(100,\) but \(N, 1\) .* y.reshape\(-1, 1\) makes it a column"),
        (lambda X: {"W1": np.zeros((3, 2))}, r"W1 has shape \(3, 2\) but \(2, 3\) is expected; W1.T has it"),
        (lambda X: {"X": X.astype(complex)}, "X has dtype complex128; real numbers"),
        (lambda X: {"X": X.astype(object)}, "X has dtype object; real numbers"),
        (lambda X: {"X": X[X[:, 0] > 0.5]}, r"X has chunks of unknown size; X = X.compute_chunk_sizes\(\) finds them"),
        (lambda X: {"X": dask.delayed(1)}, "X is a dask Delayed.*; a dask array is expected"),
        (lambda X: {"X": [[1, 2], [3]]}, "X is not an array of numbers"),
        (lambda X: {"W3": X}, "got an unexpected keyword argument 'W3'; the arguments are X, y, W1 and W2"),
    ],
)
def test_an_argument_that_does_not_fit_is_named_before_anything_is_computed(change, said, rng):
    def never(block):
        raise AssertionError("it was computed")

    d, values = home(rng)
    X = da.zeros((100, 2), chunks=(10, 2)).map_blocks(never, meta=np.empty((0, 0)))
    with pytest.raises(sb.ArgumentError, match=said):
        d.to_dask()(**values | {"X": X, "y": X[:, :1]} | change(X))
    with pytest.raises(sb.ArgumentError, match="missing a required argument: 'W1'; the arguments are"):
        d.to_dask()(X, values["y"])


def test_networks_whose_examples_need_each_other_are_refused():
    for net in (sb.batchnorm(), sb.parse_network(ZOO["linear regression"].replace("N", "7"))):
        with pytest.raises(
            sb.ArgumentError, match="cannot be computed chunk by chunk: its examples depend on each other"
        ):
            sb.derive(net).to_dask()


@pytest.mark.parametrize("case", [home, columns])
def test_a_number_that_is_not_finite_is_found_in_its_chunk(case, rng):
    d, values = case(rng)
    g = d.to_dask()
    place = (1, 77) if case is columns else (77, 1)
    spoilt = values | {"X": np.array(values["X"])}
    spoilt["X"][place] = np.nan
    for given in (in_chunks(spoilt, 10), in_chunks(spoilt | {"W1": values["W1"] * np.nan}, 10)):
        with pytest.raises(sb.ArgumentError, match=rf"X\[{place[0]}, {place[1]}\] is nan; finite numbers"):
            g(**given)
    with pytest.raises(sb.ArgumentError, match=r"W1\[0, 0\] is nan; finite numbers are expected$"):
        g(**in_chunks(values | {"W1": values["W1"] * np.nan}, 10))


def test_what_is_infinite_but_right_passes(rng):
    d, values = home(rng)
    saturated = values | {"W1": np.array([[1, np.inf, -np.inf], [2, 1, -1]])}
    same(d.to_dask()(**in_chunks(saturated)), d.to_numpy()(**saturated))
    linear = sb.derive(sb.parse_network(ZOO["linear regression"]))
    rows = {"X": np.full((10, 1), 1e200), "y": np.zeros((10, 1)), "w": np.ones((1, 1)), "b": np.zeros((1, 1))}
    assert linear.to_dask()(**in_chunks(rows, 2)).J == np.inf == linear.to_numpy()(**rows).J


def test_chunks_in_which_a_function_has_no_value_are_named(rng):
    d = sb.derive(sb.parse_network("X: input(N, 1)\nw: parameter(1, 1)\nJ = sum(log(X @ w))\n"))
    X = np.ones((100, 1))
    X[[43, 77]] = -1
    with pytest.raises(sb.ArgumentError, match=r"although every argument is finite: .*; look at examples 40 to 49$"):
        d.to_dask()(in_chunks({"X": X}, 10)["X"], [[1.0]])


def test_a_row_that_is_not_one_hot_is_named(rng):
    d, values = classes(rng)
    values["Y"][61] *= 2
    with pytest.raises(sb.ArgumentError, match=r"Y is one-hot, .* but Y\[61\] adds up to 2"):
        d.to_dask()(**in_chunks(values, 10))


def test_chunks_that_are_not_as_they_said(rng):
    d, values = home(rng)
    X = da.zeros((100, 2), chunks=(10, 2)).map_blocks(lambda block: block[1:], meta=np.empty((0, 0)))
    with pytest.raises(ValueError, match=r"a chunk of y has shape \(10, 1\), but \(9, 1\) fits the other data"):
        d.to_dask()(**values | {"X": X})


def test_dask_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(sb.SymbackpropError, match=r"the package dask: pip install 'symbackprop\[dask\]'"):
        sb.derive(sb.home_network()).to_dask()


def test_a_function_can_be_pickled_descended_and_minimised(rng):
    d, values = home(rng, rows=20)
    g = pickle.loads(pickle.dumps(d.to_dask()))
    lazy = in_chunks(values)
    data, weights = {"X": lazy["X"], "y": lazy["y"]}, {name: values[name] for name in g.parameters}
    ours, theirs = (
        sb.gradient_descent(f, weights, of, rate=0.1, steps=2).costs
        for f, of in [(g, data), (d.to_numpy(), {"X": values["X"], "y": values["y"]})]
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    vectors = g.bind(data | weights)

    def evaluate(theta):
        J, *gradients = g(**data, **vectors.unpack(theta))
        return J, vectors.pack(dict(zip(g.parameters, gradients, strict=True)))

    start = vectors.pack(weights)
    assert minimize(evaluate, start, jac=True, options={"maxiter": 5}).fun < evaluate(start)[0]


def test_what_data_are_made_from_is_computed_once(rng):
    d, values = home(rng)
    made = []

    def block(k):
        made.append(k)
        return np.ones((10, 3))

    rows = [da.from_delayed(dask.delayed(block, pure=True)(k), (10, 3), float) for k in range(10)]
    Z = da.concatenate(rows)
    d.to_dask()(Z[:, :2], Z[:, 2:], values["W1"], values["W2"])
    assert sorted(made) == list(range(10))


def test_blas_has_one_thread_meanwhile(rng):
    """Otherwise dask's threads and those of BLAS compete, which took 20 times as long."""
    pytest.importorskip("threadpoolctl")
    d, values = home(rng)
    before, meanwhile = BLAS.threads, []

    def block(block):
        meanwhile.append(BLAS.threads)
        return block

    X = in_chunks(values, 10)["X"].map_blocks(block, meta=np.empty((0, 0)))
    d.to_dask()(**values | {"X": X})
    assert set(meanwhile) == {1}
    assert BLAS.threads == before


def planned(g, **given):
    """Return the tasks of a call, as they are pickled."""
    cloudpickle = pytest.importorskip("cloudpickle")
    tasks = []

    class Planned(cluster.Chunks):
        def task(self, call):
            tasks.append(super().task(call))
            return tasks[0]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cluster, "Chunks", Planned)
        g(**given)
    return {str(key): cloudpickle.dumps(task) for key, task in dict(tasks[0].dask).items()}


def test_weights_travel_once():
    d = sb.derive(sb.mlp(["D", "H", "K"]))
    weights = {"W1": np.zeros((2, 5000)), "W2": np.zeros((5000, 1))}
    sizes = {
        key: len(task)
        for key, task in planned(
            d.to_dask(), X=da.zeros((90, 2), chunks=1), y=da.zeros((90, 1), chunks=1), **weights
        ).items()
    }
    large = [key for key, size in sizes.items() if size > 3000]
    assert len(sizes) > 3 * 90
    assert all(key.startswith("function-sums_of") for key in large)
    assert sum(sizes[key] for key in large) < 1.2 * sum(weight.nbytes for weight in weights.values())


def test_workers_need_neither_symbackprop_nor_sympy(tmp_path, rng):
    d, values = home(rng, rows=10)
    tasks = planned(d.to_dask(), **in_chunks(values, 10))
    file = tmp_path / "task"
    file.write_bytes(next(task for key, task in tasks.items() if key.startswith("function-sums_of_chunk")))
    code = (
        "import pickle, sys\nsys.modules.update(symbackprop=None, sympy=None)\n"
        f"print(type(pickle.load(open({str(file)!r}, 'rb'))))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
