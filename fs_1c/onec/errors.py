"""What can go wrong between us and 1C, each told by two questions that decide what may happen next.

*Did the request reach 1C?* A screen pop may be sent again only if it surely did not: 1C opens a second card
for a repeated IncomingCall. *Is the base down, or was only this request wrong?*
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from fs_1c.call import Failure

MAX_MESSAGE = 300


class Reached(Enum):
    """Did the request reach 1C?"""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


@dataclass(eq=False)
class OneCError(Exception):
    """1C, or the way to it, failed.

    Attributes:
        kind: A stable short name: `unreachable`, `timeout`, `unauthorized`, `fault`, …
        message: One line for an engineer, with 1C's own words where it had any.
        reached: Did the request reach 1C?
        base_down: The base as a whole does not work (as opposed to this one request being wrong).
    """

    kind: str
    message: str
    reached: Reached
    base_down: bool

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    def failure(self) -> Failure:
        return Failure(self.kind, self.message)


def words(text: str) -> str:
    """1C's own words on one line: tags removed, white space folded, bounded."""
    text = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", text[:65536])
    text = re.sub(r"<[^>]*>", " ", text).replace("&nbsp;", " ")
    text = " ".join("".join(" " if not c.isprintable() else c for c in text).split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def by_status(status: int, text: str) -> OneCError:
    """The error that an HTTP status other than 200 means (1C web services, Errors by HTTP status).

    Args:
        status: The HTTP status code.
        text: The decoded body; for a `soap:Fault` its faultstring.
    """
    kind, meaning, base_down = _STATUS.get(status, ("http", "unexpected answer", status >= 500))
    said = words(text)
    return OneCError(
        kind, f"HTTP {status}, {meaning}" + (f": {said}" if said else ""), Reached.YES, base_down
    )


_STATUS: dict[int, tuple[str, str, bool]] = {
    400: ("bad-request", "1C refused the request", False),
    401: ("unauthorized", "wrong user name or password", True),
    402: ("no-licence", "1C is out of licences", True),
    403: ("forbidden", "1C does not let anybody in now", True),
    404: ("not-published", "no such web service there", True),
    406: ("pool-full", "1C's session pool is full", True),
    500: ("base-down", "1C failed", True),
    502: ("proxy", "the proxy before 1C cannot reach it", True),
    503: ("proxy", "the proxy before 1C cannot reach it", True),
    504: ("proxy", "the proxy before 1C had no answer from it", True),
}
