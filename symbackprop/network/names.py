"""Names in a network, which are also Python names, LaTeX symbols and keyword arguments."""

import keyword
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from symbackprop.errors import NameInUseError, NetworkError, nearest
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.printing.latex_names import latex_name

Row = TypeVar("Row")

# Names that generated code or the text language uses itself.
_CALLS = [
    *("sum", "mean", "var", "max", "min", "maximum", "minimum", "abs", "softmax", "log_softmax", "logsumexp"),
    *("trace", "inv", "det", "matrix_power", "norm", "ones", "zeros", "eye", "tril", "broadcast_to", "concatenate"),
    *("transpose", "dot", "matmul", "multiply", "power", "pi"),
]
_DECLARATIONS = ["input", "target", "one_hot", "parameter", "scalar", "broadcast"]
_GENERATED_CODE = ["np", "numpy", "xp", "cost", "cost_and_gradients", "backward", "dtype", "device", "range"]
RESERVED = frozenset([*_CALLS, *_DECLARATIONS, *_GENERATED_CODE])


def check_name(
    name: object, taken: Collection[str] = (), describe: Callable[[str], str] = str, *, cost: bool = False
) -> str:
    """Return the name; raise NameInUseError if it cannot be used. `describe` describes a taken name.

    >>> check_name("z2", {"X"})
    'z2'
    """
    if not isinstance(name, str):
        raise NameInUseError(f"a name is text such as 'W1', not {name!r}")
    _require_identifier(name)
    if name in taken:
        raise NameInUseError(f"{name} is already {describe(name)}; choose another name")
    if (name in RESERVED or name in FUNCTIONS) and not (cost and name == "cost"):
        raise NameInUseError(f"{name} is a name that formulas and generated code use themselves; try {name}_1")
    if name.startswith("_") or name.endswith("__"):
        raise NameInUseError(f"{name}: a name begins with a letter, and ends with one underscore at most")
    if name == "J" and not cost:
        raise NameInUseError("J is kept for the cost; use it in net.minimize('J', …)")
    if name.startswith("dJd"):
        raise NameInUseError(f"{name} is kept for a gradient (dJdW1 is ∂J/∂W1); choose another name")
    twin = next((known for known in taken if latex_name(known) == latex_name(name)), None)
    if twin is not None:
        raise NameInUseError(f"{name} would look the same as {twin} in LaTeX: {latex_name(name)}; choose another name")
    return name


def check_gradient_names(cost: str, names: Iterable[str], dimensions: Iterable[str]) -> None:
    """Raise an error if a quantity or a dimension has the name of a gradient of this cost."""
    names = set(names)
    for other in names:
        if f"d{cost}d{other}" in names.union(dimensions):
            raise NameInUseError(
                f"d{cost}d{other} is the name of the gradient of {cost} with respect to {other}; rename one"
            )


def _require_identifier(name: str) -> None:
    for position, character in enumerate(name):
        if not character.isascii():
            plain = "".join(map(_in_ascii, name))
            hint = f"; write {plain}" if plain.isidentifier() else "; write it in ASCII"
            raise NameInUseError(
                f"the name {name!r} has {character!r} ({unicodedata.name(character, 'an unnamed character')}) "
                f"at position {position + 1}, which can be mistaken for another letter{hint}"
            )
    if not name.isidentifier():
        raise NameInUseError(
            f"{name!r} is not an identifier: a name begins with a letter and has letters, digits and _"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        other = {"lambda": "lam"}.get(name, f"{name}_1")
        raise NameInUseError(f"{name} is a word of Python itself; choose another name, for example {other}")


def _in_ascii(character: str) -> str:
    """Return a character in ASCII: θ as theta, ŷ as yhat, １ as 1."""
    if character.isascii():
        return character
    words = unicodedata.name(character, "").split()
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if words[-2:] == ["WITH", "CIRCUMFLEX"]:
        return plain + "hat"
    if words[:1] == ["GREEK"] and words[2:3] == ["LETTER"] and len(words) == 4:
        letter = {"LAMDA": "lam"}.get(words[3], words[3].lower())
        return letter.capitalize() if words[1] == "CAPITAL" else letter
    return plain


def chosen(what: str, name: object, known: Mapping[str, Row]) -> Row:
    """Return the row of a table with this name; raise NetworkError with the nearest name if there is none."""
    if not isinstance(name, str) or name not in known:
        raise NetworkError(f"unknown {what} {name!r}: {nearest(name, known)}")
    return known[name]
