"""What is written of one switch: from its table to words for Redis. A state machine; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from fs_1c.call import Presence
from fs_1c.presence.rows import field, value
from fs_1c.presence.scripts import PORTION, Change

Row = tuple[str, str, Presence]


class Publishing:
    """One switch's table in Redis, as we believe that it stands there.

    Args:
        name: The switch's, among all services.
        token: This service's.
        role: What it is to the switch: `own` or `reserve`.

    Attributes:
        life: Of the table there; empty: there is none of ours.
        core: The switch's, when it began.
        pending: Fields that are to be written; None: to be taken away.
        whole: All are there.
    """

    def __init__(self, name: str, token: str, role: str) -> None:
        self.name = name
        self.life = self.core = ""
        self.pending: dict[str, str | None] = {}
        self._token = token
        self._lives = 0
        self._role = role
        self._there: dict[str, str] = {}
        self.whole = False
        self._last = 0
        self._taken = self._filled = False
        self._fields: dict[str, tuple[str, ...]] = {}  # extension → those of his that are or will be there

    def __len__(self) -> int:
        return len(self._there)

    def begin(self, core: str) -> None:
        """Begins anew; when that is taken, `fill`."""
        self.forget()
        self._lives += 1
        self.life, self.core = f"{self._token}:{self._lives:09}", core

    def fill(self, rows: Iterable[Row]) -> None:
        """With all subscribers."""
        by_name: dict[str, list[Row]] = {}
        for row in rows:
            by_name.setdefault(row[0], []).append(row)
        for extension, his in by_name.items():
            self.changed(extension, his)
        self._filled = True

    def forget(self) -> None:
        """Nothing of ours is there, or nobody knows what."""
        self.life = self.core = ""
        self.pending, self._there, self._fields = {}, {}, {}
        self._last = 0
        self._taken = self._filled = self.whole = False

    def changed(self, extension: str, rows: Iterable[Row]) -> None:
        """How it is with a subscriber, in all his domains; nothing: he is not known any more."""
        now = {name: value(how) for _, domain, how in rows if (name := field(extension, domain))}
        for name in self._fields.get(extension, ()):
            if name not in now:
                self._wants(name, None)
        for name, how in now.items():
            self._wants(name, how)
        if now:
            self._fields[extension] = tuple(now)
        else:
            self._fields.pop(extension, None)

    def _wants(self, name: str, how: str | None) -> None:
        if self._there.get(name) == how:
            self.pending.pop(name, None)
        else:
            self.pending[name] = how

    def word(self) -> Change:
        """What is to be written next; without rows it says that all is as it was. `accepted` when it is."""
        rows = tuple((name, how or "") for name, how in islice(self.pending.items(), PORTION))
        whole = self.whole or (self._filled and len(rows) == len(self.pending))
        to = (self.name, self._token, self._role, self.core, self.life, self._last)
        return Change(*to, not self._taken, whole, rows)

    def accepted(self, change: Change) -> None:
        """It stands there now."""
        self._last += len(change.rows)
        self._taken, self.whole = True, change.whole
        for name, how in change.rows:
            if self.pending.get(name, how) == (how or None):
                self.pending.pop(name, None)
            if how:
                self._there[name] = how
            else:
                self._there.pop(name, None)
