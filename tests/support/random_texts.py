"""Random networks as text, for Hypothesis: random operations over quantities of random shapes, which may be shared."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

SIZES = ("N", "D", "H", "K", "1")
ENTRYWISE = [
    *("tanh({})", "sigmoid({})", "softplus({})", "silu({})", "gelu({})", "relu({})", "elu({})", "leaky_relu({})"),
    *("sin({})", "cos({})", "erf({})", "abs({})", "square(tanh({}))", "exp(-abs({}))", "exp(tanh({}))"),
    *("sqrt(1 + {}**2)", "log(1 + {}**2)", "1 / (1 + {}**2)", "{}**3 / (1 + {}**2)", "-{}", "lam * {}", "{} - lam"),
    *("(2 - {}) * 3", "maximum({}, 0.3)", "minimum(0.1, {})", "huber({})", "sigmoid.prime({})"),
]
ALONG = ["sum({0}, axis={1}, keepdims=True)", "mean({0}, axis={1}, keepdims=True)", "var({0}, axis={1}, keepdims=True)"]
ALONG += ["max({0}, axis={1}, keepdims=True)", "logsumexp({0}, axis={1}, keepdims=True)"]
LINES = ["softmax({0}, axis={1})", "log_softmax({0}, axis={1})", "{0} - mean({0}, axis={1}, keepdims=True)"]
BINARY = [
    "{} + {}",
    "{} - {}",
    "{} * {}",
    "{} / (1 + {}**2)",
    "maximum({}, {})",
    "minimum({}, {})",
    "{} * tanh({}) / 2",
]
SCALARS = ["norm(2 + cos({}))", "mean({})", "sum(tanh({}))", "max({})", "log(1 + sum({}**2))", "sqrt(1 + sum({}**2))"]
COSTS = [
    "sum({}**2) / 2",
    "mean(tanh({}))",
    "sum(sqrt(1 + {}**2)) / N",
    "-sum(log_softmax({}))",
    "norm(2 + sin({})) + sum({})",
]
SQUARE = ["trace({0})", "trace({0} @ {0}) / 2", "log(det({0} @ {0}.T + eye({1})))", "sum(inv({0} @ {0}.T + eye({1})))"]


@dataclass
class Pool:
    """What there is already: names and their shapes; (): a scalar."""

    lines: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def declare(self, name, role, rows, columns):
        self.lines.append(f"{name}: {role}({rows}, {columns})")
        self.shapes[name] = (rows, columns)

    def define(self, formula, shape):
        name = f"q{len(self.lines)}"
        self.lines.append(f"{name} = {formula}")
        self.shapes[name] = shape

    def matrices(self, fits=lambda shape: True):
        return [name for name, shape in self.shapes.items() if len(shape) == 2 and fits(shape)]


def broadcast(one, other):
    """NumPy's rule; None where the shapes do not fit."""
    sizes = [a if b in (a, "1") else b if a == "1" else None for a, b in zip(one, other, strict=True)]
    return None if None in sizes else tuple(sizes)


@st.composite
def network_texts(draw, most=6):
    """The text of a network: two inputs, three parameters, some steps, and a cost."""
    pool = Pool()

    def some(options):
        return draw(st.sampled_from(options))

    pool.declare("X", "input", "N", "D")
    pool.declare("Y", "one_hot", "N", "K")
    for name in "ABC":
        pool.declare(name, "parameter", some(SIZES), some(SIZES))
    pool.lines.append("lam: scalar")
    for _ in range(draw(st.integers(1, most))):
        step = some(
            [_entrywise, _entrywise, _along, _line, _binary, _binary, _matmul, _matmul, _scalar, _transposed, _parts]
        )
        step(pool, some)
    last = some(pool.matrices()[-4:])
    parameters = " + ".join(f"sum({name}**2)" for name in "ABC")
    pool.lines.append(f"J = {some(COSTS).replace('{}', last)} + lam / 2 * ({parameters})")
    return "\n".join(pool.lines)


def _entrywise(pool, some):
    a = some(pool.matrices())
    pool.define(some(ENTRYWISE).replace("{}", a), pool.shapes[a])


def _along(pool, some):
    a, axis = some(pool.matrices()), some([0, 1])
    rows, columns = pool.shapes[a]
    pool.define(some(ALONG).format(a, axis), ("1", columns) if axis == 0 else (rows, "1"))


def _line(pool, some):
    a = some(pool.matrices())
    pool.define(some(LINES).format(a, some([0, 1])), pool.shapes[a])


def _binary(pool, some):
    a = some(pool.matrices())
    b = some(pool.matrices(lambda shape: broadcast(pool.shapes[a], shape) is not None))
    pool.define(some(BINARY).format(a, b), broadcast(pool.shapes[a], pool.shapes[b]))


def _matmul(pool, some):
    a = some(pool.matrices())
    rows, inner = pool.shapes[a]
    straight = [(b, pool.shapes[b][1]) for b in pool.matrices(lambda shape: shape[0] == inner)]
    turned = [(f"{b}.T", pool.shapes[b][0]) for b in pool.matrices(lambda shape: shape[1] == inner)]
    if straight or turned:
        b, columns = some(straight + turned)
        pool.define(f"{a} @ {b} / 2", (rows, columns))


def _scalar(pool, some):
    """A matrix times a scalar that is computed."""
    a, b = some(pool.matrices()), some(pool.matrices())
    square = pool.matrices(lambda shape: shape[0] == shape[1] != "1")
    formula = (
        some(SQUARE).format(square[-1], pool.shapes[square[-1]][0])
        if square and some([0, 1])
        else some(SCALARS).replace("{}", b)
    )
    scalars = [name for name, shape in pool.shapes.items() if not shape]
    pool.define(formula, ())
    scalar = some([*scalars, next(reversed(pool.shapes))])
    pool.define(f"{a} * {scalar}" if some([0, 1]) else f"{a} / (1 + {scalar}**2) + {scalar}", pool.shapes[a])


def _transposed(pool, some):
    a = some(pool.matrices())
    pool.define(f"{a}.T", pool.shapes[a][::-1])


def _parts(pool, some):
    """Side by side, and apart again."""
    a = some(pool.matrices())
    rows, columns = pool.shapes[a]
    b = some(pool.matrices(lambda shape: shape[0] == rows))
    joined = f"concatenate(({a}, tanh({b})), axis=1)"
    formula, shape = some(
        [
            (f"{joined} @ {joined}.T / 3", (rows, rows)),
            (f"{joined}[:, {columns}:{columns} + {pool.shapes[b][1]}]", pool.shapes[b]),
            (f"{a}[:, 0:1] * {a}", pool.shapes[a]),
            (f"concatenate(({a}, {a}), axis=0)[{rows}:2*{rows}, :] + {a}", pool.shapes[a]),
        ]
    )
    pool.define(formula, shape)
