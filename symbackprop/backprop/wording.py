"""The sentence of each step of a derivation: one plain sentence for each rule."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import sympy
from sympy import Basic

from symbackprop.errors import listed
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.derivative_symbols import Gradient, by_entry
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.operations import Broadcast, Elementwise, Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate, Slice

if TYPE_CHECKING:
    from symbackprop.backprop.tape import Step

# The rules that do not belong to one class of nodes.
DEFINITION = "definition"
KNOWN_ADJOINT = "chain rule"
NAMED_ADJOINT = "backpropagated error"
SEVERAL_USES = "sum over all uses"
SAME_QUANTITY = "same quantity"
NO_DEPENDENCE = "constant rule"
SUBSTITUTION = "substitution"
CANCELLATION = "cancellation"
ONE_HOT_ROWS = "one-hot rows"

# The rule of elementwise functions: its name for an activation, and for another function such as log.
ACTIVATION = "derivative of the activation"
FUNCTION = "derivative of a function"

Show = Callable[[Basic], str]


def note(step: "Step", show: Show) -> str:
    """Return the side conditions of a step, such as `y is constant`."""
    return "; ".join(
        f"{listed(map(show, map(_once, names)))} {'is' if len(names) == 1 else 'are'} {what}"
        for names, what in ((step.constants, "constant"), (step.held, "held fixed"))
        if names
    )


def _once(quantity: Basic) -> Basic:
    """Return the row, column or number that a quantity repeats, or the quantity itself if it repeats nothing."""
    if not is_matrix(quantity):
        return quantity
    coefficient, core = nodes.split(quantity)
    if isinstance(core, nodes.Ones):
        return coefficient
    return nodes.scaled(coefficient, core.argument) if isinstance(core, Broadcast) else quantity


def why(step: "Step", show: Show) -> str:
    """Return the sentence of a step, with its formulas as `show` prints them."""
    rule = FUNCTION if step.rule.startswith("derivative of ") and step.rule != ACTIVATION else step.rule
    template = SENTENCES.get((rule, type(step.expression))) or SENTENCES[rule]
    return template.format_map(_Words(step, show)) + (_HELD.format_map(_Words(step, show)) if step.held else "")


_ENTRY_BY_ENTRY = "Each entry of {node} depends only on the same entry of {parts}, with the derivative {derivative}."
_HELD = " {held} {are_held}."

# fmt: off
SENTENCES: dict[str | tuple[str, type], str] = {
    DEFINITION:     "Replace {cost} by its definition.",
    KNOWN_ADJOINT:  "{adjoints} is known already: the chain rule for {wrt} starts from there.",
    NAMED_ADJOINT:  "{symbol} is the adjoint {adjoint}. It is used again below, so it gets a name.",
    SEVERAL_USES:   "{node} is used several times: the terms of all uses are added.",
    SAME_QUANTITY:  "{node} is another name for {parts}.",
    NO_DEPENDENCE:  "{constants} {are_constant} with respect to {wrt}, so {derivatives_are} 0.",
    SUBSTITUTION:   "Replace names by their definitions, and the derivatives of functions by their forms in terms of the output, so that factors can cancel.",
    CANCELLATION:   "Equal factors of the numerator and the denominator cancel, entry by entry.",
    ONE_HOT_ROWS:   "Each row of {one_hot} has a single 1 and zeros elsewhere, so it adds up to 1.",
    "sum rule":     "The derivative of a sum is the sum of the derivatives of its terms.",
    ("sum rule", Total):
                    "The derivative of the sum is the sum of the derivatives: look at one {item} at a time, as if there were no Σ.",
    "constant factor rule":
                    "The constant {factors} outside the derivative.",
    "product rule": "Differentiate {one}, keeping the others as they are{added}.",
    "power rule":   "Bring the exponent down in front and differentiate the base.",
    ("chain rule", Elementwise):
                    "{node} depends on {parts}{and_on}: multiply the two derivatives.",
    ("chain rule", sympy.exp):
                    "The exponential is its own derivative; multiply by the derivative of its argument.",
    ("chain rule", sympy.log):
                    "The derivative of log is 1 divided by its argument; multiply by the derivative of the argument.",
    ("chain rule", Applied):
                    "Multiply the derivative of {function} with respect to its argument by the derivative of the argument.",
    "trace rule":   "The trace adds up the diagonal of {parts}: the derivative is 1 on the diagonal and 0 elsewhere.",
    "determinant rule":
                    "Jacobi's formula: the derivative of the determinant is the determinant times the transposed inverse.",
    "inverse rule": "From M M⁻¹ = I: a change of M by dM changes its inverse by −M⁻¹ dM M⁻¹.",
    "matrix power rule":
                    "Differentiate one factor of the power at a time, between the factors before and after it, and add the terms.",
    "maximum rule": "The maximum depends on the largest entry only: its derivative is 1 there and 0 elsewhere.",
    ACTIVATION:     _ENTRY_BY_ENTRY,
    FUNCTION:       _ENTRY_BY_ENTRY,
    "linearity":    "{node} is linear in {parts}: differentiate {parts} in place.",
    ("linearity", nodes.MatMul):
                    "A product is linear in each factor: {linear}.",
    "matrix form":  "Each entry of {parts} receives the adjoint of the sum that contains it: the result has the shape {shape} of {parts}.",
    ("matrix form", nodes.Transpose):
                    "Transpose the other factor instead: the result has the shape {shape} of {parts}.",
    ("matrix form", nodes.MatMul):
                    "{products}.",
    ("matrix form", Concatenate):
                    "Each of the concatenated matrices receives its own block of the adjoint.",
    ("matrix form", Slice):
                    "The slice receives its adjoint in its own position, the rest receives 0: the result has the shape {shape} of {parts}.",
    ("matrix form", Broadcast):
                    "{parts} was repeated, so the terms of all repetitions are added: the result has the shape {shape} of {parts}.",
    "softmax rule": "Every entry of a softmax depends on all entries of its argument: hence the sum that is subtracted.",
    "log-softmax rule":
                    "A log-softmax is its argument minus the log-sum-exp of all entries: hence the softmax that is subtracted.",
    "log-sum-exp rule":
                    "The derivative of log Σ exp with respect to each entry is the softmax of that entry.",
}
# fmt: on


class _Words(dict[str, str]):
    """Values of the placeholders {name} in a sentence, computed when a template uses them."""

    def __init__(self, step: "Step", show: Show):
        super().__init__()
        self.step, self.show = step, show
        self.expression: Expression = step.expression  # which the sentences of the rules have

    def __missing__(self, name: str) -> str:
        return str(getattr(self, f"_{name}")())

    def _listed(self, quantities: Iterable[Basic]) -> str:
        return listed(map(self.show, map(_once, quantities)))

    def _cost(self) -> str:
        return self.show(self.step.before.cost)

    def _wrt(self) -> str:
        return self.show(self.step.wrt)

    def _node(self) -> str:
        return self.show(self.step.node)

    def _parts(self) -> str:
        return self._listed(self.step.parts)

    def _constants(self) -> str:
        return self._listed(self._constant)

    @property
    def _constant(self) -> Sequence[Basic]:
        """Return the constant quantities of the step, or its constant numbers if there are no others."""
        step = self.step
        if step.constants or step.expression is None:
            return tuple(step.constants)
        return [part for part in step.expression.args if part not in step.parts and part not in step.held]

    def _are_constant(self) -> str:
        return "is a constant" if len(self._constant) == 1 else "are constants"

    def _derivatives_are(self) -> str:
        return "its derivative is" if len(self._constant) == 1 else "their derivatives are"

    def _factors(self) -> str:
        ending, verb = ("", "moves") if len(self._constant) == 1 else ("s", "move")
        return f"factor{ending} {self._constants()} {verb}"

    def _held(self) -> str:
        return self._listed(self.step.held)

    def _are_held(self) -> str:
        one = len(self.step.held) == 1
        return (
            "is held fixed: its contribution is a separate term"
            if one
            else ("are held fixed: their contributions are separate terms")
        )

    @property
    def _varies_once(self) -> bool:
        """True if only one factor of a product is differentiated, and it occurs once."""
        parts = self.step.parts
        return len(parts) == 1 and self.expression.args.count(parts[0]) == 1

    def _one(self) -> str:
        return "one factor" if self._varies_once else "one factor at a time"

    def _added(self) -> str:
        return "" if self._varies_once else ", and add the terms"

    def _and_on(self) -> str:
        """Return the second half of the chain rule's sentence, such as `, and z2 on W1`."""
        return "" if self.step.parts == (self.step.wrt,) else f", and {self._parts()} on {self._wrt()}"

    def _item(self) -> str:
        """Return the name of one term of a sum."""
        return "example" if "example" in {self.step.row, self.step.column} else "entry"

    def _shape(self) -> str:
        return " and ".join(
            dict.fromkeys(f"{self.show(part.shape[0])}×{self.show(part.shape[1])}" for part in self.step.parts)
        )

    def _products(self) -> str:
        over = self._summed_over()
        if len(self.step.parts) == 1:
            adds = f"adds up over {over} and " if over else ""
            return f"The product with the transpose {adds}has the shape {self._shape()} of {self._parts()}"
        add = f"add up over {over} and " if over else ""
        return f"The products with the transposes {add}have the shapes of {self._parts()}"

    def _linear(self) -> str:
        """Return words for the derivative of a product, depending on whether one factor varies or several."""
        parts, factors = self.step.parts, self.expression.args
        others = [factor for factor in factors if factor not in parts]
        if not self._varies_once or not others:
            return "differentiate one factor at a time and add the terms"
        derivative = self.show(by_entry(self.step.node, parts[0]))
        multiplier = "is the factor that multiplies" if len(others) == 1 else "consists of the factors that multiply"
        return f"{derivative} {multiplier} {self.show(parts[0])}, here {self._listed(others)}"

    def _one_hot(self) -> str:
        return self._listed(sorted(self.step.before.atoms(nodes.OneHot), key=str))

    def _derivative(self) -> str:
        """Return f′ at its argument, as the line writes it."""
        return self.show(_once(self.step.slope))

    def _function(self) -> str:
        return self.show(self.expression.func(self.expression.function, *self.expression.operands))

    def _symbol(self) -> str:
        return self.show(self.step.symbol)

    def _adjoint(self) -> str:
        return self.show(self.step.before)

    def _adjoints(self) -> str:
        """List the known adjoints, by the name δ or else as ∂J/∂v."""
        known, cost = self.step.known, self.step.before.cost
        return self._listed(dict.fromkeys(value if value.is_symbol else Gradient(cost, of) for of, value in known))

    def _summed_over(self) -> str:
        """List the axes over which products with transposes sum: rows for a right factor, columns for a left one."""
        factors, parts = self.expression.args, self.step.parts
        rows = any(factor in parts for factor in factors[1:])
        columns = any(factor in parts for factor in factors[:-1])
        return listed(
            f"the {self.show(size)} {word}s"
            for wanted, size, word in zip(
                (rows, columns), self.expression.shape, (self.step.row, self.step.column), strict=True
            )
            if wanted and size != 1
        )
