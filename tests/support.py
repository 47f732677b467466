"""What several tests need: settings of one base, and servers on the loopback that break the rules."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from xml.sax.saxutils import escape

from fs_1c.settings import OneCSettings
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from fs_1c.simulator.onec.dialects import Operation

KEY = "gW3cyUJAtl50PhF"
SEED = "89235292926"
"""A client whom every simulated 1C knows, as he is dialled."""
SOON = 30.0
"""Seconds that a test waits for what must happen."""
EXAMPLES = int(os.environ.get("EXAMPLES", "1"))
"""How many times as many examples of a property are tried; more than one by `make fuzz`."""

Part = Callable[[socket.socket, threading.Event], None]
"""Plays the server: gets a connection whose request has been read whole, and the event of the server's end.
"""


def until(true: Callable[[], Any], seconds: float = SOON) -> None:
    """Returns as soon as it is true; fails when it does not become so."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.005)


def base(url: str, **given: Any) -> OneCSettings:
    return OneCSettings(url=url, **given)


def inner(title: str = "", category: str = "", phone: str = "") -> str:
    """The embedded XML as a 1C that joins strings writes it: nothing is escaped."""
    return (
        f'<?xml version="1.0"?>\n<data>\n    <title>{title}</title>\n    <category>{category}</category>\n'
        f"    <manager>\n        <phone>{phone}</phone>\n    </manager>\n</data>\n"
    )


def soap_answer(returned: str, operation: str = "SayName") -> bytes:
    """A response whose `return` holds that text."""
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<m:{operation}Response xmlns:m="http://VATS"><m:return>{escape(returned)}</m:return>'
        f"</m:{operation}Response></soap:Body></soap:Envelope>"
    ).encode()


def http_answer(body: bytes, status: str = "200 OK", *, closes: bool = True) -> bytes:
    """`closes`: of a server that closes after it, and says so: else a next request may be on its way."""
    head = f"HTTP/1.1 {status}\r\n" + "Connection: close\r\n" * closes
    return f"{head}Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def says(octets: bytes) -> Part:
    """A server that sends just these octets and closes."""
    return lambda connection, ended: connection.sendall(octets)


def mute(connection: socket.socket, ended: threading.Event) -> None:
    """A server that takes the request and says nothing."""
    ended.wait()


class HeldOneC(OneCSimulator):
    """A simulated 1C that takes requests and answers when the test says so: who comes away before
    that has not waited for it.

    Attributes:
        answers: Set it, and 1C answers all that it has been asked and is asked.
    """

    def __init__(self, settings: OneCSimulatorSettings | None = None) -> None:
        super().__init__(settings or OneCSimulatorSettings(port=0))
        self.answers = threading.Event()

    def remember_request(self, operation: Operation) -> None:
        super().remember_request(operation)
        self.answers.wait()

    def stop(self) -> None:
        self.answers.set()
        super().stop()


class RawServer:
    """A server on the loopback that reads a request and lets `part` do with the connection what it likes.

    Attributes:
        url: Where it is.
        requests: The requests as they came, heads and bodies.
        arrived: Set by the first request.
    """

    def __init__(self, part: Part, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.arrived = threading.Event()
        self._part = part
        self._tls = tls
        self._ended = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/telephony/ws/VATS"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in list(self._threads):
            thread.join(5)

    def _start(self, target: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._socket.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(SOON)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self.requests.append(read_request(connection))
                self.arrived.set()
                self._part(connection, self._ended)


def read_request(connection: socket.socket) -> bytes:
    """One HTTP request, head and body."""
    received = b""
    while True:
        head, end, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
        if end and len(body) >= (int(length[1]) if length else 0):
            return received
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("the client went away in the middle of its request")
        received += part


@contextmanager
def as_nobody() -> Iterator[None]:
    """The effective user of this process is `nobody` for a while; it must be root."""
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
