"""The Russian of the reference: a gettext catalogue, read here; a text without its translation is said."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests import ROOT

FILE = ROOT / "docs" / "ru" / "reference.po"
_ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)', re.MULTILINE)


class Catalogue:
    """Translates, and remembers what it was asked.

    Attributes:
        missing: What it was asked and does not know.
    """

    def __init__(self, entries: dict[str, str]) -> None:
        self._entries = entries
        self._asked: set[str] = set()
        self.missing: list[str] = []

    def __call__(self, text: str) -> str:
        """The translation, or the text itself."""
        if not text:
            return text
        self._asked.add(text)
        if not self._entries.get(text):
            self.missing.append(text)
        return self._entries.get(text) or text

    @property
    def idle(self) -> list[str]:
        """What nobody has asked for."""
        return sorted(self._entries.keys() - self._asked)


def _read(quoted: str) -> str:
    return "".join(ast.literal_eval(line) for line in quoted.splitlines())


def entries(file: Path = FILE) -> dict[str, str]:
    """What the catalogue has, by the English text."""
    found = _ENTRY.findall(file.read_text("utf-8"))
    return {_read(text): _read(translated) for text, translated in found if _read(text)}


def english(text: str) -> str:
    """No translation at all."""
    return text
