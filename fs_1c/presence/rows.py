"""A subscriber's presence ↔ a field of a hash in Redis and its value. Pure.

The field is `EXTENSION@DOMAIN`; the value `f` (free), `u` (he is known there, and how it is with him is not),
`a SINCE` (away), `d SINCE` (his telephone declines) or `b SINCE WHOM` (busy), the time in seconds since the
epoch. Whatever else stands there is none of ours.
"""

from __future__ import annotations

import re

from fs_1c.call import Presence, PresenceState

MAX_FIELD, MAX_WHOM = 300, 64
"""Characters of a field, and of the name of whom he talks to."""

_VALUE = re.compile(r"(?:([fu])|([ad]) ([0-9]{1,11})|b ([0-9]{1,11})(?: (.{1,64}))?)")
_SIMPLE = {"f": Presence(PresenceState.FREE), "u": Presence(PresenceState.UNKNOWN)}


def field(extension: str, domain: str) -> str | None:
    """What he is called there; None: he has no domain, by which others could know that it is he."""
    name = f"{extension}@{domain.lower()}"
    return name if extension and domain and len(name) <= MAX_FIELD else None


def value(presence: Presence) -> str:
    """How it is with him."""
    since = f"{min(99_999_999_999, max(0, round(presence.since)))}"
    match presence.state:
        case PresenceState.FREE:
            return "f"
        case PresenceState.AWAY:
            return f"a {since}"
        case PresenceState.BUSY if presence.declines:
            return f"d {since}"
        case PresenceState.BUSY:
            whom = presence.whom[:MAX_WHOM]
            return f"b {since} {whom}" if whom and whom.isprintable() else f"b {since}"
    return "u"


def of_field(octets: bytes) -> tuple[str, str] | None:
    """Extension and domain; None: that is no such field."""
    try:
        extension, _, domain = octets.decode("utf-8").rpartition("@")
    except UnicodeDecodeError:
        return None
    fits = extension and domain and len(octets) <= 4 * MAX_FIELD and (extension + domain).isprintable()
    return (extension, domain.lower()) if fits else None


def of_value(octets: bytes, now: float) -> Presence | None:
    """How it is with him; None: that is no such value. No time is later than `now`, seconds since the epoch:
    clocks differ.
    """
    found = _VALUE.fullmatch(octets.decode("utf-8", "replace"))
    if found is None or not found[0].isprintable():
        return None
    simple, kind, since, busy_since, whom = found.groups()
    if simple:
        return _SIMPLE[simple]
    at = min(float(since or busy_since), now)
    if kind == "a":
        return Presence(PresenceState.AWAY, at)
    return Presence(PresenceState.BUSY, at, whom or "", declines=kind == "d")
