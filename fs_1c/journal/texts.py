"""Texts as the journal keeps them."""

from __future__ import annotations

import re

MAX_TEXT = 512
"""Characters of a text that are kept; longer ones are not what they claim to be."""

_UNFIT = re.compile("[\x00\ud800-\udfff]")


def fit(text: str) -> str:
    """As a text is kept. NUL and half a surrogate pair: SQLite cannot keep them, or its tools cut there."""
    if len(text) <= MAX_TEXT and text.isprintable():
        return text
    return _UNFIT.sub("\ufffd", text[:MAX_TEXT])
