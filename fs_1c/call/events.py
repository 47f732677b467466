"""What channel events tell of a call with a client, from its beginning to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class How(StrEnum):
    """How a subscriber has come to talk to a client."""

    ANSWERED = "answered"  # his telephone rang for the client, or he has called him
    PICKED_UP = "picked up"  # somebody else's rang, and he took the call
    HANDED = "handed over"  # somebody had asked him first
    TRANSFERRED = "transferred"  # nobody had
    FETCHED = "fetched"  # he took him back from where he was parked or held
    FORWARDED = "forwarded"  # somebody's telephone had sent the call on


class Ended(StrEnum):
    """How a call with a client has ended."""

    ANSWERED = "answered"  # somebody has talked to him
    MISSED = "missed"  # he has called, and nobody has
    NO_ANSWER = "no_answer"  # he was called, and did not answer
    UNKNOWN = "unknown"  # nobody is known to have, and the end was not heard: somebody may have

    @classmethod
    def of(cls, *, answered: bool, outgoing: bool, unheard: bool) -> Ended:
        if answered:
            return cls.ANSWERED
        if unheard:
            return cls.UNKNOWN
        return cls.NO_ANSWER if outgoing else cls.MISSED


@dataclass(frozen=True, slots=True)
class Began:
    """A call with a client: he calls, or a subscriber calls him. Told as soon as his number is settled, for a
    dialplan may mend it: when the first telephone rings, at an answer, or when he has reached nobody.

    Attributes:
        call_uuid: By which all that follows of the call is told; mostly the client's leg.
        leg_uuid: The client's leg.
        number: The client's number as the switch knows it, any form; empty: withheld.
        destination: The number that was dialled, or empty.
        base: The 1C base that the dialplan chose for the call, or empty.
        extension: The subscriber who calls, of an outgoing call.
        asked_by: His leg.
        outgoing: A subscriber calls the client.
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
        internal: A subscriber calls another: there is no client, and `number` is his extension.
    """

    call_uuid: str
    leg_uuid: str
    number: str
    destination: str = ""
    base: str = ""
    extension: str = ""
    asked_by: str = ""
    outgoing: bool = False
    at: float = 0.0
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A client and a subscriber now hear each other, or the subscriber's telephone rings for the client.

    Attributes:
        call_uuid: The client's leg.
        leg_uuid: The subscriber's leg.
        number: The client's number as the switch knows it, any form.
        extension: The subscriber's extension.
        key: The subscriber's key if his leg carried one (`fs_1c_key`), or empty.
        base: The 1C base that the dialplan chose for the call, or empty.
        destination: The number that the client dialled, or empty.
        domain: The subscriber's SIP domain, as far as his leg tells it, or empty.
        ringing: He has not answered yet.
        outgoing: The subscriber has called the client, and not the client the company.
        age: Seconds since it began: it is learnt later after a lost connection to the switch.
        how: How he has come to talk to the client.
        by: Who had to do with that: the extension that rang, or talked to the client before; or empty.
        at: When it began; seconds since the epoch by the switch's clock, 0: it does not say.
        switch: The name that its switch has in the settings, or empty.
    """

    call_uuid: str
    leg_uuid: str
    number: str
    extension: str
    key: str = field(default="", repr=False)  # a credential: not for logs
    base: str = ""
    destination: str = ""
    domain: str = ""
    ringing: bool = False
    outgoing: bool = False
    age: float = 0.0
    how: How = How.ANSWERED
    by: str = ""
    at: float = 0.0
    switch: str = ""


@dataclass(frozen=True, slots=True)
class Parted:
    """A client and a subscriber who talked do not hear each other any more: parked, transferred, or the end.

    Attributes:
        call_uuid, leg_uuid: As of the `Conversation`.
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
    """

    call_uuid: str
    leg_uuid: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Resumed:
    """A client and a subscriber who had parted hear each other again; there is no second card for that.

    Attributes:
        call_uuid, leg_uuid, extension: As of a `Conversation`; the leg may be another one.
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
    """

    call_uuid: str
    leg_uuid: str
    extension: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class RangAgain:
    """A subscriber's telephone that had rung for a client before was the last that did. Told when the client
    hangs up and has talked to no subscriber.

    Attributes:
        call_uuid, leg_uuid, extension: As of a `Conversation`; the leg is another one.
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
    """

    call_uuid: str
    leg_uuid: str
    extension: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call is being recorded.

    Attributes:
        call_uuid: As of the `Conversation`.
        file: Where, as the switch has it.
    """

    call_uuid: str
    file: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """A leg has ended: a card that has not opened by now is of no use to it.

    Attributes:
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
        cause: FreeSWITCH's Hangup-Cause, such as NORMAL_CLEARING or USER_BUSY; empty: not told.
        unheard: Nobody has heard that, nor what was before: it was found to be gone, by then at the latest.
    """

    leg_uuid: str
    at: float = 0.0
    cause: str = ""
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class Unidentified:
    """A client talks to somebody of whom the switch does not tell who he is: there is no card.

    Attributes:
        call_uuid: The client's leg.
        leg_uuid: The other's.
        number: The client's.
        name: What the other is called, as far as that goes; may be empty.
        why: What was looked at, in words for an engineer.
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
    """

    call_uuid: str
    leg_uuid: str
    number: str
    name: str
    why: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class TalksOutside:
    """A client talks to somebody outside who was called for him: a manager's mobile. There is no card.

    Attributes:
        call_uuid: As of the call's beginning.
        leg_uuid: The other's.
        number: Whom the switch has called.
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
    """

    call_uuid: str
    leg_uuid: str
    number: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class TalksInside:
    """A subscriber talks to the one whom he has called, or that one's telephone rings. There is no card.

    Attributes:
        call_uuid: As of the call's beginning.
        leg_uuid: The other's leg.
        extension: The other's.
        ringing: He has not answered yet.
        at: When; seconds since the epoch by the switch's clock, 0: it does not say.
    """

    call_uuid: str
    leg_uuid: str
    extension: str
    ringing: bool = False
    at: float = 0.0


CallEvent = (
    Began
    | Conversation
    | Unidentified
    | TalksOutside
    | TalksInside
    | Parted
    | Resumed
    | RangAgain
    | Recorded
    | HungUp
)
"""What channel events tell us."""
