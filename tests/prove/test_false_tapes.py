"""No false tape is accepted, and none ends in an exception but `DerivationError`: see `false_tapes`."""

from functools import cache

import pytest

import symbackprop as sb
from tests.prove.false_tapes import KINDS, NETWORKS, Planted, is_false

MOST = 1  # tapes of one kind and network


@cache
def tape_of(network):
    return sb.derive(NETWORKS[network]()).tape


@cache
def cases():
    """Return (kind, network) for each kind in each network that it can be planted in."""
    return [
        (kind, network) for kind in KINDS for network in NETWORKS if any(True for _ in KINDS[kind](tape_of(network)))
    ]


def marked():
    """Each kind runs in CI on one network, a different one for each kind.

    Every third kind is among the fast tests.
    """
    by_kind = {kind: [network for k, network in cases() if k == kind] for kind in KINDS}
    for number, (kind, networks) in enumerate(by_kind.items()):
        quick = [network for network in networks if network != "composite"]  # whose proof takes long
        for network in networks:
            is_chosen = network == quick[number % len(quick)]
            is_fast = is_chosen and number % 3 == 0
            marks = () if is_fast else pytest.mark.slow if is_chosen else pytest.mark.nightly
            yield pytest.param(kind, network, marks=marks, id=f"{kind}-{network}")


def drawn(kind, network, rng):
    """Return a few false tapes, drawn at random."""
    planted = list(KINDS[kind](tape_of(network)))
    order = rng.permutation(len(planted))
    confirmed = (planted[k] for k in order if is_false(planted[k], rng))
    return [each for _, each in zip(range(MOST), confirmed, strict=False)]


@pytest.mark.parametrize(("kind", "network"), list(marked()))
def test_no_false_tape_is_accepted(kind, network, rng):
    for planted in drawn(kind, network, rng):
        try:
            verification = sb.Derivation(planted.tape).verify(seed=int(rng.integers(2**31)))
        except sb.DerivationError:
            continue
        assert verification.verdict != "right", f"{planted.line}\n{verification}"
        for line in verification.lines:
            wrong = [o.said for name, o in line.outcomes.items() if o.verdict == "wrong" and name != "all sizes"]
            assert all("on the left" in said or "it has no value" in said for said in wrong)
            assert line.verdict != "wrong" or wrong, "a counterexample is shown"


def test_there_are_many_kinds_in_many_networks():
    assert len(KINDS) >= 30
    assert len(NETWORKS) >= 12
    assert len(cases()) >= 300
    assert {kind for kind, _ in cases()} == set(KINDS)
    in_ci = [param for param in marked() if all(mark.name != "nightly" for mark in param.marks)]
    assert len(in_ci) < len(cases())
    assert {param.values[0] for param in in_ci} == set(KINDS)


def test_the_oracle_accepts_true_lines(rng):
    """It is not so that whatever is planted passes for an error."""
    for network in ("home", "tied", "halves"):
        tape = tape_of(network)
        assert not any(is_false(Planted(tape, step), rng) for step in tape.steps)
