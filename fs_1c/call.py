"""The nouns: a phone call as this library sees it. Frozen values, no I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from fs_1c.numbers import Number


class Result(StrEnum):
    """How a lookup ended; the channel variable `fs_1c_result`."""

    FOUND = "found"
    UNKNOWN = "unknown"  # 1C answered: no such client
    SKIPPED = "skipped"  # 1C was not asked: an extension, a withheld or malformed number, a flood of new ones
    BLOCKED = "blocked"  # 1C was not asked: `numbers.blocked_file` has the number
    LATE = "late"  # no answer by the deadline; the call went on without it
    FAILED = "failed"  # 1C, or the way to it, failed


class Source(StrEnum):
    """Where a lookup's answer came from."""

    ONEC = "1c"
    CACHE = "cache"
    STALE = "stale"  # remembered for longer than it is fresh; being asked again meanwhile
    SHARED = "shared"  # another switch had asked
    NONE = "none"


class PresenceState(StrEnum):
    """Whether a subscriber can take a call; the channel variable `fs_1c_manager_state`."""

    FREE = "free"
    BUSY = "busy"
    AWAY = "away"  # none of his telephones is registered
    UNKNOWN = "unknown"  # the switch has not told, or is not heard: he is rung like one who is free


@dataclass(frozen=True, slots=True)
class Presence:
    """How it is with a subscriber.

    Attributes:
        since: Since when he is busy or away; seconds since the epoch, 0: not known.
        whom: With whom he talks, as the switch has that; empty: with nobody yet, or nobody knows.
        declines: He is busy because his telephone has declined a call without ringing (DND).
    """

    state: PresenceState
    since: float = 0.0
    whom: str = ""
    declines: bool = False


StateOf = Callable[[str, str], Presence]
"""Extension, domain (or empty: whatever his is) → how it is with that subscriber."""


@dataclass(frozen=True, slots=True)
class LastTalk:
    """Who has talked to a client last.

    Attributes:
        extension: The subscriber.
        at: When they began; seconds since the epoch.
    """

    extension: str
    at: float


@dataclass(frozen=True, slots=True)
class Call:
    """One incoming call, as its channel describes it. Every text is the caller's and therefore hostile.

    Attributes:
        uuid: The channel's Unique-ID; the thread that all log lines of the call hang on.
        number: The caller's number as received, any form.
        name: The caller's SIP display name.
        destination: The number that was dialled.
        domain: The SIP domain of the company's subscribers (`domain_name`), or empty when the channel has
            none.
        private: The caller asked not to be identified.
        base: The 1C base that the dialplan chose (`fs_1c_base`), or empty.
        deadline: Seconds that the dialplan grants the lookup (`fs_1c_deadline`), or None for the setting.
        default_target: The dialplan's own dial string (`fs_1c_default_target`), or empty.
        trunk: The network address of whoever has sent us the call, or empty when the switch tells of none.
        switch: The Core-UUID of the switch where it is, or empty when the door does not tell.
    """

    uuid: str
    number: str
    name: str = ""
    destination: str = ""
    domain: str = ""
    private: bool = False
    base: str = ""
    deadline: float | None = None
    default_target: str = ""
    trunk: str = ""
    switch: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why 1C gave no answer, in words for an engineer.

    Attributes:
        kind: A stable short name, such as `unauthorized` or `timeout`.
        message: One line; 1C's own words where it had any. Never holds a password or a key.
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, according to 1C.

    Attributes:
        number: The caller's number, or None when there is none that 1C could be asked about.
        asked_as: The form in which 1C was (or would be) asked; empty when it was not.
        title: The client's name as 1C gave it, trimmed; not yet fit for a channel.
        category: The client's category as 1C gave it.
        manager: The phone of the responsible manager, as 1C gave it, trimmed.
        took: Seconds this lookup took, as the caller felt it.
        onec_took: Seconds that 1C took over the request behind this answer; None: it was not asked for this
            call, or has not answered by now.
        error: Why, when `result` is `late`, `failed` or `skipped`.
        base: The name of the base that was, or would have been, asked.
    """

    number: Number | None
    result: Result
    asked_as: str = ""
    title: str = ""
    category: str = ""
    manager: str = ""
    source: Source = Source.NONE
    took: float = 0.0
    onec_took: float | None = None
    error: Failure | None = None
    base: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a call. Every value is already harmless inside a channel.

    Attributes:
        call: The call that this is about.
        caller: Who is calling.
        variables: Channel variables to set, in this order, name → value; `fs_1c_target` is among them if
            there is one.
        target: The dial string to bridge to, or None: the dialplan's own default stays.
        refused: Which phone of the manager's is not rung because `routing.external_allow` does not allow it,
            and why, in words for an engineer; or empty.
        reject: With which of FreeSWITCH's causes the caller is turned away; or empty.
        why: That somebody stands in for a manager; how it is with one who cannot take the call, and what
            becomes of him; in words for an engineer, or empty.
    """

    call: Call
    caller: Caller
    variables: tuple[tuple[str, str], ...]
    target: str | None
    refused: str = ""
    reject: str = ""
    why: str = ""


class How(StrEnum):
    """How a subscriber has come to talk to a client."""

    ANSWERED = "answered"  # his telephone rang for the client, or he has called him
    PICKED_UP = "picked up"  # somebody else's rang, and he took the call
    HANDED = "handed over"  # somebody had asked him first
    TRANSFERRED = "transferred"  # nobody had
    FETCHED = "fetched"  # he took him back from where he was parked or held
    FORWARDED = "forwarded"  # somebody's telephone had sent the call on


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
    """

    leg_uuid: str
    at: float = 0.0
    cause: str = ""


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
    Began | Conversation | Unidentified | TalksOutside | TalksInside | Parted | Resumed | Recorded | HungUp
)
"""What channel events tell us."""


class Outcome(StrEnum):
    """How a screen pop ended."""

    ACCEPTED = "accepted"  # 1C took it; it never says whether the card was shown
    REJECTED = "rejected"  # 1C answered, but not 1
    FAILED = "failed"  # it surely did not reach 1C
    UNKNOWN = "unknown"  # it may have arrived and no answer came; never sent again
    NO_KEY = "no key"  # the subscriber has no key
    NO_SUBSCRIBER = "no subscriber"  # the switch does not tell who talks to the client
    SKIPPED = "skipped"  # there is no number that 1C could show
    TOO_LATE = "too late"  # 1C was away for as long as the card was of use, or the conversation ended
    ELSEWHERE = "elsewhere"  # another service, or this one before its restart, has told 1C


@dataclass(frozen=True, slots=True)
class ScreenPop:
    """What became of one IncomingCall.

    Attributes:
        took: Seconds from the conversation to 1C's answer.
        error: Why, when the outcome is not `accepted`.
        by: The host that has told 1C, when the outcome is `elsewhere`.
    """

    outcome: Outcome
    took: float = 0.0
    error: Failure | None = None
    by: str = ""


class Told(StrEnum):
    """What became of a word that 1C was to be told of a call."""

    TOLD = "told"  # 1C has it
    REFUSED = "refused"  # 1C's answer was that it does not take it
    UNKNOWN = "unknown"  # it may have arrived, no answer came, and twice it would do harm
    GIVEN_UP = "given up"  # 1C was away for too long
    DROPPED = "dropped"  # an engineer wants 1C not to be told


@dataclass(frozen=True, slots=True)
class HistoryWord:
    """One word of a call's history, and what became of it.

    Attributes:
        base: The base that was to be told.
        call_uuid: What the call is called.
        state: The dialect's word, such as START or COMPLETED.
        extension: Whom it is about; may be empty.
        at: Of when it is; seconds since the epoch.
        told: What became of it.
        took: Seconds from then to that.
        error: Why, when 1C has not taken it.
    """

    base: str
    call_uuid: str
    state: str
    extension: str
    told: Told
    at: float
    took: float = 0.0
    error: Failure | None = None
