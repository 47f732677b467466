"""The service: all doors on one event loop, from start to a clean stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from fs_1c.cards import PostState
from fs_1c.esl import InboundDoor, OutboundDoor, doors
from fs_1c.integration import Integration
from fs_1c.settings import Address, Role, Settings
from fs_1c.web import HttpDoor

log = logging.getLogger(__name__)

DRAIN = 5.0
"""Seconds in which a stopping service finishes what it does."""


class AddressTaken(Exception):
    """A door cannot be opened where the settings say."""


class Service:
    """`fs-1c serve`: opens the doors, and closes them."""

    def __init__(self, settings: Settings) -> None:
        self.integration = Integration(settings)
        self.outbound: OutboundDoor | None = None
        self.inbound: list[InboundDoor] = []
        self.http: HttpDoor | None = None
        self._stopping = False

    async def start(self) -> None:
        """Opens the doors. An unreachable 1C or switch is a line in the log; raises `AddressTaken`."""
        settings = self.integration.settings
        esl, http = settings.esl, settings.http
        outbound_door, inbound_door = doors(esl.transport)
        try:
            if http.enabled:
                door = HttpDoor(self.integration, http, self.doors)
                await _open(door.open(), "http.listen", http.listen)
                self.http = door
            # Callers' own door last: whoever comes through it must not wait for the others.
            if esl.outbound.enabled:
                outbound = outbound_door(self.integration, esl.outbound)
                await _open(outbound.open(), "esl.outbound.listen", esl.outbound.listen)
                self.outbound = outbound
        except AddressTaken:
            await self.stop()
            raise
        for switch in esl.inbound:
            listener = inbound_door(self.integration, switch)
            listener.open()
            self.inbound.append(listener)
        self.integration.keep_warm()

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
        """Takes no more calls, finishes those under way, within `DRAIN` seconds."""
        self._stopping = True
        closing: list[Awaitable[None]] = []
        if self.outbound:
            closing.append(self.outbound.close(DRAIN / 2))
        if self.http:
            closing.append(self.http.close())
        await asyncio.gather(*closing)
        await asyncio.gather(*(listener.close() for listener in self.inbound))
        await asyncio.to_thread(self.integration.close, DRAIN / 2)

    async def reload(self, settings: Settings) -> None:
        """Goes on with other settings. Doors stay where they are; what was told to 1C stays told."""
        old = self.integration
        for kept in ("transport", "outbound", "inbound"):
            if getattr(old.settings.esl, kept) != getattr(settings.esl, kept):
                log.warning("settings: esl.%s takes effect after a restart", kept)
        for kept in ("state", "journal"):
            if getattr(old.settings, kept) != getattr(settings, kept):
                log.warning("settings: %s takes effect after a restart", kept)
        if old.settings.redis != settings.redis:
            log.warning("settings: redis takes effect for cards after a restart, for lookups now")
        for kept in ("enabled", "listen"):
            if getattr(old.settings.http, kept) != getattr(settings.http, kept):
                log.warning("settings: http.%s takes effect after a restart", kept)
        self.integration = Integration(settings, before=old)
        for door in (self.outbound, self.http, *self.inbound):
            if door is not None:
                door.integration = self.integration
        self.integration.keep_warm()
        await asyncio.to_thread(old.close, DRAIN / 2)
        log.info("settings: read again")


async def _open(opening: Awaitable[None], setting: str, listen: Address) -> None:
    try:
        await opening
    except OSError as error:
        raise AddressTaken(f"{setting}: {listen}: {error.strerror or error}") from None
