"""The ways in which 1C's answer, HTTP 200 and all, is not what the description shows. Pure."""

from collections.abc import Callable
from dataclasses import replace
from xml.sax.saxutils import escape, quoteattr

from fs_1c.simulator.onec.clients import Client
from fs_1c.simulator.onec.dialects import Signature, embed, plain_text
from fs_1c.simulator.onec.envelope import Operation, return_element, write_element, write_response
from fs_1c.simulator.onec.faults import Fault

BOM = "\ufeff"
_DECLARATION = '<?xml version="1.0"?>'
_MARK = "ENTITY-GOES-HERE"
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
# Ten levels of ten: three gigabytes for whoever expands them.
_LAUGHS = '<!ENTITY e0 "ha ">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))


def shaped(fault: Fault | None, operation: Operation, client: Client | None, signature: Signature) -> bytes:
    """The answer to an operation, spoilt by a fault of the stage `SHAPE`.

    client: who was found. A fault of a title or a phone leaves the answer about an unknown caller as it is.
    """
    if fault is None:
        return write_response(operation, signature.answer(client))
    if fault.name in _CLIENTS:
        return write_response(operation, _CLIENTS[fault.name](fault, client, signature))
    value = signature.answer(client)
    if fault.name in _VALUES:
        return write_response(operation, _VALUES[fault.name](fault, value))
    if fault.name in _ELEMENTS:
        return write_element(operation, _ELEMENTS[fault.name](value))
    if fault.name == "crlf":
        markup = escape(value.replace("\n", "\r\n"), {"\r": "&#13;"})
        return write_element(operation, return_element(markup)).replace(b"\n", b"\r\n")
    if fault.part == "inner":
        return write_response(operation, _layered(fault, value, client, signature, root="data"))
    whole = write_response(operation, _about(client, signature, fault)).decode()
    return _layered(fault, whole, client, signature, root="Envelope").encode()


def _said_of(change: Callable[[Fault, Client], Client]) -> Callable[[Fault, Client | None, Signature], str]:
    """An answer about the client as a fault changes it."""
    return lambda fault, client, signature: signature.answer(client and change(fault, client))


def _unescaped(fault: Fault, client: Client | None, signature: Signature) -> str:
    if client is None or signature.answer is plain_text:
        return signature.answer(client and replace(client, title=fault.text or ""))
    return embed(fault.text or "", client.category, client.manager)


_CLIENTS: dict[str, Callable[[Fault, Client | None, Signature], str]] = {
    "unescaped-title": _unescaped,
    "title-line-breaks": _said_of(lambda fault, client: replace(client, title=fault.text or "")),
    "huge-title": _said_of(lambda fault, client: replace(client, title="Ж" * (fault.size or 0))),
    "no-break-space": _said_of(lambda fault, client: replace(client, manager=fault.text or "")),
    "several-phones": _said_of(lambda fault, client: replace(client, manager=fault.text or "")),
    "zero-phone": _said_of(lambda fault, client: replace(client, manager="0")),
}
_VALUES: dict[str, Callable[[Fault, str], str]] = {
    "plain-text": lambda fault, value: fault.text or "",
    "error": lambda fault, value: f"{_DECLARATION}\n<error>{escape(fault.text or '')}</error>\n",
    "leading-line-break": lambda fault, value: "\r\n" + value,
    "pop-answer": lambda fault, value: fault.text or "",
}
_ELEMENTS: dict[str, Callable[[str], str]] = {
    "cdata": lambda value: return_element(f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"),
    "nil": lambda value: f'<m:return {_XSI} xsi:nil="true"/>',
    "self-closed": lambda value: "<m:return/>",
    "empty-return": lambda value: return_element(""),
}


def _about(client: Client | None, signature: Signature, fault: Fault) -> str:
    """The text of m:return; for an entity's sake about somebody whose title is a mark to put it at."""
    if fault.name not in ("entity-bomb", "external-entity"):
        return signature.answer(client)
    return signature.answer(replace(client, title=_MARK) if client else Client("0", _MARK))


def _layered(fault: Fault, text: str, client: Client | None, signature: Signature, root: str) -> str:
    """A fault that exists in the embedded XML and in the envelope around it; `root` is the element's name."""
    if fault.name == "bom":
        return BOM + text
    if fault.name == "false-encoding":
        return f'<?xml version="1.0" encoding={quoteattr(fault.text or "")}?>\n' + _undeclared(text)
    if root == "data":
        text = _about(client, signature, fault)
    if fault.name == "entity-bomb":
        declared, entity = _LAUGHS, "&e9;"
    else:
        declared, entity = f"<!ENTITY x SYSTEM {quoteattr(fault.location or '')}>", "&x;"
    name = root if root == "data" else f"soap:{root}"
    return f"{_DECLARATION}\n<!DOCTYPE {name} [{declared}]>\n{_undeclared(text).replace(_MARK, entity)}"


def _undeclared(text: str) -> str:
    return text.removeprefix(_DECLARATION).lstrip("\n")
