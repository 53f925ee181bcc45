"""The names of the rules, and the sentence of each step of a derivation: one plain sentence for each rule."""

import sympy

from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.gathers import Gather
from symbackprop.expressions.operations import Broadcast, Elementwise, Total
from symbackprop.expressions.slicing import Concatenate, Slice

# The rules that do not belong to one class of nodes.
DEFINITION = "definition"
KNOWN_ADJOINT = "chain rule"
GIVEN_ADJOINT = "upstream gradient"
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

_ENTRY_BY_ENTRY = "Each entry of {node} depends only on the same entry of {parts}, with the derivative {derivative}."
HELD = " {held} {are_held}."

# fmt: off
SENTENCES: dict[str | tuple[str, type], str] = {
    DEFINITION:     "Replace {cost} by its definition.",
    KNOWN_ADJOINT:  "{adjoints} is known already: the chain rule for {wrt} starts from there.",
    GIVEN_ADJOINT:  "{adjoints} is the given gradient of the cost with respect to {outputs}: the chain rule for {wrt} starts from there.",
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
    ("matrix form", Einsum):
                    "Each entry of {parts} is multiplied by the entries of the other factors: the adjoint takes its place among them, and the result has the shape {shape} of {parts}.",
    ("matrix form", Gather):
                    "The entries are only moved: each entry of {parts} receives the adjoints of the places that it was taken to.",
    "softmax rule": "Every entry of a softmax depends on all entries of its argument: hence the sum that is subtracted.",
    "log-softmax rule":
                    "A log-softmax is its argument minus the log-sum-exp of all entries: hence the softmax that is subtracted.",
    "log-sum-exp rule":
                    "The derivative of log Σ exp with respect to each entry is the softmax of that entry.",
}
# fmt: on
