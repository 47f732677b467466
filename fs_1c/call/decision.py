"""A client rings: who he is, by 1C, and what becomes of his call."""

from __future__ import annotations

from dataclasses import dataclass
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
class LastTalk:
    """Who has talked to a client last.

    Attributes:
        extension: The subscriber.
        at: When they began; seconds since the epoch.
    """

    extension: str
    at: float


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
