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

    _show(
        "The network predicts a test score from hours slept and hours studied; its gradients, rule by rule", derivation
    )
    _show("Every step proved (symbackprop derive --verify)", proofs)
    _show("The derivation in LaTeX (symbackprop derive --format latex)", derivation.to_latex())
    parts = derivation.to_source(style="textbook").split("\n\n\n")
    functions = [part for part in parts if part.startswith("def ") and "[0]" not in part]
    _show("The gradients in NumPy (symbackprop generate --style textbook)", "\n\n\n".join(functions))
    _show("The gradient check against finite differences (symbackprop check)", report)
    rate = 1.0
    before, down = gradient_descent(f, weights, data, rate, 1).costs
    up = gradient_descent(f, weights, data, -rate, 1).costs[1]
    steps = (
        f"cost before                  {before:.6f}",
        f"after a step down, rate {rate:g}:   {down:.6f}   {'lower' if down < before else 'NOT lower'}",
        f"after a step up, rate {rate:g}:     {up:.6f}   {'higher' if up > before else 'NOT higher'}",
    )
    _show("Gradient descent with the fast form of this function (symbackprop generate -o grads.py)", "\n".join(steps))
    return report.verdict == proofs.verdict == Verdict.RIGHT and down < before < up


def _show(title: str, content: object) -> None:
    print(f"\n=== {title} ===\n\n{content}")
