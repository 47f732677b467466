"""A FreeSWITCH that does nothing but run `socket`, as fast as Python can.

A call has ended well when the service has set the variables and said `exit` (or ordered the bridge, where
calls are held). It has failed when it was refused, cut, left without either, or is not decided after
`PATIENCE`.
"""

from __future__ import annotations

import errno
import itertools
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fs_1c.settings.types import Address
from fs_1c.simulator.freeswitch import recordings

PATIENCE = 10.0
"""Seconds that a call may take."""
REGULARS = 300
"""Numbers that call again and again."""
NEW = 200
"""One call of so many comes from a number that has never called before, so that 1C is asked."""
NEWCOMERS = 10_000
"""How many of those there are."""

_SENT = [record.data for record in recordings.find("outbound_sync_route") if record.direction == "<<<"]
_DATA, _OK, _BYE = _SENT
_NUMBER, _UUID = b"89235292926", b"606dfbfe-f7c4-4413-9edc-90005f17d347"
_VARIABLES = (b"fs_1c_title=", b"fs_1c_target=")


def number(i: int) -> str:
    """Of a caller whom 1C knows: a regular one, or a newcomer from `REGULARS` on."""
    return f"8923{5000000 + i}"


@dataclass(slots=True, eq=False)
class _Call:
    """One connection.

    Attributes:
        began: When it should have begun, on the clock of `perf_counter`.
        data: The channel's data, until it is sent.
    """

    socket: socket.socket
    began: float
    data: bytes
    received: bytes = b""
    set: bool = False


class Switch:
    """Plays calls to a service.

    Args:
        service: Where it listens.
        held: The sockets are async, and stay open once the service has ordered its bridge; else they are
            sync.

    Attributes:
        failed: Reasons and how many calls they befell.
        up: The sockets of held calls.
    """

    def __init__(self, service: Address, *, held: bool = False) -> None:
        self.failed: Counter[str] = Counter()
        self.up: list[socket.socket] = []
        self._service = service
        self._held = held
        self._poll = select.epoll()
        self._calls: dict[int, _Call] = {}  # by descriptor, the oldest first
        self._channels = _channels(b"async" if held else b"static")
        self._looked = 0.0

    @property
    def undecided(self) -> int:
        """Calls that wait for their decision."""
        return len(self._calls)

    def close(self) -> None:
        """Hangs up whatever is up."""
        for connection in (*self.up, *(call.socket for call in self._calls.values())):
            connection.close()
        self._poll.close()

    def begin(self, began: float) -> None:
        """A call comes."""
        connection = socket.socket()
        connection.setblocking(False)
        error = connection.connect_ex(self._service)
        if error not in (0, errno.EINPROGRESS):
            self.failed[errno.errorcode[error]] += 1
            connection.close()
            return
        self._calls[connection.fileno()] = _Call(connection, began, next(self._channels))
        self._poll.register(connection, select.EPOLLIN)

    def turn(self, wait: float) -> Iterator[float]:
        """Waits for at most `wait` seconds and goes on with each call that can; gives the seconds that those
        took which have ended well.
        """
        if wait > 0:
            select.select([self._poll], (), (), wait)  # the poll's own clock knows milliseconds only
        for descriptor, _ in self._poll.poll(0):
            call = self._calls[descriptor]
            try:
                octets = call.socket.recv(65536)
                if not octets:
                    self._fail(call, "hung up")
                elif self._answer(call, octets):
                    self._decided(call)
                    yield time.perf_counter() - call.began
            except OSError as error:
                self._fail(call, type(error).__name__)
        if time.perf_counter() > self._looked + 0.5:
            self._lose_patience()

    def _answer(self, call: _Call, octets: bytes) -> bool:
        """Says what a switch says; whether the call is decided. Raises OSError when that makes no sense."""
        call.received += octets
        replies = []
        decided = False
        while (command := _command(call)) is not None:
            if call.data:
                if command != b"connect":
                    raise ConnectionError
                replies.append(call.data)
                call.data = b""
            elif command == b"exit":
                if not call.set:
                    raise ConnectionAbortedError
                replies.append(_BYE)
                decided = True
            else:
                replies.append(_OK)
                call.set = call.set or all(name in command for name in _VARIABLES)
                decided = self._held and call.set and b"\nexecute-app-name: bridge\n" in command
        if replies:
            call.socket.send(b"".join(replies))  # a few kB: the kernel takes them whole
        return decided

    def _decided(self, call: _Call) -> None:
        descriptor = call.socket.fileno()
        del self._calls[descriptor]
        if self._held:
            self._poll.unregister(descriptor)
            self.up.append(call.socket)
        else:
            call.socket.close()

    def _fail(self, call: _Call, why: str) -> None:
        self.failed[why] += 1
        del self._calls[call.socket.fileno()]
        call.socket.close()

    def _lose_patience(self) -> None:
        self._looked = time.perf_counter()
        late = [call for call in self._calls.values() if call.began + PATIENCE < self._looked]
        for call in late:
            self._fail(call, f"undecided after {PATIENCE:.0f} s")


def _command(call: _Call) -> bytes | None:
    """The next whole command that has come, with its body; None: more must come."""
    head, empty, rest = call.received.partition(b"\n\n")
    if not empty:
        return None
    _, found, length = head.lower().partition(b"\ncontent-length:")
    body = int(length.partition(b"\n")[0]) if found else 0
    if len(rest) < body:
        return None
    call.received = rest[body:]
    return head + b"\n" + rest[:body] if body else head


def _channels(mode: bytes) -> Iterator[bytes]:
    """The data of one channel after the other: regular callers in turn, and a newcomer now and then."""
    data = _DATA.replace(b"Socket-Mode: static", b"Socket-Mode: " + mode)
    regulars = [data.replace(_NUMBER, number(i).encode()) for i in range(REGULARS)]
    newcomers = itertools.cycle(range(REGULARS, REGULARS + NEWCOMERS))
    for i, regular in enumerate(itertools.cycle(regulars)):
        is_new = i >= REGULARS and i % NEW == 0
        channel = data.replace(_NUMBER, number(next(newcomers)).encode()) if is_new else regular
        yield channel.replace(_UUID, b"%08x%s" % (i, _UUID[8:]))
