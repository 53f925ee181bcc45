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
    from symbackprop.blocks import columns as columns
    from symbackprop.blocks import concatenate as concatenate
    from symbackprop.blocks import rows as rows
    from symbackprop.builders.attention import attention as attention
    from symbackprop.builders.costs import COSTS as COSTS
    from symbackprop.builders.dense import linear_regression as linear_regression
    from symbackprop.builders.dense import logistic_regression as logistic_regression
    from symbackprop.builders.dense import mlp as mlp
    from symbackprop.builders.dense import residual as residual
    from symbackprop.builders.normalization import batchnorm as batchnorm
    from symbackprop.builders.normalization import layernorm as layernorm
    from symbackprop.builders.recurrent import lstm as lstm
    from symbackprop.builders.recurrent import rnn as rnn
    from symbackprop.builders.words import word2vec as word2vec
    from symbackprop.check.gradients import assert_gradients as assert_gradients
    from symbackprop.check.gradients import check_gradients as check_gradients
    from symbackprop.check.numerical import numerical_gradient as numerical_gradient
    from symbackprop.check.report import GradientCheck as GradientCheck
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
    from symbackprop.explanation import likely_mistake as likely_mistake
    from symbackprop.forms import hadamard as hadamard
    from symbackprop.forms import ones as ones
    from symbackprop.forms import power as power
    from symbackprop.functions import abs as abs
    from symbackprop.functions import absolute as absolute
    from symbackprop.functions import cos as cos
    from symbackprop.functions import elu as elu
    from symbackprop.functions import erf as erf
    from symbackprop.functions import exp as exp
    from symbackprop.functions import gelu as gelu
    from symbackprop.functions import gelu_tanh as gelu_tanh
    from symbackprop.functions import huber as huber
    from symbackprop.functions import identity as identity
    from symbackprop.functions import leaky_relu as leaky_relu
    from symbackprop.functions import log as log
    from symbackprop.functions import relu as relu
    from symbackprop.functions import sigmoid as sigmoid
    from symbackprop.functions import sign as sign
    from symbackprop.functions import silu as silu
    from symbackprop.functions import sin as sin
    from symbackprop.functions import softplus as softplus
    from symbackprop.functions import sqrt as sqrt
    from symbackprop.functions import square as square
    from symbackprop.functions import tanh as tanh
    from symbackprop.generate.function import GradientFunction as GradientFunction
    from symbackprop.home import home_data as home_data
    from symbackprop.home import home_network as home_network
    from symbackprop.home import home_weights as home_weights
    from symbackprop.linear_algebra import det as det
    from symbackprop.linear_algebra import eye as eye
    from symbackprop.linear_algebra import inv as inv
    from symbackprop.linear_algebra import matrix_power as matrix_power
    from symbackprop.linear_algebra import norm as norm
    from symbackprop.linear_algebra import trace as trace
    from symbackprop.maps import broadcast as broadcast
    from symbackprop.maps import largest as largest
    from symbackprop.maps import log_softmax as log_softmax
    from symbackprop.maps import logsumexp as logsumexp
    from symbackprop.maps import softmax as softmax
    from symbackprop.maps import sums as sums
    from symbackprop.maps import total as total
    from symbackprop.network import Equation as Equation
    from symbackprop.network import Network as Network
    from symbackprop.network_text import parse_network as parse_network
    from symbackprop.points import random_values as random_values
    from symbackprop.proofread.code import check_code as check_code
    from symbackprop.proofread.code import network_from_function as network_from_function
    from symbackprop.proofread.report import CodeCheck as CodeCheck
    from symbackprop.proofread.written.check import check_derivation as check_derivation
    from symbackprop.proofread.written.derivation_check import DerivationCheck as DerivationCheck
    from symbackprop.proofread.written.derivation_check import LineVerdict as LineVerdict
    from symbackprop.prove.report import Verification as Verification
    from symbackprop.registration import register as register
    from symbackprop.render.plots import plot_disagreement as plot_disagreement
    from symbackprop.render.plots import plot_steps as plot_steps
    from symbackprop.verdicts import Verdict as Verdict

# Where each public name lives: importing SymPy takes half a second, which `symbackprop --help` does without.
_HOMES = {
    "builders.attention": ("attention",),
    "builders.costs": ("COSTS",),
    "builders.dense": ("linear_regression", "logistic_regression", "mlp", "residual"),
    "builders.normalization": ("batchnorm", "layernorm"),
    "builders.recurrent": ("lstm", "rnn"),
    "builders.words": ("word2vec",),
    "check.gradients": ("assert_gradients", "check_gradients"),
    "check.report": ("GradientCheck",),
    "verdicts": ("Verdict",),
    "check.numerical": ("numerical_gradient",),
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
    "generate.function": ("GradientFunction",),
    "home": ("home_data", "home_network", "home_weights"),
    "blocks": ("columns", "concatenate", "rows"),
    "linear_algebra": ("det", "eye", "inv", "matrix_power", "norm", "trace"),
    "maps": ("broadcast", "largest", "log_softmax", "logsumexp", "softmax", "sums", "total"),
    "network": ("Equation", "Network"),
    "network_text": ("parse_network",),
    "points": ("random_values",),
    "explanation": ("likely_mistake",),
    "proofread.code": ("check_code", "network_from_function"),
    "proofread.report": ("CodeCheck",),
    "proofread.written.check": ("check_derivation",),
    "proofread.written.derivation_check": ("DerivationCheck", "LineVerdict"),
    "prove.report": ("Verification",),
    "registration": ("register",),
    "render.plots": ("plot_disagreement", "plot_steps"),
    "forms": ("hadamard", "ones", "power"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"symbackprop.{_HOME[name]}"), name)
    if not name.startswith("_"):
        table = import_module("symbackprop.functions")
        if table.ALIASES.get(name, name) in table.FUNCTION:
            return getattr(table, name)  # every row of the table is public
    instead = "" if name.startswith("_") else import_module("symbackprop.nodes").INSTEAD_OF_NUMPY.get(name, "")
    raise AttributeError(f"module 'symbackprop' has no attribute {name!r}" + (f"; write {instead}" if instead else ""))


def __dir__() -> list[str]:
    return [*globals(), *__all__]
