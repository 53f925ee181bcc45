"""What a case of the corpus is."""

from dataclasses import dataclass

from symbackprop.kinds import Kinds, MistakeKind


@dataclass(frozen=True)
class Case:
    """A derivation that is right, and one mistake that makes its twin wrong: each of its kinds is true of it."""

    name: str
    network: str
    text: str
    old: str
    new: str
    kinds: Kinds

    def __post_init__(self):
        assert self.text.count(self.old) == 1, (
            f"{self.name}: {self.old!r} stands there {self.text.count(self.old)} times"
        )
        assert self.old != self.new, self.name
        assert "\n" not in self.old, self.name
        assert self.kinds, self.name
        assert set(self.kinds) <= set(MistakeKind), f"{self.name}: {self.kinds}"

    @property
    def wrong(self) -> str:
        return self.text.replace(self.old, self.new)
