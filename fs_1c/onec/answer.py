"""The text inside SayName's `return` → what it says about the client. Read as tolerantly as 1C writes it.
Pure.

Widely installed 1C code builds this XML by joining strings and escapes nothing, so `ООО "Рога & Копыта"` or
`A < B` breaks every parser, and a parser that recovers silently drops what follows: the manager's phone.
Hence it is read tag by tag, and the text between a tag and its own end tag is taken as it stands.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

MAX_ANSWER = 64 * 1024
"""Characters of an answer that are read."""
MAX_TITLE = 500
MAX_PHONE = 200

_CDATA = re.compile(r"^\s*<!\[CDATA\[(.*?)\]\]>\s*$", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")


@dataclass(frozen=True, slots=True)
class Answer:
    """What 1C says about a number. All empty: it knows no such client.

    Attributes:
        title: The client's name, trimmed, on one line.
        category: The client's category.
        manager: The responsible manager's phone, as written, trimmed.
        error: What the 1C code reports about its own failure; empty when it does not.
    """

    title: str = ""
    category: str = ""
    manager: str = ""
    error: str = ""

    @property
    def known(self) -> bool:
        return bool(self.title or self.manager)


def read(text: str) -> Answer:
    """Understands the text of SayName's `return`. Never raises."""
    text = text[:MAX_ANSWER].lstrip("\ufeff \t\r\n")
    manager = _tag(text, "manager")
    phone = _tag(manager, "phone") if manager is not None else _tag(text, "phone")
    return Answer(
        title=_clean(_tag(text, "title"), MAX_TITLE),
        category=_clean(_tag(text, "category"), MAX_PHONE),
        manager=_clean(phone, MAX_PHONE),
        error=_clean(_tag(text, "error"), MAX_TITLE),
    )


def _tag(text: str, name: str) -> str | None:
    """The raw text between the first `<name>` and the next `</name>`, in any case; None if there is no such
    pair.
    """
    match = re.search(rf"<{name}(?:\s[^<>]*)?>(.*?)</{name}\s*>", text, re.DOTALL | re.IGNORECASE)
    return match[1] if match else None


def _clean(raw: str | None, limit: int) -> str:
    if raw is None:
        return ""
    cdata = _CDATA.match(raw)
    # Only the entities of XML, once: `&copy` in an unescaped name is just what somebody typed.
    value = cdata[1] if cdata else _ENTITY.sub(lambda match: html.unescape(match[0]), raw)
    return " ".join(value.split())[:limit]
