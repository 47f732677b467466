"""The nouns: a phone call as this library sees it. Frozen values, no I/O.

A call is decided (`decision`); then things happen to it (`events`), and 1C is told of them (`told`). Whom it
may go to is a matter of `presence`.
"""

from fs_1c.call.decision import Call, Caller, Decision, Failure, LastTalk, Result, Source
from fs_1c.call.events import (
    Began,
    CallEvent,
    Conversation,
    Ended,
    How,
    HungUp,
    Parted,
    RangAgain,
    Recorded,
    Resumed,
    TalksInside,
    TalksOutside,
    Unidentified,
)
from fs_1c.call.presence import Presence, PresenceState, StateOf
from fs_1c.call.told import HistoryWord, Outcome, ScreenPop, Told

__all__ = [
    "Began",
    "Call",
    "CallEvent",
    "Caller",
    "Conversation",
    "Decision",
    "Ended",
    "Failure",
    "HistoryWord",
    "How",
    "HungUp",
    "LastTalk",
    "Outcome",
    "Parted",
    "Presence",
    "PresenceState",
    "RangAgain",
    "Recorded",
    "Result",
    "Resumed",
    "ScreenPop",
    "Source",
    "StateOf",
    "TalksInside",
    "TalksOutside",
    "Told",
    "Unidentified",
]
