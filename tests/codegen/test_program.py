"""Programs of generated functions: the number of operations, their order, and their memory."""

import numpy as np
import pytest

import symbackprop as sb
from symbackprop.codegen.batching import split_by_examples
from symbackprop.codegen.buffers import Buffer, CallerArray, allocated
from symbackprop.codegen.lowering import program
from symbackprop.printing.text import text
from tests.support.zoo import ZOO


def programs(net):
    tape = sb.derive(net).tape
    for results in (tape.result_names[:1], tape.result_names):
        found = program(tape, results)
        yield found, split_by_examples(found, net)


def of(net):
    *_, (found, phases) = programs(net)
    return found, phases


def layers(depth):
    return sb.mlp([f"H{k}" for k in range(depth + 1)], "sigmoid", bias=True, l2="lam")


def test_the_home_network_takes_five_products_and_two_exponentials():
    found, _ = of(sb.home_network())
    assert found.count("dot") == 5  # two forward, three backward
    assert found.count("exp", "sigmoid") == 2
    assert found.count("vdot") == 1, "the cost is the residual's product with itself"
    assert found.count("negative") == 0, "signs are absorbed"
    assert found.count("subtract") == 3, "y - yhat is made once, and 1 - a for each layer"
    assert found.count("code") == 1, "½ Σ is the one number on the way"


@pytest.mark.parametrize(
    "cost", ["sum(matrix_power(A, {}))", "sum(matrix_power(A @ B, {})**2)", "sum(matrix_power(inv(A + B), {}))"]
)
def test_a_power_of_a_matrix_takes_a_number_of_products_that_grows_with_its_exponent(cost):
    head = "A: parameter(N, N)\nB: parameter(N, N)\nJ = "
    products = [of(sb.parse_network(head + cost.format(k)))[0].count("dot") for k in (10, 20, 30)]
    assert products[2] - products[1] == products[1] - products[0] <= 50, "at most 5 for each factor"
    f = sb.derive(sb.parse_network(head + cost.format(5))).to_numpy(backend="numpy")
    values = {"A": np.array([[0.7, 0.2], [-0.1, 0.5]]), "B": np.array([[0.3, -0.4], [0.6, 0.8]])}
    h = np.array([[0, 1e-6], [0, 0]])
    quotient = (f.cost(A=values["A"] + h, B=values["B"]) - f.cost(A=values["A"] - h, B=values["B"])) / 2e-6
    assert np.isclose(f(**values).dJdA[0, 1], quotient, rtol=1e-6)


def test_a_trace_of_a_power_has_one_power():
    assert (
        text(sb.derive(sb.parse_network("A: parameter(N, N)\nJ = trace(matrix_power(A, 9))")).gradients["A"])
        == "9 (A⁸)ᵀ"
    )


def test_the_home_network_works_in_four_arrays():
    _, phases = of(sb.home_network())
    buffers = allocated(phases.each, phases.sums).buffers
    assert [tuple(map(str, buffer.shape)) for buffer in buffers] == [("N", "3"), ("N", "1"), ("N", "1"), ("N", "3")]


@pytest.mark.parametrize(("cost", "exponentials"), [("softmax_cross_entropy", 2), ("binary_cross_entropy", 3)])
def test_the_cost_and_its_gradients_share_exponentials(cost, exponentials):
    found, _ = of(sb.mlp(["D", "H", "K"], "sigmoid", cost))
    assert found.count("exp", "sigmoid") == exponentials


@pytest.mark.parametrize("depth", [2, 4, 8, 16])
def test_work_grows_by_the_same_for_each_layer(depth):
    """Forward, gradient and backward product of each layer; one array of each layer's width that is kept."""
    found, phases = of(layers(depth))
    assert found.count("dot") == 3 * depth - 1
    assert found.count("sigmoid") == depth
    shapes = [buffer.shape for buffer in allocated(phases.each, phases.sums).buffers]
    assert len(shapes) == 2 * depth, "an activation and an adjoint for each layer"


def test_a_factor_of_the_cost_goes_into_small_arrays():
    """1/N stays outside of all arrays that have a row for each example."""
    net = sb.mlp(["D", "H", "K"], "sigmoid", average="examples", l2="lam")
    found, phases = of(net)
    (number,) = [operation for operation in found.operations if str(operation.expression) == "1/N"]
    assert number in phases.before
    scaled = [o for o in found.operations if o.function == "multiply" and number.result in o.arguments]
    assert len(scaled) == 2
    assert all(operation in phases.after for operation in scaled)


def test_examples_are_separated_where_the_sum_rule_allows_it():
    _, phases = of(sb.mlp(["D", "H", "K"], "tanh", bias=True, l2="lam"))
    assert {value.name: axis for value, axis in phases.axes.items()} == {"X": 0, "y": 0}
    assert len(phases.sums) == 5  # Σ of the squares, and four gradients
    _, phases = of(sb.mlp(["D", "H", "K"], "tanh", layout="columns"))
    assert {value.name: axis for value, axis in phases.axes.items()} == {"X": 1, "y": 1}


def test_gradients_of_shared_weights_are_added_up_among_each_examples_own():
    """One array a parameter, however many steps of time use it."""
    found, phases = of(sb.rnn(5))
    assert found.count("dot") > 20
    arrays = [value for value in phases.sums if value.shape]
    assert len(arrays) == sum(bool(value.shape) for value in found.results)


def test_a_constant_beside_a_sum_is_added_once(rng):
    """And not once for each batch of examples."""
    net = sb.parse_network(
        "X: input(N, D)\nw: parameter(D, 1)\ns = sum(X @ w, axis=0, keepdims=True) + ones((1, 1))\nJ = sum(s**2)"
    )
    X, w = rng.normal(size=(50_000, 3)), rng.normal(size=(3, 1))
    f = sb.derive(net).to_numpy()
    f._module["_memory"].parts = lambda n, memory, form: 7
    np.testing.assert_allclose(f.cost(X, w), (np.sum(X @ w) + 1) ** 2, rtol=1e-9)


@pytest.mark.parametrize("net", [sb.batchnorm(), sb.attention()], ids=["batchnorm", "attention"])
def test_examples_that_need_each_other_are_not_separated(net):
    _, phases = of(net)
    assert not phases.is_split
    assert not phases.before
    assert not phases.after


def test_a_parameter_for_each_example_is_not_separated():
    net = sb.parse_network("W: parameter(N, D)\ny: target(N, D)\nJ = sum((W - y)**2)")
    assert not of(net)[1].is_split


def nets():
    yield from ((name, sb.parse_network(text)) for name, text in ZOO.items())
    yield "home", sb.home_network()
    yield "deep", layers(6)


@pytest.mark.parametrize(("name", "net"), list(nets()), ids=lambda value: value if isinstance(value, str) else "")
def test_no_result_is_overwritten_before_its_last_use(name, net):
    """Simulates the memory: each operation must find in an array the value that was written there for it."""
    for found, phases in programs(net):
        outside = [*phases.before, *phases.after]
        given = found.inputs_of(phases.each)
        kept = [value for value in found.results if value.shape] if phases.is_split else []
        arrays = [value for value in phases.sums if value.shape]
        for operations, buffers in [
            (phases.each, allocated(phases.each, phases.sums)),
            (outside, allocated(outside, kept, own=arrays, alive=given)),
        ]:
            memory = Memory(operations, buffers)
            memory.run()
            memory.require_kept(kept if operations is outside else arrays)


class Memory:
    def __init__(self, operations, buffers):
        self.operations, self.places = operations, buffers.places
        self.holds = {}  # the value in each memory
        self.of = {}  # the memory of a value
        self.source = {}  # of a view: the value that it shows

    def root(self, value):
        return self.root(self.source[value]) if value in self.source else value

    def run(self):
        for operation in self.operations:
            for value in operation.values:
                root = self.root(value)
                assert self.holds.get(self.of.get(root), root) is root, f"{operation} reads what is overwritten"
            result = operation.result
            if operation.kind.is_view:
                self.source[result] = operation.values[0]
            elif operation.kind.takes_out and result in self.places:
                self.write(operation)

    def write(self, operation):
        place = self.places[operation.result]
        if not isinstance(place, Buffer | CallerArray):
            assert operation.kind.entrywise
            assert place.shape == operation.result.shape
            assert place in operation.values
            place = self.of.setdefault(place, place)
        elif isinstance(place, Buffer):
            assert place.shape == operation.result.shape
            assert operation.kind.entrywise or all(self.of.get(self.root(v)) != place for v in operation.values)
        self.of[operation.result] = place
        self.holds[place] = operation.result

    def require_kept(self, results):
        for value in results:
            assert self.holds.get(self.of.get(value), value) is value, f"{value} is overwritten"


def test_the_simulation_notices_a_buffer_that_is_reused_too_early():
    """Plants the mistake that the test above must find."""
    _, phases = of(sb.home_network())
    buffers = allocated(phases.each, phases.sums)
    used = [value for value, place in buffers.places.items() if isinstance(place, Buffer)]
    twin = next(v for v in used[1:] if buffers.places[v].shape == buffers.places[used[0]].shape)
    buffers.places[twin] = buffers.places[used[0]]
    with pytest.raises(AssertionError, match="overwritten"):
        Memory(phases.each, buffers).run()


def test_equal_gradients_are_arrays_of_their_own():
    net = sb.parse_network("A: parameter(N, D)\nB: parameter(N, D)\ny: target(N, D)\nJ = sum((A + B - y)**2)")
    values = sb.random_values(net, seed=3)
    _, one, other = sb.derive(net).to_numpy()(**values)
    np.testing.assert_array_equal(one, other)
    assert not np.shares_memory(one, other)


@pytest.mark.parametrize(
    "along",
    [
        "max(z, axis=0, keepdims=True)",
        "concatenate((z, z), axis=0)",
        "z[0:1, :]",
        "sum(softmax(z, axis=0), axis=1, keepdims=True)",
    ],
)
def test_an_operation_along_the_examples_is_not_separated(along, rng):
    """And is right for more examples than other networks take in one batch."""
    net = sb.parse_network(f"X: input(N, D)\nW: parameter(D, 2)\nz = X @ W\nJ = sum(({along})**2)")
    assert not of(net)[1].is_split
    values = {"X": rng.normal(size=(5000, 3)), "W": rng.normal(size=(3, 2))}
    wide = {name: value.astype(np.longdouble) for name, value in values.items()}
    f = sb.derive(net).to_numpy()
    for ours, truth in zip(f(**values), f(**wide), strict=True):
        np.testing.assert_allclose(ours, truth.astype(float), rtol=1e-9, atol=1e-12 * float(np.abs(truth).max()))
    assert sb.derive(net).check({"X": values["X"][:7], "W": values["W"]}).verdict == "right"
