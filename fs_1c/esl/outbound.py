"""The door that FreeSWITCH's `socket` application connects to, one connection a call.

A remembered answer takes no task and no thread. Calls come in bursts, and a processor does one kind of work
much faster than several in turn; so what has come in a turn of the loop is taken from its sockets first, then
all of it is read, then all of it is decided, then all decisions are written (at most `AT_ONCE`, so that the
first need not wait for a thousand others), and only then are they told to the log and the others.

Whoever connects may be hostile, and then he costs the others little. A new call's little data goes before all
else. What is large or many waits in line, its rest in the kernel: of that a turn has a slice, from one
connection after the other. What is kept unfinished is bounded in octets, of all together, and in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from fs_1c.call import Call, Decision
from fs_1c.esl import commands
from fs_1c.esl.dialogue import Dialogue, State, Step
from fs_1c.esl.wire import Reader, WireError
from fs_1c.integration import Integration
from fs_1c.settings import Address, OutboundSettings
from fs_1c.sockets import Came, Complaints, Sockets, waited
from fs_1c.timers import STALLS

log = logging.getLogger(__name__)

FIRST_WORD = 5.0
"""Seconds within which FreeSWITCH must send the channel's data, end a message that it has begun, and hang up
after `exit`; it takes a millisecond. It may become twice as long until somebody looks.
"""
MUTE = 0.2
"""Seconds without a word after which a connection can be spared when descriptors have run out."""

AT_ONCE = 50
"""Messages that are acted upon before the answers to them are written."""
ORDINARY = 32 * 1024
"""Octets up to which a new call's data is read before all else; it has 6 000."""
SLICE, SLICE_OCTETS = 15, 64 * 1024
"""Messages, and octets, of all else that a turn of the loop reads: some milliseconds."""
IN_A_ROW = 4
"""Messages of one connection before the next one has its turn."""
MAX_MESSAGE = 256 * 1024
"""Octets of a message's header lines, and of its body."""
MAX_KEPT = 16 * 1024 * 1024
"""Octets that are kept of messages, of all connections together. Beyond that the one with most of them is
hung up on, unless its call is just being decided.
"""


class Carrier(Protocol):
    """What takes our words to FreeSWITCH. Nothing here raises."""

    def write(self, data: bytes) -> None:
        """Sends commands."""

    def close(self) -> None:
        """Hangs up; the connection's `lost` is called, now or later."""

    def listen(self) -> None:
        """What has come is read: now the rest may come."""

    def peer(self) -> str:
        """Who is at the other end, for a log line."""


class OutboundDoor:
    """Serves `socket HOST:PORT [async] full`.

    Args:
        integration: What decides; may be exchanged while the door is open.
        settings: Where to listen, and to whom.

    Attributes:
        kept: Octets that are kept of a connection's messages: of those that have brought half a message, or
            more than can be read at once.
        complaints: Warnings about peers.
    """

    def __init__(self, integration: Integration, settings: OutboundSettings) -> None:
        self.integration = integration
        self._settings = settings
        self._sockets: Sockets[Connection] | None = None
        self._connections: dict[Connection, None] = {}  # in the order in which they came
        self._undecided: set[Connection] = set()
        self._all_decided: asyncio.Event | None = None  # while somebody waits for it
        self._asking: list[tuple[Connection, Call]] = []
        self._untold: list[Decision] = []
        self._look: asyncio.TimerHandle | None = None
        self._in_line: deque[Connection] = deque()
        self._catching_up = False  # in the next turn
        self.kept: dict[Connection, int] = {}
        self._kept_in_all = 0
        self.complaints = Complaints(log)

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """Starts to listen, or goes on with sockets that do. Raises OSError if the address is taken."""
        sockets: Sockets[Connection] = Sockets(self._connected, self._came, self._spare)
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
            self._look = asyncio.get_running_loop().call_later(FIRST_WORD, self._look_at_all)

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

    def _came(self, came: list[Came[Connection]]) -> None:
        for start in range(0, len(came), AT_ONCE):
            some = came[start : start + AT_ONCE]
            for connection, data, ended in some:
                connection.heard(data, ended)
            self._answer([connection for connection, _, _ in some])
        if not self._catching_up:
            self._catch_up()

    def _answer(self, some: list[Connection]) -> None:
        self.decide()
        for connection in some:
            connection.flush()
            connection.done()
        while self._kept_in_all > MAX_KEPT:
            idle = [connection for connection in self.kept if not connection.deciding]
            max(idle or self.kept, key=self.kept.__getitem__).keeps_too_much()

    def _catch_up(self) -> None:
        self._catching_up = False
        line, some, messages, octets = self._in_line, [], SLICE, SLICE_OCTETS
        while line and messages > 0 and octets > 0:
            some.append(connection := line.popleft())
            before = self.kept.get(connection, 0)
            messages -= connection.read(IN_A_ROW)
            octets -= before - self.kept.get(connection, 0)
        if some:
            self._answer(some)
        if line:
            self._catching_up = True
            asyncio.get_running_loop().call_soon(self._catch_up)

    def waits(self, connection: Connection) -> None:
        """It has more to be read than may be at once."""
        self._in_line.append(connection)

    def keeps(self, connection: Connection, octets: int) -> None:
        """So much of a connection's messages is kept now."""
        self._kept_in_all += octets - self.kept.pop(connection, 0)
        if octets:
            self.kept[connection] = octets

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
        self._connections.pop(connection, None)
        if connection in self.kept:
            self.keeps(connection, 0)


class Connection:
    """One call's connection."""

    __slots__ = (
        "_called",
        "_carrier",
        "_dialogue",
        "_door",
        "_ended",
        "_messages",
        "_reader",
        "_stands",
        "_started",
        "_task",
        "_unwritten",
        "_waited",
        "busy",
    )

    def __init__(self, door: OutboundDoor, linger: int) -> None:
        self.busy = False  # it stands in line
        self._door = door
        self._reader = Reader(MAX_MESSAGE, MAX_MESSAGE)
        self._dialogue = Dialogue(linger, door.integration.people)
        self._carrier: Carrier | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = self._called = 0.0  # accepted; connected, from when on a caller waits
        self._unwritten = b""
        self._ended = self._waited = False
        self._messages = 0
        self._stands: tuple[State, int, float] | None = None  # how far it had come, and since when

    def begin(self, carrier: Carrier, waited: float) -> None:
        """FreeSWITCH has connected, `waited` seconds ago, and waits for the first command."""
        self._carrier = carrier
        self._since_now(waited)
        carrier.write(commands.CONNECT)
        self._door.begun(self)

    def _since_now(self, waited: float) -> None:
        self._started = time.monotonic()
        self._called = self._started - waited

    @property
    def deaf(self) -> bool:
        """Only replies and a goodbye are left; FreeSWITCH closes the connection."""
        return self._dialogue.state is State.LEAVING

    @property
    def hasty(self) -> bool:
        """No call has come yet, and whoever has hung up brings none."""
        return self._dialogue.state is State.CONNECTING

    @property
    def deciding(self) -> bool:
        return self._dialogue.state is State.DECIDING

    def heard(self, data: bytes, ended: bool) -> None:
        """Takes what has come, and acts on it if it is a new call's and little. Never raises: others wait for
        their turn.
        """
        if self._carrier is None:
            return  # hung up on, since it came
        self._ended = ended
        if data:
            self._reader.feed(data)
            if self._dialogue.state is not State.CONNECTING or self._reader.held > ORDINARY:
                self._wait()
            else:
                self.read(1)

    def _wait(self) -> None:
        self.busy = self._waited = True
        self._door.waits(self)
        self._door.keeps(self, self._reader.held)

    def read(self, most: int) -> int:
        """Acts on so many messages; returns how many there were. If there may be more it stands in line for
        them. Never raises.
        """
        self.busy, read = False, 0
        try:
            while read < most and self._carrier is not None and (message := self._reader.next()) is not None:
                read += 1
                self._do(self._dialogue.received(message))
                if self._dialogue.state is State.GONE:
                    self._gone()
        except WireError as error:
            self._broken(str(error))
        except Exception as error:
            log.exception("call=%s", self._uuid)
            self._broken(type(error).__name__)
        self._messages += read
        kept = self._reader.held if self._carrier is not None else 0
        if kept and read == most:
            self._wait()
        elif kept or self in self._door.kept:
            self._door.keeps(self, kept)
        return read

    def flush(self) -> None:
        """Sends what there is to be said."""
        unwritten, self._unwritten = self._unwritten, b""
        if unwritten and self._carrier is not None and self._dialogue.state is not State.GONE:
            self._carrier.write(unwritten)

    def done(self) -> None:
        """What has come is acted upon, and answered: but for what stands in line."""
        if self._carrier is None or self.busy:
            return
        if self._ended:
            self._carrier.close()
        elif self._waited:
            self._waited = False
            self._carrier.listen()

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
            decision = self._door.integration.decide_now(call, self._called)
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
            decision = await self._door.integration.decide_async(call, self._called)
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
            took = (time.monotonic() - self._called) * 1000
            log.info("call=%s gone after %.0fms, undecided", self._uuid, took)
        self._door.settled(self)

    def must_have_moved(self, now: float) -> None:
        """Ends the connection if something has not come in time that FreeSWITCH sends at once."""
        state, since = self._dialogue.state, self._started
        if state is State.DECIDING or (state is State.FOLLOWING and not self._reader.held):
            self._stands = None
            return
        if state is not State.CONNECTING:
            if self._stands is None or self._stands[:2] != (state, self._messages):
                self._stands = (state, self._messages, now)
            since = self._stands[2]
        now -= STALLS.since(since)  # while we did not run we did not hear
        late = now - since >= FIRST_WORD
        if state is State.CONNECTING and late:
            self._broken(f"no channel data within {FIRST_WORD:g} s")
        elif state is State.FOLLOWING and late:
            self._broken(f"a message has not ended within {FIRST_WORD:g} s")
        elif now - since >= FIRST_WORD + self._dialogue.lingers:
            self.close()

    def can_be_spared(self, latest: float) -> bool:
        """Nothing is expected of it any more, or there was nothing at that time yet."""
        if self._dialogue.state is State.CONNECTING:
            return self._started <= latest
        return self._dialogue.state is State.LEAVING

    def keeps_too_much(self) -> None:
        """Ends the connection: somebody must, and it has brought the most that is unfinished."""
        self._broken("too many octets of unfinished messages")
        self._door.keeps(self, 0)

    def _broken(self, why: str) -> None:
        self.flush()
        if self._carrier is not None:
            self._door.complaints.add(
                "outbound door: call=%s connection from %s closed: %s", self._uuid, self._carrier.peer(), why
            )
            self._carrier.close()
            self._carrier = None
