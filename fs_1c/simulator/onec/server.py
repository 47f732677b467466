"""The simulated 1C's HTTP: its listening socket and its connections, for one start.

Log lines (`fs_1c.simulator.onec`, INFO) say who asked what and how long it took. A key never gets there: of an
operation's parameters only the phone number is logged.
"""

import contextlib
import io
import logging
import re
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from email.message import Message
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from fs_1c.simulator.onec.answers import Answer, End, Outgoing, html
from fs_1c.simulator.onec.fault_table import Stage

if TYPE_CHECKING:
    from fs_1c.simulator.onec.simulator import OneCSimulator

CONTROLS = "/simulator/"
"""What is asked of the simulator itself is below this. No fault befalls it."""

MAX_BODY = 1024 * 1024
# Seconds that a request may take to arrive, once it has begun.
PATIENCE = 60.0
# Seconds in which somebody who has just connected to a refusing server may turn out to be at the switch.
REFUSAL = 0.2
# Seconds that a stop waits for threads in flight.
DRAIN = 1.0

log = logging.getLogger("fs_1c.simulator.onec")


class BodyRefused(Exception):
    """The body cannot be read, and neither can what follows it: answer `status` and close the connection."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read_body(headers: Message, stream: BufferedIOBase, limit: int = MAX_BODY) -> bytes | None:
    """The body, at most `limit` bytes; None when the headers announce none. Raises BodyRefused.

    Framing that two readers could understand differently (two lengths, a length and chunks) is refused.
    """
    lengths = {value.strip() for value in headers.get_all("Content-Length", [])}
    encodings = [value.strip().lower() for value in headers.get_all("Transfer-Encoding", [])]
    if encodings and lengths:
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "Content-Length together with Transfer-Encoding")
    if encodings and encodings != ["chunked"]:
        raise BodyRefused(HTTPStatus.NOT_IMPLEMENTED, "the only Transfer-Encoding known here is chunked")
    if encodings:
        return b"".join(_chunks(stream, limit))
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not re.fullmatch("[0-9]+", length):
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "Content-Length is not a number of bytes")
    if len(length) > 18 or int(length) > limit:
        raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {limit} bytes")
    return _exactly(stream, int(length))


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "the body is shorter than announced")
    return content


def _chunks(stream: BufferedIOBase, left: int) -> Iterator[bytes]:
    size = -1
    while size:
        line = re.fullmatch(rb"([0-9A-Fa-f]{1,15})[ \t]*(;.*)?", _line(stream))
        if line is None:
            raise BodyRefused(HTTPStatus.BAD_REQUEST, "a chunk's size is not a hexadecimal number")
        size = int(line[1], 16)
        left -= size
        if left < 0:
            raise BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the chunks are too many")
        yield _exactly(stream, size)
        if size and _line(stream):
            raise BodyRefused(HTTPStatus.BAD_REQUEST, "a chunk is longer than its size")
    if all(_line(stream) for _ in range(32)):
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "too many trailers")


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(1024)
    if not line.endswith(b"\n"):
        raise BodyRefused(HTTPStatus.BAD_REQUEST, "a line of the chunked body is too long or cut off")
    return line.rstrip(b"\r\n")


class Connection(BaseHTTPRequestHandler):
    """A keep-alive connection, in a thread of its own.

    what: is asked, for the log, without secrets. spoilt: how the answer is to be sent, if not well.
    """

    protocol_version = "HTTP/1.1"
    server_version = "fs-1c-simulator"
    timeout = PATIENCE
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Server"

    def respond(self, path: str, query: str, body: bytes) -> Answer | End:
        """What to answer to the request in `command` and `headers`, or what becomes of the connection instead.

        path: of its target, unquoted. query: of it, as it came.
        """
        raise NotImplementedError

    def handle(self) -> None:
        self.close_connection, first = False, True
        while not self.close_connection and self._begins(first):
            self.handle_one_request()
            first = False

    def _begins(self, first: bool) -> bool:
        """Waits for the next request. False: the connection is over, by itself or by a fault."""
        onec, fault = self.server.onec, self.server.onec.fault
        idle = fault if fault and fault.name == "idle-close" and not first else None
        refuses = first and fault is not None and fault.name == "refuse"
        seconds = idle.seconds or 0.001 if idle else REFUSAL if refuses else onec.settings.keep_alive
        self.connection.settimeout(seconds)
        begun, timed_out = b"", False
        try:
            begun = cast(io.BufferedReader, self.rfile).peek(1)
        except TimeoutError:
            timed_out = True
        self.connection.settimeout(PATIENCE)
        if re.match(rb"(GET|HEAD|POST|DELETE) /simulator/", begun):
            return True
        if idle and timed_out:
            return onec.take(Stage.IDLE) is None and False
        if (begun or timed_out) and (fault := onec.take(Stage.CONNECT)):
            self._log(f"fault {fault.name}", fault.strike(self), time.monotonic())
            self._end(fault.strike(self))
            return False
        return bool(begun)

    def _serve(self) -> None:
        began, self.what, self.spoilt = time.monotonic(), self.command, None
        outcome: Answer | End = End.CLOSE
        try:
            outcome = self._outcome()
            self._send(outcome) if isinstance(outcome, Answer) else self._end(outcome)
        finally:
            self._log(self.what, outcome, began)

    do_GET = do_HEAD = do_POST = do_DELETE = _serve

    def _outcome(self) -> Answer | End:
        try:
            target = urlsplit(self.path)
        except ValueError:
            target = urlsplit("/")
        path = unquote(target.path)
        if not path.startswith(CONTROLS) and (fault := self.server.onec.take(Stage.HEAD)):
            self.what += f", fault {fault.name}"
            return cast(End, fault.strike(self))
        try:
            body = read_body(self.headers, self.rfile)
            if body is None and self.command == "POST":
                raise BodyRefused(HTTPStatus.LENGTH_REQUIRED, "a POST without Content-Length")
        except BodyRefused as refused:
            self.what += f" refused: {refused}"
            self._send(html(refused.status, str(refused), ("Connection", "close")))
            self._linger()
            return End.CLOSE
        self.what += f" {path[:200]!r}"
        return self.respond(path, target.query, body or b"")

    def _send(self, answer: Answer) -> None:
        head = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}", f"Server: {self.server_version}"]
        head += [f"Date: {self.date_time_string()}", f"Content-Type: {answer.content_type}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        if self.close_connection:
            head.append("Connection: close")
        body = answer.body if self.command != "HEAD" else b""
        out = Outgoing("\r\n".join(head), body, len(answer.body))
        if self.spoilt is None:
            self.connection.sendall(out.well)
            return
        self.connection.settimeout(None)  # nothing ends a fault but the other side and a stop
        for step in self.spoilt.strike(out):
            if isinstance(step, bytes):
                self.connection.sendall(step)
            elif isinstance(step, End):
                self._end(step)
            elif self.server.stopping.wait(step):
                return

    def hang(self) -> None:
        """Says nothing and reads nothing, until the other side leaves or the simulator is stopped."""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        # A stop shuts the connection down, which wakes this; the second is for what nobody thought of.
        while not self.server.stopping.is_set() and not poll.poll(1000):
            pass

    def _end(self, end: End) -> None:
        if end is End.HANG:
            self.hang()
        self.close_connection = self.close_connection or end is not End.KEEP
        if end is End.RESET:
            # It is closed with a RST, now: a tidy end would come first, and whatever was on its way would get there.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())

    def _linger(self) -> None:
        # After a refusal the client may still be sending. Closing at once would reset the connection under its hands and
        # it would never read why; so what comes is thrown away for a while.
        deadline = time.monotonic() + 2.0
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            while time.monotonic() < deadline and self.connection.recv(65536):
                pass

    def handle_expect_100(self) -> bool:
        """As the base class, and out at once: the client waits for it before it sends its body."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def version_string(self) -> str:
        return self.server_version

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silent: `_log` says more, once the answer is out."""

    def log_message(self, format: str, *args: object) -> None:
        """What the base class says of broken HTTP; repr keeps such bytes from forging lines."""
        log.info("%s:%s: %r", *self.client_address[:2], (format % args)[:300])

    def _log(self, what: str, outcome: Answer | End, began: float) -> None:
        said = int(outcome.status) if isinstance(outcome, Answer) else "no answer"
        log.info("%s:%s: %s: %s in %.3f s", *self.client_address[:2], what, said, time.monotonic() - began)


class Server(ThreadingHTTPServer):
    """Listens from its making on; a thread for each connection. Raises OSError when the address is taken."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, onec: "OneCSimulator", address: tuple[str, int], connection: type[Connection]) -> None:
        self.onec, self.stopping = onec, threading.Event()
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, connection)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for this machine's name and may wait for it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    # The types of what is accepted are the base class's own.
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # Before it is closed: its number may be somebody else's at once, and `kill` must not touch that.
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news; anything else is a mistake in the simulator."""
        if isinstance(sys.exc_info()[1], OSError):
            log.debug("%s:%s went away", client_address[0], client_address[1])
        else:
            log.exception("%s:%s: the simulator failed", client_address[0], client_address[1])

    def kill(self) -> None:
        """No new connections, no old ones, now. A request in work gets no answer."""
        self.stopping.set()
        self.onec.sessions.close()
        self._cut_connections()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self.shutdown()
        self.server_close()
        self._cut_connections()  # those accepted in between
        with self._changed:
            self._changed.wait_for(lambda: not self._connections, DRAIN)

    def _cut_connections(self) -> None:
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # it was already gone
                    connection.shutdown(socket.SHUT_RDWR)
