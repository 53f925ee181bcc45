"""The definitions of a certificate, read back from its text and evaluated with NumPy."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_TOKEN = re.compile(r"\*\[|\^T|=>|[\w']+|[()\[\]⊕⊙·+\-*/^]")
_OPERATORS: list[dict[str, Callable[[Any, Any], Any]]] = [  # from the weakest
    {"⊕": np.add, "+": np.add, "-": np.subtract},
    {"⊙": np.multiply, "·": np.multiply, "*": np.multiply, "/": np.divide},
    {"^": np.power},
]


def _softmax(_: int, Z: Any) -> Any:
    return np.exp(Z) / np.exp(Z).sum(1, keepdims=True)


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {  # the number of arguments and the meaning
    "map": (2, lambda f, A: f(A)),
    "total": (3, lambda n, m, A: np.broadcast_to(A, (n, m)).sum()),
    "sumrows": (2, lambda n, A: A.sum(0, keepdims=True)),
    "sumcols": (2, lambda m, A: A.sum(1, keepdims=True)),
    "brow": (1, lambda A: A),
    "bcol": (1, lambda A: A),
    "lse": (2, lambda m, Z: np.log(np.exp(Z).sum(1, keepdims=True))),
    "softmax": (2, _softmax),
    "INR": (1, float),
    "Rpower": (2, np.power),
    "exp": (1, np.exp),
    "ln": (1, np.log),
}


class _Parser:
    def __init__(self, text: str, values: Mapping[str, Any]):
        self.tokens, self.values = _TOKEN.findall(text), values
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        word = self.peek()
        assert word, "the text ends"
        assert wanted in ("", word), (wanted, self.tokens[self.at :])
        self.at += 1
        return word

    def sum(self, level: int = 0) -> Any:
        if level == len(_OPERATORS):
            return self.applied()
        left = self.sum(level + 1)
        while self.peek() in _OPERATORS[level] or (level == 1 and self.peek() == "*["):
            sign = self.take()
            if sign == "*[":
                while self.take() != "]":
                    pass
                left = left @ self.sum(level + 1)
            else:
                left = _OPERATORS[level][sign](left, self.sum(level + 1))
        return left

    def applied(self) -> Any:
        if self.peek() in ("-", "/"):
            return -self.applied() if self.take() == "-" else 1 / self.sum(2)
        name = self.peek()
        if name in FUNCTIONS and name not in self.values:
            self.take()
            count, f = FUNCTIONS[name]
            value = f(*(self.atom() for _ in range(count)))
        else:
            value = self.atom()
            if callable(value) and self.peek() not in ("", ")"):
                value = value(self.atom())
        return value

    def atom(self) -> Any:
        value = self._atom()
        while self.peek() == "^T":
            self.take()
            value = value.T
        return value

    def _atom(self) -> Any:
        word = self.take()
        if word.isdigit():
            return int(word)
        if word != "(":
            return np.ones((1, 1)) if word == "ones" else self.values[word]
        if self.peek() == "fun":
            start = self.at + 3  # fun x =>
            depth, end = 1, start
            while depth:
                depth += (self.tokens[end] == "(") - (self.tokens[end] == ")")
                end += 1
            body, self.at = self.tokens[start : end - 1], end
            return lambda x: _evaluated(" ".join(body), {**self.values, "x": x})
        value = self.sum()
        self.take(")")
        return value


def _evaluated(text: str, values: Mapping[str, Any]) -> Any:
    parser = _Parser(text, values)
    value = parser.sum()
    assert parser.peek() == "", (text, parser.tokens[parser.at :])
    return value


def read_back(certificate: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each definition of a network, given those of its data, parameters, sizes and functions."""
    section = certificate[certificate.index("Section Definitions.") : certificate.index("End Definitions.")]
    found = dict(values)
    for name, body in re.findall(r"^Definition ([\w']+) := (.*)\.$", section, re.MULTILINE):
        found[name] = _evaluated(body, found)
    return found
