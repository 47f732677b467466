"""The service: all doors on one event loop, from start to a clean stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import attrgetter

from fs_1c.calls import Desk, Policy
from fs_1c.cards import PostState
from fs_1c.esl import InboundDoor, OutboundDoor, doors
from fs_1c.integration import Integration
from fs_1c.settings import Address, Role, Settings
from fs_1c.sockets import WrongSocket, must_stand_at
from fs_1c.timers import STALLS
from fs_1c.web import CallingDoor, HttpDoor, RecordingsDoor

log = logging.getLogger(__name__)

DRAIN = 5.0
"""Seconds in which a stopping service finishes what it does."""
HANDOVER = 0.25
"""Seconds that each of its last two steps may take, decisions and the end of sessions, while callers wait for
its successor.
"""
REMEMBERS_WITHIN = 3.0
"""Seconds for which no switch is heard while the disk does not tell what the process before has left."""
AFTER_A_RESTART = (
    "esl.transport",
    "esl.outbound",
    "esl.inbound",
    "state",
    "journal",
    "tracing",
    "http.enabled",
    "http.listen",
    "calls.listen",
    "calls.cert_file",
    "calls.key_file",
    "calls.forms",
    "recordings.enabled",
    "recordings.listen",
)
"""Settings that SIGHUP cannot change: doors and files stay open."""


class AddressTaken(Exception):
    """A door cannot be opened where the settings say."""


class Service:
    """`fs-1c serve`: opens the doors, and closes them.

    Args:
        handed: Listening sockets that somebody else keeps, by the door they are for (`outbound`, `http`).
        let_in: Called when callers' door is open: who has been accepted already.
    """

    def __init__(
        self,
        settings: Settings,
        handed: Mapping[str, Sequence[socket.socket]] | None = None,
        let_in: Callable[[], Sequence[socket.socket]] = list,
    ) -> None:
        self._handed = handed or {}
        self._let_in = let_in
        self.integration = Integration(settings)
        self.outbound: OutboundDoor | None = None
        self.inbound: list[InboundDoor] = []
        self.http: HttpDoor | None = None
        self.calling: CallingDoor | None = None
        self.desk = Desk(
            self._policy,
            lambda number, base: self.integration.name_of(number, base),
            lambda: self.outbound is not None and self.outbound.busy,
        )
        self.integration.observers.append(self.desk)
        self.recordings: RecordingsDoor | None = None
        self._stopping = False

    async def start(self) -> None:
        """Opens the doors. An unreachable 1C or switch is a line in the log.

        Raises `AddressTaken`, and `WrongSocket` if what was handed over is not what the settings want.
        """
        settings = self.integration.settings
        esl, http = settings.esl, settings.http
        outbound_door, inbound_door = doors(esl.transport)
        try:
            for name, section in (("http", http), ("esl.outbound", esl.outbound)):
                if self._handed.get(name.removeprefix("esl.")) and not section.enabled:
                    raise WrongSocket(f"{name}.enabled: false, but systemd hands over a socket for it")
            if http.enabled:
                door = HttpDoor(self.integration, http, self.doors, self.posts, self.desk)
                await self._open("http", door.open, "http.listen", http.listen)
                self.http = door
            if (listen := settings.calls.listen) is not None:
                self.calling = CallingDoor(self.integration, settings.calls, self.desk)
                await self._open("calls", self.calling.open, "calls.listen", listen)
            if (links := self.integration.links) is not None:
                recordings = RecordingsDoor(links, settings.recordings.listen)
                await self._open(
                    "recordings", recordings.open, "recordings.listen", settings.recordings.listen
                )
                self.recordings = recordings
            # Callers' own door last: whoever comes through it must not wait for the others.
            if esl.outbound.enabled:
                outbound = outbound_door(self.integration, esl.outbound)
                await self._open("outbound", outbound.open, "esl.outbound.listen", esl.outbound.listen)
                self.outbound = outbound
                for caller in self._let_in():
                    outbound.let_in(caller)
        except (AddressTaken, WrongSocket):
            await self.stop()
            raise
        for switch in esl.inbound:
            listener = inbound_door(self.integration, switch)
            listener.desk = self.desk
            self.inbound.append(listener)
        # A reserve makes the calls of whoever is registered there: nobody else is asked for them.
        own_first = sorted(self.inbound, key=lambda one: one.settings.role is Role.RESERVE)
        self.desk.lines = own_first
        self.integration.keep_warm()
        self.integration.tell_history()
        await self._remembers()
        for listener in () if self._stopping else self.inbound:
            listener.open()
        STALLS.watch()

    async def _remembers(self) -> None:
        """Until the stories of calls that were up before go on: what a switch tells of them belongs there."""
        if self.integration.history:
            begun = asyncio.wrap_future(self.integration.history.begun)
            await asyncio.wait({begun}, timeout=REMEMBERS_WITHIN)

    def _policy(self) -> Policy:
        settings = self.integration.settings
        return Policy(settings.calls, settings.routing, self.integration.plan)

    def doors(self) -> dict[str, bool]:
        """The doors for calls, by the names they have in the log, and whether calls can come through. But for
        those where this is the reserve: a switch that is another's makes nobody else unready.
        """
        doors = {"outbound": not self._stopping} if self.outbound else {}
        for listener in self.inbound:
            if listener.settings.role is Role.OWN:
                doors[f"inbound {listener.settings}"] = listener.ready.is_set() and not self._stopping
        return doors

    def posts(self) -> tuple[PostState, ...]:
        """How things are at each switch that has a name."""
        return tuple(listener.post.state() for listener in self.inbound if listener.post)

    async def stop(self) -> None:
        """Finishes what is under way, takes no more calls, and ends, within `DRAIN` seconds.

        Callers are served until the last: what takes long is finished before that. From then on, until the
        next process is there, they find nobody; or they wait for it, if it is handed the same socket, and are
        kept waiting for no longer than `HANDOVER`.
        """
        self._stopping = True
        loop = asyncio.get_running_loop()
        ends = loop.time() + DRAIN
        await asyncio.gather(*(listener.close() for listener in self.inbound))
        finishing: list[Awaitable[None]] = [asyncio.to_thread(self.integration.finish_cards, DRAIN / 2)]
        finishing += [door.close() for door in (self.http, self.calling, self.recordings) if door]
        await asyncio.gather(*finishing)
        handed = bool(self._handed.get("outbound"))
        if self.outbound:
            await self.outbound.close(HANDOVER if handed else max(HANDOVER, (ends - loop.time()) / 2))
        left = HANDOVER if handed else max(HANDOVER, ends - loop.time())
        await asyncio.to_thread(self.integration.close, min(DRAIN / 2, left))
        STALLS.end()

    async def _open(
        self,
        name: str,
        open_: Callable[[Sequence[socket.socket]], Awaitable[None]],
        setting: str,
        listen: Address,
    ) -> None:
        handed = self._handed.get(name, ())
        try:
            await must_stand_at(listen, handed)
            await open_(handed)
        except WrongSocket as error:
            raise WrongSocket(f"{setting}: {error}") from None
        except OSError as error:
            raise AddressTaken(f"{setting}: {listen}: {error.strerror or error}") from None

    async def reload(self, settings: Settings) -> None:
        """Goes on with other settings. Doors stay where they are; what was told to 1C stays told."""
        old = self.integration
        for name in AFTER_A_RESTART:
            if attrgetter(name)(old.settings) != attrgetter(name)(settings):
                log.warning("settings: %s takes effect after a restart", name)
        if old.settings.tells_history != settings.tells_history:
            log.warning("settings: history.enabled takes effect after a restart")
        if old.settings.redis != settings.redis:
            log.warning("settings: redis takes effect for cards after a restart, for lookups now")
        self.integration = Integration(settings, before=old)
        self.integration.observers.append(self.desk)
        if self.recordings and (links := self.integration.links):
            self.recordings.links = links
        for door in (self.outbound, self.http, self.calling, *self.inbound):
            if door is not None:
                door.integration = self.integration
        self.integration.keep_warm()
        self.integration.tell_history()
        await asyncio.to_thread(old.close, DRAIN / 2)
        log.info("settings: read again")
