"""The three dialects of Mobilon's SOAP service: names, and what each request and its answer look like. Pure.

Names of operations and parameters are case-sensitive in 1C, and a base may have its own (FACTS-1c, "Dialects
in the field").
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from fs_1c.onec.dialects import answer, soap
from fs_1c.onec.dialects.protocol import NOBODY, Answer, Card, Request, Response
from fs_1c.settings import DialectName, OneCSettings, SoapVersion


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
    soap: SoapVersion = "1.1"

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

    def card(self, card: Card) -> Request:
        """`Event` takes JSON whose names are those of the 1C side in the field: it opens the card when an
        incoming call has the state PREANSWER, finds the person by `to` or by `userkey`, and the call by
        `uuid`. Only that one state is sent.
        """
        if not self.event:
            return self._request(self.incoming_call, {self.num_from: card.number, self.key: card.key})
        data = {
            "state": "PREANSWER",
            "direction": "incoming",
            "from": card.number,
            "to": card.extension,
            "userkey": card.key,
            "uuid": card.call,
            "baseid": card.call,
            "subid": card.call,
            "time": int(card.when),
        }
        return self._request(self.event, {self.data: json.dumps(data, ensure_ascii=False)})

    def accepted(self, response: Response) -> bool:
        return self._returned(response, self.event or self.incoming_call) == "1"

    def _returned(self, response: Response, operation: str) -> str:
        return soap.read_return(response.status, response.body, operation, response.told)

    def _request(self, operation: str, parameters: dict[str, str]) -> Request:
        return Request(
            operation,
            headers=(("Content-Type", soap.CONTENT_TYPE[self.soap]),),
            body=soap.envelope(self.namespace, operation, parameters, self.soap),
        )


PRESETS: dict[DialectName, Mobilon] = {
    DialectName.MOBILON_1: Mobilon("http://test", "/ws/ImportTasks", number="number"),
    DialectName.MOBILON_2: Mobilon("http://VATS", "/telephony/ws/VATS"),
    DialectName.MOBILON_3: Mobilon("http://VATSCalls", "/ws/VATScalls", event="Event"),
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
