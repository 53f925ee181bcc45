"""Concrete sizes that identify the symbolic ones, so that every shape in the user's code consists of whole numbers.

Each named size has its own prime: `X.shape[0]` is 107, and the numbers 107, 1/107 and 0.5/107 in a formula
mean N, 1/N and 1/(2 N). Other numbers rarely contain such primes, and the network that is read in this way
is compared with the code itself at other sizes.
"""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import exp, isclose, isfinite

from sympy import Integer, Rational, pi, sqrt
from sympy import log as SympyLog

from symbackprop.errors import ShapeError, SymbackpropError
from symbackprop.expressions.aliases import Size
from symbackprop.expressions.shapes import dimension
from symbackprop.network.elaborate import Elaborator
from symbackprop.parsing.numpy_parser import NumpyText
from symbackprop.tracing.aliases import DeclaredShape, DeclaredSize
from symbackprop.tracing.untraceable import Untraceable

# fmt: off
PRIMES = (107, 139, 173, 229, 283, 367, 457, 587, 757, 967,
           1237, 1583, 2029, 2609, 3343, 4289, 5501, 7057, 9067, 11633)
OTHER_PRIMES = (113, 149, 181, 239, 293, 373, 463, 593, 769, 971,
                1249, 1597, 2039, 2617, 3347, 4297, 5503, 7069, 9091, 11657)  # for code that says 107 or 321 itself
# fmt: on
_LARGEST_OWN = 100  # a size up to here is itself, not the code of a symbolic size
_NEAREST = 8  # what may be added to a size, for a bound of a slice
_LEAST_LOGARITHM, _MOST_LOGARITHM = 1e-3, 30.0  # where the exponential tells as much as its logarithm
_CONSTANTS = (SympyLog(2 * pi), pi, SympyLog(pi), SympyLog(2), sqrt(2 * pi))  # by which a size may be multiplied
_SHORT = 13  # digits of a decimal that a person may have typed
_ADDED = (Integer(0), SympyLog(2 * pi), 1 + SympyLog(2 * pi))  # to the logarithm of a fraction
_IN_LOGARITHMS = [(extra, float(extra)) for extra in _ADDED]
_CHANCE = 1e-3  # how many fractions as simple as the one that is found may lie so near to a number by chance
_RARE = 1e-6  # the same where many forms are tried
_LEAST = 1e-200  # numbers below this are not told apart


def declared_size(size: object) -> DeclaredSize:
    """Return a size as it is declared: a name, a whole number, or the expression of a text such as "D + H" or "4*H".

    Raises ShapeError for anything else.
    """
    if not isinstance(size, str) or size.isidentifier():
        found = dimension(size)
        return str(found) if found.is_Symbol else int(found) if found.is_Integer else found
    try:
        text = NumpyText(size.strip())
        statements = text.statements()
        names = {
            node.id: dimension(node.id) for one in statements for node in ast.walk(one) if isinstance(node, ast.Name)
        }
        formula = text.tree(statements[0].value) if isinstance(statements[0], ast.Expr) else None
        return declared_size(
            Elaborator(names, str).value(formula) if formula is not None and len(statements) == 1 else None
        )
    except (SymbackpropError, IndexError):
        typed = re.sub(r"(?<![A-Za-z_0-9])(\d+) ?(?=[A-Za-z_])", r"\1*", size)
        hint = f"write {typed!r}" if typed != size else "sums and products of names and whole numbers are, as in '4*H'"
        raise ShapeError(f"{size!r} is not a size: {hint}") from None


def size_names(sizes: Iterable[DeclaredSize]) -> list[str]:
    """Return the names in some declared sizes, in the order of their first use."""
    return list(dict.fromkeys(name for size in sizes for name in _names(size)))


def _names(size: DeclaredSize) -> list[str]:
    return [size] if isinstance(size, str) else sorted(map(str, getattr(size, "free_symbols", ())))


def size_number(size: DeclaredSize, known: Mapping[str, int]) -> int:
    """Return the number of a declared size, given those of the names in it.

    >>> size_number(declared_size("2*D + 1"), {"D": 3})
    7
    """
    if isinstance(size, int):
        return size
    if isinstance(size, str):
        return known[size]
    return int(dimension(size).xreplace({dimension(name): Integer(known[name]) for name in _names(size)}))


def known_sizes(pairs: Iterable[tuple[DeclaredSize, int]]) -> dict[str, int]:
    """Return the numbers of the names in declared sizes, given the number of each size.

    >>> known_sizes([("D", 3), (declared_size("D*H + H"), 8)])
    {'D': 3, 'H': 2}
    """
    found = dict[str, int]()
    left = list(pairs)
    for _ in range(len(left)):
        for size, number in left:
            unknown = [name for name in _names(size) if name not in found]
            if len(unknown) == 1:
                value = dimension(size).xreplace({dimension(name): Integer(n) for name, n in found.items()})
                start = value.subs(dimension(unknown[0]), 0)
                slope = value.subs(dimension(unknown[0]), 1) - start
                found[unknown[0]] = int((number - start) / slope)
        left = [pair for pair in left if any(name not in found for name in _names(pair[0]))]
    return found


class Sizes:
    """A concrete size for each symbolic size in some shapes.

    Args:
        shapes: shapes by name; sizes are names or whole numbers.
        fixed: the numbers that replace named sizes; by default, these remain symbolic.
        primes: the numbers by which named sizes are told apart.

    >>> sizes = Sizes({"X": ("N", "D")})
    >>> sizes.of(("N", 3)), sizes.number(0.5 / 107)
    ((107, 3), 1/(2*N))
    """

    def __init__(
        self,
        shapes: Mapping[str, DeclaredShape],
        fixed: Mapping[str, int] | None = None,
        primes: Sequence[int] = PRIMES,
    ):
        self.fixed = fixed
        declared = [size for shape in shapes.values() for size in shape]
        names = size_names(declared)
        if fixed is None and len(names) > len(primes):
            raise Untraceable(f"there are {len(names)} named dimensions, and at most {len(primes)} are told apart")
        self.primes = {} if fixed is not None else {p: dimension(n) for p, n in zip(primes, names, strict=False)}
        self.sizes = {symbol: p for p, symbol in self.primes.items()}
        pairs: dict[int, Size] = {p + q: self.primes[p] + self.primes[q] for p, q in combinations(self.primes, 2)}
        sums = [self.dimension(size) for size in declared if not isinstance(size, str | int)] if fixed is None else []
        written = {int(size.xreplace(self.sizes)): size for size in sums}
        # the sums that occur as sizes: D + H, N - 1, N + 1, and the declared ones
        near = {p + k: size + k for p, size in (self.primes | written).items() for k in (-1, 1)}
        self._sums = pairs | near | written
        self._halves = {(p - 1) // 2: (size - 1) / 2 for p, size in self.primes.items()}  # of pairs, N (N - 1) / 2
        # and those of slices: N - 2, N + 3, 2*N - 1, N - K and N - K + 1 of windows
        parts = {p + k: size + k for p, size in (self.primes | written).items() for k in range(-_NEAREST, _NEAREST + 1)}
        ordered = [(p, q) for p in self.primes for q in self.primes if p > q]
        parts |= {p - q + k: self.primes[p] - self.primes[q] + k for p, q in ordered for k in (0, 1)}
        self._lengths = parts | self._sums
        products = [p * q for p, q in combinations(self.primes.values(), 2)]
        factors = [one / k for one in (Integer(1), *self.primes.values(), *products) for k in (1, 2)]
        self._factors = [(factor, float(factor.xreplace(self.sizes))) for factor in factors]  # of logarithms

    def dimension(self, size: DeclaredSize | Size) -> Size:
        """Return a declared size as a symbolic size, or as its number if sizes are fixed."""
        if self.fixed is not None and not isinstance(size, int):
            return Integer(size_number(size, self.fixed))
        return dimension(size)

    def of(self, shape: Iterable[DeclaredSize | Size]) -> tuple[int, ...]:
        """Return the concrete sizes of a shape of names, numbers or expressions."""
        if self.fixed is not None:
            return tuple(size_number(size, self.fixed) for size in shape)
        return tuple(int(self.dimension(size).xreplace(self.sizes)) for size in shape)

    def shown(self, shape: Iterable[int]) -> str:
        """Return a concrete shape as the user would declare it, such as (N, 2*H)."""
        names = [str(self._whole(n)) for n in shape]
        return f"({', '.join(names)}{',' * (len(names) == 1)})"

    def length(self, n: int) -> Size:
        """Return the symbolic size that has a concrete size.

        Raises Untraceable for a size that is not a combination of known sizes.
        """
        if n <= _LARGEST_OWN or self.fixed is not None:
            return Integer(n)
        found = self._whole(n)
        if found.free_symbols or n in self._lengths:
            return found if found.free_symbols else self._lengths[n]
        raise Untraceable(
            f"the size {n} does not follow from the sizes of the arguments: make it of shapes, as in "
            "np.zeros((X.shape[0], W.shape[1]))"
        )

    def number(self, x: float) -> Size:
        """Return a number in a formula in terms of symbolic sizes."""
        if not isfinite(x):
            raise Untraceable(f"the number {x} stands in a formula")
        if int(8 * x) == 8 * x:  # a whole number, or N / 2, which is 53.5 here
            found = self._whole(int(x)) if int(x) == x else self._whole(int(8 * x)) / 8
            if int(x) == x or found.free_symbols:
                return found
        text = repr(float(x))
        if abs(x) <= _LARGEST_OWN and sum(map(str.isdigit, text)) <= _SHORT:
            return Rational(text)
        plain = self._fraction(float(x))
        if plain is not None and plain.free_symbols:
            return plain
        root = self._fraction(float(x) ** 2) if plain is None else None
        if root is not None:
            return sqrt(root) if x > 0 else -sqrt(root)
        known = self._with_constant(float(x))
        if known is not None:
            return known
        return Rational(text) if plain is None else plain

    def _with_constant(self, x: float) -> Size | None:
        """Return a size times π or the like, or such as log(N), N log(N) or D log(2π)/2; None without sizes."""
        for constant in _CONSTANTS:
            factor = self._fraction(x / float(constant), 1e-14)
            if factor is not None and factor.free_symbols:
                return factor * constant
        for factor, number in self._factors:
            logarithm = x / number
            for extra, value in _IN_LOGARITHMS if _LEAST_LOGARITHM < abs(logarithm) < _MOST_LOGARITHM else ():
                inside = self._fraction(exp(logarithm - value), 2e-15 * max(1, abs(logarithm)), _RARE)
                if inside is not None and (factor * inside).free_symbols:
                    return factor * (SympyLog(inside) + extra)
        return None

    def _fraction(self, x: float, tolerance: float = 1e-15, chance: float = _CHANCE) -> Size | None:
        """Return the simple fraction that a number is; None where one so near would be there by chance."""
        near = tolerance * abs(x)
        fraction = Fraction(x).limit_denominator(max(1, int((chance / near) ** 0.5))) if near > _LEAST else None
        if not fraction or near > chance or not isclose(fraction, x, rel_tol=tolerance):
            return None
        return self._whole(fraction.numerator) / self._whole(fraction.denominator)

    def _whole(self, n: int) -> Size:
        """Return a whole number in terms of symbolic sizes: primes of sizes among its factors become these sizes."""
        if abs(n) in self._sums:
            return self._sums[abs(n)] * (1 if n > 0 else -1)
        value, rest = Integer(1), n
        for prime, symbol in self.primes.items():
            while rest and rest % prime == 0:
                value, rest = value * symbol, rest // prime
        if value != 1 and rest in self._halves:
            return value * self._halves[rest]
        return value * self._sums.get(rest, rest)
