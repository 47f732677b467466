"""The simulated 1C's HTTP: its listening socket and its connections, for one start.

Log lines (`fs_1c.simulator.onec`, INFO) say who asked what and how long it took. A key never gets there: of
an operation's parameters only the phone number is logged.
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
from http.client import responses
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from fs_1c.simulator.onec.answers import Answer, End, Outgoing, html
from fs_1c.simulator.onec.fault_table import Stage
from fs_1c.simulator.onec.faults import Fault

if TYPE_CHECKING:
    from fs_1c.simulator.onec.simulator import OneCSimulator

CONTROLS = "/simulator/"
"""What is asked of the simulator itself is below this. No fault befalls it."""
MAX_BODY = 1024 * 1024

log = logging.getLogger("fs_1c.simulator.onec")


class Connection(BaseHTTPRequestHandler):
    """A keep-alive connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fs-1c-simulator", ""
    disable_nagle_algorithm = True
    server: "Server"

    def respond(self, path: str, query: str, body: bytes) -> Answer | End:
        """What to answer to the request in `command` and `headers`, or how the connection ends instead.

        path: unquoted. It says in `what` what is asked, for the log, without secrets, and in `spoils` the
        fault with which the answer is to be sent.
        """
        raise NotImplementedError

    def handle(self) -> None:
        self.close_connection, first = False, True
        while not self.close_connection and self._begins(first):
            self.handle_one_request()
            first = False

    def _begins(self, first: bool) -> bool:
        """Waits for the next request. False: the connection is over, by itself or by a fault."""
        onec, fault, seconds = self.server.onec, self.server.onec.fault, self.server.onec.settings.keep_alive
        name = fault.name if fault else ""
        if fault and name == "idle-close" and not first:
            seconds = fault.seconds or 0.001
        elif name == "refuse" and first:
            seconds = 0.2  # in which whoever has just connected may turn out to be at the switch
        self.connection.settimeout(seconds)
        try:
            begun, timed_out = cast(io.BufferedReader, self.rfile).peek(1), False
        except TimeoutError:
            begun, timed_out = b"", True
        if re.match(rb"(GET|POST|DELETE) /simulator/", begun):
            return True
        if timed_out and name == "idle-close" and not first:
            onec.take(Stage.IDLE)
        elif (begun or timed_out) and (fault := onec.take(Stage.CONNECT)):
            log.info("%s:%s: fault %s", *self.client_address[:2], fault.name)
            self._end(fault.strike(self))
            return False
        return bool(begun)

    def _serve(self) -> None:
        began, self.what = time.monotonic(), self.command
        self.spoils: Fault | None = None
        outcome: Answer | End = End.CLOSE
        try:
            outcome = self._outcome()
            self._send(outcome) if isinstance(outcome, Answer) else self._end(outcome)
        finally:
            said = outcome.status if isinstance(outcome, Answer) else "no answer"
            took = time.monotonic() - began
            log.info("%s:%s: %s: %s in %.3f s", *self.client_address[:2], self.what, said, took)

    do_GET = do_POST = do_DELETE = _serve

    def _outcome(self) -> Answer | End:
        target, _, query = self.path.partition("?")
        path = unquote(target)
        if not path.startswith(CONTROLS) and (fault := self.server.onec.take(Stage.HEAD)):
            self.what += f", fault {fault.name}"
            return cast(End, fault.strike(self))
        self.what += f" {path[:200]!r}"
        length = self.headers.get("Content-Length", "0" if self.command != "POST" else "")
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY:
            self.close_connection = True
            return html(413 if length else 411, f"A body needs a Content-Length, at most {MAX_BODY}")
        return self.respond(path, query, self.rfile.read(int(length)))

    def _send(self, answer: Answer) -> None:
        head = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
        head += [f"Server: {self.server_version}", f"Date: {self.date_time_string()}"]
        head += [f"Content-Type: {answer.content_type}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        head += ["Connection: close"] * self.close_connection
        out = Outgoing("\r\n".join(head), answer.body)
        self.connection.settimeout(None)  # nothing ends a fault but the other side and a stop
        for step in self.spoils.strike(out) if self.spoils else (out.well,):
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
            # A RST, and here: the server would say a tidy goodbye, and all that was on its way get there.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:
        """What the base class says of broken HTTP; repr keeps such bytes from forging lines."""
        log.info("%s:%s: %r", *self.client_address[:2], (format % args)[:300])


class Server(ThreadingTCPServer):
    """Listens from its making on; a thread for each connection. Raises OSError when the address is taken.

    stopping: that it is stopped, which ends whatever waits.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, onec: "OneCSimulator", address: tuple[str, int], connection: type[Connection]) -> None:
        self.onec, self.stopping = onec, threading.Event()
        self._connections: set[socket.socket] = set()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, connection)

    # The types of what is accepted are the base class's own.
    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news; anything else is a mistake in the simulator."""
        if not isinstance(sys.exc_info()[1], OSError):
            log.exception("%s:%s: the simulator failed", *client_address[:2])

    def kill(self) -> None:
        """No new connections, no old ones, now: a request in work gets no answer."""
        self.stopping.set()
        self.onec.sessions.close()
        self.shutdown()
        self.server_close()
        ends = time.monotonic() + 1.0
        while self._connections and time.monotonic() < ends:
            for connection in tuple(self._connections):
                with contextlib.suppress(OSError):  # it was already gone
                    connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.001)
