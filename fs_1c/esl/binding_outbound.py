"""The door for FreeSWITCH's `socket` application over python-ESL."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import cast

from fs_1c.esl.binding import Line, only_loopback
from fs_1c.esl.dialogue import State
from fs_1c.esl.outbound import Connection, OutboundDoor
from fs_1c.esl.wire import Message, WireError
from fs_1c.integration import Integration
from fs_1c.settings import OutboundSettings

log = logging.getLogger(__name__)

MAX_LINES = 400
"""Connections at the same time that have a thread; two descriptors each, of the 1024 that a process has."""


class BindingOutboundDoor(OutboundDoor):
    """`OutboundDoor`, with python-ESL between the socket and the dialogue.

    A call beyond `MAX_LINES`, or one for which there is no thread, is served over our own wire.
    """

    def __init__(self, integration: Integration, settings: OutboundSettings) -> None:
        super().__init__(integration, settings)
        self._lines: set[Line] = set()

    async def open(self) -> None:
        """Starts to listen. Raises OSError when the address cannot be had, or is none of the loopback."""
        only_loopback(self._settings.listen)
        loop = asyncio.get_running_loop()
        host, port = self._settings.listen
        self._server = await loop.create_server(lambda: _Arrival(self), host, port, backlog=4096)
        log.info("outbound door: listening on %s over python-ESL", self.address)

    async def close(self, within: float = 5.0) -> None:
        """As `OutboundDoor`; its threads have ended when it returns."""
        await super().close(within)
        if self._lines:
            await asyncio.wait([line.gone for line in self._lines], timeout=within)

    def arrived(self, transport: asyncio.Transport) -> None:
        """FreeSWITCH has connected."""
        if len(self._lines) < MAX_LINES:
            try:
                _LineConnection(self, self._settings.linger).answer(transport, self._lines)
                transport.abort()  # the line has a descriptor of its own
                return
            except (OSError, RuntimeError) as error:
                log.warning("outbound door: no thread for a call: %s", error)
        else:
            log.warning("outbound door: %d calls at once, one is served without python-ESL", MAX_LINES)
        connection = Connection(self, self._settings.linger)
        transport.set_protocol(connection)
        connection.connection_made(transport)


class _Arrival(asyncio.Protocol):
    """A connection of which nobody has read anything."""

    __slots__ = ("_door",)

    def __init__(self, door: BindingOutboundDoor) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._door.arrived(cast(asyncio.Transport, transport))


class _LineConnection(Connection):
    """One call's connection. Its messages come whole, and `connect` is said by the library."""

    __slots__ = ()

    def answer(self, transport: asyncio.Transport, lines: set[Line]) -> None:
        """Raises OSError or RuntimeError when there can be no line."""

        def ended() -> None:
            lines.discard(line)
            self.connection_lost(None)

        sock = transport.get_extra_info("socket").dup()
        self._transport = line = Line(sock, self._received, ended, "esl-call")
        lines.add(line)
        self._started = time.monotonic()
        self._door.came(self)

    def _received(self, message: Message) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        try:
            self._do(self._dialogue.received(message))
        except WireError as error:
            self._broken(str(error))
            return
        self.flush()
        if self._dialogue.state is State.GONE:
            self._gone()
