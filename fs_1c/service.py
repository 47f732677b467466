"""The service: all doors on one event loop, from start to a clean stop."""

from __future__ import annotations

import asyncio
import logging

from fs_1c.esl.inbound import InboundDoor
from fs_1c.esl.outbound import OutboundDoor
from fs_1c.integration import Integration
from fs_1c.settings import Settings

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

    async def start(self) -> None:
        """Opens the doors. An unreachable 1C or switch is a line in the log; raises `AddressTaken`."""
        esl = self.integration.settings.esl
        if esl.outbound.enabled:
            door = OutboundDoor(self.integration, esl.outbound)
            try:
                await door.open()
            except OSError as error:
                reason = error.strerror or str(error)
                raise AddressTaken(f"esl.outbound.listen: {esl.outbound.listen}: {reason}") from None
            self.outbound = door
            if esl.outbound.listen.host not in ("127.0.0.1", "::1", "localhost"):
                log.warning(
                    "outbound door: anybody who reaches %s can ask about clients", esl.outbound.listen
                )
        for switch in esl.inbound:
            listener = InboundDoor(self.integration, switch)
            listener.open()
            self.inbound.append(listener)
        self.integration.keep_warm()

    async def stop(self) -> None:
        """Takes no more calls, finishes those under way, within `DRAIN` seconds."""
        if self.outbound:
            await self.outbound.close(DRAIN / 2)
        await asyncio.gather(*(listener.close() for listener in self.inbound))
        await asyncio.to_thread(self.integration.close, DRAIN / 2)

    async def reload(self, settings: Settings) -> None:
        """Goes on with other settings. Doors stay where they are; what was told to 1C stays told."""
        old = self.integration
        for kept in ("outbound", "inbound"):
            if getattr(old.settings.esl, kept) != getattr(settings.esl, kept):
                log.warning("settings: esl.%s takes effect after a restart", kept)
        self.integration = Integration(settings, before=old)
        for door in (self.outbound, *self.inbound):
            if door is not None:
                door.integration = self.integration
        self.integration.keep_warm()
        await asyncio.to_thread(old.close, DRAIN / 2)
        log.info("settings: read again")
