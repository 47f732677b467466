"""What 1C was told of a call, by a card or by a word of its history, and what became of that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fs_1c.call.decision import Failure


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
