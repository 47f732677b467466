"""python-ESL, FreeSWITCH's own event socket library (the `ESL` module), as a transport of both doors.

The library blocks, so each connection has a thread, which does nothing but wait for messages and hand them to
the event loop. There the same state machines decide the same things as over our own wire; what they say is
sent by the library.

What the library does not do well is kept away from it:

- It connects and reads without any time-out, and `recvEventTimed` waits for ever, too, once half a message is
  there. So sockets are connected here, nothing is asked of its clock, and whoever loses patience shuts the
  socket down, which wakes the thread.
- A Content-Length of -2, or a huge one, kills the process from inside the library, where no `except` reaches.
  So it is for the loopback alone, where FreeSWITCH counts the octets; anything else is refused. (A filter in
  front of it would have to be a second parser, and `wire` without the library is that already.)
- It takes a signal for the end of the connection. So its threads let no signal in.
- After the end `recvEvent` returns at once, for ever: `connected` is asked each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import logging
import signal
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from fs_1c.esl.wire import Headers, Message, WireError
from fs_1c.settings import Address, is_loopback

ESL: Any = importlib.import_module("ESL")  # ImportError: python-ESL is not installed

log = logging.getLogger(__name__)

MAX_PIECES = 4
"""Times 64 kB of header lines; a channel with 150 variables has 6 kB."""
UNREAD = 4
"""Messages that wait for the loop; then the thread waits, and the rest stays in the kernel."""
WRITE_WITHIN = 0.25
"""Seconds that a write may hold up the loop. It takes no time, as all that is said on a connection fits into
the kernel's buffer; a peer that reads nothing at all is left.
"""


class Line(asyncio.Transport):
    """One connection over python-ESL: a thread that reads, and what asyncio's transports can do.

    Args:
        connected: The connected socket; belongs to the line from now on.
        received: Gets each message, on the loop's thread; says `listen` when it is done with.
        ended: Is told on the loop's thread when the connection has ended, once.
        name: Of the thread.

    Raises RuntimeError or OSError, with the socket closed, when no thread or descriptor is to be had.
    """

    def __init__(
        self,
        connected: socket.socket,
        received: Callable[[Message], None],
        ended: Callable[[], None],
        name: str,
    ) -> None:
        try:
            super().__init__({"peername": connected.getpeername()})
            self._loop = asyncio.get_running_loop()
            self._received, self._ended = received, ended
            self._socket = connected  # ours, to hang up with; the library closes its own
            self._connection: Any = None  # once the library has been answered
            self._pieces: tuple[Any, ...] = ()
            self._closing = False
            self._room = threading.Semaphore(UNREAD)
            self.gone = self._loop.create_future()
            connected.setblocking(True)
            timeval = struct.pack("ll", 0, int(WRITE_WITHIN * 1e6))
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
            theirs = connected.dup()
        except OSError:
            connected.close()
            raise
        try:
            # A daemon, so that nothing that the library waits for can hold up the end of the process.
            threading.Thread(target=self._read, args=(theirs,), name=name, daemon=True).start()
        except RuntimeError:
            theirs.close()
            connected.close()
            raise

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        """Sends commands, each with its empty line."""
        connection = self._connection
        if connection is not None and data:
            # Whole commands as they are: the library's own `execute` and `filter` cut what is long.
            connection.send(bytes(data).decode())

    def close(self) -> None:
        """Hangs up; `ended` is told when the thread has noticed."""
        if not self._closing:
            self._closing = True
            self._room.release()
            with contextlib.suppress(OSError):  # the peer was faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def listen(self) -> None:
        """One of the messages is done with: another one may come."""
        self._room.release()

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def peer(self) -> str:
        """Who is at the other end, for a log line."""
        return str(Address(*self.get_extra_info("peername")[:2]))

    def _read(self, theirs: socket.socket) -> None:
        """The thread."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            # Says `connect` and waits for its answer. By descriptor: it would close a socket a second time.
            self._connection = connection = ESL.ESLconnection(theirs.detach())
            if connection.connected():
                self._tell(connection.getInfo())
            while connection.connected():
                event = connection.recvEvent()
                if connection.connected():
                    self._tell(event)
        except RuntimeError:
            pass  # the loop is closed: nobody listens any more
        except WireError as error:
            log.warning("python-ESL: connection from %s closed: %s", self.get_extra_info("peername"), error)
        except Exception:
            log.exception("python-ESL")
        finally:
            # Without a reference the library closes its descriptor: here, or where the loop is just sending.
            self._connection = connection = None
            try:
                self._loop.call_soon_threadsafe(self._end)
            except RuntimeError:
                self._socket.close()

    def _tell(self, event: Any) -> None:
        if self._closing:
            return
        pieces = (*self._pieces, event)
        message = as_message(pieces)
        if message.content_type:
            self._pieces = ()
            self._room.acquire()
            self._loop.call_soon_threadsafe(self._received, message)
        elif len(pieces) < MAX_PIECES:
            self._pieces = pieces
        else:
            raise WireError(f"header lines over {MAX_PIECES * 64} kB")

    def _end(self) -> None:
        self._closing = True
        self._socket.close()
        self.gone.set_result(None)
        self._ended()


def as_message(pieces: tuple[Any, ...]) -> Message:
    """What came, as one or several ESLevents → what the state machines take.

    The library opens `text/event-plain` and hands out the event; what it has not opened it calls SOCKET_DATA.
    Of header lines over 64 kB it makes several of them, and only the last has FreeSWITCH's Content-Type.
    """
    if pieces[-1].getHeader("Event-Name") == "SOCKET_DATA":
        return _Reply(pieces)
    return _Event(pieces[-1:])


class _Reply(Message):
    """What is no event: an answer, `auth/request`, a notice. Its headers stay in the library's memory, each
    fetched when asked for.
    """

    __slots__ = ("_pieces",)

    def __init__(self, pieces: tuple[Any, ...]) -> None:
        self._pieces = pieces
        super().__init__(b"", _octets(pieces[-1].getBody()) or b"")

    def raw(self, name: str) -> bytes | None:
        if name == "Event-Name":  # the library has put its SOCKET_DATA before FreeSWITCH's own
            return b"CHANNEL_DATA" if self.raw("Socket-Mode") else None
        return self._first(name)

    def _first(self, name: str) -> bytes | None:
        values = (piece.getHeader(name) for piece in self._pieces)
        return next((_octets(value) for value in values if value is not None), None)

    def get(self, name: str, /) -> str | None:
        value = self.raw(name)
        return None if value is None else value.decode("utf-8", "replace")

    def only(self, names: tuple[str, ...]) -> dict[str, str]:
        values = {name: self.get(name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def variables(self, names: tuple[str, ...]) -> dict[str, str]:
        return self.only(tuple(f"variable_{name}" for name in names))

    def beginning_with(self, beginning: str, names: frozenset[str]) -> dict[str, str]:
        found = self.only(tuple(beginning + name for name in names))
        return {name.removeprefix(beginning): value for name, value in found.items()}

    def names(self) -> list[str]:
        found: list[str] = []
        for piece in self._pieces:
            name = piece.firstHeader()
            while name is not None:
                found.append(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
                name = piece.nextHeader()
        return found

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.get('Event-Name')}>"


class _Event(_Reply):
    """A `text/event-plain`, which the library has opened already."""

    __slots__ = ()

    def __init__(self, pieces: tuple[Any, ...]) -> None:
        super().__init__(pieces)
        self.content_type = "text/event-plain"

    def raw(self, name: str) -> bytes | None:
        return self._first(name)

    def event(self) -> Headers:
        return self

    @property
    def event_body(self) -> bytes:
        return self.body


def _octets(text: str | None) -> bytes | None:
    """The octets of a text that the library gave: what is no UTF-8 comes in surrogates."""
    return None if text is None else text.encode("utf-8", "surrogateescape")


def only_loopback(address: Address) -> None:
    """Raises OSError for an address that others than this machine can reach."""
    if not is_loopback(address.host):
        why = "transport python-esl is for loopback addresses only: malformed input kills its process"
        raise OSError(errno.EADDRNOTAVAIL, why)
