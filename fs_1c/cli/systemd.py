"""What systemd is told of the service: sd_notify(3), a datagram of lines to the socket that it names."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping

PATIENCE = 30.0
"""Seconds for which a word that matters is tried again, while systemd is too busy to read."""
AGAIN = 0.05


class Systemd:
    """systemd, if it has started us; else nobody is told anything.

    Attributes:
        watches_for: Seconds within which it wants to hear `WATCHDOG=1`, each time; 0: it does not watch.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        named = environment.get("NOTIFY_SOCKET", "")
        # A path, or, with @, a name in Linux's abstract namespace.
        self._address = f"\0{named[1:]}" if named.startswith("@") else named if named.startswith("/") else ""
        self._socket: socket.socket | None = None
        self.watches_for = 0.0
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            if environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
                microseconds = environment.get("WATCHDOG_USEC", "")
                self.watches_for = int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0

    def send(self, *lines: str) -> bool:
        """Tells it, if there is room for it; never waits. False: it may be tried again."""
        if self._socket is not None:
            try:
                self._socket.sendto("\n".join(lines).encode(), self._address)
            except BlockingIOError:
                return False
            except OSError:  # it listens no more: then it does not want to know
                pass
        return True

    async def tell(self, *lines: str) -> None:
        """The same, tried until there is room."""
        for _ in range(int(PATIENCE / AGAIN)):
            if self.send(*lines):
                return
            await asyncio.sleep(AGAIN)

    async def reloading(self) -> None:
        """The settings are read again; `READY=1` says that they are."""
        await self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
