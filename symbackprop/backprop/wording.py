"""What each line of a derivation says, in one plain sentence."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sympy
from sympy import Basic

from symbackprop.errors import listed
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.derivative_symbols import Gradient, by_entry
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.operations import Broadcast, Elementwise, Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate, Slice

# The rules that are not of one kind of node.
DEFINITION = "definition"
KNOWN_ERRORS = "chain rule"
NAMED_ERROR = "backpropagating error"
SEVERAL_USES = "sum over all uses"
SAME_QUANTITY = "same quantity"
NO_DEPENDENCE = "constant rule"
SUBSTITUTION = "substitution"
CANCELLATION = "cancellation"
ONE_HOT_ROWS = "one-hot rows"

Show = Callable[[Basic], str]


def note(step: Any, show: Show) -> str:
    """The side conditions of a step: `y is constant`."""
    return "; ".join(
        f"{listed(map(show, map(_once, names)))} {'is' if len(names) == 1 else 'are'} {what}"
        for names, what in ((step.constants, "constant"), (step.held, "held"))
        if names
    )


def _once(quantity: Any) -> Any:
    """A repeated row, column or number as what is repeated."""
    if not is_matrix(quantity):
        return quantity
    coefficient, core = nodes.split(quantity)
    if isinstance(core, nodes.Ones):
        return coefficient
    return nodes.scaled(coefficient, core.argument) if isinstance(core, Broadcast) else quantity


def why(step: Any, show: Show) -> str:
    """The sentence of a step, with its formulas as `show` prints them."""
    template = SENTENCES.get((step.rule, type(step.expression))) or SENTENCES[step.rule]
    return template.format_map(_Words(step, show)) + (_HELD.format_map(_Words(step, show)) if step.held else "")


_HELD = " {held} {are} held: what comes through {each} is a term of its own."

# fmt: off
SENTENCES: dict[Any, str] = {
    DEFINITION:     "This is {cost}, written out.",
    KNOWN_ERRORS:   "{errors} is known already: the route to {wrt} goes on from there.",
    NAMED_ERROR:    "It is used again below, for all that {node} is made of: it gets a name.",
    SEVERAL_USES:   "{node} is used in several places: what comes through each of them is added up.",
    SAME_QUANTITY:  "{node} is another name of {parts}.",
    NO_DEPENDENCE:  "{constants} {do} not change with {wrt}: the derivative is 0.",
    SUBSTITUTION:   "What the names stand for, and slopes in terms of f, is written out: something will cancel.",
    CANCELLATION:   "Entry by entry, what is multiplied and divided by the same cancels.",
    ONE_HOT_ROWS:   "Each row of {one_hot} has one 1 and else zeros: it adds up to 1.",
    "sum rule":     "The derivative of a sum is the sum of the derivatives of its terms.",
    ("sum rule", Total):
                    "The derivative of the sum is the sum of the derivatives: look at one {item} at a time, as if the Σ were not there.",
    "constant factor rule":
                    "The constant factor {constants} stays as it is.",
    "product rule": "{one} is derived, while the others stay as they are.",
    "power rule":   "The exponent comes down in front, and what it stands on is derived in its turn.",
    ("chain rule", Elementwise):
                    "{node} changes with {parts}, and {parts} with {wrt}: the two derivatives are multiplied.",
    ("chain rule", sympy.exp):
                    "The exponential is its own derivative; its argument is derived in its turn.",
    ("chain rule", sympy.log):
                    "The derivative of log is one over its argument, which is derived in its turn.",
    ("chain rule", Applied):
                    "The derivative of {function} is taken at its argument, which is derived in its turn.",
    "trace rule":   "Of {parts} only the diagonal is added up: it gets its share there, and 0 elsewhere.",
    "determinant rule":
                    "Jacobi's formula: the derivative of the determinant is the determinant times the transposed inverse.",
    "inverse rule": "From M M⁻¹ = I: when M moves by dM, its inverse moves by −M⁻¹ dM M⁻¹.",
    "matrix power rule":
                    "One factor of the power after the other is derived, between those before and after it.",
    "maximum rule": "The largest entry alone is passed on: it gets all of the share.",
    "derivative of the activation":
                    "Each entry of {node} depends on the same entry of {parts} alone, with the slope {slope}.",
    "linear step":  "It is linear in {parts}, which is derived where it stands.",
    ("linear step", nodes.MatMul):
                    "A product is linear in each factor. {synapse}",
    "matrix form":  "Each entry of {parts} gets what the sum over it got: it has the shape {shape} of {parts}.",
    ("matrix form", nodes.Transpose):
                    "The other factor is transposed instead: it has the shape {shape} of {parts}.",
    ("matrix form", nodes.MatMul):
                    "{products}.",
    ("matrix form", Concatenate):
                    "Each matrix gets its own part of what the whole got.",
    ("matrix form", Slice):
                    "The part gets what it got at its own place, and the rest gets 0: it has the shape {shape} of {parts}.",
    ("matrix form", Broadcast):
                    "{parts} was repeated, so the terms of all repetitions are added up: it has the shape {shape} of {parts}.",
    "softmax rule": "Each entry depends on all entries of its softmax: from there comes the sum that is taken away.",
    "log-softmax rule":
                    "Each entry is what it was, less the log of a sum over all: from there comes the softmax that is taken away.",
    "log-sum-exp rule":
                    "The derivative of log Σ exp by each entry is the softmax of that entry.",
}
# fmt: on


class _Words(dict[str, str]):
    """What stands for each {name} of a sentence."""

    def __init__(self, step: Any, show: Show):
        super().__init__()
        self.step, self.show = step, show

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
    def _constant(self) -> Sequence[Any]:
        """The constants, or where only numbers are constant, these."""
        step = self.step
        if step.constants or step.expression is None:
            return tuple(step.constants)
        return [part for part in step.expression.args if part not in step.parts and part not in step.held]

    def _held(self) -> str:
        return self._listed(self.step.held)

    def _are(self) -> str:
        return "is" if len(self.step.held) == 1 else "are"

    def _each(self) -> str:
        return "it" if len(self.step.held) == 1 else "each of them"

    def _one(self) -> str:
        """What a product rule derives: each factor, but for those that are held."""
        return "One factor" if self.step.held else "One factor after the other"

    def _do(self) -> str:
        return "does" if len(self._constant) == 1 else "do"

    def _item(self) -> str:
        """What a sum looks at, one at a time."""
        return "example" if "example" in {self.step.row, self.step.column} else "entry"

    def _shape(self) -> str:
        return " and ".join(
            dict.fromkeys(f"{self.show(part.shape[0])}×{self.show(part.shape[1])}" for part in self.step.parts)
        )

    def _products(self) -> str:
        over = self._added()
        if len(self.step.parts) == 1:
            adds = f"adds the terms up again, over {over}: it " if over else ""
            return f"The product with the transpose {adds}has the shape {self._shape()} of {self._parts()}"
        add = f"add the terms up again, over {over}: they " if over else ""
        return f"The products with the transposes {add}have the shapes of {self._parts()}"

    def _synapse(self) -> str:
        parts, factors = self.step.parts, self.step.expression.args
        others = [factor for factor in factors if factor not in parts]
        if len(parts) > 1 or factors.count(parts[0]) > 1 or not others:
            return "One factor after the other is derived."
        slope = self.show(by_entry(self.step.node, parts[0]))
        return f"On each synapse, {slope} is what {self.show(parts[0])} is multiplied with: {self._listed(others)}."

    def _one_hot(self) -> str:
        return self._listed(sorted(self.step.before.atoms(nodes.OneHot), key=str))

    def _slope(self) -> str:
        """f′ at its argument, as the line has it."""
        return self.show(_once(self.step.slope))

    def _function(self) -> str:
        return self.show(self.step.expression.func(self.step.expression.function, *self.step.expression.operands))

    def _errors(self) -> str:
        """∂J/∂… of the parts: δ, where it is one."""
        known, cost = self.step.known, self.step.before.cost
        return self._listed(dict.fromkeys(error if error.is_symbol else Gradient(cost, of) for of, error in known))

    def _added(self) -> str:
        """What products with transposes add up: rows for what stands on the right, columns for the left."""
        factors, parts = self.step.expression.args, self.step.parts
        rows = any(factor in parts for factor in factors[1:])
        columns = any(factor in parts for factor in factors[:-1])
        return listed(
            f"the {self.show(size)} {word}s"
            for wanted, size, word in zip(
                (rows, columns), self.step.node.shape, (self.step.row, self.step.column), strict=True
            )
            if wanted and size != 1
        )
