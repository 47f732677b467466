"""SOAP, both versions: the bytes of a request → `Operation`, an answer or a fault → bytes. Pure.

The shape of the answers, down to spaces and line ends, is that of Mobilon's description of the 1C
integration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from xml.sax.saxutils import escape, quoteattr

from lxml import etree


class SoapVersion(Enum):
    """The value is what is written in logs and in `ReceivedRequest.soap_version`."""

    V1_1 = "1.1"
    V1_2 = "1.2"

    @property
    def namespace(self) -> str:
        return _NAMESPACES[self]

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES[self]


_NAMESPACES = {
    SoapVersion.V1_1: "http://schemas.xmlsoap.org/soap/envelope/",
    SoapVersion.V1_2: "http://www.w3.org/2003/05/soap-envelope",
}
_CONTENT_TYPES = {
    SoapVersion.V1_1: "text/xml; charset=utf-8",
    SoapVersion.V1_2: "application/soap+xml; charset=utf-8",
}
_VERSIONS = {namespace: version for version, namespace in _NAMESPACES.items()}


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of the service, as it was sent; nothing about it has been checked against the service yet.

    version: of the envelope; the answer is given in kind.
    namespace, name: of the first element in the body.
    parameters: local name → text, of the children in the operation's namespace.
    unexpected: names, as `{namespace}name`, of children that are repeated, nested or in another namespace.
    """

    version: SoapVersion
    namespace: str
    name: str
    parameters: Mapping[str, str]
    unexpected: tuple[str, ...] = ()


class Fault(Exception):
    """The request has to be answered with a soap:Fault.

    version: of the envelope to answer in. reason: the faultstring. code: in words of SOAP 1.1, `Client`,
    `Server` or `VersionMismatch`.
    """

    def __init__(self, version: SoapVersion, reason: str, code: str = "Client") -> None:
        super().__init__(reason)
        self.version = version
        self.reason = reason
        self.code = code


def version_of(content_type: str) -> SoapVersion:
    """The version a Content-Type announces; needed only where the envelope itself cannot be read."""
    return SoapVersion.V1_2 if "application/soap+xml" in content_type.lower() else SoapVersion.V1_1


def parse_operation(body: bytes, content_type: str) -> Operation:
    """Reads a request. The envelope's namespace decides on the version, not the Content-Type.

    A document type declaration is refused outright: SOAP forbids it, and every entity attack needs one.
    Raises Fault when the body is not XML, not SOAP, or does not hold exactly one operation.
    """
    announced = version_of(content_type)
    # One parser per request: an lxml parser has a lock, and requests are parsed in many threads.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Fault(announced, f"Ошибка чтения XML: [{line},{column}]: {error.msg}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Fault(announced, "Ошибка чтения XML: объявление DOCTYPE в сообщении SOAP не допускается")
    envelope = etree.QName(root)
    version = _VERSIONS.get(envelope.namespace or "")
    if version is None or envelope.localname != "Envelope":
        raise Fault(announced, f"Неизвестный тип сообщения: {envelope.text}", code="VersionMismatch")
    bodies = root.findall(f"{{{version.namespace}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise Fault(version, "Ошибка разбора сообщения SOAP: в теле должна быть одна операция")
    return _operation(version, bodies[0][0])


def _operation(version: SoapVersion, element: etree._Element) -> Operation:
    name = etree.QName(element)
    parameters: dict[str, str] = {}
    unexpected: list[str] = []
    for child in element:
        parameter = etree.QName(child)
        if parameter.namespace != name.namespace or parameter.localname in parameters or len(child):
            unexpected.append(parameter.text)
        else:
            parameters[parameter.localname] = child.text or ""
    return Operation(
        version, name.namespace or "", name.localname, MappingProxyType(parameters), tuple(unexpected)
    )


def write_response(operation: Operation, value: str) -> bytes:
    """The answer to an operation; `value` is the text of m:return and is escaped here."""
    return write_element(operation, return_element(escape(value)))


def return_element(markup: str) -> str:
    """m:return with the namespaces 1C declares in it; `markup` is its content, escaped already."""
    return f"""\
<m:return xmlns:xs="http://www.w3.org/2001/XMLSchema"
                    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{markup}</m:return>"""


def write_element(operation: Operation, element: str) -> bytes:
    """The answer to an operation; `element` is the markup that stands where m:return is expected."""
    return f"""\
<soap:Envelope xmlns:soap="{operation.version.namespace}">
    <soap:Body>
        <m:{operation.name}Response xmlns:m={quoteattr(operation.namespace)}>
            {element}
        </m:{operation.name}Response>
    </soap:Body>
</soap:Envelope>
""".encode()


def write_fault(fault: Fault) -> bytes:
    """A soap:Fault in the version of the request."""
    if fault.version is SoapVersion.V1_1:
        inside = f"""\
            <faultcode>soap:{fault.code}</faultcode>
            <faultstring>{escape(fault.reason)}</faultstring>
            <detail/>"""
    else:
        code = {"Client": "Sender", "Server": "Receiver"}.get(fault.code, fault.code)
        inside = f"""\
            <soap:Code>
                <soap:Value>soap:{code}</soap:Value>
            </soap:Code>
            <soap:Reason>
                <soap:Text xml:lang="ru">{escape(fault.reason)}</soap:Text>
            </soap:Reason>"""
    return f"""\
<soap:Envelope xmlns:soap="{fault.version.namespace}">
    <soap:Body>
        <soap:Fault>
{inside}
        </soap:Fault>
    </soap:Body>
</soap:Envelope>
""".encode()
