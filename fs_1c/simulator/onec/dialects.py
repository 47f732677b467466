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
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from fs_1c.simulator.onec.clients import Client
from fs_1c.simulator.onec.soap import Operation, SoapFault

DialectName = Literal["mobilon-1", "mobilon-2", "mobilon-3"]
MAX_EVENT = 64 * 1024
"""Characters of an event's JSON."""
Pop = tuple[str, str]
"""What opens a card: the caller's number and the subscriber's key, as sent."""


@dataclass(frozen=True, slots=True)
class Signature:
    """An operation that is published.

    parameters: names in order, case-sensitive, each required, each a string. number: which says who calls.
    answer: the client found, or None → the text of m:return. For a card always 1: accepted, not shown.
    event: the parameters → the event to list. Raises ValueError, in Russian, when it cannot be read.
    pop: the event, or without one the parameters → the card to open, or None.
    """

    parameters: tuple[str, ...]
    answer: Callable[[Client | None], str] = lambda client: "1"
    number: str = ""
    event: Callable[[Mapping[str, str]], Mapping[str, Any]] | None = None
    pop: Callable[[Mapping[str, Any]], Pop | None] = lambda told: None


@dataclass(frozen=True, slots=True)
class Dialect:
    """A service as a vendor's 1C module publishes it. path: of the URL. service: its name in the WSDL."""

    namespace: str
    path: str
    service: str
    operations: Mapping[str, Signature]


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


def read_event(parameters: Mapping[str, str]) -> Mapping[str, Any]:
    """The JSON object in Data."""
    try:
        if len(parameters["Data"]) > MAX_EVENT:
            raise ValueError(f"более {MAX_EVENT} символов")
        event = json.loads(parameters["Data"])
        if not isinstance(event, dict):
            raise ValueError("ожидается объект")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Ошибка чтения JSON: {error}") from error
    return event


def pop_of_event(event: Mapping[str, Any]) -> Pop | None:
    """The card of an event: the 1C side in the field opens one when `state` is PREANSWER and `direction` is
    incoming; `from` says who calls, `to` (an extension) and `userkey` at whom."""
    number, key = event.get("from"), event.get("userkey")
    opens = (event.get("state"), event.get("direction")) == ("PREANSWER", "incoming")
    return (number, key) if opens and isinstance(number, str) and isinstance(key, str) else None


_SAY_NAME = {"SayName": Signature(("Number",), inner_xml, "Number")}
_FIRST = {"SayName": Signature(("number",), plain_text, "number")}
_POP = Signature(("NumFrom", "Key"), pop=lambda told: (told["NumFrom"], told["Key"]))
_EVENT = Signature(("Data",), event=read_event, pop=pop_of_event)
DIALECTS: Mapping[str, Dialect] = {
    "mobilon-1": Dialect("http://test", "/ws/ImportTasks", "ImportTasks", _FIRST),
    "mobilon-2": Dialect("http://VATS", "/telephony/ws/VATS", "VATS", {**_SAY_NAME, "IncomingCall": _POP}),
    "mobilon-3": Dialect("http://VATSCalls", "/ws/VATScalls", "VATScalls", {**_SAY_NAME, "Event": _EVENT}),
}
OPERATIONS = frozenset(name for dialect in DIALECTS.values() for name in dialect.operations)
"""The names of all operations of all dialects."""


def signature_of(operation: Operation, dialect: Dialect, namespace: str) -> Signature:
    """The published operation that was called. Names are compared as 1C does: case counts.

    Raises SoapFault: an unknown operation or namespace, a parameter that is missing, repeated or unknown.
    """
    signature, called = dialect.operations.get(operation.name), f"{{{operation.namespace}}}{operation.name}"
    if signature is None or operation.namespace != namespace:
        raise SoapFault(operation.version, f"Неизвестная операция веб-сервиса: {called}")
    missing = [name for name in signature.parameters if name not in operation.parameters]
    unknown = [f"{{{namespace}}}{name}" for name in operation.parameters if name not in signature.parameters]
    if missing:
        wrong = f"Чтение объекта типа: {called}\nПроверка свойства '{missing[0]}':\nформа: Элемент\n"
        wrong += f"имя: {{{namespace}}}{missing[0]}\nтип: {{http://www.w3.org/2001/XMLSchema}}string\n"
        wrong += "Отсутствует обязательное свойство"
    elif unknown := [*unknown, *operation.unexpected]:
        wrong = f"НачалоСвойства: {unknown[0]}\nФорма: Элемент\nСвойство не соответствует типу: {called}"
    else:
        return signature
    raise SoapFault(operation.version, f"Ошибка преобразования данных XDTO:\n{wrong}")


def wsdl(dialect: Dialect, namespace: str, address: str) -> bytes:
    """The service as 1C describes it at `?wsdl`: WSDL 1.1, document/literal wrapped, both SOAPs.

    address: the URL that clients are to send operations to.
    """
    service, ns, at = dialect.service, quoteattr(namespace), quoteattr(address)
    elements = messages = operations = bindings = ports = ""
    for name, signature in dialect.operations.items():
        for element, children in ((name, signature.parameters), (f"{name}Response", ("return",))):
            inside = "".join(f'<xs:element name="{child}" type="xs:string"/>' for child in children)
            sequence = f"<xs:complexType><xs:sequence>{inside}</xs:sequence></xs:complexType>"
            elements += f'<xs:element name="{element}">{sequence}</xs:element>'
            part = f'<part name="parameters" element="tns:{element}"/>'
            messages += f'<message name="{element}Message">{part}</message>'
        output = f'<output message="tns:{name}ResponseMessage"/>'
        operations += f'<operation name="{name}"><input message="tns:{name}Message"/>{output}</operation>'
    for soap, port in (("soapbind", f"{service}Soap"), ("soap12bind", f"{service}Soap12")):
        bound = f'<{soap}:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
        for name in dialect.operations:
            action = quoteattr(f"{namespace}#{service}:{name}")
            bound += f'<operation name="{name}"><{soap}:operation style="document" soapAction={action}/>'
            body = f'<{soap}:body use="literal"/>'
            bound += f"<input>{body}</input><output>{body}</output></operation>"
        bindings += f'<binding name="{port}Binding" type="tns:{service}PortType">{bound}</binding>'
        ports += f'<port name="{port}" binding="tns:{port}Binding"><{soap}:address location={at}/></port>'
    written = f"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" name="{service}" targetNamespace={ns}
            xmlns:soapbind="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema"
            xmlns:soap12bind="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:tns={ns}>
        <types><xs:schema targetNamespace={ns} attributeFormDefault="unqualified"
            elementFormDefault="qualified">{elements}</xs:schema></types>
        {messages}<portType name="{service}PortType">{operations}</portType>{bindings}
        <service name="{service}">{ports}</service></definitions>"""
    document = etree.fromstring(written, etree.XMLParser(remove_blank_text=True))
    return etree.tostring(document, encoding="UTF-8", xml_declaration=True, pretty_print=True)
