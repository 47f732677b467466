"""The dialects in the field, as `DIALECTS` lists them: how each is read and answered. Pure.

Mobilon's speak SOAP, in either version; `itoolabs` is stock 1С:УНФ, and takes forms. The answers' shape, down
to spaces and line ends, is that of Mobilon's description of the 1C integration; faults are worded in 1C's
manner, not letter by letter.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from fs_1c.simulator.onec.answers import JSON, Answer
from fs_1c.simulator.onec.calls import Calls, Pop
from fs_1c.simulator.onec.clients import Client

if TYPE_CHECKING:
    from fs_1c.simulator.onec.settings import OneCSimulatorSettings

DialectName = Literal["mobilon-1", "mobilon-2", "mobilon-3", "itoolabs"]
NAMESPACES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
CONTENT_TYPES = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of the service, as it was sent; nothing about it has been checked against the service yet.

    version: of the envelope; the answer is given in kind. namespace, name: of the first element in the body.
    parameters: local name → text, of the children in the operation's namespace.
    """

    version: str
    namespace: str
    name: str
    parameters: Mapping[str, str]


class Refused(Exception):
    """1C answers a request with a fault.

    version: of the envelope. reason: the faultstring. code: `Client`, `Server` or `VersionMismatch`; where
    no SOAP is spoken, the HTTP status.
    """

    def __init__(self, version: str, reason: str, code: str = "Client") -> None:
        super().__init__(reason)
        self.version, self.reason, self.code = version, reason, code


def parse_operation(body: bytes, content_type: str) -> Operation:
    """Reads a request. The envelope's namespace decides on the version, not the Content-Type.

    A document type declaration is refused outright: SOAP forbids it, and every entity attack needs one.
    Raises Refused when the body is not XML, not SOAP, or does not hold exactly one operation
    with different, simple parameters.
    """
    announced = "1.2" if "application/soap+xml" in content_type.lower() else "1.1"
    # One parser per request: an lxml parser has a lock, and requests are parsed in many threads.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Refused(announced, f"Ошибка чтения XML: [{line},{column}]: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused(announced, "Ошибка чтения XML: объявление DOCTYPE в сообщении SOAP не допускается")
    version = next((v for v, namespace in NAMESPACES.items() if root.tag == f"{{{namespace}}}Envelope"), None)
    if version is None:
        raise Refused(announced, f"Неизвестный тип сообщения: {root.tag}", "VersionMismatch")
    bodies = root.findall(f"{{{NAMESPACES[version]}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise Refused(version, "Ошибка разбора сообщения SOAP: в теле должна быть одна операция")
    called = etree.QName(bodies[0][0])
    parameters: dict[str, str] = {}
    for child in bodies[0][0]:
        name = etree.QName(child)
        if name.namespace != called.namespace or name.localname in parameters or len(child):
            raise Refused(version, f"Ошибка преобразования данных XDTO:\nНачалоСвойства: {name.text}")
        parameters[name.localname] = child.text or ""
    return Operation(version, called.namespace or "", called.localname, parameters)


def write_response(operation: Operation, value: str) -> bytes:
    """The answer to an operation; `value` is the text of m:return and is escaped here."""
    return write_element(operation, return_element(escape(value)))


def return_element(markup: str) -> str:
    """m:return with the namespaces 1C declares in it; `markup` is its content, escaped already."""
    xsi = '\n                    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return f'<m:return xmlns:xs="http://www.w3.org/2001/XMLSchema"{xsi}>{markup}</m:return>'


def write_element(operation: Operation, element: str) -> bytes:
    """The answer to an operation; `element` is the markup that stands where m:return is expected."""
    name = f"m:{operation.name}Response"
    start = f"<{name} xmlns:m={quoteattr(operation.namespace)}>"
    return _envelope(operation.version, f"{start}\n            {element}\n        </{name}>")


def write_fault(refused: Refused) -> bytes:
    """A soap:Fault in the version of the request."""
    code, reason = refused.code, escape(refused.reason)
    inside = f"<faultcode>soap:{code}</faultcode><faultstring>{reason}</faultstring><detail/>"
    if refused.version == "1.2":
        code = {"Client": "Sender", "Server": "Receiver"}.get(code, code)
        inside = f"<soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code>"
        inside += f'<soap:Reason><soap:Text xml:lang="ru">{reason}</soap:Text></soap:Reason>'
    return _envelope(refused.version, f"<soap:Fault>{inside}</soap:Fault>")


def _envelope(version: str, inside: str) -> bytes:
    start = f'<soap:Envelope xmlns:soap="{NAMESPACES[version]}">\n    <soap:Body>\n        '
    return f"{start}{inside}\n    </soap:Body>\n</soap:Envelope>\n".encode()


@dataclass(frozen=True, slots=True)
class Signature:
    """An operation that is published.

    parameters: names in order, case-sensitive, each required, each a string. number: which says who calls.
    answer: the client found, or None → the text of m:return. For a card always 1: accepted, not shown.
    tells: what 1C is told by it of calls, which may open a card. Raises ValueError, in Russian.
    refusal: the text of m:return then; else it is a fault.
    """

    parameters: tuple[str, ...]
    answer: Callable[[Client | None], str] = lambda client: "1"
    number: str = ""
    tells: Callable[[Calls, Mapping[str, str]], Pop | None] = lambda calls, told: None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A service as a vendor's 1C module publishes it. path: of the URL. service: its name in the WSDL.

    All that goes in and out by this dialect goes through its methods. They speak SOAP; another may override.
    """

    namespace: str
    path: str
    service: str
    operations: Mapping[str, Signature]

    def read(self, body: bytes, content_type: str) -> Operation:
        """The request. Raises Refused when it is none."""
        return parse_operation(body, content_type)

    def signature(self, operation: Operation, settings: "OneCSimulatorSettings") -> Signature:
        """The published operation that was called. Names are compared as 1C does: case counts.

        Raises Refused: an unknown operation or namespace, a parameter that is missing, repeated or unknown.
        """
        signature, called = self.operations.get(operation.name), f"{{{operation.namespace}}}{operation.name}"
        if signature is None or operation.namespace != settings.service_namespace:
            raise Refused(operation.version, f"Неизвестная операция веб-сервиса: {called}")
        told, wanted = operation.parameters, signature.parameters
        unknown = [one for one in told if one not in wanted]
        missing = [one for one in wanted if one not in told]
        wrong = [f"Проверка свойства '{one}':\nОтсутствует обязательное свойство" for one in missing]
        wrong += [f"НачалоСвойства: {one}\nСвойство не соответствует типу: {called}" for one in unknown]
        if wrong:
            raise Refused(operation.version, f"Ошибка преобразования данных XDTO:\n{wrong[0]}")
        return signature

    def answer(self, operation: Operation, value: str) -> Answer:
        return Answer(200, CONTENT_TYPES[operation.version], write_response(operation, value))

    def fault(self, refused: Refused) -> Answer:
        return Answer(500, CONTENT_TYPES[refused.version], write_fault(refused))


def inner_xml(client: Client | None) -> str:
    """What 1C puts, escaped once more, into m:return of SayName."""
    return embed(*map(escape, (client.title, client.category, client.manager) if client else ("", "", "")))


def embed(title: str, category: str, phone: str) -> str:
    """The embedded XML around markup that is escaped already, or is not, as many modules have it."""
    manager = f"    <manager>\n        <phone>{phone}</phone>\n    </manager>\n"
    told = f"    <title>{title}</title>\n    <category>{category}</category>\n{manager}"
    return f'<?xml version="1.0"?>\n<data>\n{told}</data>\n'


def plain_text(client: Client | None) -> str:
    """What the oldest module answers: `category:title`; nothing for somebody unknown."""
    return f"{client.category}:{client.title}" if client else ""


class Itoolabs(Dialect):
    """«Универсальный itoolabs»: the body is decoded before it is split, as stock 1С:УНФ has it."""

    def read(self, body: bytes, content_type: str) -> Operation:
        pairs = (pair.partition("=") for pair in unquote(body.decode("utf-8", "replace")).split("&"))
        told = {name: value.partition('"')[0] for name, _, value in pairs}
        return Operation("", "", told.get("cmd", ""), told)

    def signature(self, operation: Operation, settings: "OneCSimulatorSettings") -> Signature:
        told, signature = operation.parameters, self.operations.get(operation.name)
        if not told:  # no form has come, but a ping
            return self.operations[operation.name]
        if "crm_token" not in told:
            raise Refused("", f"{_PLACE}: Поле объекта не обнаружено (crm_token)", "500")
        if told["crm_token"] != settings.crm_token:
            raise Refused("", '{"error":"Invalid token"}', "400")
        if signature is None or not signature.parameters:
            raise Refused("", '{"error":"Unknown cmd"}', "501")
        if missing := [name for name in signature.parameters if not told.get(name)]:
            code = "500" if operation.name == "history" else "400"
            raise Refused("", f'{{"error":"Invalid parameters: {missing[0]}"}}', code)
        return signature

    def answer(self, operation: Operation, value: str) -> Answer:
        return Answer(200, JSON, value.encode("utf-8-sig" if value.startswith("{") else "utf-8"))

    def fault(self, refused: Refused) -> Answer:
        return Answer(int(refused.code) if refused.code.isdigit() else 500, JSON, refused.reason.encode())


def contact(client: Client | None) -> str:
    """What 1С:УНФ says of a client; nothing of somebody unknown."""
    told = {"contact_name": client.title, "responsible": client.manager} if client else {}
    return json.dumps({k: v for k, v in told.items() if v}, ensure_ascii=False) if told else ""


_PLACE = "{HTTPСервис.Телефония.Модуль(57)}"
_SAY_NAME = {"SayName": Signature(("Number",), inner_xml, "Number")}
_FIRST = {"SayName": Signature(("number",), plain_text, "number")}
_POP = Signature(("NumFrom", "Key"), tells=lambda _, told: (told["NumFrom"], told["Key"], ""))
_EVENT = Signature(("Data",), tells=Calls.event)
_CARDS = {**_SAY_NAME, "IncomingCall": _POP}
_OURS = {**_CARDS, "CallEvent": Signature(("Data",), tells=Calls.call_event, refusal="0")}
_UNF = {
    "ping": Signature((), lambda client: "ok"),
    "contact": Signature(("phone",), contact, "phone"),
    "event": Signature(("type", "callid", "phone", "ext"), lambda client: "", tells=Calls.state),
    "history": Signature(("callid", "status", "duration"), lambda client: "", tells=Calls.history),
}
DIALECTS: Mapping[str, Dialect] = {
    "mobilon-1": Dialect("http://test", "/ws/ImportTasks", "ImportTasks", _FIRST),
    "mobilon-2": Dialect("http://VATS", "/telephony/ws/VATS", "VATS", _OURS),
    "mobilon-3": Dialect("http://VATSCalls", "/ws/VATScalls", "VATScalls", {**_SAY_NAME, "Event": _EVENT}),
    "itoolabs": Itoolabs("", "/hs/telephony/itoolabs/", "", _UNF),
}
WITHOUT_CALLS = Dialect("http://VATS", "/telephony/ws/VATS", "VATS-stock", _CARDS)
"""mobilon-2 as Mobilon describes it, without our extension."""
OPERATIONS = frozenset(name for dialect in DIALECTS.values() for name in dialect.operations)
"""The names of all operations of all dialects."""


def wsdl(dialect: Dialect, namespace: str, address: str) -> bytes:
    """The service as 1C describes it at `?wsdl`: WSDL 1.1, document/literal wrapped, both SOAPs.

    address: the URL that clients are to send operations to.
    """
    shipped = (files("fs_1c.simulator") / "data" / f"{dialect.service}.wsdl").read_text("utf-8")
    quoted = {'"': "&quot;"}
    told = {"namespace": escape(namespace, quoted), "address": escape(address, quoted)}
    return Template(shipped).substitute(told).encode()
