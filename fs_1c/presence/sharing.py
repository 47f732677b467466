"""The thread that tells other services who can take a call at our switches, and hears it of theirs.

A change is written at once, or half a second after the one before; every 0.6 s all is read, in one word.
So it is known elsewhere within half a second, mostly, and in a burst after a second. Nobody ever waits for
this: a call's decision asks what has been heard. While Redis is away, or says what cannot be, nothing is
known of other switches (`elsewhere`).
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fs_1c.presence import scripts
from fs_1c.presence.elsewhere import Elsewhere
from fs_1c.presence.publishing import Publishing
from fs_1c.presence.switches import Switches
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import InboundSettings, RedisSettings, is_loopback
from fs_1c.talk import PresenceTable

log = logging.getLogger(__name__)

REDIS_WAIT = 0.5
"""Seconds that Redis may take over one word: no caller waits for it."""
LOOK, EVERY, STILL_THERE, READ = 0.1, 0.5, 2.0, 0.6
"""Seconds between looks for a change, words with changes, words without one, readings."""
AGAIN = 2.0
"""Seconds between beginnings of a table."""
ALL_WITHIN = 15.0
"""Seconds in which every subscriber is looked at: with time a registration loses its worth, too."""
KNOWN_FOR = 3600.0
"""Seconds for which a switch is remembered that nobody tells of: a subscriber who was there is not away."""
MAX_ROWS = 200_000
"""Subscribers of all other switches; no switch is read beyond that."""


def shared_name(switch: InboundSettings, host: str) -> str:
    """What a switch is called among all services: its name, or else where it is.

    Args:
        host: What this machine is called.
    """
    address = switch.address
    return switch.name or (f"{host}:{address.port}" if is_loopback(address.host) else str(address))


class Sharing:
    """For all switches of a service. `open` starts its thread, `close` ends it.

    Args:
        switches: What is known here; what is heard goes there.
        ours: The switches that this service tells of, by their names in `switches.tables`: the name among
            all services, and the role.

    Raises SettingsError if the URL of Redis is no good or the `redis` package is missing.
    """

    def __init__(
        self, settings: RedisSettings, switches: Switches, ours: Mapping[str, tuple[str, str]]
    ) -> None:
        settings = settings.model_copy(update={"timeout": REDIS_WAIT})
        client, where = connect(settings)
        self._client: Any = client
        # A replica still reads: only a write tells that Redis is back.
        probe = ("SET", f"{settings.prefix}alive", 1, "PX", 1000)
        self._redis = BoundedRedis(client, where, settings.timeout, probe)
        self._prefix = settings.prefix
        self._switches = switches
        token = uuid.uuid4().hex
        self._writers = {
            local: _Writer(self._redis, self._prefix, Publishing(name, token, role))
            for local, (name, role) in ours.items()
        }
        self._tables: dict[str, Elsewhere] = {}
        self._read_at = 0.0
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Returns at once. Once is enough."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="fs-1c-presence", daemon=True)
            with suppress(RuntimeError):  # no thread to be had: then nothing is shared
                self._thread.start()

    def close(self, timeout: float) -> None:
        """Takes back what was written, so that nobody believes it, within `timeout` seconds."""
        self._end.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout)
        self._redis.close()
        self._client.connection_pool.disconnect()

    def _work(self) -> None:
        told = False
        while not self._end.wait(LOOK):
            try:
                self.turn()
            except Exception:  # whatever it is, it must not end with this
                if not told:
                    log.exception("presence: unexpected")
                told = True
        for writer in self._writers.values():
            writer.drop()

    def turn(self) -> None:
        """Writes and reads what is due. Blocks for some `REDIS_WAIT` seconds at the most."""
        for local, writer in self._writers.items():
            if table := self._switches.tables.get(local):
                writer.turn(table)
        if time.monotonic() - self._read_at >= READ:
            self._read_at = time.monotonic()
            self.read()

    def read(self) -> None:
        """Hears what other services tell."""
        ours = {writer.name for writer in self._writers.values() if writer.writes}
        listed: set[str] = set()
        with suppress(Away):
            for _ in range(MAX_ROWS // scripts.PORTION):
                tables = [table for name, table in sorted(self._tables.items()) if name not in ours]
                listed = self._word(tables) - ours
                new = listed - set(self._tables)
                self._tables |= {name: Elsewhere(name) for name in new}
                if self._end.is_set() or not (new or any(table.behind for table in tables)):
                    break
        since = time.time() - KNOWN_FOR
        kept = [
            one
            for one in self._tables.values()
            if one.name not in ours and (one.name in listed or one.heard_at > since)
        ]
        kept.sort(key=lambda one: one.heard_at, reverse=True)
        self._tables = {one.name: one for one in kept[: 2 * scripts.MAX_SWITCHES]}
        self._switches.elsewhere = dict(self._tables)

    def _word(self, tables: list[Elsewhere]) -> set[str]:
        """Reads on in all of them. The names of switches that there are. Raises Away."""
        asked_at = time.monotonic()
        portion = scripts.PORTION if sum(map(len, self._tables.values())) <= MAX_ROWS else 0
        known = [(table.name, table.life, table.last) for table in tables]
        reply = self._redis.send(scripts.read(self._prefix, known, portion))
        if not isinstance(reply, list) or len(reply) != 1 + len(tables) or not isinstance(reply[0], list):
            reply = [[], *(None for _ in tables)]
        for table, told in zip(tables, reply[1:], strict=True):
            table.read(told, asked_at)
        found = reply[0][: scripts.MAX_SWITCHES]
        names = (one.decode("utf-8", "replace") for one in found if isinstance(one, bytes))
        return {name for name in names if name.isprintable() and len(name) <= 100}


class _Writer:
    """Writes one switch's table.

    Attributes:
        name: The switch's, among all services.
        writes: What stands in Redis is ours.
    """

    def __init__(self, redis: BoundedRedis, prefix: str, publishing: Publishing) -> None:
        self.name = publishing.name
        self.writes = False
        self._redis = redis
        self._prefix = prefix
        self._publishing = publishing
        self._clock = 0.0  # Redis' minus ours, milliseconds
        self._began_at = -AGAIN
        self._wrote_at = self._changed_at = self._looked_at = 0.0
        self._again: set[str] = set()  # changed lately: with whom he talks is known a little later
        self._to_look_at: list[str] = []
        self._warned = False

    def turn(self, table: PresenceTable) -> None:
        """Writes what is due."""
        publishing, now = self._publishing, time.monotonic()
        core = table.core if table.live else ""
        if publishing.life and core != publishing.core:
            self.drop()
        if not core:
            return
        if not publishing.life:
            if self._redis.up and now - self._began_at >= AGAIN:
                self._begin(table, core, now)
            return
        self._look(table, now)
        changes = publishing.pending and now - self._changed_at >= EVERY
        if changes or now - self._wrote_at >= STILL_THERE:
            self._write()

    def _begin(self, table: PresenceTable, core: str, now: float) -> None:
        """Anew, if nobody else writes it: then with all subscribers."""
        self._began_at = now
        self._publishing.begin(core)
        if self._word():
            table.changed = set()
            self._publishing.fill(table.board())
            self._write()

    def _look(self, table: PresenceTable, now: float) -> None:
        """Takes what has changed."""
        changed, names = table.changed or set(), self._again
        self._again = set()
        for _ in range(len(changed)):
            with suppress(KeyError):
                self._again.add(changed.pop())
        if not self._to_look_at:
            self._to_look_at, self._looked_at = table.names(), now
        left = max(LOOK, self._looked_at + ALL_WITHIN - now)
        for _ in range(min(len(self._to_look_at), 1 + int(len(self._to_look_at) * LOOK / left))):
            names.add(self._to_look_at.pop())
        for name in names | self._again:
            self._publishing.changed(name, table.board(name))

    def _write(self) -> None:
        while self._word() and (self._publishing.pending or not self._publishing.whole):
            pass

    def _word(self, again: bool = True) -> bool:
        """Whether it was taken."""
        publishing, change, sent = self._publishing, self._publishing.word(), time.monotonic()
        until = sent * 1000 + self._clock + scripts.PATIENCE * 1000
        try:
            said = self._redis.send(scripts.write(self._prefix, change, until))
            word, clock, *more = said if isinstance(said, list) and len(said) > 1 else (None, None)
            if not isinstance(word, bytes) or not isinstance(clock, int):
                raise self._redis.lied()
        except Away:
            self._lost()
            return False
        self._clock = clock - sent * 1000
        if word == b"late" and again:  # its clock was not known
            return self._word(again=False)
        if word != b"ok":
            if word == b"held" and more != [change.core.encode()] and not self._warned:
                self._warned = True
                log.warning("presence: another service tells of another switch as %s; %s", self.name, _NAMES)
            self._lost()
            return False
        publishing.accepted(change)
        self.writes, self._wrote_at = True, sent
        if change.rows:
            self._changed_at = sent
        return True

    def _lost(self) -> None:
        """Nobody knows what stands there now."""
        self._publishing.forget()
        self.writes = False

    def drop(self) -> None:
        """Takes back what was written: nobody here knows any more how it is."""
        if self._publishing.life:
            with suppress(Away):
                self._redis.send(scripts.drop(self._prefix, self.name, self._publishing.life))
        self._lost()


_NAMES = "give each switch a name of its own (esl.inbound.name)"
