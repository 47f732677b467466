"""The cookies of one session: 1C's own, which names the session, and those by which a balancer finds its way.
Pure.

Python's SimpleCookie refuses a whole line for one attribute that it does not know, and takes quadratic time
over some. Here only names and values are read, however a proxy has mangled what stands behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SESSION = "ibsession"
MAX_LINES, MAX_LINE, MAX_VALUE, MAX_COOKIES = 20, 4096, 256, 10

_ATTRIBUTES = frozenset(
    "path domain expires max-age secure httponly samesite partitioned priority version comment".split()
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_VALUE = re.compile(r"[!#-+\x2d-:<-\[\]-~]*")  # of RFC 6265: no space, quote, comma, semicolon, backslash


class Cookies:
    """What is sent back."""

    __slots__ = ("_others", "_session")

    def __init__(self) -> None:
        self._session: tuple[str, str] | None = None
        self._others: dict[str, str] = {}

    @property
    def in_session(self) -> bool:
        """1C keeps a session for us."""
        return self._session is not None

    def heard(self, lines: tuple[str, ...]) -> None:
        """Takes the values of Set-Cookie of a response."""
        for name, value in _pairs(lines):
            if name.lower() == SESSION:
                self._session = (SESSION, value) if value else None
            elif not value:
                self._others.pop(name, None)
            elif name in self._others or len(self._others) < MAX_COOKIES:
                self._others[name] = value

    def give_up(self) -> None:
        """That session is over; the way to 1C is not."""
        self._session = None

    def header(self) -> tuple[tuple[str, str], ...]:
        """The header to send, or nothing."""
        pairs = [*self._others.items(), *([self._session] if self._session else [])]
        return (("Cookie", "; ".join(f"{name}={value}" for name, value in pairs)),) if pairs else ()


def _pairs(lines: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Names and values. Several cookies may be folded into one line by commas, and the session's own may even
    stand among another's attributes.
    """
    for line in lines[:MAX_LINES]:
        for one in line[:MAX_LINE].split(","):
            for number, part in enumerate(one.split(";")):
                name, equals, value = (text.strip() for text in part.partition("="))
                value = value.strip('" ')
                if not equals or not _NAME.fullmatch(name) or name.lower() in _ATTRIBUTES:
                    continue
                if number and name.lower() != SESSION:
                    continue
                if len(value) <= MAX_VALUE and _VALUE.fullmatch(value):
                    yield name, value
