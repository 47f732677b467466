"""What 1C does with a request, from its head and body to what is to be answered.

The order is that of a real one: faults on the way, the place, the password, the session, the envelope, the
operation. All counters stand before the answer leaves, so whoever has it in his hands reads them right.
"""

import base64
import binascii
import hmac
import json
import re
from dataclasses import asdict, replace
from typing import cast
from urllib.parse import quote

from fs_1c.simulator.onec import answers, soap
from fs_1c.simulator.onec.answers import Answer, End, as_json
from fs_1c.simulator.onec.dialects import Signature, signature_of, wsdl
from fs_1c.simulator.onec.fault_table import Saying, Stage
from fs_1c.simulator.onec.faults import Fault, fault_of
from fs_1c.simulator.onec.server import CONTROLS, Connection
from fs_1c.simulator.onec.sessions import SessionRefused

_COOKIE = re.compile(r"(?:^|;)\s*ibsession\s*=\s*\"?([^;\"]*)")
_HOST = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class Service(Connection):
    """The web service of a base, and the simulator's own switch. cookie: names the request's session."""

    def respond(self, path: str, query: str, body: bytes) -> Answer | End:
        self.onec, self._body = self.server.onec, body
        if path.startswith(CONTROLS):
            return self._at_the_switch(path.removeprefix(CONTROLS))
        self._operation: soap.Operation | None = None
        self._unreadable = soap.SoapFault(soap.V1_1, "Сообщение SOAP отсутствует")
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
        if place != "fault" or command == "HEAD":
            return answers.NOT_FOUND
        if command == "POST":
            try:
                onec.fault = fault_of(json.loads(self._body))
            except (ValueError, RecursionError) as error:
                return as_json({"error": str(error)}, 400)
        elif command == "DELETE":
            onec.fault = None
        return as_json(fault.as_json() if (fault := onec.fault) else None)

    def _take(self, *stages: Stage) -> Fault | None:
        fault = self.onec.take(*stages, operation=self._operation.name if self._operation else None)
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
        login, password = settings.username, settings.password
        if login is not None and not credentials_match(self.headers.get("Authorization"), login, password):
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

    @property
    def _finishes(self) -> bool:
        return cast(str, self.headers.get("IBSession", "")).strip().lower() == "finish"

    def _read_operation(self) -> None:
        try:
            operation = soap.parse_operation(self._body, self.headers.get("Content-Type", ""))
        except soap.SoapFault as fault:
            self._unreadable, self.what = fault, "an unreadable envelope"
            return
        self._operation, told = operation, operation.parameters
        number = next((told[name] for name in ("Number", "number", "NumFrom") if name in told), "")
        self.what = f"{operation.name[:50]!r} {number[:50]!r} by SOAP {operation.version.name}"
        if operation.name in self.onec.settings.spoken.operations:
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
            outcome = self._soap() if self.command == "POST" else answers.METHOD_NOT_ALLOWED
            if outcome is End.HANG:
                self.hang()
        finally:
            sessions.leave(lease)
        if lease.cookie and isinstance(outcome, Answer):
            base = self.onec.settings.service_path.partition("/ws/")[0] or "/"
            cookie = ("Set-Cookie", f"ibsession={lease.id}; path={quote(base)}")
            outcome = replace(outcome, headers=(*outcome.headers, cookie))
        return outcome

    def _soap(self) -> Answer | End:
        onec, settings, operation = self.onec, self.onec.settings, self._operation
        try:
            if operation is None:
                self.server.stopping.wait(settings.latency)
                raise self._unreadable
            onec.remember_request(operation)
            fault = self._take(Stage.CODE)
            if self.server.stopping.wait(settings.latency + (fault.seconds or 0.0 if fault else 0.0)):
                return End.CLOSE
            signature = signature_of(operation, settings.spoken, settings.service_namespace)
            if fault is None or fault.card is not False:
                self._open_card(operation, signature)
            if fault and (outcome := fault.strike(self)):
                return cast(Answer | End, outcome)
        except soap.SoapFault as wrong:
            return _soap_fault(wrong)
        client = onec.clients.find(operation.parameters[signature.number]) if signature.number else None
        saying = Saying(operation, signature, client)
        fault = self._take(Stage.SHAPE)
        body = fault.strike(saying) if fault else saying.write(saying.text)
        return Answer(200, operation.version.content_type, body)

    def _open_card(self, operation: soap.Operation, signature: Signature) -> None:
        try:
            event = signature.event(operation.parameters) if signature.event else None
        except ValueError as error:
            raise soap.SoapFault(operation.version, str(error), "Server") from error
        if not self.server.stopping.is_set():
            self.onec.remember(event, signature.pop(operation.parameters if event is None else event))

    def fails(self, why: str) -> Answer:
        """1C's code has failed: module, line and reason in the faultstring."""
        version = self._operation.version if self._operation else soap.V1_1
        return _soap_fault(soap.SoapFault(version, why, "Server"))


def _soap_fault(fault: soap.SoapFault) -> Answer:
    return Answer(500, fault.version.content_type, soap.write_fault(fault))


def credentials_match(header: str | None, username: str, password: str) -> bool:
    """Whether an Authorization header carries this login and password, in UTF-8 as 1C wants them.

    The time taken does not tell how much of them matched.
    """
    scheme, _, encoded = (header or "").partition(" ")
    try:
        received = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(received, f"{username}:{password}".encode())
