"""Listens for FreeSWITCH, lets it in, and looks after the connections that there are."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Sequence

from fs_1c.esl.outbound.connection import FIRST_WORD, Connection
from fs_1c.esl.outbound.turns import Turns
from fs_1c.integration import Integration
from fs_1c.settings import Address, OutboundSettings
from fs_1c.sockets import Complaints, Sockets, waited

log = logging.getLogger(__name__)

LOOK_EVERY = FIRST_WORD
"""Seconds between two looks at who does not move."""
MUTE = 0.2
"""Seconds without a word after which a connection can be spared when descriptors have run out."""


class OutboundDoor:
    """Serves `socket HOST:PORT [async] full`.

    Args:
        integration: What decides; may be exchanged while the door is open.
        settings: Where to listen, and to whom.

    Attributes:
        turns: What is read and decided together.
        complaints: Warnings about peers.
    """

    def __init__(self, integration: Integration, settings: OutboundSettings) -> None:
        self.integration = integration
        self._settings = settings
        self._sockets: Sockets[Connection] | None = None
        self._connections: dict[Connection, None] = {}  # in the order in which they came
        self._undecided: set[Connection] = set()
        self._all_decided: asyncio.Event | None = None  # while somebody waits for it
        self._look: asyncio.TimerHandle | None = None
        self.turns = Turns(lambda decision: self.integration.decided(decision))
        self.complaints = Complaints(log)

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """Starts to listen, or goes on with sockets that do. Raises OSError if the address is taken."""
        sockets: Sockets[Connection] = Sockets(self._connected, self.turns.came, self._spare)
        try:
            if handed:
                sockets.take_over(handed)
            else:
                await sockets.listen(self._settings.listen)
        except OSError:
            sockets.close()
            raise
        self._sockets = sockets
        log.info("outbound door: listening on %s", self.address)

    @property
    def address(self) -> Address:
        """Where it listens, with the real port. Only while it is open."""
        if self._sockets is None:
            raise RuntimeError("the door is not open")
        return self._sockets.address

    @property
    def busy(self) -> bool:
        """A call has come that is not decided yet."""
        return bool(self._undecided)

    async def close(self, within: float = 5.0) -> None:
        """Takes no more calls, lets those that are being decided have their decision, then hangs up on
        FreeSWITCH.

        A call that we merely follow (async) goes on without us; only its further cards are lost.
        """
        if self._sockets is None:
            return
        self._sockets.accept_no_more()
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if self._undecided:
            self._all_decided = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._all_decided.wait()
        for connection in list(self._connections):
            connection.close()
        self._sockets.close()
        self._sockets = None

    def _connected(self, connected: socket.socket, peer: str) -> None:
        lets_in = not self._settings.allow or self._settings.lets_in(peer)
        if lets_in or peer == connected.getsockname()[0]:  # which is this machine's
            self.arrived(connected)
        else:
            connected.close()
            self.complaints.add("outbound door: %s is not in esl.outbound.allow: hung up on", peer)

    def let_in(self, connected: socket.socket) -> None:
        """Somebody who was accepted before the door was open. Never raises."""
        try:
            self._connected(connected, connected.getpeername()[0])
        except Exception as error:
            log.warning("outbound door: a connection cannot be served: %s", error)
            connected.close()

    def arrived(self, connected: socket.socket) -> None:
        """FreeSWITCH has connected."""
        if self._sockets is not None:
            connection = Connection(self, self._settings.linger)
            connection.begin(self._sockets.take(connected, connection), waited(connected))

    def begun(self, connection: Connection) -> None:
        """A call has come and must be decided."""
        self._connections[connection] = None
        self._undecided.add(connection)
        if self._look is None:
            self._look_later()

    def settled(self, connection: Connection) -> None:
        """Its call is decided, or gone; may be said more than once."""
        self._undecided.discard(connection)
        if self._all_decided is not None and not self._undecided:
            self._all_decided.set()

    def _look_later(self) -> None:
        # One timer for all, since hardly any connection ever needs its own.
        if self._connections:
            self._look = asyncio.get_running_loop().call_later(LOOK_EVERY, self._look_at_all)

    def _look_at_all(self) -> None:
        self._look = None
        now = time.monotonic()
        for connection in list(self._connections):
            connection.must_have_moved(now)
        self._look_later()

    def _spare(self) -> bool:
        latest = time.monotonic() - MUTE
        for connection in self._connections:
            if connection.can_be_spared(latest):
                connection.close()
                self.complaints.add("outbound door: out of descriptors: an idle connection was hung up on")
                return True
        return False

    def went(self, connection: Connection) -> None:
        """The connection has ended."""
        self._connections.pop(connection, None)
        if connection in self.turns.kept:
            self.turns.keeps(connection, 0)
