"""The demonstration of every feature with the example network; its output is computed, not stored."""

from symbackprop.derivation import derive
from symbackprop.descent import gradient_descent
from symbackprop.network.models.home import home_data, home_network, home_weights
from symbackprop.verdicts import Verdict


def run() -> bool:
    """Print the demonstration; return True if the gradients are proved and the descent steps behave as expected."""
    derivation = derive(home_network())
    data, weights = home_data(), home_weights()
    f = derivation.to_numpy(backend="numpy")
    report = derivation.check(data | weights)
    proofs = derivation.verify(seed=0)

    _heading("The network predicts a test score from hours slept and hours studied; its gradients, rule by rule")
    print(derivation.to_text())
    _heading("Every step proved (symbackprop derive --verify)")
    print(proofs)
    _heading("The derivation in LaTeX (symbackprop derive --format latex)")
    print(derivation.to_latex())
    _heading("The generated function (symbackprop generate -o grads.py)")
    print(next(part for part in derivation.to_source().split("\n\n\n") if "def cost_and_gradients(" in part))
    _heading("The gradient check against finite differences (symbackprop check)")
    print(report)
    _heading("Gradient descent with the generated function")
    rate = 1.0
    before, down = gradient_descent(f, weights, data, rate, 1).costs
    up = gradient_descent(f, weights, data, -rate, 1).costs[1]
    print(f"cost before                  {before:.6f}")
    print(f"after a step down, rate {rate:g}:   {down:.6f}   {'lower' if down < before else 'NOT lower'}")
    print(f"after a step up, rate {rate:g}:     {up:.6f}   {'higher' if up > before else 'NOT higher'}")
    return report.verdict == proofs.verdict == Verdict.RIGHT and down < before < up


def _heading(title: str) -> None:
    print(f"\n=== {title} ===\n")
