"""SOAP as 1C speaks it: envelope out, response in. Pure.

The envelope is built by hand: WSDL clients break on 1C's HTML errors, and the request that every 1C
understands is the one in Mobilon's description of the 1C integration, element for element.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from fs_1c.onec import errors
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.settings import SoapVersion

CONTENT_TYPE: dict[SoapVersion, str] = {
    "1.1": "text/xml; charset=utf-8",
    "1.2": "application/soap+xml; charset=utf-8",
}
_NAMESPACE: dict[SoapVersion, str] = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="{soap}">
    <soap:Body>
        <{operation} xmlns={namespace}>
{parameters}
        </{operation}>
    </soap:Body>
</soap:Envelope>
"""
MAX_NAME = 100
"""Characters of an element's name that are read."""
# What XML 1.0 cannot carry in any form.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DOCTYPE = re.compile(r"<!DOCTYPE", re.IGNORECASE)
# Python knows stranger ones: `undefined` fails in its own way, `unicode_escape` makes halves of surrogate
# pairs; and every other name is looked for on the disk, and remembered for ever that it is not there.
_ENCODINGS = re.compile(
    r"(?:windows-|cp)(?:125[0-8]|866)|ibm866|koi8-[ru]|iso-8859-(?:[1-9]|1[0-6])|maccyrillic|utf-16(?:le|be)?",
    re.IGNORECASE,
)


def envelope(
    namespace: str, operation: str, parameters: dict[str, str], version: SoapVersion = "1.1"
) -> bytes:
    """The request: UTF-8 octets of a SOAP envelope. `parameters` in the order in which they are sent."""
    lines = (
        f"            <{name}>{escape(_NOT_XML.sub('', value))}</{name}>"
        for name, value in parameters.items()
    )
    return _ENVELOPE.format(
        soap=_NAMESPACE[version],
        operation=operation,
        namespace=quoteattr(namespace),
        parameters="\n".join(lines),
    ).encode()


def read_return(status: int, body: bytes, operation: str, told: tuple[tuple[str, str], ...] = ()) -> str:
    """The text of the operation's `return`, stripped; empty when the element is empty, nil or absent.

    Markup that 1C put there without escaping it comes back as the markup that it is.

    Args:
        status: The HTTP status code.
        body: The response's octets.
        operation: The operation that was called, such as `SayName`.
        told: Headers that tell why there is no good answer.

    Raises:
        OneCError: The status is not good, the response is a fault, or it is no SOAP response at all.
    """
    text = _text_of(body)
    root = _parse(text)
    fault = _first(root, "Fault")
    if fault is not None:
        places = (_first(fault, name) for name in ("faultstring", "Text", "detail", "Detail"))
        said = next((one for one in places if one is not None and _content(one).strip()), fault)
        raise errors.fault(_content(said), status)
    answer = _first(root, f"{operation}Response") if 200 <= status < 300 else None
    if answer is not None:
        return _returned(answer, operation)
    if status != 200:
        raise errors.by_status(status, body if _may_be_told(text, root, operation) else b"", told)
    if (
        root is None
        and f"{operation}Response" in text
        and (broken := _between_tags(text, "return")) is not None
    ):
        return broken.strip()  # the inner XML stands there unescaped and spoils the outer one
    said_instead = errors.words(text)
    if (known := errors.by_words(said_instead)) is not None:
        raise known
    if not _is_page(text):  # what is in it may be about a client
        said_instead = f"<{_local(root)}>" if root is not None else _kind_of(text)
    message = f"HTTP 200, but no {operation}Response" + (f": {said_instead}" if said_instead else "")
    raise OneCError("not-soap", message, Reached.MAYBE, base_down=True)


def _returned(answer: etree._Element, operation: str) -> str:
    """What stands in `return`, or whatever else the operation gives."""
    result = _first(answer, "return")
    result = result if result is not None else _first(answer, f"{operation}Result")
    if result is None:
        return _inner(answer).strip()
    inside = _inner(result).strip()
    own = [str(name) for name in result.attrib if not str(name).startswith("{")]
    if not inside and own:  # something is told, in a way that nobody here reads
        return f"<return {own[0][:40]}=''/>"
    return inside


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2][:MAX_NAME]


def _may_be_told(text: str, root: etree._Element | None, operation: str) -> bool:
    """Whether the words in a response that is no good answer are about that, and not about a client."""
    if f"{operation}Response" in text:
        return False
    if root is None or _is_page(text):
        return True
    return re.search("exception|error|envelope", _local(root), re.IGNORECASE) is not None


def _kind_of(text: str) -> str:
    text = text.strip("\ufeff \t\r\n")
    if text[:1] in ("{", "["):
        return "JSON without an envelope"
    return ("something like XML" if text[:1] == "<" else "plain text") if text else ""


def _is_page(text: str) -> bool:
    return re.match(r"\s*(?:<!doctype html|<html|<head|<body|<h\d|<p>)", text, re.IGNORECASE) is not None


def _text_of(body: bytes) -> str:
    """The response as text. Its declared encoding may be a lie: UTF-8 counts first, then what is declared."""
    if (text := errors.utf_8(body)) is not None:
        return text
    declared = re.search(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']", body[:200])
    names = [declared[1].decode()] if declared and _ENCODINGS.fullmatch(declared[1].decode()) else []
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        names = ["utf-16"]
    for name in [*names, "cp1251"]:
        try:
            return body.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("utf-8", "replace")


def document(body: bytes) -> etree._Element | None:
    """The root of what is XML in these octets, or None: then it is none, or none that should be read."""
    return _parse(_text_of(body))


def _parse(text: str) -> etree._Element | None:
    """The root, or None when this is no XML. 1C never sends a DOCTYPE: whoever does means no good."""
    text = _DECLARATION.sub("", text.lstrip("\ufeff \t\r\n"), count=1).strip()
    if not text.startswith("<") or _DOCTYPE.search(text):
        return None
    # A parser each time: lxml's parsers are not for sharing between threads.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _first(element: etree._Element | None, name: str) -> etree._Element | None:
    """The first descendant of that local name, whatever its namespace."""
    if element is None:
        return None
    return next((e for e in element.iter(f"{{*}}{name}")), None)


def _content(element: etree._Element) -> str:
    return "".join(str(part) for part in element.itertext())


def _inner(element: etree._Element) -> str:
    """What stands inside: text, or markup if it holds elements. That is written here, without namespaces:
    lxml would write all that hold there, and for each child anew.
    """
    if not len(element):
        return _content(element)
    told = [escape(element.text or "")]
    for event, one in etree.iterwalk(element, events=("start", "end")):
        if one is element:
            continue
        name = f"{one.prefix}:{_local(one)}" if one.prefix else _local(one)
        if event == "start":
            own = ((str(of), str(value)) for of, value in one.attrib.items() if not str(of).startswith("{"))
            told.append(f"<{name}{''.join(f' {of}={quoteattr(value)}' for of, value in own)}>")
            told.append(escape(one.text or ""))
        else:
            told += (f"</{name}>", escape(one.tail or ""))
    return "".join(told)


def _between_tags(text: str, name: str) -> str | None:
    start = re.search(rf"<(?:[\w.-]+:)?{name}(?:\s[^<>]*)?>", text)
    end = text.rfind(f"{name}>")
    if start is None or end <= start.end():
        return None
    inside = text[start.end() : end]
    return inside[: inside.rfind("</")]
