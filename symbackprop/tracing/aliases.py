"""Type names for annotations: declared shapes, and the arguments and results of users' functions."""

from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, TypeAlias

import numpy as np

from symbackprop.expressions.aliases import Size

UserFunction: TypeAlias = Callable[..., object]  # the result may be anything, and is inspected
DeclaredSize: TypeAlias = str | int | Size  # a dimension in a shape: its name, a number, or an expression as in 4*H
DeclaredShape: TypeAlias = tuple[DeclaredSize, ...]
NumpyFunction: TypeAlias = Callable[..., Any]  # of NumPy's arguments, placeholders among them
ArgumentValue: TypeAlias = np.ndarray | float  # the numbers of an argument: an array, or a hyperparameter
Namespace: TypeAlias = dict[str, object]  # the globals of a module
TraceFunction: TypeAlias = Callable[[FrameType, str, Any], Any]  # of sys.settrace
Replacement: TypeAlias = Callable[[object], object]  # the placeholder for a value of a module, or the value itself
Arguments: TypeAlias = Mapping[str, object]  # by name: numbers or placeholders
