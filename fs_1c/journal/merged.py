"""The journals of several services as one. Pure.

A call may have been heard of by several: decided by one, talked in at a switch where another listens. What
both tell is one row, and a card that the one says was opened elsewhere is not told beside the card itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fs_1c.call import Ended, Outcome
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.journal.entries import CallEntry, DecisionEntry, PopEntry, Row, TalkEntry


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
        words.update(dict.fromkeys(part.told))
    for end in sorted((end for _, part in parts for end in part.ends), key=lambda end: end.unheard):
        if end.outcome is not Ended.UNKNOWN or not ends:  # a reserve hears of it, too, or it alone does
            ends.setdefault((end.talked, end.answered), end)
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
