"""Who can take a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class PresenceState(StrEnum):
    """Whether a subscriber can take a call; the channel variable `fs_1c_manager_state`."""

    FREE = "free"
    BUSY = "busy"
    AWAY = "away"  # none of his telephones is registered
    UNKNOWN = "unknown"  # the switch has not told, or is not heard: he is rung like one who is free


@dataclass(frozen=True, slots=True)
class Presence:
    """How it is with a subscriber.

    Attributes:
        since: Since when he is busy or away; seconds since the epoch, 0: not known.
        whom: With whom he talks, as the switch has that; empty: with nobody yet, or nobody knows.
        declines: He is busy because his telephone has declined a call without ringing (DND).
    """

    state: PresenceState
    since: float = 0.0
    whom: str = ""
    declines: bool = False


StateOf = Callable[[str, str], Presence]
"""Extension, domain (or empty: whatever his is) → how it is with that subscriber."""
