"""Functions compiled with numba: the same results as in NumPy, at all sizes, layouts and extremes."""

import inspect
import sys
from concurrent.futures import ThreadPoolExecutor
from types import FunctionType

import numpy as np
import pytest

import symbackprop as sb
from symbackprop import derivation
from symbackprop.codegen import backends, loops
from symbackprop.codegen.function import GradientFunction
from symbackprop.codegen.loops import FORMS
from symbackprop.codegen.numba_module import carried_math
from symbackprop.codegen.program import NUMPY_FUNCTIONS
from symbackprop.codegen.runtime import numpy_runtime as runtime
from symbackprop.codegen.runtime import vector_math
from tests.support.zoo import ZOO, autograd_gradients

numba = pytest.importorskip("numba", reason="numba is not installed: pip install 'symbackprop[numba]'")

QUICK = {"examples in columns", "gated linear unit"}
BY_AUTOGRAD = ["tied autoencoder", "softmax regression on log-probabilities"]
WHOLE = {  # a step needs all examples, or there are none
    *("three layers of different functions", "sparse autoencoder", "batch normalization"),
    *("batch normalization in a network", "layer normalization", "root mean square normalization", "attention"),
    *("attention with a mask", "causal attention", "cross attention", "recurrent with a cost at each step"),
    *("word vectors with negative samples", "word vectors with a softmax", "matrix factorization", "max pooling"),
    *("cosine similarity", "contrastive", "Gaussian with a precision matrix", "Newton step", "powers and quotients"),
    *("everything scalar", "a filter that looks back"),
}
EXAMPLES = 2 * 256 + 13  # more than two blocks, and a remainder
BLOCK = 8  # examples of a block where Python runs the loops


def assert_same(ours, theirs, rtol=1e-12):
    """Entries within a fraction of the largest one."""
    assert ours._fields == theirs._fields
    for name, one, other in zip(ours._fields, ours, theirs, strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        scale = np.max(np.abs(other), initial=0)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale, err_msg=name)


def both(net):
    d = sb.derive(net)
    return d.to_numpy(backend="numba"), d.to_numpy(backend="numpy")


def values_of(net, examples, rng):
    (size,) = net.examples[1]
    return sb.random_values(net, {str(size): examples}, seed=int(rng.integers(2**31)))


def said_of(function, values):
    """Return the results, or the message of the error."""
    try:
        return function(**values)
    except sb.ArgumentError as error:
        return str(error)


COMPILABLE = [name for name in ZOO if name not in WHOLE]


def assert_results_are_those_of_numpy(name, rng, most=EXAMPLES):
    net = sb.parse_network(ZOO[name])
    compiled, plain = both(net)
    for examples in (most, 1, 2, 0):
        values = values_of(net, examples, rng)
        ours, theirs = said_of(compiled, values), said_of(plain, values)
        if isinstance(theirs, str):
            assert ours == theirs
        else:
            assert_same(ours, theirs)
    assert compiled.cost(**values_of(net, 7, np.random.default_rng(1))) == pytest.approx(
        plain.cost(**values_of(net, 7, np.random.default_rng(1))), rel=1e-13
    )


@pytest.mark.parametrize("name", COMPILABLE)
def test_loops_compute_what_numpy_computes(name, rng, monkeypatch):
    """The same loops over smaller blocks, run by Python: compiling them takes seconds."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    monkeypatch.setattr(loops, "_MOST_EXAMPLES", BLOCK)
    monkeypatch.setattr(loops, "_LEAST_EXAMPLES", BLOCK)
    assert_results_are_those_of_numpy(name, rng, most=2 * BLOCK + 3)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in QUICK else pytest.mark.nightly) for name in COMPILABLE],
)
def test_results_are_those_of_numpy(name, rng):
    assert_results_are_those_of_numpy(name, rng)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_cannot_be_compiled_is_said(name):
    d = sb.derive(sb.parse_network(ZOO[name]))
    with pytest.raises(
        sb.ArgumentError, match=r"cannot be compiled with numba: (the cost is not a sum over|there are no loops for)"
    ):
        d.to_numpy(backend="numba")
    assert "numba" not in d.to_numpy().source


def test_an_operation_without_loops_is_named():
    with pytest.raises(sb.ArgumentError, match="cannot be compiled with numba: there are no loops for erfc;"):
        sb.derive(sb.mlp([2, 3, 1], "gelu")).to_numpy(backend="numba")


@pytest.mark.parametrize("name", [BY_AUTOGRAD[0], pytest.param(BY_AUTOGRAD[1], marks=pytest.mark.slow)])
def test_gradients_are_those_of_autograd(name, rng):
    net = sb.parse_network(ZOO[name])
    values = values_of(net, EXAMPLES, rng)
    cost, gradients = autograd_gradients(ZOO[name], values)
    result = sb.derive(net).to_numpy(backend="numba")(**values)
    assert result.J == pytest.approx(cost, rel=1e-12)
    for parameter, gradient in gradients.items():
        found = getattr(result, f"dJd{parameter}")
        np.testing.assert_allclose(found, gradient, rtol=1e-10, atol=1e-12 * np.max(np.abs(gradient)))


def test_sides_too_long_to_be_written_out(rng):
    """Sums of 33 and of 40 terms, and a gradient of 33 × 40 entries."""
    net = sb.mlp([33, 40, 9], "tanh", "softmax_cross_entropy", bias=True, l2="lam")
    compiled, plain = both(net)
    assert "range(0, 40, 8)" in compiled.source
    values = values_of(net, 70, rng)
    assert_same(compiled(**values), plain(**values))


# the home network


@pytest.fixture(scope="module")
def home():
    return both(sb.home_network())


def home_values(rng, examples):
    return values_of(sb.home_network(), examples, rng)


def test_rows_of_every_number(home, rng):
    """192 of them are a block."""
    compiled, plain = home
    for examples in (0, 1, 2, 3, 8, 191, 192, 193, 383, 385, 1000):
        values = home_values(rng, examples)
        assert_same(compiled(**values), plain(**values))
        assert compiled.cost(**values) == pytest.approx(plain.cost(**values), rel=1e-13)


def test_float32_stays_float32(home, rng):
    compiled, plain = home
    values = home_values(rng, 100_003)
    single = {name: value.astype(np.float32) for name, value in values.items()}
    result = compiled(**single)
    assert {np.asarray(part).dtype for part in result} == {np.dtype(np.float32)}
    for ours, exact in zip(result, plain(**values), strict=True):
        np.testing.assert_allclose(ours, exact, rtol=3e-5, atol=3e-5 * np.max(np.abs(exact)))
    assert compiled.cost(**single).dtype == np.float32


def test_longdouble_is_computed_by_numpy(home, rng):
    compiled, plain = home
    values = {name: value.astype(np.longdouble) for name, value in home_values(rng, 300).items()}
    assert_same(compiled(**values), plain(**values), rtol=1e-17)


@pytest.mark.parametrize("z", [-1200.0, 1200.0])
def test_finite_and_right_at_1200(home, z):
    values = {
        "X": np.array([[1.0, 0.0]]),
        "y": [[0.25]],
        "W1": np.array([[z, 0.5, -z], [0, 0, 0]]),
        "W2": np.ones((3, 1)),
    }
    with np.errstate(all="raise"):
        assert_same(home[0](**values), home[1](**values))
        large = values | {"W1": np.ones((2, 3)), "W2": np.full((3, 1), z)}
        assert_same(home[0](**large), home[1](**large))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["X", "y", "W1", "W2"])
def test_what_is_not_finite_is_reported_as_by_numpy(home, name, bad, rng):
    compiled, plain = home
    values = home_values(rng, 50)
    values[name][-1, 0] = bad
    ours, theirs = said_of(compiled, values), said_of(plain, values)
    if isinstance(theirs, str):
        assert ours == theirs
    else:
        assert_same(ours, theirs)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "every other row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "one row repeated": lambda a: np.broadcast_to(a[:1], a.shape),
    "not aligned": lambda a: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "big endian": lambda a: a.astype(">f8"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_and_arrays_that_cannot_be_written(home, layout, rng):
    compiled, plain = home
    given = {name: LAYOUTS[layout](value) for name, value in home_values(rng, 400).items()}
    for value in given.values():
        value.flags.writeable = False
    before = {name: np.array(value) for name, value in given.items()}
    assert_same(compiled(**given), plain(**given))
    assert all(np.array_equal(before[name], given[name]) for name in given)


def test_read_only_arrays_are_not_copied(home, rng, monkeypatch):
    values = home_values(rng, 400)
    for value in values.values():
        value.flags.writeable = False
    monkeypatch.setitem(namespace(home[0]), "_copied", None)
    home[0](**values)


def namespace(function):
    return inspect.unwrap(function._module["cost_and_gradients"]).__globals__


def test_nothing_is_compiled_twice(home, rng):
    for examples in (5, 600):
        home[0](**{name: np.asfortranarray(value) for name, value in home_values(rng, examples).items()})
    loops = namespace(home[0])["_cost_and_gradients_compiled_loops"](np.float64)
    assert len(loops.signatures) == 1


def test_threads_at_the_same_time(home, rng):
    compiled, plain = home
    tasks = [home_values(rng, examples) for examples in (40_000, 50_001, 3, 60_000) * 5]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda values: compiled(**values), tasks))
    for values, result in zip(tasks, found, strict=True):
        assert_same(result, plain(**values))


def test_results_belong_to_the_caller(home, rng):
    first = home[0](**home_values(rng, 20))
    kept = [np.array(part) for part in first]
    home[0](**home_values(rng, 20))
    assert all(np.array_equal(one, other) for one, other in zip(kept, first, strict=True))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("many - first", "many - first"),  # none: the test below must then find none
        ("dJdW1[0, 2] += ", "dJdW1[0, 2] = "),  # the last block alone
        ("one - a2_block[f, r]", "one - a2_block[0, r]"),
        ("for first in range(0, X.shape[0], many)", "for first in range(0, X.shape[0] - 1, many)"),
        ("t5 = delta3_block[0, r] * w", "t5 = -delta3_block[0, r] * w"),
    ],
)
def test_a_planted_mistake_is_found(home, text, mistake, rng):
    compiled, plain = home
    head, loops = compiled.source.split("def _cost_and_gradients_compiled_loops(")
    assert mistake == text or text in loops, "the text has changed: plant the mistake anew"
    changed = f"{head}def _cost_and_gradients_compiled_loops({loops.replace(text, mistake)}"
    wrong = GradientFunction(changed, compiled.arguments, compiled.parameters, plain(**home_values(rng, 1))._fields)
    values = home_values(rng, 193)
    if mistake == text:
        assert_same(wrong(**values), plain(**values))
    else:
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            assert_same(wrong(**values), plain(**values))


# functions of one number


@pytest.fixture(scope="module")
def math():
    """The carried functions, compiled as generated modules compile them."""
    names = [name for name, value in vars(vector_math).items() if isinstance(value, FunctionType)]
    found = {"numba": numba, "np": np}
    exec("\n\n".join(carried_math([f"{name}()" for name in names])), found)
    return found


def over(function):
    """The function at each entry, in a loop that is compiled like those of generated modules."""

    @numba.njit(nogil=True, error_model="numpy")
    def loop(x, out):
        for k in range(x.shape[0]):
            out[k] = function(x[k])

    return loop


REFERENCES = {  # in longdouble; the range of arguments, and the tolerance in units in the last place
    "_exp": (np.exp, [(-745, 709.7), (-1, 1), (-0.3, 0.3)], 2),
    "_expm1": (np.expm1, [(-80, 709), (-1, 1), (-1e-5, 1e-5)], 2),
    "_tanh": (np.tanh, [(-25, 25), (-1, 1), (-1e-4, 1e-4)], 3.5),
    "_log": (np.log, [(0, 10), (0.5, 2), (0, 1e300), (0, 1e-310)], 1),
    "_log1p": (np.log1p, [(-0.9, 10), (0, 1), (-1e-5, 1e-5)], 2),
    "_logistic": (lambda x: 1 / (1 + np.exp(-x)), [(-30, 30), (-700, 700)], 3),
}
EXTREMES = [0.0, 5e-324, 1e-310, 1e-20, 0.5, 1, 36.8, 745.2, 746, 709.78, 709.79, 1200, 1e300, np.inf]


@pytest.mark.parametrize("name", REFERENCES)
def test_last_places(math, name, rng):
    exact, intervals, places = REFERENCES[name]
    loop = over(math[name])
    for low, high in intervals:
        x = rng.uniform(low, high, 200_000)
        found = np.empty_like(x)
        loop(x, found)
        wanted = exact(x.astype(np.longdouble))
        worst = np.argmax(np.abs(found - wanted) / np.spacing(np.abs(wanted.astype(float))))
        assert abs(found[worst] - wanted[worst]) <= places * np.spacing(abs(float(wanted[worst]))), x[worst]
    x = np.array([*EXTREMES, *(-one for one in EXTREMES), np.nan])
    found = np.empty_like(x)
    loop(x, found)
    with np.errstate(all="ignore"):
        wanted = exact(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=5e-324)
    ends = ~np.isfinite(wanted) | (wanted == 0)
    np.testing.assert_array_equal(found[ends], wanted[ends])


def test_exponentials_take_vector_instructions(math):
    """Eight or four numbers at a time, or the loops are no faster than NumPy."""
    for name in ("_exp", "_logistic", "_tanh", "_log", "_log1p"):
        loop = over(math[name])
        loop(np.ones(3), np.ones(3))
        code = loop.inspect_asm(loop.signatures[0])
        assert any(f"mulpd\t%{kind}mm" in code for kind in "xyz") or ".2d" in code, name


@pytest.mark.parametrize("function", FORMS)
def test_every_form_is_what_numpy_computes(math, function, rng):
    """At numbers of all kinds, for both float types."""
    kind = NUMPY_FUNCTIONS[function]
    specials = [0.0, 0.5, 1.0, 2.5, -0.0, -0.5, -1.0, -3.0, np.inf, -np.inf, np.nan]
    x, y = (grid.ravel() for grid in np.meshgrid([*specials, *rng.normal(size=5)], [*specials, *rng.normal(size=5)]))
    for number in (np.float64, np.float32):
        parameters = "x, y" if "{1}" in kind.code and function != "sigmoid" else "x"
        text = f"def entry({parameters}):\n    return {FORMS[function].format('x', 'y', number='number')}"
        scope = {**math, "number": number}
        exec(text, scope)
        entry = numba.njit(error_model="numpy")(scope["entry"])
        arrays = [x.astype(number), y.astype(number)]
        with np.errstate(all="ignore"):
            code = kind.code.format("x", "one" if function == "sigmoid" else "y", out="None")
            arguments = {"x": arrays[0], "y": arrays[1], "one": number(1)}
            arguments |= {"np": np, "_sigmoid": lambda z, one, out: runtime._sigmoid(z, one, np.empty_like(z))}
            wanted = eval(code, arguments)  # noqa: S307 — the code is that of the table
        found = [entry(*given) for given in zip(*arrays[: parameters.count(",") + 1], strict=True)]
        np.testing.assert_allclose(found, wanted, rtol=4 * np.finfo(number).eps, err_msg=function)


# the choice


@pytest.fixture
def as_installed(monkeypatch):
    monkeypatch.setattr(backends, "SMALL", 32)


@pytest.mark.usefixtures("as_installed")
def test_small_networks_are_compiled_and_others_are_not():
    for sizes, compiled in [([2, 3, 1], True), ([32, 3, 1], True), ([33, 3, 1], False), (["D", 3, 1], False)]:
        assert ("numba" in sb.derive(sb.mlp(sizes)).to_numpy().source) is compiled, sizes
    assert "numba" not in sb.derive(sb.mlp([2, 3, 1])).to_numpy(backend="numpy").source


@pytest.mark.usefixtures("as_installed")
def test_a_network_of_many_operations_is_not_compiled_unless_asked():
    assert "numba" not in sb.derive(sb.mlp([2, *[3] * 12, 1])).to_numpy().source


@pytest.mark.usefixtures("as_installed")
def test_what_is_used_once_is_never_compiled(monkeypatch):
    sources = []

    def noted(source, *rest):
        sources.append(source)
        return GradientFunction(source, *rest)

    monkeypatch.setattr(derivation, "GradientFunction", noted)
    d = sb.derive(sb.home_network())
    d.check(sb.home_data() | sb.home_weights())
    assert len(sources) == 1
    assert "numba" not in sources[0] + d.to_source()


@pytest.mark.usefixtures("as_installed")
def test_unknown_backends_and_a_missing_numba_are_said(monkeypatch):
    d = sb.derive(sb.home_network())
    with pytest.raises(sb.ArgumentError, match="backend is 'jax'; 'numpy' or 'numba' is expected"):
        d.to_numpy(backend="jax")
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(sb.SymbackpropError, match=r"pip install 'symbackprop\[numba\]'"):
        d.to_numpy(backend="numba")
    assert "numba" not in d.to_numpy().source


def test_any_name_can_be_that_of_an_argument(rng):
    """Also the helpers that the loops use."""
    net = sb.Network()
    r, f, k = net.input("r", "n", 2), net.target("f", "n", 1), net.parameter("k", 2, 3)
    number, rows, w1 = net.parameter("number", 3, 1), net.scalar("rows"), net.parameter("w1", 1, 3)
    memory = net.define("memory", sb.tanh(r * k + sb.broadcast(w1, "n", 3)))
    loops = net.define("loops", memory * number - f)
    net.minimize("sums", rows * sb.total(sb.power(loops, 2)))
    compiled, plain = both(net)
    values = values_of(net, 21, rng)
    assert_same(compiled(**values), plain(**values))
