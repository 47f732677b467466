"""One request to the simulated 1C, from its head and body to what is to be answered. Knows no socket.

The order is that of a real one: faults on the way, the place, the password, the session, the envelope, the
operation. All counters stand as the answer will have it before the answer leaves, so whoever has it in his
hands reads them right.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.message import Message
from http import HTTPStatus
from urllib.parse import quote

from fs_1c.simulator.onec import errors, pages
from fs_1c.simulator.onec.dialects import Signature
from fs_1c.simulator.onec.envelope import Fault as SoapFault
from fs_1c.simulator.onec.envelope import Operation, SoapVersion, parse_operation
from fs_1c.simulator.onec.fault_kinds import Stage
from fs_1c.simulator.onec.faults import Fault
from fs_1c.simulator.onec.pages import Answer
from fs_1c.simulator.onec.received import Card, received_event, received_request
from fs_1c.simulator.onec.service import check
from fs_1c.simulator.onec.sessions import FINISH, SessionRefused, Why
from fs_1c.simulator.onec.shapes import shaped
from fs_1c.simulator.onec.transport import End, end_of
from fs_1c.simulator.onec.world import Run, Simulated
from fs_1c.simulator.onec.wsdl import wsdl

OTHER = "other"
WSDL = "wsdl"
_COOKIE = re.compile(r"(?:^|;)\s*ibsession\s*=\s*\"?([^;\"]*)")
_GATES = (Stage.HEAD, Stage.GATE)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: method, path (unquoted) and query of its target, headers, body."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes

    @property
    def cookie(self) -> str | None:
        """The id of the session that it names."""
        found = _COOKIE.search(self.headers.get("Cookie", ""))
        return found[1].strip() if found else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer.

    answer: None for nothing at all; then `end` says what becomes of the connection.
    what: was asked, for the log, without secrets. operation: as counted, or `wsdl`, `other`.
    fault: of the stage `WIRE`, for the way back.
    """

    answer: Answer | None
    what: str
    operation: str
    fault: Fault | None = None
    end: End = End.CLOSE


class _NoAnswer(Exception):
    """The request is not to be answered."""

    def __init__(self, end: End = End.CLOSE) -> None:
        super().__init__(end.value)
        self.end = end


class Exchange:
    """Serves one request.

    hang: waits until the client has gone or the simulator is stopped.
    """

    def __init__(self, simulated: Simulated, run: Run, request: Request, hang: Callable[[], None]) -> None:
        self._simulated = simulated
        self._settings = simulated.settings
        self._run = run
        self._request = request
        self._hang = hang
        self._what = f"{request.method} {request.path[:200]!r}"
        self._counted_as = OTHER
        # A POST to the service has an operation or the reason why it has none; nothing else is asked for it.
        self._operation: Operation | SoapFault = SoapFault(SoapVersion.V1_1, "Сообщение SOAP отсутствует")

    def serve(self) -> Reply:
        simulated = self._simulated
        simulated.tally.arrived()
        answer: Answer | None = None
        end, fault = End.CLOSE, None
        try:
            answer = self._answer()
            if self._run.stopping.is_set():
                answer = None
            else:
                fault = simulated.faults.take((Stage.WIRE,), self._name)
        except _NoAnswer as nothing:
            end = nothing.end
        finally:
            simulated.tally.ended(self._counted_as, answer.status if answer else None)
        return Reply(answer, self._what, self._counted_as, fault, end)

    @property
    def _name(self) -> str | None:
        """The operation that faults are chosen by."""
        return self._operation.name if isinstance(self._operation, Operation) else None

    def _answer(self) -> Answer:
        request, settings = self._request, self._settings
        if request.method == "POST" and request.path == settings.service_path:
            self._read_operation()
        fault = self._simulated.faults.take(_GATES, self._name)
        if fault is not None:
            return self._stopped_at_the_gate(fault)
        if request.path != settings.service_path:
            return pages.not_found()
        if settings.username is not None and not pages.credentials_match(
            request.headers.get("Authorization"), settings.username, settings.password
        ):
            return pages.unauthorized()
        if request.method == "POST" or self._finishes:
            return self._in_session()
        if request.method == "GET" and request.query.lower().rstrip("=") == WSDL:
            self._counted_as, self._what = WSDL, f"{self._what} wsdl"
            host = pages.public_host(request.headers.get("Host"), self._run.own_host)
            address = f"http://{host}{quote(settings.service_path)}"
            document = wsdl(settings.spoken, settings.service_namespace, address)
            return Answer(HTTPStatus.OK, "text/xml; charset=utf-8", document)
        return pages.method_not_allowed()

    def _read_operation(self) -> None:
        request = self._request
        try:
            self._operation = operation = parse_operation(
                request.body, request.headers.get("Content-Type", "")
            )
        except SoapFault as fault:
            self._operation = fault
            self._what = "an unreadable envelope"
            return
        number = next(
            (
                operation.parameters[name]
                for name in ("Number", "number", "NumFrom")
                if name in operation.parameters
            ),
            "",
        )
        self._what = f"{operation.name[:50]!r} {number[:50]!r} by SOAP {operation.version.value}"
        if operation.name in self._settings.spoken.operations:
            self._counted_as = operation.name

    def _stopped_at_the_gate(self, fault: Fault) -> Answer:
        self._what = f"{self._what}, fault {fault.name}"
        if fault.stage is Stage.HEAD:
            raise _NoAnswer(end_of(fault))
        if fault.name == "session-expired" and self._request.cookie is not None:
            self._simulated.sessions.expire(self._request.cookie)
        return errors.of_fault(fault)

    # --- The session --------------------------------------------------------------------------------------

    @property
    def _finishes(self) -> bool:
        return self._request.headers.get("IBSession", "").strip().lower() == FINISH

    def _in_session(self) -> Answer:
        sessions, settings = self._simulated.sessions, self._settings
        try:
            lease = sessions.enter(self._request.headers.get("IBSession"), self._request.cookie)
        except SessionRefused as refused:
            match refused.why:
                case Why.NO_HEADER:
                    return errors.exception(HTTPStatus.BAD_REQUEST, errors.NO_SESSION_HEADER)
                case Why.LOST:
                    return errors.exception(settings.lost_session_status, errors.SESSION_LOST)
                case Why.POOL_TIMEOUT:
                    return errors.exception(HTTPStatus.NOT_ACCEPTABLE, errors.POOL_TIMEOUT)
                case Why.NO_LICENCE:
                    return errors.exception(HTTPStatus.PAYMENT_REQUIRED, errors.NO_LICENCE)
                case Why.STOPPED:
                    raise _NoAnswer from None
        try:
            self._think(lease.starts_in)
            if self._finishes and not self._request.body.strip():
                return Answer(HTTPStatus.OK, "text/xml; charset=utf-8", b"")
            answer = self._soap() if self._request.method == "POST" else pages.method_not_allowed()
        finally:
            sessions.leave(lease)
        if lease.cookie:
            base = settings.service_path.partition("/ws/")[0] or "/"
            cookie = ("Set-Cookie", f"ibsession={lease.id}; path={quote(base)}")
            answer = replace(answer, headers=(*answer.headers, cookie))
        return answer

    def _think(self, seconds: float) -> None:
        if seconds and self._run.stopping.wait(seconds):
            raise _NoAnswer

    # --- The service --------------------------------------------------------------------------------------

    def _soap(self) -> Answer:
        simulated, settings, operation = self._simulated, self._settings, self._operation
        if not isinstance(operation, Operation):
            self._think(settings.latency)
            return errors.soap_fault(operation)
        simulated.received.add_request(received_request(operation, time.time(), settings.username))
        fault = simulated.faults.take((Stage.CODE,), operation.name)
        thinks = fault.seconds or 0.0 if fault and fault.name == "slow-answer" else 0.0
        self._think(settings.latency + thinks)
        try:
            signature = check(operation, settings.service_namespace, settings.spoken.operations)
            if fault is None or fault.card is not False:
                self._open_card(operation, signature)
        except SoapFault as wrong:
            return errors.soap_fault(wrong)
        if fault is not None and fault.name != "slow-answer":
            self._what = f"{self._what}, fault {fault.name}"
            return self._fails(fault, operation)
        return self._tell(operation, signature)

    def _open_card(self, operation: Operation, signature: Signature) -> None:
        received = self._simulated.received
        try:
            event, pop = signature.event(operation.parameters), signature.pop(operation.parameters)
        except ValueError as error:
            raise SoapFault(operation.version, str(error), code="Server") from error
        if self._run.stopping.is_set():
            raise _NoAnswer
        if event is not None:
            received.add_event(received_event(event, time.time()))
        if pop is not None:
            received.add_card(Card(pop.num_from, pop.key, time.time()))

    def _fails(self, fault: Fault, operation: Operation) -> Answer:
        match fault.name:
            case "code-error":
                return errors.code_error(operation.version, fault.text or "")
            case "bad-gateway-after-receipt":
                return errors.nginx(HTTPStatus(fault.status or HTTPStatus.BAD_GATEWAY))
            case "mute-after-request":
                self._hang()
        raise _NoAnswer(end_of(fault))

    def _tell(self, operation: Operation, signature: Signature) -> Answer:
        client = (
            self._simulated.book.find(operation.parameters[signature.number]) if signature.number else None
        )
        fault = self._simulated.faults.take((Stage.SHAPE,), operation.name)
        if fault is not None:
            self._what = f"{self._what}, fault {fault.name}"
        body = shaped(fault, operation, client, signature)
        return Answer(HTTPStatus.OK, operation.version.content_type, body)
