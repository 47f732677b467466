"""One connection that has been accepted."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    # What stands here is wanted before settings are: loading those takes a while.
    from fs_1c.settings import Address
    from fs_1c.sockets.sockets import Sockets

AT_A_TIME = 16 * 1024
"""Octets of one `recv`, and so many one connection may bring in a turn; a channel's data has 6 000."""
KERNEL_TICK = 10
"""Milliseconds by which the kernel may count, at the most; less is no waiting at all."""
HEARD = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_LAST_ACK = struct.Struct("56xI")
"""Of Linux's `struct tcp_info`: `tcpi_last_ack_recv`, milliseconds."""


class Listener(Protocol):
    """Whoever a socket belongs to."""

    @property
    def deaf(self) -> bool:
        """Nothing that comes is of any interest to it but the end."""

    @property
    def hasty(self) -> bool:
        """What has come is of no interest to it once the peer has hung up."""

    @property
    def busy(self) -> bool:
        """It has not done yet with what came before: what comes, the end, too, stays where it is, until
        `Socket.listen`.
        """

    def lost(self) -> None:
        """The connection has ended, from whichever side. Must not raise."""


L = TypeVar("L", bound=Listener)


class Socket(Generic[L]):
    """One connection. As with asyncio's transports, nothing here raises.

    Attributes:
        left: Something has come while the listener was busy.
        listener: To whom it belongs.
    """

    __slots__ = ("_connected", "_descriptor", "_poll", "_sockets", "_unsent", "left", "listener")

    def __init__(self, sockets: Sockets[L], connected: socket.socket, descriptor: int, listener: L) -> None:
        self.listener = listener
        self._sockets = sockets
        self._connected = connected  # blocks if one lets it: whatever is called here says that it must not
        self._descriptor = descriptor
        self._poll = sockets.poll
        self._unsent = b""
        self.left = False

    def write(self, data: bytes) -> None:
        """Sends it now; and what the kernel has no room for, as soon as it has."""
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._connected.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:  # it has ended, which will be told
            return
        if sent < len(data):
            self._unsent = data[sent:]
            self._poll.modify(self._descriptor, HEARD | select.EPOLLOUT)

    def close(self) -> None:
        """Hangs up, now, and tells the listener; may be said again."""
        open_ = self._sockets.open
        if open_.get(self._descriptor) is self:  # and not another one, which has got its number since
            del open_[self._descriptor]
            with contextlib.suppress(OSError):  # to close it with something unread in it would be a reset
                self._connected.recv(AT_A_TIME, socket.MSG_DONTWAIT)
            self._connected.close()
            self.listener.lost()

    def peer(self) -> str:
        """Who is at the other end, for a log line."""
        try:
            return str(address_of(self._connected.getpeername()))
        except OSError:
            return "-"

    def listen(self) -> None:
        """The listener is not busy any more."""
        if self.left and self._sockets.open.get(self._descriptor) is self:
            self.left = False
            self._tell_again()

    def read(self, events: int) -> tuple[bytes, bool]:
        """What has come, and whether the peer has hung up after it."""
        try:
            data = self._connected.recv(AT_A_TIME, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b"", False
        except OSError:
            return b"", True
        if len(data) == AT_A_TIME:
            self._tell_again()
            return data, False
        return data, not data or bool(events & ENDED)

    def _tell_again(self) -> None:
        """What there is of it is told once more in the next turn, among those that bring much."""
        events = HEARD | (select.EPOLLOUT if self._unsent else 0)
        if self._poll is self._sockets.slow:
            self._poll.modify(self._descriptor, events)
        else:
            self._poll.unregister(self._descriptor)
            self._poll = self._sockets.slow
            self._poll.register(self._descriptor, events)

    def go_on(self) -> None:
        """There is room in the kernel again."""
        rest, self._unsent = self._unsent, b""
        if rest:
            self.write(rest)
        if not self._unsent:
            self._poll.modify(self._descriptor, HEARD)


def waited(connected: socket.socket) -> float:
    """Seconds for which a connection that has just been accepted had waited for that.

    Its peer's handshake was the last that had to be acknowledged: whoever connects to us lets us speak first.
    """
    try:
        milliseconds: int
        (milliseconds,) = _LAST_ACK.unpack(
            connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_ACK.size)
        )
    except (OSError, struct.error):  # no TCP, or no Linux
        return 0.0
    return milliseconds / 1000 if milliseconds >= KERNEL_TICK else 0.0


def address_of(name: tuple[Any, ...]) -> Address:
    """Of a socket's name."""
    from fs_1c.settings import Address

    return Address(*name[:2])
