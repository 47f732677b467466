"""How a call ended, and what 1C was told of it."""

from __future__ import annotations

from fs_1c.call import Ended, Told
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.journal.report.times import clock, duration
from fs_1c.language import N_, _, retold

_BECAME = {
    Told.TOLD.value: N_("1C has it"),
    Told.REFUSED.value: N_("1C does not take it"),
    Told.UNKNOWN.value: N_("perhaps: no answer came, and told twice it would do harm"),
    Told.GIVEN_UP.value: N_("given up: 1C was away for longer than history.keep_for"),
    Told.DROPPED.value: N_("dropped by fs-1c history --drop"),
}


def told_end(end: EndEntry) -> str:
    """That the call is over, in a sentence or two."""
    whole = _("The call was over")
    if 0 < end.began <= end.at:
        whole = _("The call was over after {duration}", duration=duration(end.at - end.began))
    over = f"{clock(end.at)}  {whole}{f' ({end.cause})' if end.cause else ''}."
    if end.unheard:
        over = f"{clock(end.at)}  " + _("The call was found to be over; its end was not heard.")
    if end.answered:
        seconds = duration(end.seconds)
        if end.unheard:
            told = _(
                "The client talked to {whom}, {duration} at the most.", whom=end.talked, duration=seconds
            )
        else:
            told = _("The client talked to {whom}, {duration} in all.", whom=end.talked, duration=seconds)
        return f"{over} {told}" + (_(" Recorded: {where}", where=end.recording) if end.recording else "")
    if end.outcome is Ended.UNKNOWN:
        told = _("Whether anybody has talked to the client is not known.")
        return f"{over} {told}" + (_(" It rang at {rang}.", rang=end.rang) if end.rang else "")
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
