"""Generated code: the text that runs, its numbers, and its messages about bad arguments."""

import ast
import pickle
import subprocess
import sys

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.codegen.schedule import schedule
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.network.models.losses import COSTS
from tests.support.networks import ON_PROBABILITIES, PAIRS


def home():
    return sb.derive(sb.home_network()), sb.home_data() | sb.home_weights(7)


def test_home_function_returns_named_results_in_declared_order():
    d, values = home()
    f = d.to_numpy()
    assert f.arguments == ("X", "y", "W1", "W2")
    J, dJdW1, dJdW2 = f(*values.values())
    result = f(**values)
    assert result._fields == ("J", "dJdW1", "dJdW2")
    assert J == result.J
    np.testing.assert_array_equal(dJdW1, result.dJdW1)
    np.testing.assert_array_equal(dJdW2, result.dJdW2)
    assert (dJdW1.shape, dJdW2.shape) == ((2, 3), (3, 1))
    assert f.cost(**values) == J
    assert repr(f) == "<J, dJdW1, dJdW2 = f(X, y, W1, W2)>"


def test_home_gradients_against_the_lesson_written_out():
    """The class that the lesson ends with, as it is written there."""
    d, v = home()
    z2 = v["X"] @ v["W1"]
    a2 = 1 / (1 + np.exp(-z2))
    z3 = a2 @ v["W2"]
    yhat = 1 / (1 + np.exp(-z3))
    delta3 = -(v["y"] - yhat) * (np.exp(-z3) / (1 + np.exp(-z3)) ** 2)
    delta2 = (delta3 @ v["W2"].T) * (np.exp(-z2) / (1 + np.exp(-z2)) ** 2)
    J, dJdW1, dJdW2 = d.to_numpy()(**v)
    np.testing.assert_allclose(J, 0.5 * np.sum((v["y"] - yhat) ** 2), rtol=1e-14)
    np.testing.assert_allclose(dJdW1, v["X"].T @ delta2, rtol=1e-12)
    np.testing.assert_allclose(dJdW2, a2.T @ delta3, rtol=1e-12)


@pytest.mark.parametrize(("activation", "cost"), PAIRS)
def test_source_is_the_text_that_runs_and_imports_numpy_alone(activation, cost, rng):
    d = sb.derive(sb.mlp(["D", "H", "K"], activation, cost, bias=True, l2="lam"))
    source, f = d.to_source(), d.to_numpy()
    assert f.source == source
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
    values = sb.random_values(d.network, seed=int(rng.integers(2**31)))
    namespace = {}
    exec(source, namespace)
    for ours, theirs in zip(f(**values), namespace["cost_and_gradients"](**values), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert namespace["cost"](**values) == f(**values).J


def test_a_written_module_runs_without_symbackprop(tmp_path):
    d, values = home()
    (tmp_path / "grads.py").write_text(d.to_source(), encoding="utf-8")
    np.savez(tmp_path / "values.npz", **values)
    program = (
        "import sys, numpy as np, grads\n"
        "J, dJdW1, dJdW2 = grads.cost_and_gradients(**np.load('values.npz'))\n"
        "assert 'sympy' not in sys.modules and 'symbackprop' not in sys.modules\n"
        "print(repr(float(J)))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert float(run.stdout) == d.to_numpy()(**values).J


def test_the_module_says_what_f_is():
    head = ast.get_docstring(ast.parse(sb.derive(sb.home_network()).to_source()))
    assert "f(z) = 1/(1 + exp(−z)) (sigmoid)" in head


def test_one_forward_pass_and_no_second_exp():
    source = sb.derive(sb.home_network()).to_source().split("def _cost_and_gradients_part(")[1].split("return")[0]
    assert source.count(".dot(") == 5  # two forward, three backward
    assert source.count("_sigmoid(") == 2
    assert "np.exp(" not in source


def test_schedule_computes_before_it_uses(rng):
    net = sb.Network()
    X, W, V = net.input("X", "N", "D"), net.parameter("W", "D", "H"), net.parameter("V", "H", "H")
    h = net.define("h", sb.softplus(sb.sigmoid(X * W) * V))
    net.minimize("J", sb.total(sb.hadamard(h, sb.sigmoid(X * W))))
    plan = schedule(sb.derive(net).tape)
    known = {str(s.name) for s in net.arguments}
    for assignment in plan.assignments:
        assert {str(s) for s in assignment.expression.free_symbols} <= known
        known.add(assignment.name)
    maps = [
        n
        for s in plan.assignments
        for n in postorder(s.expression)
        if isinstance(n, Elementwise) and not n.function.order
    ]
    assert len(maps) == len(set(maps)), "each map of the forward pass is computed once"
    assert sb.derive(net).check(sb.random_values(net, seed=int(rng.integers(2**31)))).verdict == "right"


@pytest.mark.parametrize("z", [-1200.0, 1200.0])
@pytest.mark.parametrize("cost", COSTS)
def test_finite_and_right_at_1200(z, cost):
    """One weight carries z = ±1200 straight to the output."""
    d = sb.derive(sb.mlp([1, 2], "sigmoid", cost))
    values = {"X": np.ones((1, 1)), "y": np.array([[0.25, 0.75]]), "W1": np.array([[z, 0.5]])}
    with np.errstate(all="raise"):
        J, dJdW1 = d.to_numpy()(**values)
    sigmoid, other = (1.0 if z > 0 else 0.0), 1 / (1 + np.exp(-0.5))
    slope = other * (1 - other)
    errors = np.array([0.25 - sigmoid, 0.75 - other])
    squared = np.sum(errors**2) / 2, [0, -errors[1] * slope]
    binary = max(z, 0) - 0.25 * z + np.log1p(np.exp(0.5)) - 0.75 * 0.5, [sigmoid - 0.25, other - 0.75]
    categorical = max(z, 0.5) - 0.25 * z - 0.75 * 0.5, [sigmoid - 0.25, (1 - sigmoid) - 0.75]
    margins = np.array([1 - 0.25 * z, 1 - 0.75 * 0.5])
    positive = np.maximum(margins, 0)
    expected = {
        "half_squared_error": squared,
        "mean_half_squared_error": squared,
        "squared_error": (2 * squared[0], [0, 2 * squared[1][1]]),
        "mean_squared_error": squared,
        "absolute_error": (np.abs(errors).sum(), [0, -np.sign(errors[1]) * slope]),
        "huber": squared,
        "binary_cross_entropy": binary,
        "binary_cross_entropy_on_probabilities": binary,
        "softmax_cross_entropy": categorical,
        "cross_entropy_on_probabilities": categorical,
        "hinge": (positive.sum(), -np.array([0.25, 0.75]) * (margins > 0)),
        "squared_hinge": (np.sum(positive**2), -2 * np.array([0.25, 0.75]) * positive),
    }[cost]
    assert pytest.approx(expected[0], rel=1e-14) == J
    np.testing.assert_allclose(dJdW1, [expected[1]], rtol=1e-14, atol=1e-15)


# arguments


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"W1": np.zeros((3, 2))}, r"W1 has shape \(3, 2\) but \(2, 3\) is expected"),
        ({"y": np.zeros((4, 1))}, r"y has shape \(4, 1\) but \(N, 1\) = \(3, 1\) is expected"),
        ({"y": np.zeros(3)}, r"y has shape \(3,\) .* y.reshape\(-1, 1\) makes it a column"),
        ({"X": 5.0}, r"X has shape \(\) but"),
        ({"X": np.zeros((3, 2), complex)}, "X has dtype complex128; real numbers are expected"),
        ({"X": np.array([["a", "b"]] * 3)}, "X has dtype <U1"),
        ({"X": np.array([[None, 1]] * 3)}, "X has dtype object"),
        ({"X": [[1, 2], [3]]}, "X is not an array of numbers"),
        ({"X": np.ma.masked_greater(np.ones((3, 2)), 0)}, "X is a masked array"),
        ({"X": np.array([[1, 2], [3, np.nan], [5, 6]])}, r"X\[1, 1\] is nan"),
        ({"W2": np.array([[1.0], [np.inf], [2.0]]), "X": np.full((3, 2), np.nan)}, r"X\[0, 0\] is nan"),
    ],
)
def test_bad_arguments_are_named(change, said):
    d, values = home()
    for function in (d.to_numpy(), d.to_numpy().cost):
        with pytest.raises(sb.ArgumentError, match=said):
            function(**values | change)


def test_missing_and_unknown_arguments_are_named():
    d, values = home()
    f = d.to_numpy()
    with pytest.raises(sb.ArgumentError, match="'W2'; the arguments are X, y, W1 and W2"):
        f(values["X"], values["y"], values["W1"])
    with pytest.raises(sb.ArgumentError, match="'W3'"):
        f(**values, W3=1)


def test_a_hyperparameter_is_one_number():
    d = sb.derive(sb.mlp([2, 3, 1], l2="lam"))
    values = sb.home_data() | sb.home_weights()
    result = d.to_numpy()(**values, lam=2)
    for lam in (2.0, np.float32(2), np.array(2), True + 1):
        assert d.to_numpy()(**values, lam=lam).J == result.J
    with pytest.raises(sb.ArgumentError, match=r"lam has shape .* a single number is expected"):
        d.to_numpy()(**values, lam=[1, 2])
    with pytest.raises(sb.ArgumentError, match="lam is nan"):
        d.to_numpy()(**values, lam=np.nan)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_what_can_be_converted_is_and_inputs_are_never_modified():
    d, values = home()
    f = d.to_numpy()
    whole = {name: np.round(3 * value).astype(int) for name, value in values.items()}
    expected = f(**{name: value.astype(float) for name, value in whole.items()})
    forms = [
        whole,
        {name: value.tolist() for name, value in whole.items()},
        {name: np.asfortranarray(value, dtype=float) for name, value in whole.items()},
        {name: np.matrix(value) for name, value in whole.items()},
        {name: value.astype(np.float16) for name, value in whole.items()},
        {name: np.repeat(value, 2, axis=0)[::2] for name, value in whole.items()},
    ]
    for given in forms:
        before = {name: np.array(value) for name, value in given.items()}
        for value in given.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        for ours, theirs in zip(f(**given), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)
            assert np.asarray(ours).dtype == float
        assert all(np.array_equal(before[name], given[name]) for name in given)


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
@pytest.mark.parametrize("cost", COSTS)
def test_the_type_of_floats_is_kept(dtype, cost, rng):
    output = "sigmoid" if cost in ON_PROBABILITIES else None
    d = sb.derive(sb.mlp(["D", "H", "K"], "softplus", cost, output_activation=output, bias=True, l2="lam"))
    values = sb.random_values(d.network, seed=int(rng.integers(2**31)))
    exact = d.to_numpy()(**values)
    result = d.to_numpy()(**{n: v.astype(dtype) if isinstance(v, np.ndarray) else v for n, v in values.items()})
    for ours, theirs in zip(result, exact, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_mixed_types_become_the_widest():
    d, values = home()
    f, expected = d.to_numpy(), d.to_numpy()(**values)
    for name, value in values.items():
        result = f(**values | {name: value.astype(np.float32)})
        assert all(np.asarray(part).dtype == np.float64 for part in result)
        for ours, theirs in zip(result, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_zero_strides_negative_strides_and_slices_are_read_as_they_are(rng):
    d, values = home()
    f, bound = d.to_numpy(), d.to_numpy().bind(values)
    flat = values | {"X": np.broadcast_to([0.25, 0.75], (3, 2)), "W1": np.broadcast_to([[0.5], [-0.25]], (2, 3))}
    wide = {name: rng.normal(size=(5 * value.shape[0], 3 * value.shape[1])) for name, value in values.items()}
    for given in (flat, {name: value[::-5, ::3] for name, value in wide.items()}):
        expected = f(**{name: np.array(value, order="C") for name, value in given.items()})
        for result in (f(**given), bound(**given)):
            for ours, theirs in zip(result, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_a_row_far_down_that_is_not_one_hot_is_named():
    """Rows are checked some at a time."""
    d = sb.derive(sb.parse_network("Y: one_hot(N, 2)\nW: parameter(1, 2)\nJ = sum((Y - ones((N, 1)) @ W)**2)"))
    Y = np.zeros((150_000, 2))
    Y[:, 0] = 1
    W = np.array([[0.25, 0.5]])
    assert d.to_numpy()(Y, W).J == pytest.approx(150_000 * (0.75**2 + 0.5**2))
    Y[140_001] = [0.25, 0.5]
    with pytest.raises(sb.ArgumentError, match=r"Y\[140001\] adds up to 0.75"):
        d.to_numpy()(Y, W)


def test_memory_maps_and_swapped_bytes_are_read(tmp_path):
    d, values = home()
    expected = d.to_numpy()(**values)
    on_disk = np.memmap(tmp_path / "X", dtype=float, mode="w+", shape=values["X"].shape)
    on_disk[:] = values["X"]
    swapped = {name: value.astype(value.dtype.newbyteorder()) for name, value in values.items()}
    for given in (values | {"X": on_disk}, swapped):
        result = d.to_numpy()(**given)
        assert all(np.asarray(part).dtype == np.dtype(float) for part in result)
        for ours, theirs in zip(result, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_overflow_of_the_cost_is_inf_and_a_lost_domain_is_said():
    net = sb.Network()
    w = net.parameter("w", 1, 2)
    net.minimize("J", sb.total(sb.exp(w)))
    assert sb.derive(net).to_numpy()([[1.0, 1e4]]).J == np.inf
    net = sb.Network()
    w = net.parameter("w", 1, 2)
    net.minimize("J", sb.total(sb.log(w)))
    with pytest.raises(sb.ArgumentError, match="the result is nan although every argument is finite"):
        sb.derive(net).to_numpy()([[1.0, -1.0]])


@pytest.mark.parametrize("cost", ["-log(sum(relu(w)))", "-sum(log(relu(w)))"])
def test_a_gradient_of_nan_is_said_where_the_cost_is_inf_too(cost):
    f = sb.derive(sb.parse_network(f"w: parameter(1, 2)\nJ = {cost}")).to_numpy()
    w = np.array([[-1.0, -2.0]])
    for call in (f, f.bind({"w": w})):
        with pytest.raises(sb.ArgumentError, match="the gradient is nan where the cost is inf"):
            call(w)
    assert f.cost(w) == np.inf


@pytest.mark.parametrize("every", [pytest.param(4, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.nightly)])
def test_generated_tests_draw_points_where_every_function_is_defined(every, tmp_path, rng):
    functions = [name for name in FUNCTIONS if name != "tan"]  # a point may lie beside one of its poles
    drawn = [str(name) for name in rng.permutation(functions)[::every]]
    for activation in drawn:
        d = sb.derive(sb.mlp(["D", "H", 2], activation, l2="lam"))
        assert d.check(sb.random_values(d.network, seed=3)).verdict == "right", activation
        (tmp_path / f"test_{activation}.py").write_text(d.to_tests(f"with_{activation}"), encoding="utf-8")
        (tmp_path / f"with_{activation}.py").write_text(d.to_source(), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"{5 * len(drawn)} passed" in run.stdout, run.stdout


def test_functions_and_results_can_be_pickled():
    d, values = home()
    f = pickle.loads(pickle.dumps(d.to_numpy()))
    result = f(**values)
    assert repr(f) == repr(d.to_numpy())
    assert pickle.loads(pickle.dumps(result))[0] == result.J


def test_results_belong_to_the_caller():
    """Gradients that are an argument, its transpose or a repeated row are copies of it."""
    net = sb.Network()
    X, W, V, r = net.input("X", "N", 2), net.parameter("W", "N", 2), net.parameter("V", 2, "N"), net.input("r", 1, 2)
    U, S = net.parameter("U", "N", 2), net.parameter("S", 3, 3)
    linear = sb.hadamard(X, W + V.T) + sb.hadamard(U, sb.broadcast(r, "N", 2))
    net.minimize("J", sb.total(linear) + sb.total(sb.power(S, 2)) / 2)
    values = sb.random_values(net, seed=5)
    result = sb.derive(net).to_numpy()(**values)
    for gradient in result[1:]:
        assert gradient.flags.writeable
        assert not any(np.shares_memory(gradient, value) for value in values.values())
        gradient[:] = 0


def test_a_product_with_a_quotient_is_bracketed():
    net = sb.Network()
    X, W = net.input("X", "N", "D"), net.parameter("W", "D", "H")
    net.minimize("J", sb.total(W.T * sb.sigmoid(X.T)))
    values = sb.random_values(net, seed=2)
    np.testing.assert_allclose(
        sb.derive(net).to_numpy()(**values).J, np.sum(values["W"].T @ (1 / (1 + np.exp(-values["X"].T))))
    )


def test_no_examples_at_all():
    values = {"X": np.ones((0, 2)), "y": np.ones((0, 1)), "W1": np.ones((2, 3)), "W2": np.ones((3, 1))}
    result = sb.derive(sb.home_network()).to_numpy()(**values)
    assert (result.J, np.abs(result.dJdW1).sum()) == (0, 0)
    with pytest.raises(sb.ArgumentError, match="has no rows or columns, and the cost divides"):
        sb.derive(sb.mlp([2, 3, 1], cost="mean_squared_error")).to_numpy()(**values)


def test_any_argument_name_works():
    net = sb.Network()
    whole, W = net.input("self", "N", "results"), net.parameter("args", "results", 2)
    net.minimize("J", sb.total(sb.tanh(whole * W)))
    net_values = sb.random_values(net, seed=4)
    f = sb.derive(net).to_numpy()
    assert f(**net_values).J == f.cost(**net_values)
    assert sb.derive(net).check(net_values).verdict == "right"


def test_generated_tests_pass_and_notice_a_planted_mistake(tmp_path):
    d = sb.derive(sb.mlp([4, "H", 2], "tanh", "softmax_cross_entropy", bias=True, l2="lam"))
    (tmp_path / "test_grads.py").write_text(d.to_tests("grads"), encoding="utf-8")
    source = d.to_source()
    for text, status in [(source, 0), (source.replace("np.multiply(W1, lam, ", "np.multiply(W1, 2*lam, "), 1)]:
        (tmp_path / "grads.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_grads.py"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == status, run.stdout
    assert "W1" in run.stdout
    assert "gradient check: wrong" in run.stdout


def test_a_module_as_a_program_checks_its_own_gradients(tmp_path):
    """By finite differences of its cost, with only NumPy; a planted mistake is named with its entry."""
    source = sb.derive(sb.mlp([4, "H", 2], "tanh", "softmax_cross_entropy", bias=True, l2="lam")).to_source()
    wrong = source.replace("np.multiply(W1, lam, ", "np.multiply(W1, 2*lam, ")
    assert wrong != source
    for text, status, said in [
        (source, 0, "gradient with respect to W1: right, within"),
        (wrong, 1, "gradient with respect to W1: WRONG: at [0, 0]"),
    ]:
        (tmp_path / "grads.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-I", "grads.py"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == status, run.stdout + run.stderr
        assert said in run.stdout
        assert "gradient with respect to b2: right" in run.stdout
