"""Who talked to the client and how he came to, and what became of each card."""

from __future__ import annotations

from fs_1c.call import How, Outcome
from fs_1c.journal.entries import PopEntry, TalkEntry
from fs_1c.journal.report.times import clock, ms
from fs_1c.language import _, retold


def began(extension: str, outgoing: bool) -> str:
    if outgoing:
        return _("Extension {extension} had called the client, who answered", extension=extension.strip())
    return _("Extension {extension} began to talk to the client", extension=extension.strip())


def how(talk: TalkEntry) -> str:
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


def told_card(pop: PopEntry, how: str = "") -> list[str]:
    if not pop.ringing:
        did = began(pop.extension, pop.outgoing)
    elif pop.outgoing:
        did = _("Extension {extension} rang the client", extension=pop.extension)
    else:
        did = _("Extension {extension} was rung for the client", extension=pop.extension)
    since = _(" (heard of {ms} after it began)", ms=ms(pop.age)) if pop.age >= 1 else ""
    where = _(" at switch {switch}", switch=pop.switch) if pop.switch else ""
    return [f"{clock(pop.at)}  {did}{where}{how}{since}.", _became(pop)]


def _became(pop: PopEntry) -> str:
    """What became of the card, and what to do."""
    took, error = ms(pop.took), retold(pop.error)
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
