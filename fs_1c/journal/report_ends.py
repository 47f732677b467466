"""How a call ended, and what 1C was told of it, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fs_1c.call import Told
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.language import N_, _, retold

_BECAME = {
    Told.TOLD.value: N_("1C has it"),
    Told.REFUSED.value: N_("1C does not take it"),
    Told.UNKNOWN.value: N_("perhaps: no answer came, and told twice it would do harm"),
    Told.GIVEN_UP.value: N_("given up: 1C was away for longer than history.keep_for"),
    Told.DROPPED.value: N_("dropped by fs-1c history --drop"),
}


def in_a_line(ends: Sequence[EndEntry]) -> str:
    """Who talked to the client and how long, or that nobody did; for a line of many calls."""
    if not ends:
        return "-"
    end = ends[-1]
    if end.answered:
        return f"{end.talked} {duration(end.seconds)}"
    return _("missed") if end.missed else _("no answer")


def told_end(end: EndEntry) -> str:
    """That the call is over, in a sentence or two."""
    whole = _("The call was over")
    if 0 < end.began <= end.at:
        whole = _("The call was over after {duration}", duration=duration(end.at - end.began))
    over = f"{clock(end.at)}  {whole}{f' ({end.cause})' if end.cause else ''}."
    if end.answered:
        seconds = duration(end.seconds)
        told = _("The client talked to {whom}, {duration} in all.", whom=end.talked, duration=seconds)
        return f"{over} {told}" + (_(" Recorded: {where}", where=end.recording) if end.recording else "")
    if end.outgoing and end.extension:
        return f"{over} {_('The client did not answer {extension}.', extension=end.extension)}"
    if end.outgoing:
        return f"{over} {_('The client did not answer.')}"
    if end.rang:
        return f"{over} {_('Missed: nobody talked to the client; it rang at {rang}.', rang=end.rang)}"
    return f"{over} {_('Missed: nobody talked to the client.')}"


def told_word(word: ToldEntry) -> str:
    """What 1C was told, when, and what became of it."""
    whom = f" {word.extension}" if word.extension else ""
    late = word.at - word.of_when
    after = _(", {duration} after it was so", duration=duration(late)) if late >= 60 else ""
    error = ": ".join(part for part in (word.error_kind, retold(word.error)) if part)
    why = f" ({error})" if error else ""
    became = _(_BECAME[word.outcome]) if word.outcome in _BECAME else word.outcome
    told = _("1C (base {base}) was told {word}", base=word.base, word=f"{word.state}{whom}")
    return f"{clock(word.at)}  {told}: {became}{after}{why}."


def end_as_json(end: EndEntry) -> dict[str, Any]:
    return {
        "when": iso(end.at),
        "number": end.number,
        "destination": end.destination,
        "outgoing": end.outgoing,
        "began": iso(end.began) if end.began else None,
        "extension": end.extension or None,
        "rang": end.rang,
        "talked": end.talked,
        "talked_ms": round(end.seconds * 1000, 1),
        "answered": end.answered,
        "missed": end.missed,
        "cause": end.cause or None,
        "switch": end.switch or None,
        # A file's name is nobody's business, and may hold a client's number.
        "recording": end.recording if end.recording.startswith(("http://", "https://")) else None,
    }


def word_as_json(word: ToldEntry) -> dict[str, Any]:
    told = word.error_kind or word.error
    return {
        "when": iso(word.at),
        "base": word.base,
        "state": word.state,
        "extension": word.extension or None,
        "outcome": word.outcome,
        "of_when": iso(word.of_when),
        "error": {"kind": word.error_kind, "message": word.error} if told else None,
    }


def duration(seconds: float) -> str:
    """Such as 8 s, 1:05, 2:00:07."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else _("{seconds} s", seconds=rest)


def clock(at: float) -> str:
    return _local(at).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    return _local(at).isoformat(timespec="milliseconds")


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()
