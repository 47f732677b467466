"""A blocking client of a switch's event socket: greeting, password, questions. It subscribes to nothing."""

from __future__ import annotations

import socket
import time
from typing import Self

from fs_1c.esl import commands
from fs_1c.esl.wire import Message, Reader


class NotLetIn(Exception):
    """The switch does not let us in. `rude`: its access list; otherwise the password."""

    def __init__(self, rude: bool) -> None:
        super().__init__("access list" if rude else "password")
        self.rude = rude


class EventSocket:
    """One connection.

    Args:
        connection: To where the switch listens.
        seconds: For everything that is said on it; a peer that drips gains nothing.

    Every method raises OSError (TimeoutError when the seconds are over), EOFError or `WireError`.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._reader = Reader(max_body=4 * 1024 * 1024)
        self._socket = connection

    def greeted(self) -> None:
        """Waits for the greeting. Raises `NotLetIn`; ValueError if something else is said."""
        greeting = self.read().content_type
        if greeting == "text/rude-rejection":
            raise NotLetIn(rude=True)
        if greeting != "auth/request":
            raise ValueError(greeting)

    def authenticate(self, password: str) -> None:
        """Raises `NotLetIn`."""
        if not self.ask(commands.auth(password)).reply.startswith("+OK"):
            raise NotLetIn(rude=False)

    def api(self, command: str) -> str | None:
        """What an API command prints; None: the switch has no such command, or it says nothing."""
        message = self.ask(commands.api(command))
        told = message.body.decode("utf-8", "replace").strip()
        return None if not told or told.startswith(("-ERR", "-USAGE")) else told

    def ask(self, command: bytes) -> Message:
        self._socket.settimeout(self._left())
        self._socket.sendall(command)
        return self.read()

    def read(self) -> Message:
        while (message := self._reader.next()) is None:
            self._socket.settimeout(self._left())
            octets = self._socket.recv(65536)
            if not octets:
                raise EOFError("it hung up")
            self._reader.feed(octets)
        return message

    def close(self) -> None:
        self._socket.close()

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer")
        return left

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
