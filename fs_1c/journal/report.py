"""The journal for people and for programs: a line for each of many calls, a screen for one. Pure.

What clients, callers and 1C wrote is shown, but never reaches a terminal as anything but letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from fs_1c.call import How, Outcome, Result, Source
from fs_1c.channel import json_line, plain
from fs_1c.journal.entries import NOT_ALLOWED, CallEntry, DecisionEntry, PopEntry, Row, TalkEntry
from fs_1c.journal.report_ends import (
    clock,
    end_as_json,
    in_a_line,
    iso,
    told_end,
    told_word,
    word_as_json,
)

MAX_CELL = 40
"""Characters of a name or dial string in a line of many."""
MAX_CARDS = 3
"""Cards of one call in a line of many; a ring group may have dozens."""
NOBODYS: Mapping[Row, str] = {}
HEADINGS = ("when", "number", "client", "lookup", "sent to", "talked", "cards", "call")

_SOURCES = {
    Source.CACHE.value: "The answer was remembered; 1C was not asked for this call.",
    Source.STALE.value: "The answer was remembered and no longer fresh.",
    Source.SHARED.value: "Another switch had asked 1C; its answer was taken.",
}


def listing(entries: Sequence[CallEntry], services: Mapping[Row, str] = NOBODYS) -> list[str]:
    """A line of headings, and one for each call; with the services whose rows these are, if that is given."""
    rows = [HEADINGS, *(_row(entry) for entry in entries)]
    if services:
        whose = ["service", *(plain(", ".join(_services(entry, services))) for entry in entries)]
        rows = [(cells[0], service, *cells[1:]) for cells, service in zip(rows, whose, strict=True)]
    return in_columns(rows)


def in_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with these cells below each other."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _row(entry: CallEntry) -> tuple[str, ...]:
    cards = [f"{pop.extension} {pop.outcome}" for pop in entry.pops[:MAX_CARDS]]
    if len(entry.pops) > MAX_CARDS:
        cards.append(f"{len(entry.pops) - MAX_CARDS} more")
    client = lookup = sent_to = "-"
    if entry.decisions:
        last = entry.decisions[-1]
        client, lookup = last.title or "-", f"{last.result} {_ms(last.took)}"
        sent_to = last.target or "the dialplan's own"
    talked = in_a_line(entry.ends)
    cells = (clock(entry.at), entry.number or "withheld", client, lookup, sent_to, talked)
    shown = [_short(plain(cell)) for cell in (*cells, ", ".join(cards) or "-")]
    return *shown, plain(entry.call)


def _services(entry: CallEntry, services: Mapping[Row, str]) -> list[str]:
    rows: list[Row] = [*entry.decisions, *entry.pops, *entry.talks, *entry.ends, *entry.told]
    return list(dict.fromkeys(services[row] for row in sorted(rows, key=lambda row: row.at)))


def story(entry: CallEntry, services: Mapping[Row, str] = NOBODYS) -> list[str]:
    """One call, told in sentences; with whose row each is, if that is given."""
    lines = [f"Call {entry.call}"]
    for decision in entry.decisions:
        lines += ["", *_by(_told_decision(decision), decision, services)]
    if not entry.decisions:
        lines += ["", f"{entry.number or 'Somebody who withheld his number'} was on the line."]
        lines += ["This service was not asked where the call should go: it did not pass a door that decides."]
    lines += ["", *_told_talks(entry, services)]
    if entry.talks and not entry.pops:
        lines += ["No card: the settings want none for such a conversation (screenpop)."]
    elif not entry.pops:
        lines += ["No card: as far as the switch's events tell, no subscriber has talked to the client."]
        if not any(end.missed for end in entry.ends):
            lines += ["If one has: only a door that hears of it can open a card. Is the inbound one up?"]
    for end in entry.ends:
        lines += ["", *_by([told_end(end)], end, services)]
    if entry.told:
        lines += ["", *(line for word in entry.told for line in _by([told_word(word)], word, services))]
    return [plain(line) for line in lines]


def _by(told: list[str], row: Row, services: Mapping[Row, str]) -> list[str]:
    return [f"{told[0]} [{services[row]}]", *told[1:]] if row in services else told


def _told_decision(decision: DecisionEntry) -> list[str]:
    who = decision.number or "Somebody who withheld his number"
    whom = f" called {decision.destination}" if decision.destination else " called"
    base = f" (base {decision.base})" if decision.base else ""
    return [
        f"{clock(decision.at)}  {who}{whom}{base}.",
        _said(decision),
        *_waited(decision),
        *([f"{decision.why[:1].upper()}{decision.why[1:]}."] if decision.why else []),
        _sent(decision),
    ]


def _said(decision: DecisionEntry) -> str:
    """What 1C said."""
    asked = f"asked as {decision.asked_as}" if decision.asked_as else "not asked"
    match decision.result:
        case Result.FOUND:
            name = "its name is not kept here" if decision.title is None else decision.title or "no name"
            category, manager = decision.category or "none", decision.manager or "none"
            return f"1C ({asked}) knows the client: {name}; category {category}, manager {manager}."
        case Result.UNKNOWN:
            return f"1C ({asked}) knows no such client. If it should: does it keep numbers in this form?"
        case Result.BLOCKED:
            return "The number is in numbers.blocked_file: 1C was not asked."
        case Result.SKIPPED if decision.error_kind != "flood":
            return f"1C was not asked: the number is {decision.error or 'none'}."
        case Result.SKIPPED | Result.FAILED if decision.error_kind in ("flood", "down"):
            return f"1C was not asked: {decision.error}."
        case Result.FAILED if decision.error_kind == "not-understood":
            raw = "`fs-1c lookup --raw` shows what came"
            return f"{decision.error} ({asked}). So nobody knows whether it has this client; {raw}."
        case Result.LATE:
            return f"1C ({asked}) was late: {decision.error}. What it said later is for the next call."
        case _:
            return f"1C ({asked}) gave no answer: {decision.error_kind}: {decision.error}."


def _waited(decision: DecisionEntry) -> list[str]:
    """Where the answer came from, and how long it took."""
    if decision.result == Result.SKIPPED:
        return []
    told = [_SOURCES[decision.source]] if decision.source in _SOURCES else []
    if decision.onec_took is not None:
        told.append(f"1C took {_ms(decision.onec_took)}.")
    return [" ".join([*told, f"The caller waited {_ms(decision.took)}."])]


def _sent(decision: DecisionEntry) -> str:
    """Where the call was sent, and why there."""
    manager = decision.manager.strip("0 \u00a0")  # an empty number may come as 0
    nobody = "1C names no manager"
    # As fs_1c.routing begins with who stands in for one.
    extension, talked, _ = decision.why.partition(" talked to the client last")
    refused = decision.error_kind == NOT_ALLOWED
    if refused:
        nobody = decision.error
    elif manager:
        nobody = f"manager {decision.manager} is no extension, nor a number that routing.external can dial"
    if decision.target is not None:
        # As fs_1c.routing begins with a manager's phone.
        passed_over = decision.why.endswith(("passed over", "in his place"))
        begins = ("[leg_timeout=", "[leg_progress_timeout=", "[progress_timeout=")
        if decision.target.startswith(begins) and not passed_over:
            then = ", then to whom the settings let follow" if "|" in decision.target else ""
            passed = f"; {nobody}" if refused else ""
            whom = f"the client's manager {decision.manager}"
            if talked:
                whom = f"{extension}, for 1C names nobody who could be rung"
            return f"Sent to {decision.target}: to {whom}{then}{passed}."
        if refused or decision.why:
            passed = nobody if refused else "the manager could not take it"
            return f"Sent to {decision.target}: to whom the settings let follow the manager; {passed}."
        return f"Sent to {decision.target}: by the rule for category {decision.category}; {nobody}."
    if decision.why.startswith("turned away"):
        return f"The rule for category {decision.category} wants nobody to ring for such a client."
    if decision.result == Result.BLOCKED:
        return "Sent to the dialplan's own target."
    if decision.why:
        follows = extension if talked else "the manager"
        return f"Sent to the dialplan's own target: nobody is set to follow {follows}."
    why = {Result.FOUND.value: nobody, Result.UNKNOWN.value: "nobody is known who should have it"}
    return f"Sent to the dialplan's own target: {why.get(decision.result, 'there was no answer to go by')}."


def _told_talks(entry: CallEntry, services: Mapping[Row, str]) -> list[str]:
    """Who talked to the client and how he came to, with what became of each card."""
    lines: list[tuple[float, list[str]]] = []
    with_card = {(pop.leg, pop.extension) for pop in entry.pops if not pop.ringing}
    how = {(talk.leg, talk.extension): _how(talk) for talk in entry.talks}
    for talk in entry.talks:
        if (talk.leg, talk.extension) not in with_card:
            told = f"{clock(talk.at)}  Extension {talk.extension} {_began(talk.outgoing)}{_how(talk)}."
            lines.append((talk.at, _by([told], talk, services)))
    for pop in entry.pops:
        told_pop = _told_pop(pop, "" if pop.ringing else how.get((pop.leg, pop.extension), ""))
        lines.append((pop.at, _by(told_pop, pop, services)))
    return [line for _, told in sorted(lines, key=lambda one: one[0]) for line in told]


def _began(outgoing: bool) -> str:
    return "had called the client, who answered" if outgoing else "began to talk to the client"


def _how(talk: TalkEntry) -> str:
    by = talk.by or "somebody"
    match talk.how:
        case How.PICKED_UP:
            return f", having picked up what rang at {by}" if talk.by else ", having picked the call up"
        case How.HANDED:
            return f", handed over by {by}"
        case How.TRANSFERRED:
            return f", transferred by {by}"
        case How.FETCHED:
            return f", having fetched him after {by}"
        case How.FORWARDED:
            return f", since {by}'s telephone forwards its calls"
    return ""


def _told_pop(pop: PopEntry, how: str = "") -> list[str]:
    if pop.ringing:
        did = "rang the client" if pop.outgoing else "was rung for the client"
    else:
        did = _began(pop.outgoing)
    since = f" (heard of {_ms(pop.age)} after it began)" if pop.age >= 1 else ""
    where = f" at switch {pop.switch}" if pop.switch else ""
    return [f"{clock(pop.at)}  Extension {pop.extension} {did}{where}{how}{since}.", _became(pop)]


def _became(pop: PopEntry) -> str:
    """What became of the card, and what to do."""
    took, why = _ms(pop.took), ": ".join(part for part in (pop.error_kind, pop.error) if part)
    match pop.outcome:
        case Outcome.ACCEPTED:
            return (
                f"Card accepted by 1C in {took}. It says «accepted», never «shown»: if none opened, was "
                f"{pop.extension}'s 1C running, and is the key his in 1C?"
            )
        case Outcome.REJECTED:
            return f"No card: 1C was told and did not accept it ({why}) after {took}. It is not told again."
        case Outcome.FAILED:
            return f"No card: it surely did not reach 1C ({why}), tried for {took}."
        case Outcome.UNKNOWN:
            return (
                f"Perhaps a card: it may have reached 1C, but no answer came ({why}) within {took}. "
                "It is never sent again, since 1C would open a second card."
            )
        case Outcome.NO_KEY:
            return (
                f"No card: extension {pop.extension} has no key. Give it the one by which 1C knows this "
                "subscriber: in [subscribers], or as fs_1c_key of its user in the switch's directory."
            )
        case Outcome.NO_SUBSCRIBER:
            return f"No card: the switch does not tell who that is ({pop.error or why})."
        case Outcome.SKIPPED:
            return f"No card: there is no number that 1C could show ({pop.error or why})."
        case Outcome.TOO_LATE:
            return f"No card: it could not be sent for as long as it was of use ({why}), tried for {took}."
        case Outcome.ELSEWHERE:
            who = pop.told_by or "another service, or this one before it was started anew,"
            return f"No second card: {who} has told 1C."
        case _:
            return f"Outcome: {pop.outcome} ({why}) after {took}."


def to_json(entries: Sequence[CallEntry], services: Mapping[Row, str] = NOBODYS) -> str:
    """All entries as one line of JSON; each row with its service, if that is given."""
    return json_line([as_json(entry, services) for entry in entries])


def as_json(entry: CallEntry, services: Mapping[Row, str] = NOBODYS) -> dict[str, Any]:
    """One call of `journal --json`; its keys are a contract. Times are ISO 8601, local, with their offset."""
    told = _as_json(entry)
    if services:
        by_name: dict[str, Sequence[Row]] = {
            "decisions": entry.decisions,
            "pops": entry.pops,
            "talks": entry.talks,
            "ends": entry.ends,
            "told": entry.told,
        }
        for name, rows in by_name.items():
            for one, row in zip(told[name], rows, strict=True):
                one["service"] = services[row]
    return told


def _as_json(entry: CallEntry) -> dict[str, Any]:
    return {
        "call": entry.call,
        "when": iso(entry.at),
        "number": entry.number,
        "decisions": [
            {
                "when": iso(decision.at),
                "number": decision.number,
                "asked_as": decision.asked_as or None,
                "destination": decision.destination,
                "base": decision.base,
                "result": decision.result,
                "source": decision.source,
                "title": decision.title,
                "category": decision.category,
                "manager": decision.manager,
                "target": decision.target,
                "took_ms": _rounded(decision.took),
                "onec_took_ms": None if decision.onec_took is None else _rounded(decision.onec_took),
                "error": _error(decision),
                "why": decision.why,
            }
            for decision in entry.decisions
        ],
        "pops": [
            {
                "when": iso(pop.at),
                "leg": pop.leg,
                "number": pop.number,
                "extension": pop.extension,
                "outgoing": pop.outgoing,
                "ringing": pop.ringing,
                "switch": pop.switch or None,
                "outcome": pop.outcome,
                "took_ms": _rounded(pop.took),
                "age_ms": _rounded(pop.age),
                "by": pop.told_by or None,
                "error": _error(pop),
            }
            for pop in entry.pops
        ],
        "talks": [
            {
                "when": iso(talk.at),
                "leg": talk.leg,
                "number": talk.number,
                "extension": talk.extension,
                "how": talk.how,
                "by": talk.by or None,
                "outgoing": talk.outgoing,
                "switch": talk.switch or None,
            }
            for talk in entry.talks
        ],
        "ends": [end_as_json(end) for end in entry.ends],
        "told": [word_as_json(word) for word in entry.told],
    }


def _error(entry: DecisionEntry | PopEntry) -> dict[str, str] | None:
    told = entry.error_kind or entry.error
    return {"kind": entry.error_kind, "message": entry.error} if told else None


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _rounded(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _short(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
