"""Gradient checkers side by side, by what they tell apart: `python -m tests.benchmarks.checkers`.

Each is used as its documentation says, with its own tolerances, on the mistakes of tests/support/mistakes.py, where a right
gradient must be accepted too, on costs of low precision (tests/support/coarse.py), and on the right gradients of random
harsh networks. The libraries are wrapped around the
same NumPy functions. A checker that cannot decide has neither accepted nor rejected.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from types import SimpleNamespace

import numpy as np

import symbackprop as sb
from tests.support.coarse import COARSE, PLANTS, gradients_of
from tests.support.harsh import harsh_network
from tests.support.mistakes import KINDS, LARGE, REGIMES, SMALL, case_of, differs, mistaken


@dataclass
class Problem:
    """A cost and its gradients, also as functions of one vector of all parameters, which most checkers want."""

    cost: Callable
    gradients: Callable
    params: dict
    evaluations: int = 0

    def counted(self, **params):
        self.evaluations += 1
        return self.cost(**params)

    @property
    def x(self):
        return _flat(self.params)

    def f(self, x):
        return self.counted(**self._named(x))

    def g(self, x):
        return _flat(self.gradients(**self._named(x)))

    def _named(self, x):
        ends = np.cumsum([value.size for value in self.params.values()])[:-1]
        parts = zip(self.params.items(), np.split(np.asarray(x), ends), strict=True)
        return {name: part.reshape(value.shape) for (name, value), part in parts}


def _flat(arrays):
    return np.concatenate([np.ravel(array) for array in arrays.values()])


def with_symbackprop():
    return lambda p, seed: str(sb.check_gradients(p.counted, p.gradients, p.params, seed=seed).verdict)


def _said(is_right):
    return "right" if is_right else "wrong"


def _raises(check):
    """The verdict of a check that asserts."""
    try:
        check()
    except AssertionError:
        return "wrong"
    return "right"


def with_norm_ratio():
    """‖g − numeric‖ / ‖g + numeric‖ by central differences: what courses teach."""

    def check(p, seed):
        x, entries = p.x, np.arange(len(p.x))
        steps = (1e-4 * (entries == k) for k in entries)
        numeric = np.array([(p.f(x + step) - p.f(x - step)) / 2e-4 for step in steps])
        return _said(np.linalg.norm(p.g(x) - numeric) < 1e-8 * np.linalg.norm(p.g(x) + numeric))

    return check


def with_complex_step():
    """Im f(x + ih) / h: exact, where the cost takes complex numbers."""

    def check(p, seed):
        x, entries = p.x, np.arange(len(p.x))
        try:
            numeric = np.array([np.imag(p.f(x + 1e-30j * (entries == k))) / 1e-30 for k in entries])
        except (TypeError, np.exceptions.ComplexWarning):
            return "undecided"
        return _said(np.linalg.norm(p.g(x) - numeric) <= 1e-8 * np.linalg.norm(numeric))

    return check


def with_numdifftools(nd):
    """Its estimate within eight of its own error estimates, or 1e-8 of the largest entry."""

    def check(p, seed):
        found = nd.Gradient(p.f, full_output=True)(p.x)
        error = np.maximum(8 * np.ravel(found.error_estimate), 1e-8 * np.max(np.abs(found.estimate)))
        return _said(bool(np.all(np.abs(p.g(p.x) - np.ravel(found.estimate)) <= error)))

    return check


def with_scipy(optimize):
    return lambda p, seed: _said(optimize.check_grad(p.f, p.g, p.x) < 1e-6)


def with_autograd(extend, test_util):
    def check(p, seed):
        f = extend.primitive(lambda x: float(p.f(x)))
        extend.defvjp(f, lambda J, x: lambda upstream: upstream * p.g(x))
        np.random.seed(seed)  # it draws its direction from there
        return _raises(lambda: test_util.check_grads(f, modes=["rev"], order=1)(p.x))

    return check


def with_jax(jax, test_util):
    jax.config.update("jax_enable_x64", True)

    def check(p, seed):
        def called(function, shape):
            of = jax.ShapeDtypeStruct(shape, np.float64)
            return lambda x: jax.pure_callback(lambda x: np.asarray(function(x), np.float64), of, x)

        f = jax.custom_vjp(called(p.f, ()))
        f.defvjp(lambda x: (f(x), x), lambda x, upstream: (upstream * called(p.g, x.shape)(x),))
        return _raises(lambda: test_util.check_grads(f, (p.x,), order=1, modes=["rev"]))

    return check


def with_torch(torch):
    class Cost(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, p):
            ctx.p = p
            ctx.save_for_backward(x)
            return torch.tensor(float(p.f(x.detach().numpy())), dtype=torch.float64)

        @staticmethod
        def backward(ctx, upstream):
            (x,) = ctx.saved_tensors
            return upstream * torch.from_numpy(ctx.p.g(x.detach().numpy())), None

    def check(p, seed):
        x = torch.tensor(p.x, dtype=torch.float64, requires_grad=True)
        return _said(torch.autograd.gradcheck(lambda x: Cost.apply(x, p), (x,), raise_exception=False))

    return check


CHECKERS = {  # the modules that must be installed, and the check made of them
    "symbackprop": ((), with_symbackprop),
    "norm ratio < 1e-8": ((), with_norm_ratio),
    "complex step < 1e-8": ((), with_complex_step),
    "numdifftools": (("numdifftools",), with_numdifftools),
    "scipy check_grad": (("scipy.optimize",), with_scipy),
    "autograd check_grads": (("autograd.extend", "autograd.test_util"), with_autograd),
    "jax check_grads": (("jax", "jax.test_util"), with_jax),
    "torch gradcheck": (("torch",), with_torch),
}


@dataclass
class Score:
    """What a checker said, and what it took."""

    right: Counter = field(default_factory=Counter)  # its verdicts on right gradients of the regimes
    wrong: Counter = field(default_factory=Counter)
    harsh: Counter = field(default_factory=Counter)
    coarse: Counter = field(default_factory=Counter)  # its verdicts on right gradients of costs of low precision
    coarse_wrong: Counter = field(default_factory=Counter)
    discriminated: int = 0
    evaluations: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def row(self, seeds):
        alarms = (self.right.total() - self.right["right"]) / seeds
        missed = self.wrong.total() - self.wrong["wrong"]
        harsh = self.harsh.total() - self.harsh["right"]
        return (
            f"{alarms:.3g} of {len(REGIMES)}",
            f"{missed} of {self.wrong.total()}",
            f"{100 * self.discriminated / self.wrong.total():.1f} %",
            f"{self.coarse['right']} of {self.coarse.total()}",
            f"{self.coarse_wrong['right']} of {self.coarse_wrong.total()}",
            f"{100 * harsh / self.harsh.total():.1f} %" if self.harsh else "-",
            f"{100 * self.harsh['wrong'] / self.harsh.total():.1f} %" if self.harsh else "-",
            f"{statistics.median(self.evaluations):.0f}",
            f"{statistics.median(self.seconds):.4f} s",
        )


HEADINGS = ("checker", "false alarms", "missed", "discriminated", "coarse: right", "coarse: wrong passed")
HEADINGS += ("harsh: not accepted", "harsh: called wrong")
HEADINGS += ("evaluations", "time")


def score(check, seeds, harsh, size):
    found = Score()

    def said(of, gradients, seed):
        problem = Problem(of.cost, gradients, of.params)
        start = time.perf_counter()
        verdict = check(problem, seed)
        found.seconds.append(time.perf_counter() - start)
        found.evaluations.append(problem.evaluations)
        return verdict

    for seed in range(seeds):
        for k, regime in enumerate(REGIMES):
            case = case_of(regime, np.random.default_rng([seed, k]), size)
            right = said(case, case.gradients, seed)
            found.right[right] += 1
            for kind in (kind for kind in KINDS if differs(case, kind)):
                verdict = said(case, mistaken(case, kind), seed)
                found.wrong[verdict] += 1
                found.discriminated += (right, verdict) == ("right", "wrong")
    for seed in range(seeds):
        for k, (make, penalty) in enumerate(COARSE.values()):
            case = case_of("ordinary", np.random.default_rng([seed, k, 1]), size)
            of, right = SimpleNamespace(cost=make(case), params=case.params), gradients_of(case, penalty)
            found.coarse[said(of, right, seed)] += 1
            for name, plant in product(case.params, PLANTS.values()):
                planted = lambda name=name, plant=plant, right=right, **p: right(**p) | {name: plant(right(**p)[name])}
                found.coarse_wrong[said(of, planted, seed)] += 1
    for seed in range(harsh):
        net = harsh_network(np.random.default_rng(seed))
        found.harsh[said(net, net.gradients, seed)] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="points of each regime")
    parser.add_argument("--harsh", type=int, default=300, help="random harsh networks")
    parser.add_argument("--large", action="store_true", help="the network of about 10⁴ parameters, not that of 13")
    parser.add_argument("--only", action="append", choices=CHECKERS, help="this checker; may be repeated")
    args = parser.parse_args()
    rows = [HEADINGS]
    for name in args.only or CHECKERS:
        modules, check_of = CHECKERS[name]
        try:
            check = check_of(*map(import_module, modules))
        except ImportError:
            rows.append((name, "not installed", *[""] * (len(HEADINGS) - 2)))
            continue
        with np.errstate(all="ignore"):
            found = score(check, args.seeds, args.harsh, LARGE if args.large else SMALL)
        rows.append((name, *found.row(args.seeds)))
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADINGS))]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]).rstrip())


if __name__ == "__main__":
    main()
