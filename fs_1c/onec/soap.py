"""SOAP as 1C speaks it: envelope out, response in. Pure.

The envelope is built by hand: WSDL clients break on 1C's HTML errors, and the request that every 1C
understands is the one in Mobilon's description of the 1C integration, element for element.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from fs_1c.onec.errors import OneCError, Reached, by_status, words

CONTENT_TYPE = "text/xml; charset=utf-8"
MAX_RESPONSE = 1 << 20
"""Octets of a response that are read; 1C's answer has some hundreds."""

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <{operation} xmlns={namespace}>
{parameters}
        </{operation}>
    </soap:Body>
</soap:Envelope>
"""
# What XML 1.0 cannot carry in any form.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def envelope(namespace: str, operation: str, parameters: dict[str, str]) -> bytes:
    """The request: UTF-8 octets of a SOAP 1.1 envelope. `parameters` in the order in which they are sent."""
    lines = (
        f"            <{name}>{escape(_NOT_XML.sub('', value))}</{name}>"
        for name, value in parameters.items()
    )
    return _ENVELOPE.format(
        operation=operation, namespace=quoteattr(namespace), parameters="\n".join(lines)
    ).encode()


def read_return(status: int, body: bytes, operation: str) -> str:
    """The text of the operation's `return` element, stripped; empty when the element is empty, nil or absent.

    Args:
        status: The HTTP status code.
        body: The response's octets.
        operation: The operation that was called, such as `SayName`.

    Raises:
        OneCError: The status is not 200, the response is a Fault, or it is no SOAP response at all.
    """
    root = _parse(body)
    fault = _first(root, "Fault")
    if fault is not None:
        said = _first(fault, "faultstring")
        said = said if said is not None else _first(fault, "Text")
        text = words(_text(said if said is not None else fault))
        raise OneCError("fault", f"1C code failed: {text}", Reached.YES, base_down=False)
    if status != 200:
        raise by_status(status, body.decode("utf-8-sig", "replace"))
    response = _first(root, f"{operation}Response")
    if response is None:
        said_html = words(body.decode("utf-8-sig", "replace"))
        raise OneCError(
            "not-soap", f"HTTP 200, but no {operation}Response: {said_html}", Reached.YES, base_down=True
        )
    result = _first(response, "return")
    return "" if result is None else _text(result).strip()


def _parse(body: bytes) -> etree._Element | None:
    # A parser each time: lxml's parsers are not for sharing between threads. No entities, no network, no DTD:
    # the answer may come from anybody who got between us and 1C.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        return etree.fromstring(body.removeprefix(b"\xef\xbb\xbf").strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _first(element: etree._Element | None, name: str) -> etree._Element | None:
    """The first descendant of that local name, whatever its namespace."""
    if element is None:
        return None
    return next((e for e in element.iter(f"{{*}}{name}")), None)


def _text(element: etree._Element) -> str:
    return "".join(str(part) for part in element.itertext())
