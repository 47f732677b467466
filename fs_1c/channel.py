r"""What may be written into a channel.

FreeSWITCH expands every application argument, and the values of variables inside it, again and again: a
client whose name is `${system(rm file)}` runs that command on the switch. Header lines of a command end at CR
or LF without any escape, lists are split at a separator, `'` and `\` are syntax there, and a dial string has
more of it: , | { } [ ] < > and `:_:`. `system` hands its argument to a shell, which has & ; ( ) * ? ! # and
options that begin with a dash. Escaping cannot win, since nobody knows how often a value will be expanded or
where a dialplan pastes it. So nothing here escapes. A text that people read loses or changes the characters
with a meaning (`text`); a word that becomes part of a dial string is either made of plain characters or is
refused (`word`).

That makes a value harmless as an argument or a part of one: of an application, a list, a header, a dial
string's variable, a shell command, with quotes around it or without. It does not where the text itself is
what is done: as the first word of a shell command, as the name of an application, a function, a script or a
file, as a regular expression (a dot is any character), or where something decodes it first.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

MAX_TEXT = 100
"""Characters of a name that reach a phone; displays show 20 to 40."""

MAX_WORD = 64

# What a phone shows instead, in letters that windows-1251 has, as most phones with Cyrillic do. Straight
# double quotes become « » in turn, as Russian company names are set. `/`, `:` and `@` are no code, but
# FreeSWITCH takes a caller's name for a number and cuts it there: of «Склад: Москва» a phone shows «Москва».
_LOOKS_LIKE = str.maketrans(
    {
        "$": "",
        **dict.fromkeys("({[<", "‹"),
        **dict.fromkeys(")}]>", "›"),
        "&": "+",
        "#": "№",
        **dict.fromkeys("*?!", " "),
        "\\": "-",
        "|": "-",
        "/": "-",
        ":": " ",
        "@": " ",
        "^": " ",
        "~": "-",
        "'": "\u2019",
        "`": "\u2019",
        ",": " ",
        "=": "-",
        ";": " ",
        "%": " ",
    }
)
_OPTION = re.compile(r"(?<!\S)-+")
_WORD = re.compile(r"[0-9A-Za-z_+.][0-9A-Za-z_+.-]*")
_HOST = re.compile(r"[0-9A-Za-z_.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")

_P = ParamSpec("_P")
_T = TypeVar("_T")
_FORGET: list[Callable[[], None]] = []


def remembered(results: int) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """For what is made of clients' names: the same clients call again and again. Remembers so many results,
    until `forget`.
    """

    def decorated(made: Callable[_P, _T]) -> Callable[_P, _T]:
        remembering = lru_cache(results)(made)
        _FORGET.append(remembering.cache_clear)
        return cast(Callable[_P, _T], remembering)

    return decorated


def forget() -> None:
    """Forgets what was made of any client's name."""
    for one in _FORGET:
        one()


@remembered(4096)
def text(value: str, limit: int = MAX_TEXT) -> str:
    """A name or title that is harmless wherever a dialplan may paste it (what that means stands at the top),
    still readable on a phone.

    Args:
        value: Any text, of any length.
        limit: Characters kept at the most; what is cut is marked by `…`.
    """
    kept = unicodedata.normalize("NFC", value[: 16 * limit])
    # Categories C* (controls, direction overrides, surrogates, unassigned) and the line separators have no
    # place on one line of a display.
    if not kept.isprintable():  # which most are; letter by letter takes ten times as long
        kept = "".join(" " if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" else c for c in kept)
    parts = kept.split('"')
    kept = parts[0] + "".join(("«" if i % 2 == 0 else "»") + part for i, part in enumerate(parts[1:]))
    kept = unicodedata.normalize("NFC", kept.translate(_LOOKS_LIKE))  # again: what stood between may be gone
    kept = _OPTION.sub("–", " ".join(kept.split()))
    if kept.strip("_").lower() == "undef":  # the value `_undef_` unsets a variable
        kept = kept.strip("_")
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def word(value: str) -> str | None:
    """`value` if it is made of digits, ASCII letters and ``_ + . -`` only and begins with no dash, else None:
    fit for a dial string.
    """
    return value if len(value) <= MAX_WORD and _WORD.fullmatch(value) else None


def host(value: str) -> str | None:
    """`value` if it is a host name or address (with a port or without), else None."""
    return value if len(value) <= 255 and _HOST.fullmatch(value) else None


def plain(text: str) -> str:
    """One line to be read: whatever is no letter, sign or space is made visible (\\x1b, \\u202e, half a
    surrogate).
    """
    if text.isprintable():  # as nearly every line of a log is
        return text
    return "".join(
        c if c.isprintable() else " " if unicodedata.category(c) == "Zs" else repr(c)[1:-1] for c in text
    )


def json_line(value: object) -> str:
    """`value` as one line of JSON, for a terminal as for a program: letters are left as they are, and what a
    terminal would act upon is escaped (\\u001b, \\u202e, half a surrogate). Raises TypeError.
    """
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def line(value: str) -> str:
    """`value` with its control characters made spaces: one header line of a command stays one."""
    return value if value.isprintable() else _UNSAFE.sub(" ", value)
