"""The door that FreeSWITCH's `socket` application connects to, one connection a call.

A remembered answer takes no task and no thread. Calls come in bursts, and a processor does one kind of work
much faster than several in turn; so what has come in a turn of the loop is taken from its sockets first, then
all of it is read, then all of it is decided, then all decisions are written (at most `AT_ONCE`, so that the
first need not wait for a thousand others), and only then are they told to the log and the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Sequence
from typing import Protocol

from fs_1c.call import Call, Decision
from fs_1c.esl import commands
from fs_1c.esl.dialogue import Dialogue, State, Step
from fs_1c.esl.wire import Reader, WireError
from fs_1c.integration import Integration
from fs_1c.settings import Address, OutboundSettings
from fs_1c.sockets import Came, Sockets, waited

log = logging.getLogger(__name__)

FIRST_WORD = 10.0
"""Seconds within which FreeSWITCH must send the channel's data; it takes a millisecond. It may become twice
as long until somebody looks.
"""

AT_ONCE = 50
"""Messages that are acted upon before the answers to them are written."""


class Carrier(Protocol):
    """What takes our words to FreeSWITCH. Nothing here raises."""

    def write(self, data: bytes) -> None:
        """Sends commands."""

    def close(self) -> None:
        """Hangs up; the connection's `lost` is called, now or later."""

    def peer(self) -> str:
        """Who is at the other end, for a log line."""


class OutboundDoor:
    """Serves `socket HOST:PORT [async] full`.

    Args:
        integration: What decides; may be exchanged while the door is open.
        settings: Where to listen.
    """

    def __init__(self, integration: Integration, settings: OutboundSettings) -> None:
        self.integration = integration
        self._settings = settings
        self._sockets: Sockets[Connection] | None = None
        self._connections: set[Connection] = set()
        self._undecided: set[Connection] = set()
        self._all_decided: asyncio.Event | None = None  # while somebody waits for it
        self._asking: list[tuple[Connection, Call]] = []
        self._untold: list[Decision] = []
        self._look: asyncio.TimerHandle | None = None

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """Starts to listen, or goes on with sockets that do. Raises OSError if the address is taken."""
        sockets: Sockets[Connection] = Sockets(self.arrived, self._came)
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

    def arrived(self, connected: socket.socket) -> None:
        """FreeSWITCH has connected."""
        if self._sockets is not None:
            connection = Connection(self, self._settings.linger)
            connection.begin(self._sockets.take(connected, connection), waited(connected))

    def begun(self, connection: Connection) -> None:
        """A call has come and must be decided."""
        self._connections.add(connection)
        self._undecided.add(connection)
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(FIRST_WORD, self._look_for_silent)

    def settled(self, connection: Connection) -> None:
        """Its call is decided, or gone; may be said more than once."""
        self._undecided.discard(connection)
        if self._all_decided is not None and not self._undecided:
            self._all_decided.set()

    def _look_for_silent(self) -> None:
        # One timer for all, since hardly any connection ever needs its own.
        self._look = None
        for connection in list(self._undecided):
            connection.must_have_spoken()
        if self._undecided:
            self._look = asyncio.get_running_loop().call_later(FIRST_WORD, self._look_for_silent)

    def _came(self, came: list[Came[Connection]]) -> None:
        for start in range(0, len(came), AT_ONCE):
            some = came[start : start + AT_ONCE]
            for connection, data, _ in some:
                if data:
                    connection.read(data)
            self.decide()
            for connection, _, ended in some:
                connection.flush()
                if ended:
                    connection.close()

    def asks(self, connection: Connection, call: Call) -> None:
        """A call must be decided, when all that came with it has been read."""
        self._asking.append((connection, call))

    def decide(self) -> None:
        """Decides the calls that must be."""
        asking, self._asking = self._asking, []
        for connection, call in asking:
            connection.decide(call)

    def decided(self, decision: Decision) -> None:
        """A decision is made; it is told when those that were made with it are written, too."""
        if not self._untold:
            asyncio.get_running_loop().call_soon(self._tell)
        self._untold.append(decision)

    def _tell(self) -> None:
        untold, self._untold = self._untold, []
        for decision in untold:
            try:
                self.integration.decided(decision)
            except Exception:
                log.exception("call=%s: the decision could not be told", decision.call.uuid)

    def went(self, connection: Connection) -> None:
        """The connection has ended."""
        self._connections.discard(connection)


class Connection:
    """One call's connection."""

    __slots__ = ("_carrier", "_dialogue", "_door", "_reader", "_started", "_task", "_unwritten")

    def __init__(self, door: OutboundDoor, linger: int) -> None:
        self._door = door
        self._reader = Reader()
        self._dialogue = Dialogue(linger, door.integration.people)
        self._carrier: Carrier | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = 0.0
        self._unwritten = b""

    def begin(self, carrier: Carrier, waited: float) -> None:
        """FreeSWITCH has connected, `waited` seconds ago, and waits for the first command."""
        self._carrier = carrier
        self._started = time.monotonic() - waited
        carrier.write(commands.CONNECT)
        self._door.begun(self)

    @property
    def deaf(self) -> bool:
        """Only replies and a goodbye are left; FreeSWITCH closes the connection."""
        return self._dialogue.state is State.LEAVING

    def read(self, data: bytes) -> None:
        """Acts on what has come. Never raises: others wait for their turn."""
        self._reader.feed(data)
        try:
            while self._carrier is not None and (message := self._reader.next()) is not None:
                self._do(self._dialogue.received(message))
                if self._dialogue.state is State.GONE:
                    self._gone()
        except WireError as error:
            self._broken(str(error))
        except Exception as error:
            log.exception("call=%s", self._uuid)
            self._broken(type(error).__name__)

    def flush(self) -> None:
        """Sends what there is to be said."""
        unwritten, self._unwritten = self._unwritten, b""
        if unwritten and self._carrier is not None and self._dialogue.state is not State.GONE:
            self._carrier.write(unwritten)

    def lost(self) -> None:
        """The connection has ended."""
        self._dialogue.state = State.GONE
        self._carrier = None
        self._gone()
        self._door.went(self)

    def close(self) -> None:
        if self._carrier is not None:
            self._carrier.close()

    @property
    def _uuid(self) -> str:
        return self._dialogue.call.uuid if self._dialogue.call else "-"

    def _do(self, step: Step) -> None:
        if step.write:
            self._unwritten += step.write
        if step.decide is not None:
            self._door.asks(self, step.decide)
        for event in step.happened:
            try:
                self._door.integration.happened(event)
            except Exception:
                log.exception("call=%s: %r", self._uuid, event)
        if step.close:
            self.close()

    def decide(self, call: Call) -> None:
        """Decides what this connection has asked for, now or when 1C has answered. Never raises."""
        if self._dialogue.state is not State.DECIDING:
            return  # the caller has gone meanwhile
        try:
            decision = self._door.integration.decide_now(call, self._started)
        except Exception:
            log.exception("call=%s cannot be decided", call.uuid)
            self._decided(None)
            return
        if decision is not None:
            self._decided(decision)
        else:
            self._task = asyncio.get_running_loop().create_task(self._decide_later(call))

    async def _decide_later(self, call: Call) -> None:
        decision: Decision | None = None
        try:
            decision = await self._door.integration.decide_async(call, self._started)
        except Exception:
            log.exception("call=%s cannot be decided", call.uuid)
        self._decided(decision)
        self.flush()

    def _decided(self, decision: Decision | None) -> None:
        try:
            self._unwritten += self._dialogue.decided(decision)
        except Exception as error:
            log.exception("call=%s", self._uuid)
            self._broken(type(error).__name__)
            return
        self._door.settled(self)
        if decision is not None:
            self._door.decided(decision)

    def _gone(self) -> None:
        """The caller has hung up, or FreeSWITCH has: nobody waits for a decision any more."""
        if self._task and not self._task.done():
            self._task.cancel()  # ends the waiting, not the request: its answer serves the next call
            self._task = None
            took = (time.monotonic() - self._started) * 1000
            log.info("call=%s gone after %.0fms, undecided", self._uuid, took)
        self._door.settled(self)

    def must_have_spoken(self) -> None:
        """Ends the connection if FreeSWITCH has not sent the channel's data in time."""
        if self._dialogue.state is State.CONNECTING and time.monotonic() - self._started >= FIRST_WORD:
            self._broken(f"no channel data within {FIRST_WORD:g} s")

    def _broken(self, why: str) -> None:
        self.flush()
        if self._carrier is not None:
            log.warning(
                "outbound door: call=%s connection from %s closed: %s", self._uuid, self._carrier.peer(), why
            )
            self._carrier.close()
            self._carrier = None
