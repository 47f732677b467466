"""A connection to the simulated 1C: its HTTP, and what 1C does with a request up to what is to be answered.

The order is that of a real one: faults on the way, the place, the password, the session, the envelope, the
operation. All counters stand before the answer leaves, so whoever has it in his hands reads them right.

Log lines (`fs_1c.simulator.onec`, INFO) say who asked what and how long it took. A key never gets there: of
an operation's parameters only the phone number is logged.
"""

import base64
import io
import logging
import re
import select
import socket
import struct
import time
from dataclasses import asdict, replace
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, unquote

from fs_1c.simulator.onec import answers
from fs_1c.simulator.onec.answers import Answer, End, Outgoing, as_json, html
from fs_1c.simulator.onec.dialects import Operation, Refused, wsdl
from fs_1c.simulator.onec.fault_table import Stage
from fs_1c.simulator.onec.faults import Fault, fault_of, one_line
from fs_1c.simulator.onec.saying import Saying
from fs_1c.simulator.onec.sessions import SessionRefused

if TYPE_CHECKING:
    from fs_1c.simulator.onec.simulator import Server

CONTROLS = "/simulator/"
"""What is asked of the simulator itself is below this. No fault befalls it."""
MAX_BODY, KEEP_ALIVE = 1024 * 1024, 60.0
_COOKIE = re.compile(r"(?:^|;)\s*ibsession\s*=\s*\"?([^;\"]*)")

log = logging.getLogger("fs_1c.simulator.onec")


class Service(BaseHTTPRequestHandler):
    """A keep-alive connection, in a thread of its own, to the service of a base or to the simulator's switch.

    what: is asked, for the log, without secrets. spoils: the fault with which the answer is to be sent.
    cookie: names the request's session.
    """

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fs-1c-simulator", ""
    disable_nagle_algorithm = True
    server: "Server"

    def handle(self) -> None:
        self.close_connection, first = False, True
        while not self.close_connection and self._begins(first):
            self.handle_one_request()
            first = False

    def _begins(self, first: bool) -> bool:
        """Waits for the next request. False: the connection is over, by itself or by a fault."""
        onec, fault, seconds = self.server.onec, self.server.onec.fault, KEEP_ALIVE
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
        return self._respond(path, query, self.rfile.read(int(length)))

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

    # What 1C does.

    def _respond(self, path: str, query: str, body: bytes) -> Answer | End:
        self.onec, self._body = self.server.onec, body
        if path.startswith(CONTROLS):
            return self._at_the_switch(path.removeprefix(CONTROLS))
        self._operation: Operation | Refused | None = None
        self._counted_as = "other"
        found = _COOKIE.search(self.headers.get("Cookie", ""))
        self.cookie = found[1].strip() if found else None
        self.onec.count_arrived()
        outcome: Answer | End = End.CLOSE
        try:
            place, spoken = self.onec.settings.service_path, self.onec.settings.spoken
            self._pings = f"{self.command} {path}" == f"GET {place}ping" and "ping" in spoken.operations
            here = path == place or self._pings
            outcome = self._pass_the_gate(query.lower().rstrip("="), here=here)
            if self.server.stopping.is_set():
                outcome = End.CLOSE
            elif isinstance(outcome, Answer):
                self.spoils = self._take(Stage.WIRE)
        finally:
            self.onec.count_ended(self._counted_as, outcome.status if isinstance(outcome, Answer) else None)
        return outcome

    def _at_the_switch(self, place: str) -> Answer:
        onec, command = self.onec, self.command
        if (command, place) == ("GET", "log"):  # with keys in full: a rehearsal has no real ones
            return as_json([asdict(request) for request in onec.requests])
        if (command, place) == ("GET", "stats"):
            return as_json(asdict(onec.stats))
        if (command, place) == ("GET", "calls"):
            return as_json([asdict(call) for call in onec.calls])
        if place != "fault":
            return answers.NOT_FOUND
        if command == "POST":
            try:
                onec.fault = fault_of(self._body)
            except ValueError as error:
                return as_json({"error": one_line(error)}, 400)
        elif command == "DELETE":
            onec.fault = None
        return as_json(fault.as_json() if (fault := onec.fault) else None)

    def _take(self, *stages: Stage) -> Fault | None:
        called = self._operation.name if isinstance(self._operation, Operation) else None
        fault = self.onec.take(*stages, operation=called)
        if fault is not None:
            self.what += f", fault {fault.name}"
        return fault

    def _pass_the_gate(self, query: str, *, here: bool) -> Answer | End:
        if here and (self.command == "POST" or self._pings):
            self._read_operation()
        if fault := self._take(Stage.HEAD, Stage.GATE):
            return cast(Answer | End, fault.strike(self))
        return self.after_the_gate(query) if here else answers.NOT_FOUND

    def after_the_gate(self, query: str = "wsdl") -> Answer | End:
        """What a request at the service's place meets: the password, the session, 1C."""
        settings = self.onec.settings
        if settings.username is not None and not self._knows(f"{settings.username}:{settings.password}"):
            return answers.UNAUTHORIZED
        if self.command == "POST" or self._finishes or self._pings:
            return self._in_session()
        if (self.command, query) != ("GET", "wsdl") or not settings.spoken.service:
            return answers.METHOD_NOT_ALLOWED
        self._counted_as = "wsdl"
        # By the host that the client knows us by.
        url = f"http://{self.headers.get('Host', '')}{quote(settings.service_path)}"
        return Answer(200, answers.XML, wsdl(settings.spoken, settings.service_namespace, url))

    def _knows(self, secret: str) -> bool:
        """Whether the client's login and password are these, in UTF-8 as 1C wants them."""
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "basic" and encoded.strip() == base64.b64encode(secret.encode()).decode()

    @property
    def _finishes(self) -> bool:
        return cast(str, self.headers.get("IBSession", "")).strip().lower() == "finish"

    def _read_operation(self) -> None:
        dialect = self.onec.settings.spoken
        try:
            operation = Operation("", "", "ping", {})
            if not self._pings:
                operation = dialect.read(self._body, self.headers.get("Content-Type", ""))
        except Refused as refused:
            self._operation, self.what = refused, "an unreadable request"
            return
        self._operation, told = operation, operation.parameters
        number = next((told[name] for name in ("Number", "number", "NumFrom", "phone") if name in told), "")
        self.what = (
            f"{operation.name[:50]!r} {number[:50]!r}{operation.version and ' by SOAP '}{operation.version}"
        )
        if operation.name in dialect.operations:
            self._counted_as = operation.name

    def _in_session(self) -> Answer | End:
        sessions = self.onec.sessions
        try:
            session = sessions.enter(self.headers.get("IBSession"), self.cookie)
        except SessionRefused as refused:
            return answers.exception(*refused.args) if refused.args else End.CLOSE
        cookie = session.owned and session.new
        try:
            if self.server.stopping.wait(session.starts_in):
                return End.CLOSE
            if self._finishes and not self._body.strip():
                return Answer(200, answers.XML)
            outcome = self._in_1c()
            if outcome is End.HANG:
                self.hang()
        finally:
            sessions.leave(session)
        if cookie and isinstance(outcome, Answer):
            base = re.split("/[wh]s/", self.onec.settings.service_path)[0] or "/"
            header = ("Set-Cookie", f"ibsession={session.id}; path={quote(base)}")
            outcome = replace(outcome, headers=(*outcome.headers, header))
        return outcome

    def _in_1c(self) -> Answer | End:
        onec, settings, operation = self.onec, self.onec.settings, self._operation
        dialect = settings.spoken
        if not isinstance(operation, Operation):
            self.server.stopping.wait(settings.latency)
            return dialect.fault(operation) if operation else answers.METHOD_NOT_ALLOWED
        onec.remember_request(operation)
        fault = self._take(Stage.CODE)
        if self.server.stopping.wait(settings.latency + (fault.seconds or 0.0 if fault else 0.0)):
            return End.CLOSE
        try:
            signature = dialect.signature(operation, settings)
            if fault is None or fault.card is not False:
                onec.execute(signature, operation.parameters)
        except Refused as refused:
            return dialect.fault(refused)
        except ValueError as error:
            if not signature.refusal:
                return self.refuse(str(error))
            return dialect.answer(operation, signature.refusal)
        if fault and (outcome := fault.strike(self)):
            return cast(Answer | End, outcome)
        client = onec.clients.find(operation.parameters[signature.number]) if signature.number else None
        saying = Saying(dialect, operation, signature, client)
        answer = dialect.answer(operation, saying.text)
        fault = self._take(Stage.SHAPE)
        return replace(answer, body=fault.strike(saying)) if fault else answer

    def refuse(self, why: str) -> Answer:
        """1C's code has failed: module, line and reason in the faultstring."""
        version = self._operation.version if self._operation else "1.1"
        return self.onec.settings.spoken.fault(Refused(version, why, "Server"))
