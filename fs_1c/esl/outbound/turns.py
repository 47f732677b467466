"""What a turn of the loop reads of all connections, decides, and writes.

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
import logging
from collections import deque
from collections.abc import Callable

from fs_1c.call import Call, Decision
from fs_1c.esl.outbound.connection import Connection
from fs_1c.sockets import Came

log = logging.getLogger(__name__)

AT_ONCE = 50
"""Messages that are acted upon before the answers to them are written."""
SLICE, SLICE_OCTETS = 15, 64 * 1024
"""Messages, and octets, of all else that a turn of the loop reads: some milliseconds."""
IN_A_ROW = 4
"""Messages of one connection before the next one has its turn."""
MAX_KEPT = 16 * 1024 * 1024
"""Octets that are kept of messages, of all connections together. Beyond that the one with most of them is
hung up on, unless its call is just being decided.
"""


class Turns:
    """All connections of a door.

    Args:
        told: Is told of each decision, when those that were made with it are written, too.

    Attributes:
        kept: Octets that are kept of a connection's messages: of those that have brought half a message, or
            more than can be read at once.
    """

    def __init__(self, told: Callable[[Decision], None]) -> None:
        self._told = told
        self._asking: list[tuple[Connection, Call]] = []
        self._untold: list[Decision] = []
        self._in_line: deque[Connection] = deque()
        self._catching_up = False  # in the next turn
        self.kept: dict[Connection, int] = {}
        self._kept_in_all = 0

    def came(self, came: list[Came[Connection]]) -> None:
        """Acts on what has come in this turn. Never raises."""
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
                self._told(decision)
            except Exception:
                log.exception("call=%s: the decision could not be told", decision.call.uuid)
