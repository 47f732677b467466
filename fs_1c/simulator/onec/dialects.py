"""The dialects in the field: which operations 1C publishes where, how each is read and answered. Pure.

| name | namespace | operations | path | SayName answers |
| --- | --- | --- | --- | --- |
| mobilon-1 | http://test | SayName(number) | /ws/ImportTasks | plain text, `VIP:Ренессанс Капитал` |
| mobilon-2 | http://VATS | SayName(Number), IncomingCall(NumFrom, Key) | /telephony/ws/VATS | embedded XML |
| mobilon-3 | http://VATSCalls | SayName(Number), Event(Data: JSON) | /ws/VATScalls | embedded XML |

Faults are worded in the manner of 1C's web services, not letter by letter: no program should depend on it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Literal
from xml.sax.saxutils import escape

from fs_1c.simulator.onec import soap
from fs_1c.simulator.onec.answers import Answer
from fs_1c.simulator.onec.clients import Client
from fs_1c.simulator.onec.soap import Operation, Refused

DialectName = Literal["mobilon-1", "mobilon-2", "mobilon-3"]
Pop = tuple[str, str]
"""What opens a card: the caller's number and the subscriber's key, as sent."""


@dataclass(frozen=True, slots=True)
class Signature:
    """An operation that is published.

    parameters: names in order, case-sensitive, each required, each a string. number: which says who calls.
    answer: the client found, or None → the text of m:return. For a card always 1: accepted, not shown.
    pop: the parameters → the card to open, or None. Raises ValueError, in Russian, when they cannot be read.
    """

    parameters: tuple[str, ...]
    answer: Callable[[Client | None], str] = lambda client: "1"
    number: str = ""
    pop: Callable[[Mapping[str, str]], Pop | None] = lambda told: None


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
        return soap.parse_operation(body, content_type)

    def signature(self, operation: Operation, namespace: str) -> Signature:
        """The published operation that was called. Names are compared as 1C does: case counts.

        Raises Refused: an unknown operation or namespace, a parameter that is missing, repeated or unknown.
        """
        signature, called = self.operations.get(operation.name), f"{{{operation.namespace}}}{operation.name}"
        if signature is None or operation.namespace != namespace:
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
        return Answer(200, soap.CONTENT_TYPES[operation.version], soap.write_response(operation, value))

    def fault(self, refused: Refused) -> Answer:
        return Answer(500, soap.CONTENT_TYPES[refused.version], soap.write_fault(refused))


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


def pop_of_event(parameters: Mapping[str, str]) -> Pop | None:
    """The card of an event, a JSON object in Data: the 1C side in the field opens one when `state` is
    PREANSWER and `direction` incoming; `from` says who calls, `to` (an extension) and `userkey` at whom."""
    try:
        event = json.loads(parameters["Data"])
        if not isinstance(event, dict):
            raise ValueError("ожидается объект")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Ошибка чтения JSON: {error}") from error
    number, key = event.get("from"), event.get("userkey")
    opens = (event.get("state"), event.get("direction")) == ("PREANSWER", "incoming")
    return (number, key) if opens and isinstance(number, str) and isinstance(key, str) else None


_SAY_NAME = {"SayName": Signature(("Number",), inner_xml, "Number")}
_FIRST = {"SayName": Signature(("number",), plain_text, "number")}
_POP = Signature(("NumFrom", "Key"), pop=lambda told: (told["NumFrom"], told["Key"]))
_EVENT = Signature(("Data",), pop=pop_of_event)
DIALECTS: Mapping[str, Dialect] = {
    "mobilon-1": Dialect("http://test", "/ws/ImportTasks", "ImportTasks", _FIRST),
    "mobilon-2": Dialect("http://VATS", "/telephony/ws/VATS", "VATS", {**_SAY_NAME, "IncomingCall": _POP}),
    "mobilon-3": Dialect("http://VATSCalls", "/ws/VATScalls", "VATScalls", {**_SAY_NAME, "Event": _EVENT}),
}
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
