"""No certificate for what is wrong: Coq stops at the rule whose contribution a mutant changes."""

import pytest

import symbackprop as sb
from symbackprop.backprop import adjoints as sweep
from symbackprop.certificate.document import certificate
from symbackprop.mistakes.contributions import BackwardPass
from symbackprop.mistakes.mutants import Mutant, mutants
from symbackprop.network.network import Network
from tests.support.coq import Coq, without_coq

pytestmark = pytest.mark.skipif(bool(without_coq()), reason=without_coq() or "Coq is here")
SIZES = ["D", "H", "K"]
NETWORKS = {
    "home": lambda: sb.mlp(SIZES),
    "penalty": lambda: sb.mlp(SIZES, bias=True, l2="lam", average="examples"),
    "softmax": lambda: sb.mlp(SIZES, activation="tanh", cost="softmax_cross_entropy", bias=True),
    "layernorm": lambda: sb.layernorm("D"),
    "residual": lambda: sb.residual("D", layers=1, bias=True),
    "rnn": lambda: sb.rnn(2, *SIZES),
}


def catalogue(network: Network) -> tuple[BackwardPass, list[Mutant]]:
    backward = BackwardPass(network, network.parameters)
    return backward, [mutant for mutant in mutants(backward) if len(mutant.changed) == 1 and not mutant.cut]


def certificate_of(network: Network, backward: BackwardPass, mutant: Mutant) -> str:
    """Return the certificate of a derivation in which one contribution is wrong."""

    def changed(graph, node, adjoint):
        for one in right(graph, node, adjoint):
            wrong = mutant.changed.get(one.edge)
            placeholder = backward.placeholders[node]
            yield (
                one
                if wrong is None
                else sweep.Contribution(
                    one.user, one.part, one.expression, adjoint, wrong.xreplace({placeholder: adjoint})
                )
            )

    right = sweep.contributions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "contributions", changed)
        return certificate(sb.derive(network).tape)


def refused(coq: Coq, network: Network, backward: BackwardPass, mutant: Mutant) -> bool:
    """Return True if Coq stops at the rule that is wrong, or the mutant cannot be written at all."""
    (edge,) = mutant.changed
    try:
        text = certificate_of(network, backward, mutant)
    except sb.SymbackpropError:
        return True  # the change contains an operation that has no row, or is simplified
    stem = str(getattr(edge[0], "name", "part"))
    return coq.check(text).stops_at.startswith(f"back_{stem}")


@pytest.mark.nightly
@pytest.mark.parametrize("name", NETWORKS)
def test_every_mutant_is_refused_at_the_broken_rule(name: str, coq: Coq) -> None:
    network = NETWORKS[name]()
    backward, every = catalogue(network)
    assert len(every) > 10
    assert [mutant.words for mutant in every if not refused(coq, network, backward, mutant)] == []


@pytest.mark.slow
def test_some_mutants_are_refused_at_the_broken_rule(coq: Coq) -> None:
    network = NETWORKS["home"]()
    backward, every = catalogue(network)
    chosen = every[::24]
    assert chosen
    assert [mutant.words for mutant in chosen if not refused(coq, network, backward, mutant)] == []
