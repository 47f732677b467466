"""What systemd hands over, sd_listen_fds(3): sockets that listen already, and go on while the service is
restarted. Whoever connects meanwhile waits for the next process, in silence; so somebody looks after them
from its first moment on, before all else is loaded, and when it fails. Nothing heavy is imported here.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from fs_1c.sockets import WrongSocket, waited

FIRST = 3
"""The first descriptor that is handed over."""
DOORS = ("outbound", "http")
"""What a socket is called (`FileDescriptorName=`), by the door it is for."""
_UNNAMED = ("", "unknown", "fs-1c.socket")  # without a name of its own a socket has its unit's
PATIENCE = 0.8
"""Seconds that callers wait for a process that starts; the settings, with their deadline, come later."""
MOST = 1000
"""Who are let in before the doors are open; others wait to be accepted."""
TICK = 0.02
"""Seconds between two looks at those who wait."""


class Handed:
    """The sockets that were handed over, as long as it is entered; no child of ours inherits them.

    FreeSWITCH waits for a silent service for 25 seconds. So whoever has waited for `PATIENCE` is hung up on,
    and everybody who waits, if the service fails before its doors are open: calls go on at once.

    Attributes:
        doors: Listening sockets, by the door they are for.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Raises `WrongSocket` when there is one that no door can use."""
        self._waiting: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.doors: Mapping[str, Sequence[socket.socket]] = {}
        pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
        names = environment.pop("LISTEN_FDNAMES", "").split(":")
        if pid != str(os.getpid()) or not count.isdecimal():
            return  # they were handed to whoever has started us
        several = int(count)
        doors: dict[str, list[socket.socket]] = {}
        wrong = ""
        for descriptor, name in zip(range(FIRST, FIRST + several), names + [""] * several, strict=False):
            door = "outbound" if name in _UNNAMED else name
            one = _listening(descriptor)
            if one is None:
                wrong = f"descriptor {descriptor} is no listening TCP socket"
                continue
            doors.setdefault(door, []).append(one)
            if door not in DOORS:
                wrong = f"there is no door {door}"
        self.doors = doors
        if wrong:
            self._hang_up()
            raise WrongSocket(
                f"handed over by systemd: {wrong}; allowed: ListenStream=ADDRESS:PORT, Accept=no, "
                f"FileDescriptorName={' or '.join(DOORS)}"
            )

    def __enter__(self) -> Self:
        if callers := self.doors.get("outbound"):
            threading.Thread(target=self._keep, args=(callers,), name="fs-1c-porter", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._hang_up()

    def let_in(self) -> Sequence[socket.socket]:
        """Who has connected and still waits: a door cares for them from now on, and for whoever comes."""
        with self._lock:
            self._over.set()
            waiting, self._waiting = self._waiting, []
        return waiting

    def _keep(self, listening: Sequence[socket.socket]) -> None:
        """The thread."""
        while not self._over.wait(TICK):
            with self._lock:
                if self._over.is_set():
                    return
                for one in listening:
                    with suppress(OSError):  # nobody waits any more; or the kernel has no room
                        while len(self._waiting) < MOST:
                            self._waiting.append(one.accept()[0])
                impatient = {one for one in self._waiting if waited(one) >= PATIENCE}
                self._waiting = [one for one in self._waiting if one not in impatient]
            for one in impatient:
                one.close()

    def _hang_up(self) -> None:
        for one in self.let_in():
            one.close()
        for listening in (one for several in self.doors.values() for one in several):
            with suppress(OSError), listening:  # nobody waits any more; or its door has closed it
                while True:
                    listening.accept()[0].close()


def _listening(descriptor: int) -> socket.socket | None:
    try:
        os.set_inheritable(descriptor, False)
        one = socket.socket(fileno=descriptor)
    except OSError:
        return None
    tcp = one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM
    if tcp and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        one.setblocking(False)
        return one
    one.detach()
    return None
