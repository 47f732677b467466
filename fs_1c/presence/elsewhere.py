"""What another service has told of its switch's subscribers. Pure; what stands in Redis may be anybody's."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any

from fs_1c.call import Presence, PresenceState
from fs_1c.presence.rows import of_field, of_value

BELIEVED = 5.0
"""Seconds, by Redis' clock, after which what was written is not believed any more."""
MAX_SUBSCRIBERS = 50_000
"""Of one switch; if there are more, nothing is known of any."""

_CORE = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBER = re.compile(rb"[0-9]{1,15}")
_UNKNOWN = Presence(PresenceState.UNKNOWN)

Rows = dict[str, dict[str, Presence]]  # extension → domain


class Elsewhere:
    """The subscribers of a switch that another service listens to. Told by one thread; may be asked by any.

    Attributes:
        name: The switch's, among all services.
        core: Its Core-UUID; empty: not known.
        heard_at: When it was last told of, seconds since the epoch; 0: never.
        life, last: Where the next reading begins.
        behind: There is more to be read at once.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.core = ""
        self.heard_at = 0.0
        self.life, self.last = "", 0
        self.behind = False
        self._rows: Rows = {}
        self._coming: Rows = {}  # those of a new life, until all are there
        self._known_life = ""
        self._until = 0.0  # on the monotonic clock

    @property
    def live(self) -> bool:
        """It is written, and so believed."""
        return time.monotonic() < self._until

    def known(self, extension: str, domain: str) -> Presence | None:
        """How it is with that subscriber there; None: nothing was ever told of him. Without a domain nobody
        can say that it is he.
        """
        how = self._rows.get(extension, {}).get(domain.lower()) if domain else None
        return how if how is None or self.live else _UNKNOWN

    def board(self, only: str | None = None) -> list[tuple[str, str, Presence]]:
        """All subscribers, or one of them: name, domain, how it is with each."""
        rows, live = self._rows, self.live
        found = list(rows.items()) if only is None else [(only, rows.get(only, {}))]
        return [
            (name, domain, how if live else _UNKNOWN)
            for name, domains in found
            for domain, how in domains.items()
        ]

    def counts(self) -> dict[PresenceState, int]:
        """Subscribers by state."""
        counted = Counter(how.state for _, _, how in self.board())
        return {state: counted[state] for state in PresenceState}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values())) + sum(map(len, self._coming.values()))

    def read(self, reply: Any, asked_at: float) -> None:
        """Takes what Redis has answered to `scripts.read`. Never raises.

        Args:
            asked_at: When it was asked, on the monotonic clock.
        """
        self.behind = False
        if not self._understood(reply, asked_at):
            self.life, self.last, self._until, self._coming = "", 0, 0.0, {}

    def _understood(self, reply: Any, asked_at: float) -> bool:
        if not isinstance(reply, list) or len(reply) < 6 or len(reply) % 3:
            return False
        if not all(isinstance(one, bytes) for one in reply):
            return False
        life, core, last = (reply[i].decode("ascii", "replace") for i in (0, 1, 3))
        if not _CORE.fullmatch(core) or not life or not _NUMBER.fullmatch(reply[3]):
            return False
        if life != self.life:
            self.life, self.last, self._coming, self._until = life, 0, {}, 0.0
        rows = self._rows if life == self._known_life else self._coming
        for i in range(6, len(reply), 3):
            if not self._row(rows, *reply[i : i + 3]):
                return False
        if len(reply) > 6 and sum(map(len, rows.values())) > MAX_SUBSCRIBERS:
            return False
        self.behind = self.last < int(last) and len(reply) > 6
        if self.last == int(last) and reply[4] == b"1":
            self._rows, self._coming, self._known_life, self.core = rows, {}, life, core
            age = int(reply[5]) / 1000 if _NUMBER.fullmatch(reply[5]) else BELIEVED
            self._until = asked_at + BELIEVED - age
            if self.live:
                self.heard_at = time.time() - age
        return True

    def _row(self, rows: Rows, name: bytes, number: bytes, how: bytes) -> bool:
        whose = of_field(name)
        if whose is None or not _NUMBER.fullmatch(number) or not self.last < int(number):
            return False
        extension, domain = whose
        presence = of_value(how, time.time()) if how else None
        if how and presence is None:
            return False
        others = {key: one for key, one in rows.get(extension, {}).items() if key != domain}
        if presence is not None:
            others[domain] = presence
        if others:
            rows[extension] = others
        else:
            rows.pop(extension, None)
        self.last = int(number)
        return True
