"""What 1C does with a request, from its head and body to what is to be answered.

The order is that of a real one: faults on the way, the place, the password, the session, the envelope, the
operation. All counters stand before the answer leaves, so whoever has it in his hands reads them right.
"""

import base64
import re
from dataclasses import asdict, replace
from typing import cast
from urllib.parse import quote

from fs_1c.simulator.onec import answers
from fs_1c.simulator.onec.answers import Answer, End, as_json
from fs_1c.simulator.onec.dialects import wsdl
from fs_1c.simulator.onec.fault_table import Saying, Stage
from fs_1c.simulator.onec.faults import Fault, fault_of
from fs_1c.simulator.onec.server import CONTROLS, Connection
from fs_1c.simulator.onec.sessions import SessionRefused
from fs_1c.simulator.onec.soap import Operation, Refused

_COOKIE = re.compile(r"(?:^|;)\s*ibsession\s*=\s*\"?([^;\"]*)")
_HOST = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class Service(Connection):
    """The web service of a base, and the simulator's own switch. cookie: names the request's session."""

    def respond(self, path: str, query: str, body: bytes) -> Answer | End:
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
            here = path == self.onec.settings.service_path
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
            return as_json(onec.stats.as_json())
        if place != "fault":
            return answers.NOT_FOUND
        if command == "POST":
            try:
                onec.fault = fault_of(self._body)
            except ValueError as error:
                return as_json({"error": str(error)}, 400)
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
        settings = self.onec.settings
        if here and self.command == "POST":
            self._read_operation()
        if fault := self._take(Stage.HEAD, Stage.GATE):
            return cast(Answer | End, fault.strike(self))
        if not here:
            return answers.NOT_FOUND
        if settings.username is not None and not self._knows(f"{settings.username}:{settings.password}"):
            return answers.UNAUTHORIZED
        if self.command == "POST" or self._finishes:
            return self._in_session()
        if (self.command, query) != ("GET", "wsdl"):
            return answers.METHOD_NOT_ALLOWED
        self._counted_as = "wsdl"
        # The host the client knows us by, unless that could not stand in a URL.
        host = self.headers.get("Host", "")
        url = f"http://{host}{quote(settings.service_path)}" if _HOST.fullmatch(host) else self.onec.url
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
            operation = dialect.read(self._body, self.headers.get("Content-Type", ""))
        except Refused as refused:
            self._operation, self.what = refused, "an unreadable request"
            return
        self._operation, told = operation, operation.parameters
        number = next((told[name] for name in ("Number", "number", "NumFrom") if name in told), "")
        self.what = f"{operation.name[:50]!r} {number[:50]!r} by SOAP {operation.version}"
        if operation.name in dialect.operations:
            self._counted_as = operation.name

    def _in_session(self) -> Answer | End:
        sessions = self.onec.sessions
        try:
            lease = sessions.enter(self.headers.get("IBSession"), self.cookie)
        except SessionRefused as refused:
            return answers.exception(refused.status, refused.why) if refused.status else End.CLOSE
        try:
            if self.server.stopping.wait(lease.starts_in):
                return End.CLOSE
            if self._finishes and not self._body.strip():
                return Answer(200, answers.XML)
            outcome = self._in_1c()
            if outcome is End.HANG:
                self.hang()
        finally:
            sessions.leave(lease)
        if lease.cookie and isinstance(outcome, Answer):
            base = self.onec.settings.service_path.partition("/ws/")[0] or "/"
            cookie = ("Set-Cookie", f"ibsession={lease.id}; path={quote(base)}")
            outcome = replace(outcome, headers=(*outcome.headers, cookie))
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
            signature = dialect.signature(operation, settings.service_namespace)
            if fault is None or fault.card is not False:
                onec.open_card(signature.pop(operation.parameters))
        except Refused as refused:
            return dialect.fault(refused)
        except ValueError as error:
            return self.refuse(str(error))
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
