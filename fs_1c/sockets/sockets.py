"""Listens, accepts, and watches what has been accepted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import select
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic

from fs_1c.sockets.connected import ENDED, HEARD, L, Socket, address_of

if TYPE_CHECKING:  # what stands here is wanted before settings are: loading those takes a while
    from fs_1c.settings import Address

log = logging.getLogger(__name__)

EVENTS = 50
"""Connections that one turn serves: others have the loop, too."""
SLOWLY = 16
"""And so many of those that have brought more than fits into one `recv`, which a call does not."""
ACCEPTED = 50
"""Connections that one turn accepts; whoever was accepted before has his answer between two of them."""
PAUSE = 1.0
"""Seconds between log lines about refused connections, and between attempts where not even that works."""
BACKLOG = 4096
"""Connections that wait to be accepted."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Came = tuple[L, bytes, bool]
"""To whom something has come, what (may be empty), and whether the peer has hung up after it."""


class Sockets(Generic[L]):
    """The sockets of one server.

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
        return address_of(next(iter(self._listening.values())).getsockname())

    def take(self, connected: socket.socket, listener: L) -> Socket[L]:
        """Watches a socket from now on. Raises OSError when the kernel cannot."""
        descriptor = connected.fileno()
        self.poll.register(descriptor, HEARD)
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
            elif events & ENDED and (one.listener.deaf or one.listener.hasty):
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
