"""Numbers for a screen that others can see: +7923•••2926. Pure."""

from __future__ import annotations

from fs_1c.numbers import masked


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
