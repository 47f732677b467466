"""The dialects in the field: which operations 1C publishes where, and how each answers. Pure.

| name | namespace | operations | path | SayName answers |
| --- | --- | --- | --- | --- |
| mobilon-1 | http://test | SayName(number) | /ws/ImportTasks | plain text, `VIP:Ренессанс Капитал` |
| mobilon-2 | http://VATS | SayName(Number), IncomingCall(NumFrom, Key) | /telephony/ws/VATS | embedded XML |
| mobilon-3 | http://VATSCalls | SayName(Number), Event(Data: JSON) | /ws/VATScalls | embedded XML |
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal
from xml.sax.saxutils import escape

from fs_1c.simulator.onec.clients import Client

DialectName = Literal["mobilon-1", "mobilon-2", "mobilon-3"]

ACCEPTED = "1"
OPENS_A_CARD = "PREANSWER"
INCOMING = "incoming"
MAX_EVENT = 64 * 1024
"""Characters of an event's JSON."""


@dataclass(frozen=True, slots=True)
class Pop:
    """What opens a card: the caller's number and the subscriber's key, as sent."""

    num_from: str
    key: str


@dataclass(frozen=True, slots=True)
class Signature:
    """An operation that is published.

    parameters: names in order, case-sensitive, each required, each a string.
    number: the name of the parameter that says who calls; empty when no client is looked up.
    answer: the client found, or None → the text of m:return.
    pop: the parameters → the card to open, or None.
    event: the parameters → the event to list, or None. Raises ValueError, in Russian, when it cannot be read.
    """

    parameters: tuple[str, ...]
    number: str
    answer: Callable[[Client | None], str]
    pop: Callable[[Mapping[str, str]], Pop | None] = lambda parameters: None
    event: Callable[[Mapping[str, str]], Mapping[str, Any] | None] = lambda parameters: None


@dataclass(frozen=True, slots=True)
class Dialect:
    """A service as a vendor's 1C module publishes it.

    namespace: of operations and parameters. path: of the URL. service: its name in the WSDL.
    """

    namespace: str
    path: str
    service: str
    operations: Mapping[str, Signature]


def inner_xml(client: Client | None) -> str:
    """What 1C puts, escaped once more, into m:return of SayName."""
    title, category, phone = (client.title, client.category, client.manager) if client else ("", "", "")
    return embed(escape(title), escape(category), escape(phone))


def embed(title: str, category: str, phone: str) -> str:
    """The embedded XML around markup that is escaped already, or is not, as many modules have it."""
    return f"""\
<?xml version="1.0"?>
<data>
    <title>{title}</title>
    <category>{category}</category>
    <manager>
        <phone>{phone}</phone>
    </manager>
</data>
"""


def plain_text(client: Client | None) -> str:
    """What the oldest module answers: `category:title`; nothing for somebody unknown."""
    return f"{client.category}:{client.title}" if client else ""


def accepted(client: Client | None) -> str:
    """Open the card. 1C always says 1, also for a key nobody has: accepted is not shown."""
    return ACCEPTED


def read_event(parameters: Mapping[str, str]) -> Mapping[str, Any]:
    """The JSON object in Data."""
    if len(parameters["Data"]) > MAX_EVENT:
        raise ValueError(f"Ошибка чтения JSON: более {MAX_EVENT} символов")
    try:
        event = json.loads(parameters["Data"])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Ошибка чтения JSON: {error}") from error
    if not isinstance(event, dict):
        raise ValueError("Ошибка чтения JSON: ожидается объект")
    return MappingProxyType(event)


def pop_of_event(parameters: Mapping[str, str]) -> Pop | None:
    """The card of an event: the 1C side in the field opens one when `state` is PREANSWER and `direction` is
    incoming; `from` says who calls, `to` (an extension) and `userkey` at whom.
    """
    event = read_event(parameters)
    if event.get("state") != OPENS_A_CARD or event.get("direction") != INCOMING:
        return None
    num_from, key = event.get("from"), event.get("userkey")
    return Pop(num_from, key) if isinstance(num_from, str) and isinstance(key, str) else None


SAY_NAME = Signature(("Number",), "Number", inner_xml)
INCOMING_CALL = Signature(
    ("NumFrom", "Key"), "", accepted, pop=lambda parameters: Pop(parameters["NumFrom"], parameters["Key"])
)
EVENT = Signature(("Data",), "", accepted, pop=pop_of_event, event=read_event)

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "mobilon-1": Dialect(
            "http://test",
            "/ws/ImportTasks",
            "ImportTasks",
            MappingProxyType({"SayName": Signature(("number",), "number", plain_text)}),
        ),
        "mobilon-2": Dialect(
            "http://VATS",
            "/telephony/ws/VATS",
            "VATS",
            MappingProxyType({"SayName": SAY_NAME, "IncomingCall": INCOMING_CALL}),
        ),
        "mobilon-3": Dialect(
            "http://VATSCalls",
            "/ws/VATScalls",
            "VATScalls",
            MappingProxyType({"SayName": SAY_NAME, "Event": EVENT}),
        ),
    }
)
OPERATIONS = frozenset(name for dialect in DIALECTS.values() for name in dialect.operations)
"""The names of all operations of all dialects."""
