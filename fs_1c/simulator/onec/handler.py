"""One HTTP connection to the simulated 1C: reads requests, lets `exchange` answer, writes answers.

Log lines (`fs_1c.simulator.onec`, INFO) say who asked what and how long it took. A key never gets there: of
an operation's parameters only the phone number is logged.
"""

import contextlib
import io
import logging
import re
import socket
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Protocol, cast
from urllib.parse import unquote, urlsplit

from fs_1c.simulator.onec import control, pages, transport
from fs_1c.simulator.onec.body import BodyRefused, read_body
from fs_1c.simulator.onec.exchange import Exchange, Request
from fs_1c.simulator.onec.fault_kinds import Stage
from fs_1c.simulator.onec.faults import Fault
from fs_1c.simulator.onec.pages import Answer
from fs_1c.simulator.onec.transport import End, Head, Wire
from fs_1c.simulator.onec.world import Run, Simulated

# Seconds that a request may take to arrive, once it has begun.
PATIENCE_SECONDS = 60.0
# Seconds in which somebody who has just connected to a refusing server may turn out to be at the switch.
REFUSAL_SECONDS = 0.2
# After a refusal the client may still be sending. Closing at once would reset the connection under its hands
# and it would never read why; so what comes is thrown away for a while.
LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 1024 * 1024
_AT_THE_SWITCH = re.compile(rb"(GET|HEAD|POST|DELETE) /simulator/")

log = logging.getLogger("fs_1c.simulator.onec")


class Served(Protocol):
    """What a connection needs to know of the server that accepted it."""

    simulated: Simulated
    run: Run


class OneCHandler(BaseHTTPRequestHandler):
    """A keep-alive connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    server_version = "fs-1c-simulator"
    sys_version = ""
    timeout = PATIENCE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        served = cast(Served, self.server)
        self.simulated, self.run = served.simulated, served.run
        self.faults = self.simulated.faults
        self.wire = Wire(self.connection, self.run.stopping)

    def handle(self) -> None:
        self.close_connection = False
        answered = False
        while not self.close_connection and self._begins(answered):
            self.handle_one_request()
            answered = True

    def _begins(self, answered: bool) -> bool:
        """Waits for the next request. False: the connection is over, by itself or by a fault."""
        idle = self.faults.shows("idle-close") if answered else None
        if idle is not None:
            self.connection.settimeout(idle.seconds or 0.001)
        elif not answered and self.faults.shows("refuse"):
            self.connection.settimeout(REFUSAL_SECONDS)
        else:
            self.connection.settimeout(self.simulated.settings.keep_alive)
        try:
            begun = cast(io.BufferedReader, self.rfile).peek(1)
            timed_out = False
        except TimeoutError:
            begun, timed_out = b"", True
        if _AT_THE_SWITCH.match(begun):
            return self._proceed()
        if idle is not None and timed_out:
            self.faults.take((Stage.IDLE,), None)
            return False
        if begun or timed_out:
            fault = self.faults.take((Stage.CONNECT,), None)
            if fault is not None:
                log.info("%s: fault %s", self._who(), fault.name)
                self._end(End.RESET) if fault.name == "refuse" else self.wire.hang()
                return False
        return bool(begun) and self._proceed()

    def _proceed(self) -> bool:
        self.connection.settimeout(PATIENCE_SECONDS)
        return True

    def do_GET(self) -> None:
        self._answer_request()

    def do_HEAD(self) -> None:
        self._answer_request()

    def do_POST(self) -> None:
        self._answer_request()

    def do_DELETE(self) -> None:
        self._answer_request()

    def _answer_request(self) -> None:
        started = time.monotonic()
        try:
            target = urlsplit(self.path)
        except ValueError:
            target = urlsplit("/")
        path = unquote(target.path)
        controls = path.startswith(control.PREFIX)
        if not controls and (fault := self.faults.take((Stage.HEAD,), None)):
            self._end(transport.end_of(fault))
            self._log(f"{self.command}, fault {fault.name}", None, started)
            return
        try:
            body = read_body(self.headers, self.rfile)
            if body is None and self.command == "POST":
                raise BodyRefused(HTTPStatus.LENGTH_REQUIRED, "a POST without Content-Length")
        except BodyRefused as refused:
            self._refuse(refused, started)
            return
        if controls:
            answer = control.answer(self.simulated, self.command, path, body or b"")
            self._send(answer, None)
            self._log(f"{self.command} {path[:200]!r}", answer.status, started)
            return
        request = Request(self.command, path, target.query, self.headers, body or b"")
        reply = Exchange(self.simulated, self.run, request, self.wire.hang).serve()
        if reply.answer is None:
            self._end(reply.end)
            self._log(reply.what, None, started)
            return
        what = f"{reply.what}, fault {reply.fault.name}" if reply.fault else reply.what
        try:
            self._send(reply.answer, reply.fault)
        finally:
            self._log(what, reply.answer.status, started)

    def _refuse(self, refused: BodyRefused, started: float) -> None:
        self.close_connection = True
        self._send(pages.html(refused.status, refused.reason), None)
        self._log(f"{self.command} refused: {refused.reason}", refused.status, started)
        self._linger()

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        headers = [("Server", self.server_version), ("Date", self.date_time_string())]
        headers += [("Content-Type", answer.content_type), *answer.headers]
        if self.close_connection:
            headers.append(("Connection", "close"))
        body = answer.body if self.command != "HEAD" else b""
        head = Head(answer.status, tuple(headers))
        self._end(transport.send(self.wire, head, body, fault, length=len(answer.body)))

    def _end(self, end: End) -> None:
        if end is not End.KEEP:
            self.close_connection = True
        if end is End.RESET:
            transport.reset(self.connection)

    def _linger(self) -> None:
        deadline = time.monotonic() + LINGER_SECONDS
        left = LINGER_BYTES
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (seconds := deadline - time.monotonic()) > 0:
                self.connection.settimeout(seconds)
                dropped = len(self.connection.recv(65536))
                if not dropped:
                    return
                left -= dropped

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
        log.info("%s: %r", self._who(), (format % args)[:300])

    def _log(self, what: str, status: int | None, started: float) -> None:
        took = time.monotonic() - started
        log.info(
            "%s: %s: %s in %.3f s", self._who(), what, "no answer" if status is None else int(status), took
        )

    def _who(self) -> str:
        return f"{self.client_address[0]}:{self.client_address[1]}"
