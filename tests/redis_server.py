"""A Redis of the tests' own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

import pytest

from tests.processes import free_port
from tests.support import until

BINARY = shutil.which("redis-server")
NEEDED = "the redis package is missing: pip install 'fs-1c[redis]'"
needs_redis = pytest.mark.skipif(BINARY is None, reason="redis-server is not on PATH")


class RedisServer:
    """A redis-server that can be killed, hung and started again on its port.

    Args:
        options: Of the server's command line.
        password: That its clients must give.
    """

    def __init__(self, *options: str, password: str = "") -> None:
        self.port = free_port()
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"
        self._folder = tempfile.TemporaryDirectory()
        self._command = [
            *(str(BINARY), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder.name),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning", *options),
            *(("--requirepass", password) if password else ()),
        ]
        self._password = password or None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "redis-server does not start"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(b"PING\r\n")
                return bool(connection.recv(100))
        except OSError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self._folder.cleanup()

    @cached_property
    def client(self) -> Any:
        """The tests' own connection."""
        import redis

        return redis.Redis(port=self.port, password=self._password, socket_timeout=5)

    def looked(self) -> int:
        """How many times answers were looked for or stored."""
        return int(self.client.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"])

    def clients(self) -> int:
        """How many are connected, but for the tests' own connection."""
        return len(self.client.client_list()) - 1

    def listeners(self) -> int:
        return int(self.client.pubsub_numsub("fs-1c:forget")[0][1])

    def connecting_takes(self, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on, for everybody in this process but the tests' own connection."""
        import redis

        assert self.client.ping()
        connect: Callable[[Any], None] = redis.Connection.connect

        def slowly(connection: Any) -> None:
            if connection._sock is None:
                time.sleep(seconds)
            connect(connection)

        monkeypatch.setattr(redis.Connection, "connect", slowly)


class Line:
    """A line to a server on the loopback, which can be cut for all who use it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._is_cut = False
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self) -> None:
        self._is_cut = True
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here = self._listening.accept()[0]
                if self._is_cut:
                    here.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self._to))
                self._open += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while octets := one.recv(65536):
                other.sendall(octets)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def redis_server(*options: str, password: str = "") -> Iterator[RedisServer]:
    if BINARY is None:
        pytest.skip("redis-server is not on PATH")
    server = RedisServer(*options, password=password)
    try:
        yield server
    finally:
        server.close()
