"""symbackprop proofreads backpropagation.

Say a network and its cost; get ∂J/∂W for every parameter as steps by the sum and chain rules, as LaTeX, as
fast NumPy functions, and checked against finite differences.

>>> import symbackprop as sb
>>> d = sb.derive(sb.mlp([2, 3, 1]))
>>> print(d.gradients["W2"])
a2.T*delta3
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from symbackprop.codegen.function import GradientFunction as GradientFunction
    from symbackprop.derivation import Derivation as Derivation
    from symbackprop.derivation import derive as derive
    from symbackprop.descent import Descent as Descent
    from symbackprop.descent import gradient_descent as gradient_descent
    from symbackprop.errors import ArgumentError as ArgumentError
    from symbackprop.errors import DerivationError as DerivationError
    from symbackprop.errors import FormulaError as FormulaError
    from symbackprop.errors import NameInUseError as NameInUseError
    from symbackprop.errors import NetworkError as NetworkError
    from symbackprop.errors import NotNumericError as NotNumericError
    from symbackprop.errors import ShapeError as ShapeError
    from symbackprop.errors import SymbackpropError as SymbackpropError
    from symbackprop.expressions.constructors import hadamard as hadamard
    from symbackprop.expressions.constructors import ones as ones
    from symbackprop.expressions.constructors import power as power
    from symbackprop.expressions.functions import abs as abs
    from symbackprop.expressions.functions import absolute as absolute
    from symbackprop.expressions.functions import cos as cos
    from symbackprop.expressions.functions import elu as elu
    from symbackprop.expressions.functions import erf as erf
    from symbackprop.expressions.functions import exp as exp
    from symbackprop.expressions.functions import gelu as gelu
    from symbackprop.expressions.functions import gelu_tanh as gelu_tanh
    from symbackprop.expressions.functions import huber as huber
    from symbackprop.expressions.functions import identity as identity
    from symbackprop.expressions.functions import leaky_relu as leaky_relu
    from symbackprop.expressions.functions import log as log
    from symbackprop.expressions.functions import relu as relu
    from symbackprop.expressions.functions import sigmoid as sigmoid
    from symbackprop.expressions.functions import sign as sign
    from symbackprop.expressions.functions import silu as silu
    from symbackprop.expressions.functions import sin as sin
    from symbackprop.expressions.functions import softplus as softplus
    from symbackprop.expressions.functions import sqrt as sqrt
    from symbackprop.expressions.functions import square as square
    from symbackprop.expressions.functions import tanh as tanh
    from symbackprop.expressions.linear_algebra import det as det
    from symbackprop.expressions.linear_algebra import eye as eye
    from symbackprop.expressions.linear_algebra import inv as inv
    from symbackprop.expressions.linear_algebra import matrix_power as matrix_power
    from symbackprop.expressions.linear_algebra import norm as norm
    from symbackprop.expressions.linear_algebra import trace as trace
    from symbackprop.expressions.operations import broadcast as broadcast
    from symbackprop.expressions.operations import largest as largest
    from symbackprop.expressions.operations import log_softmax as log_softmax
    from symbackprop.expressions.operations import logsumexp as logsumexp
    from symbackprop.expressions.operations import softmax as softmax
    from symbackprop.expressions.operations import sums as sums
    from symbackprop.expressions.operations import total as total
    from symbackprop.expressions.slicing import columns as columns
    from symbackprop.expressions.slicing import concatenate as concatenate
    from symbackprop.expressions.slicing import rows as rows
    from symbackprop.gradcheck.check import assert_gradients as assert_gradients
    from symbackprop.gradcheck.check import check_gradients as check_gradients
    from symbackprop.gradcheck.directional import numerical_gradient as numerical_gradient
    from symbackprop.gradcheck.report import GradientCheck as GradientCheck
    from symbackprop.mistakes.explain import likely_mistake as likely_mistake
    from symbackprop.network.models.attention import attention as attention
    from symbackprop.network.models.dense import linear_regression as linear_regression
    from symbackprop.network.models.dense import logistic_regression as logistic_regression
    from symbackprop.network.models.dense import mlp as mlp
    from symbackprop.network.models.dense import residual as residual
    from symbackprop.network.models.embeddings import word2vec as word2vec
    from symbackprop.network.models.home import home_data as home_data
    from symbackprop.network.models.home import home_network as home_network
    from symbackprop.network.models.home import home_weights as home_weights
    from symbackprop.network.models.losses import COSTS as COSTS
    from symbackprop.network.models.normalization import batchnorm as batchnorm
    from symbackprop.network.models.normalization import layernorm as layernorm
    from symbackprop.network.models.recurrent import lstm as lstm
    from symbackprop.network.models.recurrent import rnn as rnn
    from symbackprop.network.network import Equation as Equation
    from symbackprop.network.network import Network as Network
    from symbackprop.network.parser import parse_network as parse_network
    from symbackprop.network.sampling import random_values as random_values
    from symbackprop.proofread.code.check import check_code as check_code
    from symbackprop.proofread.code.check import network_from_function as network_from_function
    from symbackprop.proofread.code.report import CodeCheck as CodeCheck
    from symbackprop.proofread.derivation.check import check_derivation as check_derivation
    from symbackprop.proofread.derivation.report import DerivationCheck as DerivationCheck
    from symbackprop.proofread.derivation.report import LineVerdict as LineVerdict
    from symbackprop.prove.report import Verification as Verification
    from symbackprop.registration import register as register
    from symbackprop.render.plots import plot_disagreement as plot_disagreement
    from symbackprop.render.plots import plot_steps as plot_steps
    from symbackprop.verdicts import Verdict as Verdict

# Where each public name lives: importing SymPy takes half a second, which `symbackprop --help` does without.
_HOMES = {
    "network.models.attention": ("attention",),
    "network.models.losses": ("COSTS",),
    "network.models.dense": ("linear_regression", "logistic_regression", "mlp", "residual"),
    "network.models.normalization": ("batchnorm", "layernorm"),
    "network.models.recurrent": ("lstm", "rnn"),
    "network.models.embeddings": ("word2vec",),
    "gradcheck.check": ("assert_gradients", "check_gradients"),
    "gradcheck.report": ("GradientCheck",),
    "verdicts": ("Verdict",),
    "gradcheck.directional": ("numerical_gradient",),
    "derivation": ("Derivation", "derive"),
    "descent": ("Descent", "gradient_descent"),
    "errors": (
        "ArgumentError",
        "DerivationError",
        "FormulaError",
        "NameInUseError",
        "NetworkError",
        "NotNumericError",
        "ShapeError",
        "SymbackpropError",
    ),
    "codegen.function": ("GradientFunction",),
    "network.models.home": ("home_data", "home_network", "home_weights"),
    "expressions.slicing": ("columns", "concatenate", "rows"),
    "expressions.linear_algebra": ("det", "eye", "inv", "matrix_power", "norm", "trace"),
    "expressions.operations": ("broadcast", "largest", "log_softmax", "logsumexp", "softmax", "sums", "total"),
    "network.network": ("Equation", "Network"),
    "network.parser": ("parse_network",),
    "network.sampling": ("random_values",),
    "mistakes.explain": ("likely_mistake",),
    "proofread.code.check": ("check_code", "network_from_function"),
    "proofread.code.report": ("CodeCheck",),
    "proofread.derivation.check": ("check_derivation",),
    "proofread.derivation.report": ("DerivationCheck", "LineVerdict"),
    "prove.report": ("Verification",),
    "registration": ("register",),
    "render.plots": ("plot_disagreement", "plot_steps"),
    "expressions.constructors": ("hadamard", "ones", "power"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"symbackprop.{_HOME[name]}"), name)
    if not name.startswith("_"):
        table = import_module("symbackprop.expressions.functions")
        if table.ALIASES.get(name, name) in table.FUNCTION:
            return getattr(table, name)  # every row of the table is public
    known = {} if name.startswith("_") else import_module("symbackprop.expressions.matrices").INSTEAD_OF_NUMPY
    instead = known.get(name, "")
    raise AttributeError(f"module 'symbackprop' has no attribute {name!r}" + (f"; write {instead}" if instead else ""))


def __dir__() -> list[str]:
    return [*globals(), *__all__]
