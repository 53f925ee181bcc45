"""What a case of the corpus is."""

from dataclasses import dataclass

KINDS = (
    "sign",
    "transpose",
    "order",
    "missing factor",
    "extra factor",
    "quantity",
    "function",
    "number",
    "missing term",
    "extra term",
    "missing sum",
    "product",
)


@dataclass(frozen=True)
class Case:
    """A derivation that is right, and one mistake that makes its twin wrong."""

    name: str
    network: str
    text: str
    old: str
    new: str
    kind: str

    def __post_init__(self):
        assert self.text.count(self.old) == 1, (
            f"{self.name}: {self.old!r} stands there {self.text.count(self.old)} times"
        )
        assert self.old != self.new, self.name
        assert "\n" not in self.old, self.name
        assert self.kind in KINDS, f"{self.name}: {self.kind}"

    @property
    def wrong(self) -> str:
        return self.text.replace(self.old, self.new)
