"""One HTTP connection to the simulated 1C: reads requests, lets the pure modules answer, writes answers.

Log lines (`fs_1c.simulator.onec`, INFO) say who asked what and how long it took. A key never gets there: of
an operation's parameters only the phone number is logged.
"""

import contextlib
import logging
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Protocol, cast
from urllib.parse import quote, unquote, urlsplit

from fs_1c.simulator.onec import pages
from fs_1c.simulator.onec.body import BodyRefused, read_body
from fs_1c.simulator.onec.clients import ClientBook
from fs_1c.simulator.onec.envelope import (
    Fault,
    Operation,
    SoapVersion,
    parse_operation,
    write_fault,
    write_response,
)
from fs_1c.simulator.onec.pages import Answer
from fs_1c.simulator.onec.received import Card, Received, received_request
from fs_1c.simulator.onec.service import check
from fs_1c.simulator.onec.settings import OneCSimulatorSettings
from fs_1c.simulator.onec.wsdl import wsdl

LOG_PATH = "/simulator/log"
IDLE_SECONDS = 60.0
# After a refusal the client may still be sending. Closing at once would reset the connection under its hands
# and it would never read why; so what comes is thrown away for a while.
LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 1024 * 1024

log = logging.getLogger("fs_1c.simulator.onec")


class Simulated(Protocol):
    """What a connection needs to know of the server that accepted it."""

    settings: OneCSimulatorSettings
    book: ClientBook
    received: Received
    stopping: threading.Event
    own_host: str


class OneCHandler(BaseHTTPRequestHandler):
    """A keep-alive connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    server_version = "fs-1c-simulator"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    @property
    def simulated(self) -> Simulated:
        return cast(Simulated, self.server)

    def do_GET(self) -> None:
        self._answer_request()

    def do_HEAD(self) -> None:
        self._answer_request()

    def do_POST(self) -> None:
        self._answer_request()

    def _answer_request(self) -> None:
        started = time.monotonic()
        try:
            body = read_body(self.headers, self.rfile)
            if body is None and self.command == "POST":
                raise BodyRefused(HTTPStatus.LENGTH_REQUIRED, "a POST without Content-Length")
        except BodyRefused as refused:
            self.close_connection = True
            self._write(pages.html(refused.status, refused.reason))
            self._log(f"{self.command} refused: {refused.reason}", refused.status, started)
            self._linger()
            return
        what, answer = self._route(body or b"")
        if self.simulated.stopping.is_set():
            self.close_connection = True
            return
        self._write(answer)
        self._log(what, answer.status, started)

    def _route(self, body: bytes) -> tuple[str, Answer]:
        """(what was asked, for the log; the answer)."""
        settings = self.simulated.settings
        try:
            target = urlsplit(self.path)
        except ValueError:
            return "a malformed target", pages.not_found()
        path = unquote(target.path)
        what = f"{self.command} {path[:200]!r}"
        if path == LOG_PATH and self.command == "GET":
            return what, pages.requests_as_json(self.simulated.received.requests())
        if path != settings.path:
            return what, pages.not_found()
        return self._published(what, target.query, body)

    def _published(self, what: str, query: str, body: bytes) -> tuple[str, Answer]:
        """As `_route`, at the service's own path: authentication stands before everything."""
        settings = self.simulated.settings
        if settings.username is not None and not pages.credentials_match(
            self.headers.get("Authorization"), settings.username, settings.password
        ):
            return what, pages.unauthorized()
        if self.command == "POST":
            return self._soap(body)
        if self.command == "GET" and query.lower().rstrip("=") == "wsdl":
            host = pages.public_host(self.headers.get("Host"), self.simulated.own_host)
            document = wsdl(settings.namespace, f"http://{host}{quote(settings.path)}")
            return f"{what} wsdl", Answer(HTTPStatus.OK, "text/xml; charset=utf-8", document)
        return what, pages.method_not_allowed()

    def _soap(self, body: bytes) -> tuple[str, Answer]:
        simulated = self.simulated
        content_type = self.headers.get("Content-Type", "")
        arrived = time.time()
        try:
            operation = parse_operation(body, content_type)
        except Fault as fault:
            simulated.stopping.wait(simulated.settings.latency)
            return "an unreadable envelope", _soap_answer(fault.version, write_fault(fault), failed=True)
        simulated.received.add_request(received_request(operation, arrived, simulated.settings.username))
        simulated.stopping.wait(simulated.settings.latency)
        return _describe(operation), self._execute(operation)

    def _execute(self, operation: Operation) -> Answer:
        simulated = self.simulated
        try:
            signature = check(operation, simulated.settings.namespace)
        except Fault as fault:
            return _soap_answer(fault.version, write_fault(fault), failed=True)
        value = signature.run(simulated.book, operation.parameters)
        if operation.name == "IncomingCall" and not simulated.stopping.is_set():
            simulated.received.add_card(
                Card(operation.parameters["NumFrom"], operation.parameters["Key"], time.time())
            )
        return _soap_answer(operation.version, write_response(operation, value))

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

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

    def _log(self, what: str, status: int, started: float) -> None:
        log.info("%s: %s: %d in %.3f s", self._who(), what, status, time.monotonic() - started)

    def _who(self) -> str:
        return f"{self.client_address[0]}:{self.client_address[1]}"


def _soap_answer(version: SoapVersion, body: bytes, *, failed: bool = False) -> Answer:
    status = HTTPStatus.INTERNAL_SERVER_ERROR if failed else HTTPStatus.OK
    return Answer(status, version.content_type, body)


def _describe(operation: Operation) -> str:
    number = operation.parameters.get("Number") or operation.parameters.get("NumFrom") or ""
    return f"{operation.name[:50]!r} {number[:50]!r} by SOAP {operation.version.value}"
