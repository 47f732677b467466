"""The switches that are listened to, each with what is known of its subscribers."""

from __future__ import annotations

from fs_1c.call import Presence, PresenceState, StateOf
from fs_1c.talk.presence import PresenceTable


def _nobody_knows(extension: str, domain: str) -> Presence:
    return Presence(PresenceState.UNKNOWN)


class Switches:
    """Thread-safe.

    Attributes:
        tables: By the switch's name or address.
    """

    def __init__(self) -> None:
        self.tables: dict[str, PresenceTable] = {}

    def at(self, core: str) -> StateOf | None:
        """How to learn of the subscribers of the switch where a call is; None: no switch is listened to.

        Args:
            core: Its Core-UUID, or empty: the door does not tell.
        """
        tables = list(self.tables.values())
        if not tables:
            return None
        if not core and len(tables) == 1:
            return tables[0].state
        return next((table.state for table in tables if core and table.core == core), _nobody_knows)
