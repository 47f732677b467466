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
from fs_1c.journal.words import card_word, lookup_word
from fs_1c.language import N_, _, pgettext, retold

MAX_CELL = 40
"""Characters of a name or dial string in a line of many."""
MAX_CARDS = 3
"""Cards of one call in a line of many; a ring group may have dozens."""
NOBODYS: Mapping[Row, str] = {}
HEADINGS = (
    N_("when"),
    N_("number"),
    N_("client"),
    N_("lookup"),
    N_("sent to"),
    N_("talked"),
    N_("cards"),
    N_("call"),
)

_SOURCES = {
    Source.CACHE.value: N_("The answer was remembered; 1C was not asked for this call."),
    Source.STALE.value: N_("The answer was remembered and no longer fresh."),
    Source.SHARED.value: N_("Another switch had asked 1C; its answer was taken."),
}


def listing(entries: Sequence[CallEntry], services: Mapping[Row, str] = NOBODYS) -> list[str]:
    """A line of headings, and one for each call; with the services whose rows these are, if that is given."""
    rows = [tuple(_(one) for one in HEADINGS), *(_row(entry) for entry in entries)]
    if services:
        whose = [_("service"), *(plain(", ".join(_services(entry, services))) for entry in entries)]
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
    cards = [f"{pop.extension} {card_word(pop.outcome)}" for pop in entry.pops[:MAX_CARDS]]
    if len(entry.pops) > MAX_CARDS:
        cards.append(_("{count} more", count=len(entry.pops) - MAX_CARDS))
    client = lookup = sent_to = "-"
    if entry.decisions:
        last = entry.decisions[-1]
        client, lookup = last.title or "-", f"{lookup_word(last.result)} {_ms(last.took)}"
        sent_to = last.target or _("the dialplan's own")
    talked = in_a_line(entry.ends)
    cells = (clock(entry.at), entry.number or _("withheld"), client, lookup, sent_to, talked)
    shown = [_short(plain(cell)) for cell in (*cells, ", ".join(cards) or "-")]
    return *shown, plain(entry.call)


def _services(entry: CallEntry, services: Mapping[Row, str]) -> list[str]:
    rows: list[Row] = [*entry.decisions, *entry.pops, *entry.talks, *entry.ends, *entry.told]
    return list(dict.fromkeys(services[row] for row in sorted(rows, key=lambda row: row.at)))


def story(entry: CallEntry, services: Mapping[Row, str] = NOBODYS) -> list[str]:
    """One call, told in sentences; with whose row each is, if that is given."""
    lines = [_("Call {call}", call=entry.call)]
    for decision in entry.decisions:
        lines += ["", *_by(_told_decision(decision), decision, services)]
    if not entry.decisions:
        who = entry.number or _("Somebody who withheld his number")
        lines += ["", _("{who} was on the line.", who=who)]
        lines += [
            _("This service was not asked where the call should go: it did not pass a door that decides.")
        ]
    lines += ["", *_told_talks(entry, services)]
    if entry.talks and not entry.pops:
        lines += [_("No card: the settings want none for such a conversation (screenpop).")]
    elif not entry.pops:
        lines += [_("No card: as far as the switch's events tell, no subscriber has talked to the client.")]
        if not any(end.missed for end in entry.ends):
            lines += [_("If one has: only a door that hears of it can open a card. Is the inbound one up?")]
    for end in entry.ends:
        lines += ["", *_by([told_end(end)], end, services)]
    if entry.told:
        lines += ["", *(line for word in entry.told for line in _by([told_word(word)], word, services))]
    return [plain(line) for line in lines]


def _by(told: list[str], row: Row, services: Mapping[Row, str]) -> list[str]:
    return [f"{told[0]} [{services[row]}]", *told[1:]] if row in services else told


def _told_decision(decision: DecisionEntry) -> list[str]:
    who = decision.number or _("Somebody who withheld his number")
    if decision.destination:
        called = _("{who} called {destination}", who=who, destination=decision.destination)
    else:
        called = _("{who} called", who=who)
    base = _(" (base {base})", base=decision.base) if decision.base else ""
    why = retold(decision.why)
    return [
        f"{clock(decision.at)}  {called}{base}.",
        _said(decision),
        *_waited(decision),
        *([f"{why[:1].upper()}{why[1:]}."] if why else []),
        _sent(decision),
    ]


def _said(decision: DecisionEntry) -> str:
    """What 1C said."""
    asked = _("asked as {number}", number=decision.asked_as) if decision.asked_as else _("not asked")
    error = retold(decision.error)
    match decision.result:
        case Result.FOUND:
            named = decision.title or _("no name")
            return _(
                "1C ({asked}) knows the client: {name}; category {category}, manager {manager}.",
                asked=asked,
                name=_("its name is not kept here") if decision.title is None else named,
                category=decision.category or _("none"),
                manager=decision.manager or pgettext("manager", "none"),
            )
        case Result.UNKNOWN:
            return _(
                "1C ({asked}) knows no such client. If it should: does it keep numbers in this form?",
                asked=asked,
            )
        case Result.BLOCKED:
            return _("The number is in numbers.blocked_file: 1C was not asked.")
        case Result.SKIPPED if decision.error_kind != "flood":
            return _("1C was not asked: the number is {what}.", what=error or pgettext("number", "none"))
        case Result.SKIPPED | Result.FAILED if decision.error_kind in ("flood", "down"):
            return _("1C was not asked: {why}.", why=error)
        case Result.FAILED if decision.error_kind == "not-understood":
            return _(
                "{why} ({asked}). So nobody knows whether it has this client; `fs-1c lookup --raw` shows "
                "what came.",
                why=error,
                asked=asked,
            )
        case Result.LATE:
            return _(
                "1C ({asked}) was late: {why}. What it said later is for the next call.",
                asked=asked,
                why=error,
            )
        case _:
            return _(
                "1C ({asked}) gave no answer: {kind}: {why}.",
                asked=asked,
                kind=decision.error_kind,
                why=error,
            )


def _waited(decision: DecisionEntry) -> list[str]:
    """Where the answer came from, and how long it took."""
    if decision.result == Result.SKIPPED:
        return []
    told = [_(_SOURCES[decision.source])] if decision.source in _SOURCES else []
    if decision.onec_took is not None:
        told.append(_("1C took {ms}.", ms=_ms(decision.onec_took)))
    return [" ".join([*told, _("The caller waited {ms}.", ms=_ms(decision.took))])]


def _sent(decision: DecisionEntry) -> str:
    """Where the call was sent, and why there."""
    manager = decision.manager.strip("0 \u00a0")  # an empty number may come as 0
    nobody = _("1C names no manager")
    # As fs_1c.routing begins with who stands in for one.
    extension, talked, _after = decision.why.partition("talked to the client last")
    refused = decision.error_kind == NOT_ALLOWED
    if refused:
        nobody = retold(decision.error)
    elif manager:
        nobody = _(
            "manager {manager} is no extension, nor a number that routing.external can dial",
            manager=decision.manager,
        )
    if decision.target is not None:
        # As fs_1c.routing begins with a manager's phone.
        passed_over = decision.why.endswith(("passed over", "in his place"))
        begins = ("[leg_timeout=", "[leg_progress_timeout=", "[progress_timeout=")
        if decision.target.startswith(begins) and not passed_over:
            target = decision.target
            if talked:
                sent = _(
                    "Sent to {target}: to {extension}, for 1C names nobody who could be rung",
                    target=target,
                    extension=extension.strip(),
                )
            else:
                sent = _(
                    "Sent to {target}: to the client's manager {manager}",
                    target=target,
                    manager=decision.manager,
                )
            then = _(", then to whom the settings let follow") if "|" in decision.target else ""
            passed = f"; {nobody}" if refused else ""
            return f"{sent}{then}{passed}."
        if refused or decision.why:
            return _(
                "Sent to {target}: to whom the settings let follow the manager; {why}.",
                target=decision.target,
                why=nobody if refused else _("the manager could not take it"),
            )
        return _(
            "Sent to {target}: by the rule for category {category}; {why}.",
            target=decision.target,
            category=decision.category,
            why=nobody,
        )
    if decision.why.startswith("turned away"):
        return _(
            "The rule for category {category} wants nobody to ring for such a client.",
            category=decision.category,
        )
    if decision.result == Result.BLOCKED:
        return _("Sent to the dialplan's own target.")
    if talked:
        why = _("nobody is set to follow {extension}", extension=extension.strip())
    elif decision.why:
        why = _("nobody is set to follow the manager")
    elif decision.result == Result.FOUND:
        why = nobody
    elif decision.result == Result.UNKNOWN:
        why = _("nobody is known who should have it")
    else:
        why = _("there was no answer to go by")
    return _("Sent to the dialplan's own target: {why}.", why=why)


def _told_talks(entry: CallEntry, services: Mapping[Row, str]) -> list[str]:
    """Who talked to the client and how he came to, with what became of each card."""
    lines: list[tuple[float, list[str]]] = []
    with_card = {(pop.leg, pop.extension) for pop in entry.pops if not pop.ringing}
    how = {(talk.leg, talk.extension): _how(talk) for talk in entry.talks}
    for talk in entry.talks:
        if (talk.leg, talk.extension) not in with_card:
            told = f"{clock(talk.at)}  {_began(talk.extension, talk.outgoing)}{_how(talk)}."
            lines.append((talk.at, _by([told], talk, services)))
    for pop in entry.pops:
        told_pop = _told_pop(pop, "" if pop.ringing else how.get((pop.leg, pop.extension), ""))
        lines.append((pop.at, _by(told_pop, pop, services)))
    return [line for _at, told in sorted(lines, key=lambda one: one[0]) for line in told]


def _began(extension: str, outgoing: bool) -> str:
    if outgoing:
        return _("Extension {extension} had called the client, who answered", extension=extension.strip())
    return _("Extension {extension} began to talk to the client", extension=extension.strip())


def _how(talk: TalkEntry) -> str:
    by = talk.by or _("somebody")
    match talk.how:
        case How.PICKED_UP:
            if talk.by:
                return _(", having picked up what rang at {by}", by=by)
            return _(", having picked the call up")
        case How.HANDED:
            return _(", handed over by {by}", by=by)
        case How.TRANSFERRED:
            return _(", transferred by {by}", by=by)
        case How.FETCHED:
            return _(", having fetched him after {by}", by=by)
        case How.FORWARDED:
            return _(", since {by}'s telephone forwards its calls", by=by)
    return ""


def _told_pop(pop: PopEntry, how: str = "") -> list[str]:
    if not pop.ringing:
        did = _began(pop.extension, pop.outgoing)
    elif pop.outgoing:
        did = _("Extension {extension} rang the client", extension=pop.extension)
    else:
        did = _("Extension {extension} was rung for the client", extension=pop.extension)
    since = _(" (heard of {ms} after it began)", ms=_ms(pop.age)) if pop.age >= 1 else ""
    where = _(" at switch {switch}", switch=pop.switch) if pop.switch else ""
    return [f"{clock(pop.at)}  {did}{where}{how}{since}.", _became(pop)]


def _became(pop: PopEntry) -> str:
    """What became of the card, and what to do."""
    took, error = _ms(pop.took), retold(pop.error)
    why = ": ".join(part for part in (pop.error_kind, error) if part)
    match pop.outcome:
        case Outcome.ACCEPTED:
            return _(
                "Card accepted by 1C in {took}. It says «accepted», never «shown»: if none opened, was "
                "{extension}'s 1C running, and is the key his in 1C?",
                took=took,
                extension=pop.extension,
            )
        case Outcome.REJECTED:
            return _(
                "No card: 1C was told and did not accept it ({why}) after {took}. It is not told again.",
                why=why,
                took=took,
            )
        case Outcome.FAILED:
            return _("No card: it surely did not reach 1C ({why}), tried for {took}.", why=why, took=took)
        case Outcome.UNKNOWN:
            return _(
                "Perhaps a card: it may have reached 1C, but no answer came ({why}) within {took}. "
                "It is never sent again, since 1C would open a second card.",
                why=why,
                took=took,
            )
        case Outcome.NO_KEY:
            return _(
                "No card: extension {extension} has no key. Give it the one by which 1C knows this "
                "subscriber: in [subscribers], or as fs_1c_key of its user in the switch's directory.",
                extension=pop.extension,
            )
        case Outcome.NO_SUBSCRIBER:
            return _("No card: the switch does not tell who that is ({why}).", why=error or why)
        case Outcome.SKIPPED:
            return _("No card: there is no number that 1C could show ({why}).", why=error or why)
        case Outcome.TOO_LATE:
            return _(
                "No card: it could not be sent for as long as it was of use ({why}), tried for {took}.",
                why=why,
                took=took,
            )
        case Outcome.ELSEWHERE:
            who = pop.told_by or _("another service, or this one before it was started anew,")
            return _("No second card: {who} has told 1C.", who=who)
        case _:
            return _("Outcome: {outcome} ({why}) after {took}.", outcome=pop.outcome, why=why, took=took)


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
    return _("{ms:.0f} ms", ms=seconds * 1000)


def _rounded(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _short(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
