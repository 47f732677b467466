"""The door for FreeSWITCH's `socket` application over python-ESL."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

from fs_1c.esl.dialogue import State
from fs_1c.esl.outbound import Connection, OutboundDoor
from fs_1c.esl.python_esl.line import Line, only_loopback
from fs_1c.esl.wire import Message, WireError
from fs_1c.integration import Integration
from fs_1c.settings import OutboundSettings
from fs_1c.sockets import waited

log = logging.getLogger(__name__)

MAX_LINES = 400
"""Connections at the same time that have a thread; two descriptors each, of the 1024 that a process has."""


class PythonEslOutboundDoor(OutboundDoor):
    """`OutboundDoor`, with python-ESL between the socket and the dialogue.

    A call beyond `MAX_LINES`, or one for which there is no thread, is served over our own wire.
    """

    def __init__(self, integration: Integration, settings: OutboundSettings) -> None:
        super().__init__(integration, settings)
        self._lines: set[Line] = set()

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """As `OutboundDoor`. Raises OSError, too, when the address is none of the loopback."""
        only_loopback(self._settings.listen)
        await super().open(handed)
        log.info("outbound door: its calls go over python-ESL")

    async def close(self, within: float = 5.0) -> None:
        """As `OutboundDoor`; its threads have ended when it returns."""
        await super().close(within)
        if self._lines:
            await asyncio.wait([line.gone for line in self._lines], timeout=within)

    def arrived(self, connected: socket.socket) -> None:
        if len(self._lines) < MAX_LINES:
            try:
                _LineConnection(self, self._settings.linger).answer(connected.dup(), self._lines)
                connected.close()  # the line has a descriptor of its own
                return
            except (OSError, RuntimeError) as error:
                log.warning("outbound door: no thread for a call: %s", error)
        else:
            log.warning("outbound door: %d calls at once, one is served without python-ESL", MAX_LINES)
        super().arrived(connected)


class _LineConnection(Connection):
    """One call's connection. Its messages come whole, and `connect` is said by the library."""

    __slots__ = ("_line",)

    def answer(self, connected: socket.socket, lines: set[Line]) -> None:
        """Raises OSError or RuntimeError when there can be no line."""

        def ended() -> None:
            lines.discard(line)
            self.lost()

        self._carrier = self._line = line = Line(connected, self._received, ended, "esl-call")
        lines.add(line)
        self._since_now(waited(connected))
        self._door.begun(self)

    def _received(self, message: Message) -> None:
        self._line.listen()
        if self._carrier is None or self._line.is_closing():
            return
        self._messages += 1
        try:
            self._do(self._dialogue.received(message))
        except WireError as error:
            self._broken(str(error))
            return
        self._turns.decide()
        self.flush()
        if self._dialogue.state is State.GONE:
            self._gone()
