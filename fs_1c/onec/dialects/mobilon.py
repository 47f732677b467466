"""The three dialects of Mobilon's SOAP service: names, and what each request and its answer look like. Pure.

Names of operations and parameters are case-sensitive in 1C, and a base may have its own (FACTS-1c, "Dialects
in the field").
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from fs_1c.onec.dialects import answer, soap
from fs_1c.onec.dialects.protocol import MAX_CALL, NOBODY, Answer, CallState, Card, Request, Response, Tells
from fs_1c.onec.errors import OneCError, Reached, decode, has_place
from fs_1c.settings import DialectName, OneCSettings, SoapVersion

DESCRIBE = Request("describe", "GET", "?wsdl")
"""Any web service of 1C answers that, and runs none of its code for it."""
MAX_SECONDS = 99_999
"""Five digits: what the field for a call's duration holds."""

_NO_OPERATION = re.compile(
    r"неизвестн\w* операц|операци\w* .{0,120}не (?:найден|обнаружен|существ|поддерж)"
    r"|unknown operation|operation .{0,120}(?:not (?:found|supported)|does not exist)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Mobilon:
    """How one base is spoken to.

    Attributes:
        namespace: Of the operations and their parameters.
        path: Where the service is published below the base; used when the settings' URL names only the base.
        say_name, number: The lookup's operation and its parameter.
        incoming_call, num_from, key: The card's operation and its parameters.
        event, data: The operation that takes a call's events as JSON, and its parameter; when `event` is not
            empty, a card is sent through it instead of `incoming_call`.
        call_event: The operation of our own extension that takes them, beside cards of their own; empty: the
            dialect knows none.
        soap: The version of SOAP.
    """

    namespace: str
    path: str
    say_name: str = "SayName"
    number: str = "Number"
    incoming_call: str = "IncomingCall"
    num_from: str = "NumFrom"
    key: str = "Key"
    event: str = ""
    data: str = "Data"
    call_event: str = ""
    soap: SoapVersion = "1.1"

    @property
    def needs_key(self) -> bool:
        return not self.event  # which finds him by his extension, never by his key

    @property
    def tells(self) -> Tells:
        return "mobilon" if self.event else "register" if self.call_event else ""

    @property
    def card_needs_call(self) -> bool:
        return False

    def address(self, url: str) -> str:
        url = described_at(url) or url
        return url if "/ws/" in url or "/hs/" in url else url.rstrip("/") + self.path

    def lookup(self, number: str) -> Request:
        return self._request(self.say_name, {self.number: number})

    def said(self, response: Response) -> str:
        return self._returned(response, self.say_name)

    def understood(self, text: str) -> Answer:
        return answer.read(text)

    def warm_up(self) -> Request:
        return self.lookup(NOBODY)

    def awake(self, response: Response) -> None:
        answer.checked(self.understood(self.said(response)))

    def farewells(self) -> tuple[Request, ...]:
        # Where the description is forbidden, the service itself takes the farewell.
        return DESCRIBE, replace(DESCRIBE, path="")

    def ran(self, response: Response) -> bool:
        return has_place(decode(response.body))

    def card(self, card: Card) -> Request:
        """`Event` opens it when an incoming call has the state PREANSWER, at the extension `to`."""
        if not self.event:
            return self._request(self.incoming_call, {self.num_from: card.number, self.key: card.key})
        rings = CallState("PREANSWER", card.call, card.number, "", False, card.extension)
        return self._event(self.event, replace(rings, key=card.key, owner=card.owner, when=card.when))

    def accepted(self, response: Response) -> bool:
        return self._returned(response, self.event or self.incoming_call) == "1"

    def state(self, call: CallState) -> Request | None:
        if self.event:
            return self._event(self.event, call)
        return self._call_event(self.call_event, call) if self.call_event else None

    def taken(self, response: Response, call: CallState) -> None:
        operation = self.event or self.call_event
        try:
            returned = self._returned(response, operation)
        except OneCError as error:
            # Our extension has an answer for whatever happens in it: a fault that names its operation is of
            # the platform, which has not found it or does not let this user have it.
            unknown = _NO_OPERATION.search(error.message) or (not self.event and operation in error.message)
            if error.kind == "fault" and unknown and not has_place(error.message):
                raise OneCError("no-history", error.message, Reached.NO, base_down=False) from None
            raise
        if returned != "1":
            raise OneCError("rejected", f"1C did not answer 1 to {operation}", Reached.YES, base_down=False)

    def _returned(self, response: Response, operation: str) -> str:
        return soap.read_return(response.status, response.body, operation, response.told)

    def _call_event(self, operation: str, call: CallState) -> Request:
        """JSON for our own extension (docs/1c): each event tells all that is known, and none needs a key."""
        told = _sides(call, call.extension)
        told |= {"uuid": call.call[:MAX_CALL], "time": int(call.when), "began": int(call.began or call.when)}
        told["line"] = "" if call.outgoing else call.destination
        if call.state == "END":
            told["duration"] = min(max(0, call.seconds), MAX_SECONDS)
            if call.answered:
                told["callstatus"] = "ANSWER"
            elif call.owner:
                told["owner"] = call.extension
            if call.link:
                told["recordUrl"] = call.link
        return self._request(operation, {self.data: json.dumps(told, ensure_ascii=False)})

    def _event(self, operation: str, call: CallState) -> Request:
        """JSON, whose names are those of the 1C side in the field."""
        told = _sides(call, call.extension or call.destination)
        if call.key and call.owner:  # who comes with a key becomes an owner of the call
            told["userkey"] = call.key
        told |= dict.fromkeys(("uuid", "baseid", "subid"), call.call[:MAX_CALL])
        told["time"] = int(call.when)
        if call.state == "HANGUP":
            told["duration"] = min(max(0, call.seconds), MAX_SECONDS)
            if call.answered:
                told["callstatus"] = "ANSWER"  # the only one there is: without it the call is missed
        if call.link and call.state in ("HANGUP", "END"):
            told["recordUrl"] = call.link
        return self._request(operation, {self.data: json.dumps(told, ensure_ascii=False)})

    def _request(self, operation: str, parameters: dict[str, str]) -> Request:
        return Request(
            operation,
            headers=(("Content-Type", soap.CONTENT_TYPE[self.soap]),),
            body=soap.envelope(self.namespace, operation, parameters, self.soap),
        )


PRESETS: dict[DialectName, Mobilon] = {
    DialectName.MOBILON_1: Mobilon("http://test", "/ws/ImportTasks", number="number"),
    DialectName.MOBILON_2: Mobilon("http://VATS", "/telephony/ws/VATS", call_event="CallEvent"),
    DialectName.MOBILON_3: Mobilon("http://VATSCalls", "/ws/VATScalls", event="Event"),
}


def _sides(call: CallState, whom: str) -> dict[str, object]:
    return {
        "state": call.state,
        "direction": "external" if call.outgoing else "incoming",  # which of the two is the client
        "from": whom if call.outgoing else call.number,
        "to": call.number if call.outgoing else whom,
    }


def described_at(url: str) -> str:
    """The address of the service, if `url` is that of its description: as zeep and SoapUI have it."""
    address, mark, query = url.partition("?")
    return address if mark and query.lower().rstrip("=") in ("wsdl", "singlewsdl") else ""


def mobilon(settings: OneCSettings) -> Mobilon:
    """The preset with what is set beside it."""
    names = {name: value for name, value in settings.names.model_dump().items() if value}
    if settings.namespace:
        names["namespace"] = settings.namespace
    return replace(PRESETS[settings.dialect], soap=settings.soap, **names)
