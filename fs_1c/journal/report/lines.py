"""Many calls: a line for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from fs_1c.call import Ended
from fs_1c.channel import plain
from fs_1c.journal.ends import EndEntry
from fs_1c.journal.entries import NOBODYS, CallEntry, Row
from fs_1c.journal.report.times import clock, duration, ms
from fs_1c.journal.words import card_word, lookup_word
from fs_1c.language import N_, _

MAX_CELL = 40
"""Characters of a name or dial string in a line of many."""
MAX_CARDS = 3
"""Cards of one call in a line of many; a ring group may have dozens."""
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
        client, lookup = last.title or "-", f"{lookup_word(last.result)} {ms(last.took)}"
        sent_to = last.target or _("the dialplan's own")
    talked = _talked(entry.ends)
    cells = (clock(entry.at), entry.number or _("withheld"), client, lookup, sent_to, talked)
    shown = [_short(plain(cell)) for cell in (*cells, ", ".join(cards) or "-")]
    return *shown, plain(entry.call)


def _talked(ends: Sequence[EndEntry]) -> str:
    """Who talked to the client and how long, or that nobody did."""
    if not ends:
        return "-"
    end = ends[-1]
    match end.outcome:
        case Ended.ANSWERED:
            return f"{end.talked} {'≤ ' if end.unheard else ''}{duration(end.seconds)}"
        case Ended.MISSED:
            return _("missed")
        case Ended.NO_ANSWER:
            return _("no answer")
        case Ended.UNKNOWN:
            return _("end unknown")


def _services(entry: CallEntry, services: Mapping[Row, str]) -> list[str]:
    rows: list[Row] = [*entry.decisions, *entry.pops, *entry.talks, *entry.ends, *entry.told]
    return list(dict.fromkeys(services[row] for row in sorted(rows, key=lambda row: row.at)))


def _short(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
