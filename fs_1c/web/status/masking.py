"""Numbers for a screen that others can see: +7923•••2926. Pure."""

from __future__ import annotations

import re

HIDDEN = "•••"

# As people write them, too: +7 (923) 529-29-26. No dots, which would join the parts of an IP address.
_NUMBER = re.compile(r"\+?\d(?:[ \u00a0()-]{0,3}\d){6,}")


def masked(text: str) -> str:
    """`text` without the middle digits of each number; less than seven digits are an extension."""
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
    plus = "+" if found[0].startswith("+") else ""
    digits = "".join(c for c in found[0] if c.isdecimal())
    if len(digits) < 10:
        return plus + digits[:2] + HIDDEN + digits[-2:]
    return plus + digits[: min(len(digits) - 7, 5)] + HIDDEN + digits[-4:]
