"""SOAP, both versions: the bytes of a request → `Operation`, an answer or a refusal → bytes. Pure.

The answers' shape, down to spaces and line ends, is that of Mobilon's description of the 1C integration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

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

    version: of the envelope. reason: the faultstring. code: `Client`, `Server` or `VersionMismatch`.
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
