"""Modules for the array API: on every library they return the numbers of to_numpy(), in the dtype of the arguments."""

import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from sympy import S

import symbackprop as sb
from symbackprop.cli import commands as cli
from symbackprop.expressions.functions import FUNCTIONS
from tests.codegen.test_extremes import COSTS as EXTREME
from tests.codegen.test_extremes import Y, Z
from tests.support.libraries import LIBRARIES
from tests.support.zoo import ZOO
from tests.test_registration import ALL as REGISTERED


def of_every_function():
    """A layer for each function of the table, with a bias and a penalty; log and sqrt get positive arguments."""
    lines, terms = ["X: input(N, D)", "y: target(N, H)", "lam: scalar"], []
    for f, row in FUNCTIONS.items():
        lines += [f"W_{f}: parameter(D, H)", f"b_{f}: parameter(1, H)"]
        z = f"X @ W_{f} + b_{f}"
        above = f"square({z}) + {1 + max(row.domain.inf, 0)}"
        argument = z if row.domain == S.Reals else above if row.domain.sup == S.Infinity else f"tanh({z})"
        terms.append(f"sum((y - {f}({argument}))**2) / 2 + lam / 2 * sum(W_{f}**2)")
    return "\n".join([*lines, f"J = {' + '.join(terms)}"])


NETWORKS = {
    "home": sb.home_network(),
    "every function": sb.parse_network(of_every_function()),
    "softmax cross-entropy": sb.mlp([4, "H", 3], "tanh", "softmax_cross_entropy", bias=True, l2="lam"),
} | {
    name: sb.parse_network(ZOO[name])
    for name in (
        *("LSTM", "causal attention", "batch normalization in a network", "layer normalization", "max pooling"),
        *("softmax regression", "everything scalar", "powers and quotients", "Gaussian with a precision matrix"),
    )
}
NOT_OF_DASK = {"Gaussian with a precision matrix"}  # it has no slogdet


@pytest.fixture(params=LIBRARIES)
def library(request):
    yield from LIBRARIES[request.param]()


@pytest.fixture
def jax_library():
    yield from LIBRARIES["jax"]()


@pytest.fixture
def torch_library():
    yield from LIBRARIES["torch"]()


def run(source, name="cost_and_gradients"):
    namespace = {}
    exec(source, namespace)
    return namespace[name]


def assert_equal(found, wanted, rtol=1e-10, dtype=np.float64):
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours.shape, ours.dtype) == (np.shape(theirs), dtype)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * max(1, np.max(np.abs(theirs))))


def results(library, source, values):
    return library.results(run(source), values)


def parameters(result):
    return [name.removeprefix("dJd") for name in result._fields[1:]]


def of_kind(*kinds):
    return [library for kind in kinds for library in LIBRARIES[kind]()]


def case(network, seed):
    """Return the text of the module, values, and the results of to_numpy() for them."""
    d = derived(network)
    values = sb.random_values(network, seed=seed)
    return source_of(d), values, d.to_numpy()(**values)


derived = cache(sb.derive)
source_of = cache(lambda d: d.to_source("array_api"))


@pytest.fixture
def seed(rng):
    return int(rng.integers(2**31))


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_on_numpy_and_on_the_standard_alone(name, seed):
    source, values, wanted = case(sb.parse_network(ZOO[name]), seed)
    for library in of_kind("numpy", "strict"):
        assert_equal(results(library, source, values), wanted, rtol=1e-12)
        cost = run(source, "cost")(**library.of(values))
        assert float(cost) == pytest.approx(wanted[0], rel=1e-12)


def single(values):
    return {name: value.astype(np.float32) if np.ndim(value) else value for name, value in values.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_library_and_either_type_of_floats(library, name, seed):
    if library.name == "dask" and name in NOT_OF_DASK:
        pytest.skip("dask has no slogdet")
    source, values, wanted = case(NETWORKS[name], seed)
    assert_equal(results(library, source, values), wanted)
    if library.name not in ("jax", "dask") or name == "home":  # these are slow; other tests use float32 there
        assert_equal(results(library, source, single(values)), wanted, rtol=2e-3, dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("home", "delta3 = -(y", "delta3 = (y"),
        ("every function", "xp.where(z > 0, 1.0, xp", "xp.where(z > 0, 0.999, xp"),
        ("softmax cross-entropy", "dJdW1 = lam * W1 + ", "dJdW1 = 2 * lam * W1 + "),
    ],
)
def test_a_planted_mistake_is_noticed(library, name, right, wrong, seed):
    if name == "every function" and library.name in ("jax", "dask"):
        pytest.skip("it takes long, and the text is the same")
    source, values, wanted = case(NETWORKS[name], seed)
    assert right in source
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_equal(results(library, source.replace(right, wrong), values), wanted)


@pytest.mark.parametrize("name", ["home", "every function", "Gaussian with a precision matrix"])
def test_gradients_are_those_of_jax(jax_library, name, seed):
    """`jax.grad` of the generated cost does not use our rules."""
    jax = pytest.importorskip("jax")
    source, values, wanted = case(NETWORKS[name], seed)
    given, cost = jax_library.of(values), run(source, "cost")
    weights = {weight: given[weight] for weight in parameters(wanted)}
    slopes = jax.jit(jax.grad(lambda weights: cost(**given | weights)))(weights)
    assert_equal([np.asarray(slopes[weight]) for weight in weights], wanted[1:])


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_torch(torch_library, name, seed):
    source, values, wanted = case(NETWORKS[name], seed)
    given = torch_library.of(values)
    weights = [given[weight].requires_grad_() for weight in parameters(wanted)]
    run(source, "cost")(**given).backward()
    assert_equal([weight.grad.numpy() for weight in weights], wanted[1:])


# what is given


def view(value):
    """Arrays whose memory PyTorch cannot share: read-only ones, and reversed ones."""
    turned = np.ascontiguousarray(value[::-1])[::-1]
    turned.flags.writeable = False
    return turned


@pytest.mark.parametrize("give", [np.asarray, np.ndarray.tolist, view])
@pytest.mark.parametrize("name", ["home", "softmax cross-entropy"])
def test_weights_follow_the_library_and_the_type_of_the_data(library, give, name, seed):
    source, values, wanted = case(NETWORKS[name], seed)
    given = {n: give(value) if n[0] in "Wb" else value for n, value in single(values).items()}
    given["X"] = library.array(given["X"])
    if library.name == "numpy":  # as to_numpy() does it: lists hold Python's floats
        given = single({n: np.asarray(value) for n, value in given.items()})
    found = library.prepared(lambda X: run(source)(**given | {"X": X}))(given["X"])
    assert {type(part) for part in found[1:]} == {type(given["X"])}
    assert_equal(library.to_numpy(found), wanted, rtol=2e-3, dtype=np.float32)


@pytest.mark.parametrize("name", ["softmax regression", "causal attention"])
def test_weights_follow_the_device_of_the_data(name, seed):
    """A second device of array-api-strict, which refuses arrays on another device."""
    source, values, wanted = case(NETWORKS[name], seed)
    strict = pytest.importorskip("array_api_strict")
    other = strict.Device("device1")
    found = run(source)(**values | {"X": strict.asarray(values["X"], device=other)})
    assert {part.device for part in found} == {other}
    assert_equal([np.asarray(part.to_device(strict.Device("CPU_DEVICE"))) for part in found], wanted)


def test_weights_follow_the_device_of_tensors(torch_library, seed):
    """PyTorch has a device without numbers."""
    torch = pytest.importorskip("torch")
    source, values, _ = case(NETWORKS["causal attention"], seed)
    found = run(source)(**values | {"X": torch.asarray(values["X"], device="meta")})
    assert {part.device.type for part in found} == {"meta"}


@pytest.mark.parametrize("lam", [2, np.float64(2), np.float32(2), True + 1, "array"])
def test_a_hyperparameter_is_of_no_type(library, lam, seed):
    d = sb.derive(
        sb.parse_network(
            "X: input(N, D)\nW: parameter(D, 1)\nlam: scalar\nJ = sum(elu(X @ W)) * log(lam) * softplus(lam)"
        )
    )
    values = single(sb.random_values(d.network, seed=seed))
    given = {**library.of(values), "lam": library.array(np.ones(()) * 2) if lam == "array" else lam}
    found = library.prepared(run(source_of(d)))(**given)
    wanted = d.to_numpy()(**values | {"lam": 2.0})
    assert_equal(library.to_numpy(found), wanted, rtol=1e-5, dtype=np.float32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"W1": np.zeros((3, 2))}, r"W1 has shape \(3, 2\) but \(2, 3\) is expected; W1.T has it"),
        ({"y": np.zeros((4, 1))}, r"y has shape \(4, 1\) but \(N, 1\) = \(3, 1\) is expected"),
        ({"W2": np.zeros(3)}, r"W2 has shape \(3,\) .* W2.reshape\(-1, 1\) makes it a column"),
        ({"X": np.zeros((3, 2), complex)}, "X has dtype .*complex128; real numbers are expected"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(library, change, said):
    values = sb.home_data() | sb.home_weights(7) | change
    given = {name: library.array(value) for name, value in values.items() if value.ndim == 2} | {
        name: value for name, value in values.items() if value.ndim != 2
    }
    with pytest.raises(ValueError, match=said):
        library.prepared(run(sb.derive(sb.home_network()).to_source("array_api")))(**given)


def test_unknown_sizes_are_named():
    (dask,) = of_kind("dask")
    values = dask.of(sb.home_data() | sb.home_weights(7))
    values["X"] = values["X"][values["X"][:, 0] > 0]
    with pytest.raises(ValueError, match=r"X has shape \(nan, 2\).*X.compute_chunk_sizes\(\) finds them"):
        run(source_of(sb.derive(sb.home_network())))(**values)


def test_integers_become_the_librarys_floats(library):
    whole = {name: np.round(3 * value).astype(int) for name, value in (sb.home_data() | sb.home_weights(7)).items()}
    d = sb.derive(sb.home_network())
    found = results(library, source_of(d), whole)
    usual = np.float32 if library.name == "torch" else np.float64
    assert_equal(found, d.to_numpy()(**whole), rtol=1e-5, dtype=usual)


def test_a_row_that_is_not_one_hot_makes_the_result_nan(library):
    source, values, _ = case(NETWORKS["softmax regression"], 3)
    values["Y"] = values["Y"] * 1.01
    assert all(np.isnan(part).any() for part in results(library, source, values))


def test_results_belong_to_the_caller(library):
    """A gradient that is an argument's transpose, or a repeated row, is a copy."""
    text = "X: input(N, D)\nr: input(1, D)\nW: parameter(D, N)\nU: parameter(N, D)\nJ = sum(X * W.T) + sum(U * r)"
    source, values, wanted = case(sb.parse_network(text), 3)
    found = results(library, source, values)
    assert_equal(found, wanted)
    if library.name in ("numpy", "torch"):
        assert not any(np.shares_memory(part, value) for part in found[1:] for value in values.values())
        assert all(part.flags.writeable for part in found[1:])


# numbers that are large (every warning is an error here)


OVERFLOWING = {"exp", "expm1", "sinh", "cosh"}


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_functions_are_finite_and_right_at_1200(f, order):
    if order and f in ("identity", "sign"):
        pytest.skip("its slope is constant")
    domain = FUNCTIONS[f].domain
    large = [
        p for p in (1200, -1200, 30, -30, 0.5, 1.5, 0.25) if p in domain and (abs(p) < 700 or f not in OVERFLOWING)
    ]
    d = sb.derive(sb.parse_network(f"W: parameter(2, 2)\nJ = sum({f}{'.prime' * order}(W))"))
    values = {"W": np.array([*large, *large][:4]).reshape(2, 2) * 1.0}
    wanted = d.to_numpy()(**values)
    for library in of_kind("numpy", "strict", *["dask"] * (order == 0)):
        found = results(library, source_of(d), values)
        assert all(np.isfinite(part).all() for part in found)
        assert_equal(found, wanted, rtol=1e-13)
        assert all(np.isfinite(part).all() for part in results(library, source_of(d), single(values)))


def test_costs_are_finite_and_right_at_1200(library):
    lines = [f"W{k}: parameter(2, 3)" for k in range(len(EXTREME))] + ["Y: one_hot(2, 3)"]
    costs = [re.sub(r"\bW\b", f"W{k}", cost) for k, cost in enumerate(EXTREME)]
    d = sb.derive(sb.parse_network("\n".join([*lines, f"J = {' + '.join(costs)}"])))
    values = {f"W{k}": Z for k in range(len(EXTREME))} | {"Y": Y}
    wanted = d.to_numpy()(**values)
    assert np.isfinite(wanted.J)
    assert_equal(results(library, source_of(d), values), wanted, rtol=1e-13)


@pytest.mark.usefixtures("no_function_left_behind")
@pytest.mark.filterwarnings("ignore:overflow encountered")  # Min(0, exp(z) - 1) is right all the same
@pytest.mark.parametrize("name", REGISTERED)
def test_registered_functions(name):
    sb.register(name, REGISTERED[name])
    d = sb.derive(sb.parse_network(f"W: parameter(2, 3)\nJ = sum({name}(W))"))
    for library in of_kind("numpy", "strict"):
        assert_equal(results(library, source_of(d), {"W": Z}), d.to_numpy()(W=Z), rtol=1e-13)


# the text


def test_a_power_of_a_matrix(library, seed):
    for n in (2, 3, 7):
        source, values, wanted = case(sb.parse_network(f"A: parameter(D, D)\nJ = trace(matrix_power(A, {n}))"), seed)
        assert_equal(results(library, source, values), wanted)


def test_the_text_needs_array_api_compat_only_where_it_runs():
    program = (
        "import sys; sys.modules['array_api_compat'] = None\n"
        "import symbackprop as sb; print(sb.derive(sb.home_network()).to_source('array_api'))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.rstrip() == sb.derive(sb.home_network()).to_source("array_api").rstrip()


def test_another_target_is_refused():
    with pytest.raises(sb.ArgumentError, match="unknown target 'array-api': did you mean array_api"):
        sb.derive(sb.home_network()).to_source("array-api")


def test_the_command_writes_it_and_its_tests(tmp_path):
    module = tmp_path / "grads.py"
    assert cli.main(["generate", "--target", "array_api", "-o", str(module), "--tests"]) == 0
    assert module.read_text(encoding="utf-8") == sb.derive(sb.home_network()).to_source("array_api")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_grads.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "5 passed" in run.stdout, run.stdout
