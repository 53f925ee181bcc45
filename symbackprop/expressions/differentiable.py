"""The nodes that can be differentiated; a test compares this list with the table of rules."""

import sympy
from sympy import Add, Basic, Mul, Pow

from symbackprop.expressions import matrices
from symbackprop.expressions import operations as ops
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.gathers import Gather
from symbackprop.expressions.slicing import Concatenate, Slice

SCALARS = (Add, Mul, Pow, sympy.exp, sympy.log, Applied, matrices.Trace, matrices.Determinant, ops.Total)
MATRICES = (
    *(matrices.MatAdd, matrices.Scaled, matrices.MatMul, matrices.Transpose, matrices.MatPow, matrices.Inverse),
    *(matrices.HadamardProduct, matrices.HadamardPower, ops.Elementwise, ops.Sums, ops.Broadcast, ops.Softmax),
    *(ops.LogSoftmax, ops.Largest, Concatenate, Slice, ops.LogSumExp),
    *(Einsum, Gather),
)


def is_differentiable(node: Basic) -> bool:
    """Return True if there is a derivative rule for nodes of this class."""
    return isinstance(node, SCALARS + MATRICES)
