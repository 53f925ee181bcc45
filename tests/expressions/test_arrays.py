"""Arrays with any number of axes: the normal form of einsum, gathers, shapes, and the proof of each of their rules."""

import numpy as np
import pytest
from sympy import Integer, symbols

from symbackprop.backprop.rules import rule_for
from symbackprop.errors import ShapeError
from symbackprop.expressions import operations as ops
from symbackprop.expressions.einsum import Einsum, einsum, product
from symbackprop.expressions.gathers import Permute, Reshape, Scattered, Strided, Window, grouped, permuted, reshaped
from symbackprop.expressions.matrices import NamedMatrix as M
from symbackprop.expressions.matrices import Ones, Zeros, quantities
from symbackprop.expressions.slicing import Concatenate, Slice
from symbackprop.network.evaluate import IN_FLOATS, Evaluation
from symbackprop.prove.index_form import differential, scalar_form
from symbackprop.prove.normal_form import equal
from symbackprop.prove.use_counts import paired

SIZES = {"B": 2, "T": 3, "D": 4, "H": 2, "K": 5, "L": 6}
B, T, D, H, K, L = symbols(list(SIZES), integer=True, positive=True)
X, W, w, v = M("X", T, D), M("W", D, K), M("w", D), M("v", T)
A, q, k = M("A", B, T, D), M("q", B, H, T, K), M("k", B, H, K, L)


@pytest.mark.parametrize(
    ("letters", "operands", "found"),
    [
        ("nd,dk->nk", (X, W), "X*W"),
        ("dn,dk->nk", (X.T, W), "X*W"),
        ("nd,md->nm", (X, X), "X*X.T"),
        ("nd,dk,mk->nm", (X, W, M("V", H, K)), "X*W*V.T"),
        ("nd->dn", (X,), "X.T"),
        ("nd->nd", (X,), "X"),
        ("nd,nd->", (X, X), "Total(HadamardProduct(X, X))"),
        ("nd->", (X,), "Total(X)"),
        ("i,i", (w, w), "Total(HadamardProduct(w, w))"),
        ("nd,d->n", (X, w), "Einsum(ab,b->a, X, w)"),
        ("zy,y->z", (-2 * X, w), "-2*(Einsum(ab,b->a, X, w))"),
        ("ij,jk", (X, W), "X*W"),
    ],
)
def test_normal_form(letters, operands, found):
    assert str(einsum(letters, *operands)) == found


@pytest.mark.parametrize(
    ("letters", "operands", "words"),
    [
        ("nd,dk->nk", (X, X), "the axes named d have the sizes D and T, which differ"),
        ("nd->ndk", (X,), "k of the result is not an axis"),
        ("nd->nn", (X,), "stands twice in the result"),
        ("n->n", (X,), "has 2 axes"),
        ("nd,dk->nk", (X,), "2 groups of letters for 1 arrays"),
        ("n d;->", (X,), "letters with commas between them"),
    ],
)
def test_letters_that_do_not_fit(letters, operands, words):
    with pytest.raises(ShapeError, match="einsum") as error:
        einsum(letters, *operands)
    assert words in str(error.value)


def test_shapes_are_put_into_groups():
    assert grouped((B, T, H * K), (B, T, H, K)) == [([0], [0]), ([1], [1]), ([2], [2, 3])]
    assert grouped((B, T, 1), (B * T,)) == [([0, 1], [0]), ([2], [])]
    assert reshaped(reshaped(A, (B * T, D)), A.shape) == A
    assert permuted(permuted(A, (2, 0, 1)), (1, 2, 0)) == A


# Each rule in numbers and for all sizes

NODES = [
    *(product(A, W), product(A, w), product(v, X), product(q, k), product(M("S", H, T, K), k)),
    *(einsum("ii->i", M("S", D, D)), einsum("abc,bd,ae->cde", A, M("Y", T, K), M("Z", B, H)), einsum("a,b->ab", v, w)),
    *(Permute(q, 0, 2, 1, 3), Permute(A, 2, 0, 1)),
    *(Reshape(M("r", B, T, H * K), B, T, H, K), Reshape(q, B * H, T * K), Reshape(M("o", 15), 5, 3), Reshape(v, T, 1)),
    *(Window(M("x", B, 10), 1, Integer(3)), Window(M("x", 12), 0, Integer(3)), Window(M("x", T + K - 1), 0, K)),
    *(Strided(M("x", 2 * T, D), 0, 0, 2, T), Strided(M("x", L), 0, L - 1, -1, L), Strided(M("x", B, 9), 1, 1, 3, 3)),
    *(ops.Broadcast(w, B, T, D), ops.Broadcast(M("u", B, 1, D), B, T, D), ops.Broadcast(M("c", T, 1), T, D)),
    *(
        ops.Sums(A, 1),
        ops.Softmax(A, 2),
        ops.Softmax(A, 1),
        ops.LogSoftmax(A, 0),
        ops.LogSumExp(w, 0),
        ops.Largest(A, 2),
    ),
    *(Slice(A, 1, Integer(0), Integer(1)), Slice(M("x", 21), 0, Integer(15), Integer(21))),
    *(Concatenate(2, A, M("C", B, T, K)), Concatenate(0, v, w)),
]


def of_name(node, tangents):
    return "_".join([type(node).__name__, *map(str, node.shape), *map(str, node.args[1:])])[:60]


def shares(node, change=lambda share: share):
    """Σ share ⊙ d(operand) over all operands, and the tangents."""
    G = M("G", *node.shape)
    tangents = {a: M(f"d{n}", *a.shape) for n, a in enumerate(quantities(node))}
    given = rule_for(node).adjoints(G, node, *node.args)
    terms = [paired(change(g), tangents[a]) for a, g in zip(node.args, given, strict=True) if g is not None]
    return G, tangents, terms


@pytest.mark.parametrize("node", NODES, ids=lambda node: of_name(node, {}))
def test_the_rule_is_proved_for_all_sizes_and_true_in_numbers(node, rng):
    G, tangents, terms = shares(node)
    whole = differential(scalar_form(paired(G, node), tangents))
    assert equal(whole, sum(map(scalar_form, terms)))
    assert not equal(whole, 2 * sum(map(scalar_form, terms)))
    sizes = {symbol: SIZES[str(symbol)] for symbol in (B, T, D, H, K, L)}
    at = Evaluation(sizes)
    values = {a: rng.normal(size=at.shape(a)) for a in (*tangents, *tangents.values(), G)}

    def moved(step):
        return at.value(
            paired(G, node), values | {a: values[a] + step * values[d] for a, d in tangents.items()}, IN_FLOATS
        )

    claimed = sum(at.value(term, dict(values), IN_FLOATS) for term in terms)
    assert (moved(1e-5) - moved(-1e-5)) / 2e-5 == pytest.approx(claimed, rel=1e-6, abs=1e-8)


WRONG = {
    "another permutation": (Permute(A, 2, 0, 1), lambda G: permuted(G, (2, 0, 1))),
    "not turned back": (Permute(M("S", D, D, D), 1, 2, 0), lambda G: permuted(G, (1, 2, 0))),
    "axes in another order": (
        Reshape(M("x", D * D, T), D, D, T),
        lambda G: reshaped(permuted(G, (1, 0, 2)), (D * D, T)),
    ),
    "another place": (Window(M("x", 7), 0, Integer(3)), lambda G: Scattered(Strided(M("x", 7), 0, 0, 2, 3), M("g", 3))),
    "the other end": (Strided(M("x", L), 0, L - 1, -1, L), lambda G: G),
    "the first alone": (ops.Broadcast(w, B, D), lambda G: reshaped(Slice(G, 0, Integer(0), Integer(1)), (D,))),
    "the sum over the other axis": (ops.Broadcast(M("u", D), D, D), lambda G: reshaped(ops.Sums(G, 1), (D,))),
    "the windows one too early": (
        Strided(M("x", 9), 0, 1, 3, 3),
        lambda G: Scattered(Strided(M("x", 9), 0, 0, 3, 3), G),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_adjoint_is_not_proved(case):
    node, adjoint = WRONG[case]
    G, tangents, _ = shares(node)
    (part,) = tangents
    whole = differential(scalar_form(paired(G, node), tangents))
    assert not equal(whole, scalar_form(paired(adjoint(G), tangents[part])))


def test_a_gather_takes_only_what_is_there():
    """The proof rests on it: each source is on its axis. A gather that is not is refused by `check` and in numbers."""
    beside = Strided(M("x", 6), 0, 2, 2, 3)
    with pytest.raises(Exception, match="x"):
        beside.check()
    with pytest.raises(IndexError, match="beside its axis"):
        Evaluation({Integer(n): n for n in (3, 6)}).value(beside, {M("x", 6): np.arange(6.0)}, IN_FLOATS)


def test_constants_stay_constants():
    assert permuted(Ones(B, T, D), (2, 1, 0)) == Ones(D, T, B)
    assert reshaped(3 * Zeros(B, T), (B * T,)) == Zeros(B * T)
    assert isinstance(product(A, w), Einsum)
