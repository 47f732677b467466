"""The Russian of the reference: what the command line says is in its own catalogue, all else in one of the
docs; a text without its translation is said.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from fs_1c.language import FOLDER
from tests import ROOT

FILE = ROOT / "docs" / "ru" / "reference.po"
SPOKEN = FOLDER / "ru" / "LC_MESSAGES" / "fs_1c.po"
_ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)', re.MULTILINE)


class Catalogue:
    """Translates, and remembers what it was asked.

    Attributes:
        missing: What it was asked and does not know.
    """

    def __init__(self, entries: dict[str, str], spoken: dict[str, str]) -> None:
        self._own = entries.keys()
        self._entries = spoken | entries
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
        """What nobody has asked for, of the docs' own."""
        return sorted(self._own - self._asked)


def _read(quoted: str) -> str:
    return "".join(ast.literal_eval(line) for line in quoted.splitlines())


def entries(file: Path = FILE) -> dict[str, str]:
    """What the catalogue has, by the English text."""
    found = _ENTRY.findall(file.read_text("utf-8"))
    return {_read(text): _read(translated) for text, translated in found if _read(text)}


def russian() -> Catalogue:
    """The Russian of both catalogues."""
    return Catalogue(entries(), entries(SPOKEN))


def english(text: str) -> str:
    """No translation at all."""
    return text
