"""One call, told in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from fs_1c.channel import plain
from fs_1c.journal.entries import NOBODYS, CallEntry, Row
from fs_1c.journal.report.cards import began, how, told_card
from fs_1c.journal.report.decisions import told_decision
from fs_1c.journal.report.ends import told_end, told_word
from fs_1c.journal.report.times import clock
from fs_1c.language import _


def story(entry: CallEntry, services: Mapping[Row, str] = NOBODYS) -> list[str]:
    """One call, told in sentences; with whose row each is, if that is given."""
    lines = [_("Call {call}", call=entry.call)]
    for decision in entry.decisions:
        lines += ["", *_by(told_decision(decision), decision, services)]
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


def _told_talks(entry: CallEntry, services: Mapping[Row, str]) -> list[str]:
    """Who talked to the client and how he came to, with what became of each card."""
    lines: list[tuple[float, list[str]]] = []
    with_card = {(pop.leg, pop.extension) for pop in entry.pops if not pop.ringing}
    came = {(talk.leg, talk.extension): how(talk) for talk in entry.talks}
    for talk in entry.talks:
        if (talk.leg, talk.extension) not in with_card:
            told = f"{clock(talk.at)}  {began(talk.extension, talk.outgoing)}{how(talk)}."
            lines.append((talk.at, _by([told], talk, services)))
    for pop in entry.pops:
        told_pop = told_card(pop, "" if pop.ringing else came.get((pop.leg, pop.extension), ""))
        lines.append((pop.at, _by(told_pop, pop, services)))
    return [line for _at, told in sorted(lines, key=lambda one: one[0]) for line in told]
