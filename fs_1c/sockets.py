"""A server's sockets for many short connections: on asyncio's loop, without its transports.

A call's connection lives for some milliseconds, and two things are said on it. asyncio has a task, a
transport and a dozen turns of its loop for each, which together cost as much as all that is decided
meanwhile. So these sockets have an epoll of their own, which is one descriptor to the loop: what has come on
any of them comes together, in one turn.

The epoll tells of changes only (EPOLLET). What a connection has no ear for any more stays unread in the
kernel then, without being told again and again, until the peer hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import select
import socket
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:  # what stands here is wanted before settings are: loading those takes a while
    from fs_1c.settings import Address

log = logging.getLogger(__name__)

AT_A_TIME = 16 * 1024
"""Octets of one `recv`, and so many one connection may bring in a turn; a channel's data has 6 000."""
EVENTS = 50
"""Connections that one turn serves: others have the loop, too."""
SLOWLY = 16
"""And so many of those that have brought more than fits into one `recv`, which a call does not."""
ACCEPTED = 50
"""Connections that one turn accepts; whoever was accepted before has his answer between two of them."""
PAUSE = 1.0
"""Seconds between log lines about refused connections, and between attempts where not even that works."""
LINES = 10
"""Log lines in a `PAUSE` about what anybody could cause at will."""
BACKLOG = 4096
"""Connections that wait to be accepted."""

_ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_HEARD = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
KERNEL_TICK = 10
"""Milliseconds by which the kernel may count, at the most; less is no waiting at all."""
_LAST_ACK = struct.Struct("56xI")
"""Of Linux's `struct tcp_info`: `tcpi_last_ack_recv`, milliseconds."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


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
Came = tuple[L, bytes, bool]
"""To whom something has come, what (may be empty), and whether the peer has hung up after it."""


class WrongSocket(Exception):
    """A listening socket has been handed over that no door can use; the message is one line."""


async def must_stand_at(address: Address, listening: Sequence[socket.socket]) -> None:
    """Raises `WrongSocket` unless the settings have a door where these listen: who may come in, and whether
    he must show a token, depends on where that is. Raises OSError when a name cannot be resolved.
    """
    if not listening:
        return
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    wanted = {info[4][:2] for info in infos}
    for one in listening:
        if (stands := one.getsockname()[:2]) not in wanted:
            raise WrongSocket(
                f"{address}, but systemd hands over {_address(stands)}; allowed: the same here and as "
                "ListenStream= in its socket unit"
            )


def _address(name: tuple[Any, ...]) -> Address:
    from fs_1c.settings import Address

    return Address(*name[:2])


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
            self._poll.modify(self._descriptor, _HEARD | select.EPOLLOUT)

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
            return str(_address(self._connected.getpeername()))
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
        return data, not data or bool(events & _ENDED)

    def _tell_again(self) -> None:
        """What there is of it is told once more in the next turn, among those that bring much."""
        events = _HEARD | (select.EPOLLOUT if self._unsent else 0)
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
            self._poll.modify(self._descriptor, _HEARD)


class Complaints:
    """Warnings that anybody could cause at will: `LINES` a second, and how many more there were."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told = 0

    def add(self, line: str, *values: object) -> None:
        if not self._told:
            asyncio.get_running_loop().call_later(PAUSE, self._begin_anew)
        self._told += 1
        if self._told <= LINES:
            self._log.warning(line, *values)

    def _begin_anew(self) -> None:
        if self._told > LINES:
            self._log.warning("%d more such lines in a second are left out", self._told - LINES)
        self._told = 0


class Sockets(Generic[L]):
    """Listens, accepts, and watches what has been accepted.

    Args:
        arrived: Is given each accepted socket, which belongs to it from then on, and its peer's address;
            mostly it will `take` it.
        came: Is told all that has come in a turn of the loop; closes what has ended. Must not raise.
        spare: Closes one that can be spared, since descriptors have run out; False: there is none.

    Attributes:
        open: The sockets that were taken, by descriptor.
        poll: What watches them.
        slow: What watches those that have brought much; they have a turn of their own, lest others stand
            behind them.
    """

    def __init__(
        self,
        arrived: Callable[[socket.socket, str], None],
        came: Callable[[list[Came[L]]], None],
        spare: Callable[[], bool] = lambda: False,
    ) -> None:
        self.open: dict[int, Socket[L]] = {}
        self.poll, self.slow = select.epoll(), select.epoll()
        self._arrived, self._came, self._spare = arrived, came, spare
        self._listening: dict[int, socket.socket] = {}
        self._reserve: int | None = None  # a descriptor to give up when there are no others
        self._refused = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.poll.fileno(), self._turn)
        self._loop.add_reader(self.slow.fileno(), self._slow_turn)

    async def listen(self, address: Address) -> None:
        """Listens at all addresses of a name that this machine has. Raises OSError."""
        host, port = address
        infos = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        missing = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        for family, where in dict.fromkeys((info[0], info[4]) for info in infos):
            try:
                listening = socket.create_server(where, family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error  # of localhost's addresses IPv6 may be switched off
                continue
            self._watch(listening)
        if not self._listening:
            raise missing
        self._keep_reserve()

    def take_over(self, listening: Sequence[socket.socket]) -> None:
        """Listens by sockets that others have made, and perhaps keep; whoever waits there is let in."""
        for one in listening:
            self._watch(one)
        self._keep_reserve()

    @property
    def address(self) -> Address:
        """Where it listens, at the first address of a name, with the real port. Only while it does."""
        return _address(next(iter(self._listening.values())).getsockname())

    def take(self, connected: socket.socket, listener: L) -> Socket[L]:
        """Watches a socket from now on. Raises OSError when the kernel cannot."""
        descriptor = connected.fileno()
        self.poll.register(descriptor, _HEARD)
        taken = self.open[descriptor] = Socket(self, connected, descriptor, listener)
        return taken

    def accept_no_more(self) -> None:
        """Whoever comes from now on is refused; or waits, if somebody else has the listening socket, too."""
        for listening in self._listening.values():
            with contextlib.suppress(KeyError, OSError):
                self.poll.unregister(listening)  # else it is watched for as long as anybody has it
            listening.close()
        self._listening.clear()

    def close(self) -> None:
        """Hangs up on whoever is there."""
        self.accept_no_more()
        for one in list(self.open.values()):
            one.close()
        for poll in (self.poll, self.slow):
            self._loop.remove_reader(poll.fileno())
            poll.close()
        self._give_up_reserve()

    def _watch(self, listening: socket.socket) -> None:
        self._listening[listening.fileno()] = listening
        listening.setblocking(False)
        # Whoever is accepted has it from here: what is said must not wait for what was said before it.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.poll.register(listening, select.EPOLLIN)

    def _turn(self) -> None:
        self._serve(self.poll.poll(0, EVENTS))

    def _slow_turn(self) -> None:
        self._serve(self.slow.poll(0, SLOWLY))

    def _serve(self, told: list[tuple[int, int]]) -> None:
        came: list[Came[L]] = []
        for descriptor, events in told:
            one = self.open.get(descriptor)
            if one is None:
                self._accept(self._listening[descriptor])
                continue
            if events & select.EPOLLOUT:
                one.go_on()
            if one.listener.busy:
                one.left = True
            elif events & _ENDED and (one.listener.deaf or one.listener.hasty):
                came.append((one.listener, b"", True))
            elif not one.listener.deaf:
                came.append((one.listener, *one.read(events)))
        if came:
            self._came(came)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED):
            try:
                connected, peer = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED and not self._spare() and not self._refuse(listening, error):
                    return
                continue
            try:
                self._arrived(connected, peer[0])
            except Exception:
                log.exception("a connection cannot be served")
                connected.close()

    def _refuse(self, listening: socket.socket, why: OSError) -> bool:
        """Hangs up on one who waits, since FreeSWITCH would wait for us, for 25 seconds, and goes on at once
        without us. False: nobody waits, or not even that works now.
        """
        self._give_up_reserve()
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return False
        except OSError:
            self.poll.unregister(listening)
            self._loop.call_later(PAUSE, self._accept_again, listening)
            return False
        finally:
            self._keep_reserve()
        if not self._refused:
            self._loop.call_later(PAUSE, self._tell, why)
        self._refused += 1
        return True

    def _accept_again(self, listening: socket.socket) -> None:
        if listening.fileno() in self._listening:
            self.poll.register(listening, select.EPOLLIN)

    def _tell(self, why: OSError) -> None:
        log.error("%d connections refused, their calls go on without us: %s", self._refused, why.strerror)
        self._refused = 0

    def _keep_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve = os.open(os.devnull, os.O_RDONLY)

    def _give_up_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
