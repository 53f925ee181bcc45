"""Names in a certificate: those of the network, unless Coq, the library or the writer has taken them."""

import re
from collections.abc import Hashable
from importlib.resources import files

LIBRARY = files("symbackprop.certificate").joinpath("library.v").read_text(encoding="utf-8")
_WORD = re.compile(r"[^\W\d][\w']*")
_OF_COQ = (
    "as at cofix else end exists exists2 fix for forall fun if in is let match return then where with using by "
    "Axiom Definition Lemma Theorem Proof Qed Section Variable Variables Hypothesis Notation Prop Set SProp Type "
    "Ltac Open Scope Require Import From True False or and not nat list R INR ln exp sqrt sin cos pow pi "
    "gradients_at L many rows columns Hi Hj Hk "
    "chain along moving here any_curve all_gradients sizes smooth sm Network Definitions Point Along "
    "θ d c t i j k s w x N_ R S O I"
)
_BOUND = frozenset(["f'", "beta", *"ABCDEFGHJKLMNPQTUVWXYZyzabfgnm"])  # a network cannot disturb these in the library
_TAKEN = frozenset(_WORD.findall(LIBRARY)) - _BOUND | set(_OF_COQ.split())


class Names:
    """Names of the quantities of a certificate, each of them unique."""

    def __init__(self) -> None:
        self._taken = set(_TAKEN)
        self._of: dict[Hashable, str] = {}

    def new(self, wanted: str) -> str:
        """Return a name that nothing else has: the wanted one, perhaps with _ behind it."""
        name = re.sub(r"[^\w']", "_", wanted)
        name = name if _WORD.fullmatch(name) else f"v{name}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def give(self, thing: Hashable, wanted: str) -> None:
        """Give a thing its name, if it has none."""
        if thing not in self._of:
            self._of[thing] = self.new(wanted)

    def __getitem__(self, thing: Hashable) -> str:
        return self._of[thing]

    def get(self, thing: Hashable, default: str) -> str:
        """Return the name of a thing, or the default if it has none."""
        return self._of.get(thing, default)

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._of
