"""Octets as other things: texts, choices, numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def text(octets: bytes) -> str:
    """Octets that are not UTF-8 become halves of surrogate pairs, which JSON can hold, too."""
    return octets.decode("utf-8", "surrogateescape")


class Taken:
    """Takes values from octets, first come, first served; when they are used up, the least of each kind."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._octets)

    def number(self, below: int = 256) -> int:
        """0 to `below` - 1, of at most 256."""
        if self._at >= len(self._octets):
            return 0
        self._at += 1
        return self._octets[self._at - 1] % below

    def one(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]

    def line(self) -> str:
        """Up to the next newline, without it; any characters, halves of surrogate pairs among them."""
        end = self._octets.find(b"\n", self._at)
        end = len(self._octets) if end < 0 else end
        found = self._octets[self._at : end]
        self._at = end + 1
        return text(found)
