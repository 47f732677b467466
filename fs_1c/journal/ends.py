"""How a call ended, and what 1C was told of it: rows of the journal; and who is still to be called back.

A call is in `ends` once it is over: who talked to the client, for how long, or that nobody did. In `told` is
a row for each word of the history that has come to an end; it names no client, but the call.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from fs_1c.call import Ended, HistoryWord
from fs_1c.journal.texts import fit
from fs_1c.talk import Story

MOST_MISSED = 5000
"""Missed calls, the latest, that are looked at when somebody wants those that nobody has called back."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS ends (id INTEGER PRIMARY KEY, at REAL, call TEXT, number TEXT, destination
    TEXT, outgoing INTEGER, began REAL, extension TEXT, rang TEXT, talked TEXT, seconds REAL,
    answered INTEGER, cause TEXT, switch TEXT, recording TEXT NOT NULL DEFAULT '', unheard INTEGER NOT NULL
    DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS told (id INTEGER PRIMARY KEY, at REAL, call TEXT, base TEXT, state TEXT,
    extension TEXT, outcome TEXT, error_kind TEXT, error TEXT, of_when REAL)""",
    "CREATE INDEX IF NOT EXISTS ends_by_time ON ends (at)",
    "CREATE INDEX IF NOT EXISTS ends_by_number ON ends (number, at)",
    "CREATE INDEX IF NOT EXISTS ends_by_call ON ends (call, at)",
    "CREATE INDEX IF NOT EXISTS ends_missed ON ends (at, number) WHERE answered = 0 AND outgoing = 0",
    "CREATE INDEX IF NOT EXISTS told_by_time ON told (at)",
    "CREATE INDEX IF NOT EXISTS told_by_call ON told (call, at)",
)
"""Of version 4 of the journal's file; `recording` is since 6, `unheard` since 7."""

_BASE_OF = "(SELECT base FROM calls WHERE calls.call = {}.call AND base != '' ORDER BY at DESC LIMIT 1)"
# Of a call that a subscriber has made nobody was asked where it should go, so that says of no base that it is
# another's.
_SAME_BASE = f"ifnull({_BASE_OF.format('later')} = {_BASE_OF.format('missed')}, 1)"
_MISSED = f"""SELECT call FROM
    (SELECT call, number, at FROM ends WHERE answered = 0 AND outgoing = 0
     ORDER BY at DESC LIMIT {MOST_MISSED}) AS missed WHERE number != ''
    AND NOT EXISTS (SELECT 1 FROM talks WHERE talks.call = missed.call)
    AND NOT EXISTS (SELECT 1 FROM talks AS later WHERE later.number = missed.number AND later.at > missed.at
                    AND {_SAME_BASE})
    AND NOT EXISTS (SELECT 1 FROM ends AS later WHERE later.number = missed.number AND later.at > missed.at
                    AND later.answered AND {_SAME_BASE})
    ORDER BY at DESC LIMIT ?"""  # noqa: S608


class EndEntry(NamedTuple):
    """A call is over.

    Attributes:
        at: When; seconds since the epoch, UTC.
        call: What the call is called, mostly the uuid of the client's leg.
        number: The client's, E.164, or as received if it is none; empty: withheld.
        destination: The number that was dialled, or empty.
        outgoing: A subscriber had called the client.
        began: When the call began, by the switch's clock; 0: it did not say.
        extension: Who had called, of an outgoing call.
        rang: Extensions that rang, in order, with commas between.
        talked: Who talked to the client, in order: extensions, or what others are called.
        seconds: How long the client had somebody to talk to.
        answered: Somebody has talked to him.
        cause: FreeSWITCH's Hangup-Cause of his leg, or empty.
        switch: As of a screen pop.
        recording: The file of its latest recording, as the switch calls it; its address is made when somebody
            wants it, for it holds a date.
        unheard: Nobody has heard its end: it was found to be over then, so `seconds` are so many at the most.
    """

    at: float
    call: str
    number: str
    destination: str
    outgoing: bool
    began: float
    extension: str
    rang: str
    talked: str
    seconds: float
    answered: bool
    cause: str
    switch: str
    recording: str = ""
    unheard: bool = False

    @property
    def outcome(self) -> Ended:
        return Ended.of(answered=self.answered, outgoing=self.outgoing, unheard=self.unheard)

    @property
    def missed(self) -> bool:
        """The client has called, and nobody has talked to him."""
        return self.outcome is Ended.MISSED


class ToldEntry(NamedTuple):
    """1C was to be told a word of a call.

    Attributes:
        at: When that came to an end; seconds since the epoch, UTC.
        call: What the call is called.
        base: The base that was to be told.
        state: The dialect's word, such as START or COMPLETED.
        extension: Whom it is about; may be empty.
        outcome: A value of `fs_1c.call.Told`.
        error_kind, error: Why, when 1C has not taken it; else empty.
        of_when: Of when the word is; seconds since the epoch.
    """

    at: float
    call: str
    base: str
    state: str
    extension: str
    outcome: str
    error_kind: str
    error: str
    of_when: float


def of_end(story: Story, told: float) -> EndEntry:
    """The row of a call that is over; all its texts are `fit`. `told`: when that was told."""
    whole = (file for file in reversed(story.recordings) if fit(file) == file)  # half a path leads nowhere
    talked = dict.fromkeys(talk.extension or talk.name or "?" for talk in story.talks)
    return EndEntry(
        told,
        fit(story.call_uuid),
        fit(story.number),
        fit(story.destination),
        story.outgoing,
        story.began,
        fit(story.extension),
        fit(", ".join(story.rang)),
        fit(", ".join(talked)),
        story.seconds,
        story.answered,
        fit(story.cause),
        fit(story.switch),
        next(whole, ""),
        story.unheard,
    )


def of_word(word: HistoryWord, told: float) -> ToldEntry:
    """The row of a word; all its texts are `fit`. `told`: when it came to its end."""
    error = word.error
    return ToldEntry(
        told,
        fit(word.call_uuid),
        fit(word.base),
        fit(word.state),
        fit(word.extension),
        word.told.value,
        fit(error.kind) if error else "",
        fit(error.message) if error else "",
        word.at,
    )


def not_called_back(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Calls that were missed, or perhaps were, the latest first, if nobody has talked to that client since,
    whoever called whom; but that he has reached people of another base calls nobody back. Who withheld his
    number cannot be called; and a call that was talked in is none of them, however its end was heard: by a
    service that had been started meanwhile.
    """
    return [call for (call,) in connection.execute(_MISSED, (limit,))]
