"""A 1C on the loopback that answers each request by a function, in octets, and keeps its connections."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

from tests.support import inner, read_request, soap_answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    head: str
    body: str

    @property
    def line(self) -> str:
        return self.head.partition("\r\n")[0]

    @property
    def operation(self) -> str:
        found = re.search(r"<(?:\w+:)?(SayName|IncomingCall|Event)[ >]", self.body)
        return found[1] if found else ""

    @property
    def number(self) -> str:
        found = re.search(r"<(?:\w+:)?(?:Number|NumFrom)>([^<]*)<", self.body)
        return found[1] if found else ""

    def header(self, name: str) -> str:
        found = re.search(rf"(?im)^{name}: *([^\r\n]*)", self.head)
        return found[1] if found else ""

    def cookie(self, name: str) -> str:
        found = re.search(rf"(?:^|;\s*){name}=([^;]*)", self.header("Cookie"))
        return found[1] if found else ""


Said = bytes | Iterable[bytes | float | None] | None
"""What is sent: octets, or several with pauses between them in seconds; None: the connection is closed."""


class PretendOneC:
    """Answers.

    Attributes:
        asked: What was asked, in order.
        connections: How many there were.
    """

    def __init__(self, answer: Callable[[Asked], Said], path: str = "/base/ws/VATS") -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for one in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._socket.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(connection)
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ConnectionError):
            while not self._ended.is_set():
                head, _, body = read_request(connection).partition(b"\r\n\r\n")
                asked = Asked(head.decode("latin-1"), body.decode("utf-8", "replace"))
                self.asked.append(asked)
                said = self._answer(asked)
                for step in (said,) if said is None or isinstance(said, bytes) else said:
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    elif step is None or self._ended.wait(step):
                        return
        self._open.discard(connection)


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/xml; charset=utf-8", *headers]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n").encode() + body


def name_of(number: str) -> str:
    """The client who calls from that number here."""
    return f"Клиент {number}"


def well(asked: Asked) -> bytes:
    """What a 1C that is well answers, in an envelope: each number has a name of its own."""
    if asked.operation in ("IncomingCall", "Event"):
        return soap_answer("1", asked.operation)
    return soap_answer(inner(name_of(asked.number), "0", "244"))


def fault(text: str, version: str = "1.1") -> bytes:
    if version == "1.2":
        code = "<s:Code><s:Value>s:Sender</s:Value></s:Code>"
        said = f"{code}<s:Reason><s:Text>{escape(text)}</s:Text></s:Reason>"
        namespace = "http://www.w3.org/2003/05/soap-envelope"
    else:
        said = f"<faultcode>s:Server</faultcode><faultstring>{escape(text)}</faultstring>"
        namespace = "http://schemas.xmlsoap.org/soap/envelope/"
    fault = f"<s:Body><s:Fault>{said}</s:Fault></s:Body>"
    return f'<s:Envelope xmlns:s="{namespace}">{fault}</s:Envelope>'.encode()


class Sessions:
    """A base that keeps sessions; what it answers in one that it has not, and how it names one, is given.

    Attributes:
        live: Sessions that it keeps.
        started: How many it has begun.
        cards: How often the code of a card has run.
    """

    def __init__(self, dead: bytes, attributes: str = "; path=/base", name: str = "ibsession") -> None:
        self.live: set[str] = set()
        self.started = 0
        self.cards = 0
        self._dead, self._attributes, self._name = dead, attributes, name
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> bytes:
        with self._lock:
            session = asked.cookie("ibsession")
            if asked.header("IBSession") == "finish":
                self.live.discard(session)
                return http(b"")
            if session and session not in self.live:
                return self._dead
            self.cards += asked.operation == "IncomingCall"
            if session or asked.header("IBSession") != "start":
                return http(well(asked))
            session = str(uuid.uuid4())
            self.live.add(session)
            self.started += 1
            return http(well(asked), "200 OK", f"Set-Cookie: {self._name}={session}{self._attributes}")


def page(status: str, text: str) -> bytes:
    return http(f"<html><body><h2>{text}</h2></body></html>".encode(), status)
