"""The dialects that 1C services of this kind speak: names, and what a screen pop looks like. Pure.

Three are in the field; names of operations and parameters are case-sensitive in 1C, and a base may have its
own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

SoapVersion = Literal["1.1", "1.2"]


class DialectName(StrEnum):
    """Presets."""

    MOBILON_1 = "mobilon-1"  # SayName(number) alone, the answer is plain text
    MOBILON_2 = "mobilon-2"  # SayName(Number) and IncomingCall(NumFrom, Key)
    MOBILON_3 = "mobilon-3"  # SayName(Number) and Event(Data)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one base is spoken to.

    Attributes:
        namespace: Of the operations and their parameters.
        path: Where the service is published below the base; used when the settings' URL names only the base.
        say_name, number: The lookup's operation and its parameter.
        incoming_call, num_from, key: The screen pop's operation and its parameters.
        event, data: The operation that takes a call's events as JSON, and its parameter; when `event` is not
            empty, a screen pop is sent through it instead of `incoming_call`.
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


PRESETS = {
    DialectName.MOBILON_1: Dialect("http://test", "/ws/ImportTasks", number="number"),
    DialectName.MOBILON_2: Dialect("http://VATS", "/telephony/ws/VATS"),
    DialectName.MOBILON_3: Dialect("http://VATSCalls", "/ws/VATScalls", event="Event"),
}


@dataclass(frozen=True, slots=True)
class Pop:
    """What 1C is told about a conversation.

    Attributes:
        number: The client's, in the base's own form.
        key: The subscriber's key.
        extension: The subscriber's extension, or empty.
        call: The call's UUID, or empty.
        when: When the conversation began, seconds since the epoch.
    """

    number: str
    key: str
    extension: str = ""
    call: str = ""
    when: float = 0.0

    def __repr__(self) -> str:  # the key is a credential
        return f"<Pop {self.number} at {self.extension or 'a key'}>"


def lookup_request(dialect: Dialect, number: str) -> tuple[str, dict[str, str]]:
    """The lookup's operation and parameters."""
    return dialect.say_name, {dialect.number: number}


def pop_request(dialect: Dialect, pop: Pop) -> tuple[str, dict[str, str]]:
    """The screen pop's operation and parameters.

    `Event` takes JSON whose names are those of the 1C side in the field: it opens the card when an incoming
    call has the state PREANSWER, finds the person by `to` or by `userkey`, and the call by `uuid`. Only that
    one state is sent.
    """
    if not dialect.event:
        return dialect.incoming_call, {dialect.num_from: pop.number, dialect.key: pop.key}
    data = {
        "state": "PREANSWER",
        "direction": "incoming",
        "from": pop.number,
        "to": pop.extension,
        "userkey": pop.key,
        "uuid": pop.call,
        "baseid": pop.call,
        "subid": pop.call,
        "time": int(pop.when),
    }
    return dialect.event, {dialect.data: json.dumps(data, ensure_ascii=False)}
