"""The journals of several services as one. Pure.

A call may have been heard of by several: decided by one, talked in at a switch where another listens. What
both tell is one row, and a card that the one says was opened elsewhere is not told beside the card itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fs_1c.call import Outcome
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.journal.entries import MAX_ROWS, CallEntry, DecisionEntry, PopEntry, Row, TalkEntry
from fs_1c.journal.texts import fit


@dataclass(frozen=True, slots=True)
class Merged:
    """Calls, the latest first, and which service has told each of their rows."""

    entries: tuple[CallEntry, ...]
    services: Mapping[Row, str]


def merged(told: Sequence[tuple[str, Sequence[CallEntry]]], limit: int) -> Merged:
    """One answer of many.

    Args:
        told: Services by name, each with the calls that it knows.
        limit: Calls at the most.
    """
    calls: dict[str, list[tuple[str, CallEntry]]] = defaultdict(list)
    for service, entries in told:
        for entry in entries:
            calls[entry.call].append((service, entry))
    services: dict[Row, str] = {}
    together = sorted((_call(parts, services) for parts in calls.values()), key=lambda one: -one.at)
    return Merged(tuple(together[:limit]), services)


def _call(parts: Sequence[tuple[str, CallEntry]], services: dict[Row, str]) -> CallEntry:
    pops: dict[tuple[str, str, object], PopEntry] = {}
    talks: dict[tuple[str, str, str], TalkEntry] = {}
    decisions: dict[DecisionEntry, None] = {}
    ends: dict[tuple[str, bool], EndEntry] = {}
    words: dict[ToldEntry, None] = {}
    opened = {
        pop.extension for _, part in parts for pop in part.pops if pop.outcome != Outcome.ELSEWHERE.value
    }
    for service, part in parts:
        rows: list[Row] = [*part.decisions, *part.pops, *part.talks, *part.ends, *part.told]
        for row in rows:
            services.setdefault(row, service)
        decisions.update(dict.fromkeys(part.decisions))
        for pop in part.pops:
            if pop.outcome != Outcome.ELSEWHERE.value:
                pops[pop.leg, pop.extension, pop.at] = pop
            elif pop.extension not in opened:
                pops.setdefault((pop.leg, pop.extension, pop.outcome), pop)
        for talk in part.talks:
            talks.setdefault((talk.leg, talk.extension, talk.how), talk)
        for end in part.ends:  # a reserve hears of it, too
            ends.setdefault((end.talked, end.answered), end)
        words.update(dict.fromkeys(part.told))
    first = min((part for _, part in parts), key=lambda part: part.at)
    return CallEntry(
        first.at,
        first.call,
        next((part.number for _, part in parts if part.number), ""),
        tuple(sorted(decisions, key=lambda row: row.at)),
        tuple(sorted(pops.values(), key=lambda row: row.at)),
        tuple(sorted(talks.values(), key=lambda row: row.at)),
        tuple(sorted(ends.values(), key=lambda row: row.at)),
        tuple(sorted(words, key=lambda row: row.at)),
    )


def of_json(told: Any) -> CallEntry:
    """One call as `as_json` tells it; what is missing is empty, and what is unknown is passed over: the
    service that tells it may be of another version. Raises ValueError.
    """
    call, number = _text(told, "call"), _text(told, "number")
    if not call:
        raise ValueError("call: is missing")
    decisions = tuple(
        DecisionEntry(
            _at(one),
            call,
            _text(one, "number"),
            _text(one, "asked_as"),
            _text(one, "destination"),
            _text(one, "base"),
            _text(one, "result"),
            _text(one, "source"),
            *_error(one),
            None if one.get("title") is None else _text(one, "title"),
            _text(one, "category"),
            _text(one, "manager"),
            None if one.get("target") is None else _text(one, "target"),
            _seconds(one, "took_ms"),
            None if one.get("onec_took_ms") is None else _seconds(one, "onec_took_ms"),
            _text(one, "why"),
        )
        for one in _rows(told, "decisions")
    )
    pops = tuple(
        PopEntry(
            _at(one),
            call,
            _text(one, "leg"),
            _text(one, "number"),
            _text(one, "extension"),
            _text(one, "outcome"),
            *_error(one),
            _seconds(one, "took_ms"),
            _seconds(one, "age_ms"),
            bool(one.get("outgoing")),
            bool(one.get("ringing")),
            _text(one, "switch"),
            _text(one, "by"),
        )
        for one in _rows(told, "pops")
    )
    talks = tuple(
        TalkEntry(
            _at(one),
            call,
            _text(one, "leg"),
            _text(one, "number"),
            _text(one, "extension"),
            _text(one, "how"),
            _text(one, "by"),
            bool(one.get("outgoing")),
            _text(one, "switch"),
        )
        for one in _rows(told, "talks")
    )
    ends = tuple(
        EndEntry(
            _at(one),
            call,
            _text(one, "number"),
            _text(one, "destination"),
            bool(one.get("outgoing")),
            _at(one, "began") if one.get("began") is not None else 0.0,
            _text(one, "extension"),
            _text(one, "rang"),
            _text(one, "talked"),
            _seconds(one, "talked_ms"),
            bool(one.get("answered")),
            _text(one, "cause"),
            _text(one, "switch"),
            _text(one, "recording"),
        )
        for one in _rows(told, "ends")
    )
    words = tuple(
        ToldEntry(
            _at(one),
            call,
            _text(one, "base"),
            _text(one, "state"),
            _text(one, "extension"),
            _text(one, "outcome"),
            *_error(one),
            _at(one, "of_when"),
        )
        for one in _rows(told, "told")
    )
    return CallEntry(_at(told), call, number, decisions, pops, talks, ends, words)


def _rows(told: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = told.get(name, [])
    if not isinstance(rows, list) or len(rows) > MAX_ROWS or not all(isinstance(one, dict) for one in rows):
        raise ValueError(f"{name}: allowed: up to {MAX_ROWS} rows")
    return rows


def _text(told: Any, name: str) -> str:
    if not isinstance(told, dict):
        raise ValueError("allowed: a call")
    value = told.get(name)
    if not isinstance(value, str | None):
        raise ValueError(f"{name}: allowed: a text")
    return fit(value or "")


def _seconds(told: Mapping[str, Any], name: str) -> float:
    value = told.get(name, 0)
    try:
        seconds = float(value) / 1000
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: allowed: a number") from None
    if not math.isfinite(seconds):
        raise ValueError(f"{name}: allowed: a number")
    return seconds


def _at(told: Mapping[str, Any], name: str = "when") -> float:
    """When, seconds since 1970. What is told of it is shown as a local time, so it must be one."""
    try:
        when = datetime.fromisoformat(_text(told, name))
        if when.tzinfo is None or not 1971 < when.year < 9000:
            raise ValueError
        return when.timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: allowed: a time in ISO 8601 with its offset") from None


def _error(told: Mapping[str, Any]) -> tuple[str, str]:
    error = told.get("error")
    if error is None:
        return "", ""
    return _text(error, "kind"), _text(error, "message")
