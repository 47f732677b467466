"""How far a call has come that somebody has asked for: what the switch tells → a stage, and its end. Pure.

Whether it was made at all may be unknown: the connection to the switch was lost between the command and its
answer. Then it is not made again, for the subscriber's telephone may be ringing; it is looked for when the
switch is there again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum


class Stage(IntEnum):
    """In order: what comes later never goes back."""

    ASKED = 0  # the switch is told
    PLACED = 1  # it has said that it makes the call
    RINGING = 2  # the subscriber's telephone
    ANSWERED = 3  # by the subscriber; the client is called
    CLIENT_RINGS = 4
    TALKING = 5
    ENDED = 6


class Result(StrEnum):
    """How it ended."""

    TALKED = "talked"
    NOT_PLACED = "not-placed"  # the switch was not told, or would not
    UNKNOWN = "unknown"  # whether it was made nobody can say
    UNHEARD = "unheard"  # it was made and has ended; how, nobody has heard
    NOT_REGISTERED = "not-registered"
    NO_SUBSCRIBER = "no-subscriber"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    CANCELLED = "cancelled"
    CLIENT_BUSY = "client-busy"
    CLIENT_NO_ANSWER = "client-no-answer"
    CLIENT_NO_NUMBER = "client-no-number"
    CLIENT_FAILED = "client-failed"
    FAILED = "failed"


class What(StrEnum):
    """What is told of a call."""

    PLACED = "placed"
    RINGS = "rings"
    ANSWERS = "answers"
    CLIENT_RINGS = "client rings"
    TALKS = "talks"
    GONE = "gone"  # the subscriber's leg has ended, or there never was one
    REFUSED = "refused"  # the switch was not told, or would not do it
    LOST = "lost"  # the connection to the switch
    UNHEARD = "unheard"  # it is there again, and the call is not


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is told of a call.

    Attributes:
        cause: FreeSWITCH's Hangup-Cause, at its end.
    """

    what: What
    cause: str = ""


_STAGES = {
    What.PLACED: Stage.PLACED,
    What.RINGS: Stage.RINGING,
    What.ANSWERS: Stage.ANSWERED,
    What.CLIENT_RINGS: Stage.CLIENT_RINGS,
    What.TALKS: Stage.TALKING,
}
_NO_ANSWER = frozenset(
    ("NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT", "RECOVERY_ON_TIMER_EXPIRE")
)
_BUSY = frozenset("USER_BUSY CALL_REJECTED".split())
_CANCELLED = frozenset("NORMAL_CLEARING ORIGINATOR_CANCEL MANAGER_REQUEST".split())
_NO_NUMBER = frozenset(
    ("UNALLOCATED_NUMBER", "INVALID_NUMBER_FORMAT", "NO_ROUTE_DESTINATION", "NUMBER_CHANGED")
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        result: How it ended; None: it has not.
        cause: FreeSWITCH's Hangup-Cause; empty: it has not ended, or nobody says.
        unheard: The connection to the switch was lost, and nothing has been heard of the call since.
    """

    stage: Stage = Stage.ASKED
    result: Result | None = None
    cause: str = ""
    unheard: bool = False

    @property
    def is_unknown(self) -> bool:
        """Nobody can say whether there is such a call."""
        return self.result is Result.UNKNOWN or (self.unheard and self.stage is Stage.ASKED)

    def after(self, step: Step) -> Progress:
        """With that step. It ends once; but what nobody could say may be heard of after all."""
        if self.result is not None and self.result is not Result.UNKNOWN:
            return self
        match step.what:
            case What.GONE:
                return Progress(Stage.ENDED, _result(self.stage, step.cause), step.cause)
            case What.REFUSED:
                return Progress(Stage.ENDED, Result.NOT_PLACED)
            case What.LOST:
                return replace(self, unheard=True)
            case What.UNHEARD if self.unheard:
                made = self.stage is not Stage.ASKED
                return Progress(Stage.ENDED, Result.UNHEARD) if made else replace(self, result=Result.UNKNOWN)
            case What.UNHEARD:
                return self
        return replace(self, stage=max(self.stage, _STAGES[step.what]), result=None, unheard=False)


def _result(stage: Stage, cause: str) -> Result:
    if stage is Stage.TALKING:
        return Result.TALKED
    if not cause:
        return Result.UNHEARD
    if stage >= Stage.ANSWERED:
        return _of_client(cause)
    if cause == "USER_NOT_REGISTERED":
        return Result.NOT_REGISTERED
    if cause in ("SUBSCRIBER_ABSENT", *_NO_NUMBER):
        return Result.NO_SUBSCRIBER
    if cause in _BUSY:
        return Result.BUSY
    if cause in _NO_ANSWER:
        return Result.NO_ANSWER
    return Result.CANCELLED if cause in _CANCELLED else Result.FAILED


def _of_client(cause: str) -> Result:
    if cause in _BUSY:
        return Result.CLIENT_BUSY
    if cause in _NO_ANSWER:
        return Result.CLIENT_NO_ANSWER
    if cause in _NO_NUMBER:
        return Result.CLIENT_NO_NUMBER
    return Result.CANCELLED if cause in _CANCELLED else Result.CLIENT_FAILED
