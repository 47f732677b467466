"""The switches that are known of: those that are listened to, and those of which other services tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from fs_1c.call import Presence, PresenceState, StateOf
from fs_1c.talk import PresenceTable

_UNKNOWN = Presence(PresenceState.UNKNOWN)


class Table(Protocol):
    """A switch's subscribers, as `PresenceTable` has them."""

    @property
    def core(self) -> str: ...
    @property
    def live(self) -> bool: ...
    @property
    def heard_at(self) -> float: ...
    def known(self, extension: str, domain: str) -> Presence | None: ...
    def board(self, only: str | None = None) -> list[tuple[str, str, Presence]]: ...
    def counts(self) -> dict[PresenceState, int]: ...


class Switches:
    """Thread-safe.

    Attributes:
        tables: Of those that are listened to, by the switch's name or address.
        elsewhere: Of those of which other services tell, by the name that they give it.
    """

    def __init__(self) -> None:
        self.tables: dict[str, PresenceTable] = {}
        self.elsewhere: dict[str, Table] = {}

    def others(self) -> dict[str, Table]:
        """Those of `elsewhere` that are not listened to."""
        heard = {table.core for table in list(self.tables.values()) if table.live}
        told = list(self.elsewhere.items())
        return {name: table for name, table in told if table.core not in heard and name not in self.tables}

    def at(self, core: str) -> StateOf | None:
        """How to learn of the subscribers of the switch where a call is; None: of no switch is anything
        known.

        Args:
            core: Its Core-UUID, or empty: the door does not tell.
        """
        tables = list(self.tables.values())
        told = list(self.elsewhere.values())
        if not tables and not told:
            return None
        only = tables[0] if not core and len(tables) == 1 else None
        here = only or next((one for one in (*tables, *told) if core and one.core == core and one.live), None)
        if here is not None and not told and len(tables) == 1:
            return tables[0].state
        heard = {one.core for one in tables if one.live}
        others: list[Table] = [one for one in tables if one is not here]
        others += [one for one in told if one is not here and one.core not in heard]

        def state(extension: str, domain: str) -> Presence:
            how = here.known(extension, domain) if here is not None and here.live else _UNKNOWN
            if how is not None and how.state in _THERE and not how.declines:
                return how
            # Without a domain it may be a namesake.
            return believed(how, [one.known(extension, domain) for one in others] if domain else ())

        return state


_THERE = (PresenceState.BUSY, PresenceState.FREE)


def believed(here: Presence | None, others: Iterable[Presence | None]) -> Presence:
    """How it is with a subscriber, by what each switch knows of him; None: nothing. What his own says goes
    first. Away is who is away wherever he was ever known.
    """
    if here is not None and here.state in _THERE and not here.declines:
        return here
    told = [one for one in others if one is not None]
    there = [one for one in told if one.state in _THERE and not one.declines]
    there.sort(key=lambda one: _THERE.index(one.state))  # one who talks at one of his telephones is busy
    known: list[Presence] = [*there, *([here] if here is not None else ()), *told]
    if found := next((one for one in known if one.state in _THERE), None):
        return found
    if known and all(one.state is PresenceState.AWAY for one in known):
        return max(known, key=lambda one: one.since)
    return _UNKNOWN
