"""Numbers for a screen that others can see: +7923•••2926. Pure."""

from __future__ import annotations

import re

HIDDEN = "•••"

# As people and programs write them, too: +7 (923) 529-29-26, 8.923.529.29.26, 0211/1234567. Between digits
# may stand spaces, dashes of any kind, and what is not to be seen at all.
_BETWEEN = (
    r"[ \t\u00a0\u1680\u2000-\u200f\u202a-\u202f\u205f-\u2069\u3000\ufeff\u00ad\u061c"
    r"\-\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d()\[\]\uff08\uff09.\u00b7\u2024\uff0e/\u2044\u2215\uff0f\\_]"
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"(?<![0-9.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?[0-9])"
_NUMBER = re.compile(rf"(?P<address>{_ADDRESS})|[+\uff0b]?\d(?:{_BETWEEN}{{0,4}}\d){{6,}}")


def masked(text: str) -> str:
    """`text` without the middle digits of each number; less than seven digits are an extension, and an IPv4
    address is none.
    """
    return _NUMBER.sub(_hide, text)


def masked_values(value: object, kept: frozenset[str] = frozenset()) -> object:
    """A JSON value with all its texts masked, but for those under a key in `kept`."""
    match value:
        case str():
            return masked(value)
        case list():
            return [masked_values(one, kept) for one in value]
        case dict():
            return {key: one if key in kept else masked_values(one, kept) for key, one in value.items()}
        case _:
            return value


def _hide(found: re.Match[str]) -> str:
    if found["address"]:
        return found[0]
    plus = "+" if found[0][0] in "+\uff0b" else ""
    digits = "".join(c for c in found[0] if c.isdecimal())
    if len(digits) < 10:
        return plus + digits[:2] + HIDDEN + digits[-2:]
    return plus + digits[: min(len(digits) - 7, 5)] + HIDDEN + digits[-4:]
