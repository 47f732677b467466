"""What 1C said of a caller, how long he waited for it, and where his call was sent."""

from __future__ import annotations

from fs_1c.call import Result, Source
from fs_1c.journal.entries import NOT_ALLOWED, DecisionEntry
from fs_1c.journal.report.times import clock, ms
from fs_1c.language import N_, _, pgettext, retold

_SOURCES = {
    Source.CACHE.value: N_("The answer was remembered; 1C was not asked for this call."),
    Source.STALE.value: N_("The answer was remembered and no longer fresh."),
    Source.SHARED.value: N_("Another switch had asked 1C; its answer was taken."),
}


def told_decision(decision: DecisionEntry) -> list[str]:
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
        told.append(_("1C took {ms}.", ms=ms(decision.onec_took)))
    return [" ".join([*told, _("The caller waited {ms}.", ms=ms(decision.took))])]


def _sent(decision: DecisionEntry) -> str:
    """Where the call was sent, and why there."""
    # As fs_1c.routing begins with who stands in for a manager.
    deputy, talked, _after = decision.why.partition("talked to the client last")
    deputy = deputy.strip() if talked else ""
    if decision.target is not None:
        return _sent_to(decision.target, decision, deputy)
    if decision.why.startswith("turned away"):
        return _(
            "The rule for category {category} wants nobody to ring for such a client.",
            category=decision.category,
        )
    if decision.result == Result.BLOCKED:
        return _("Sent to the dialplan's own target.")
    if deputy:
        why = _("nobody is set to follow {extension}", extension=deputy)
    elif decision.why:
        why = _("nobody is set to follow the manager")
    elif decision.result == Result.FOUND:
        why = _nobody(decision)
    elif decision.result == Result.UNKNOWN:
        why = _("nobody is known who should have it")
    else:
        why = _("there was no answer to go by")
    return _("Sent to the dialplan's own target: {why}.", why=why)


def _sent_to(target: str, decision: DecisionEntry, deputy: str) -> str:
    refused = decision.error_kind == NOT_ALLOWED
    # As fs_1c.routing begins with a manager's phone.
    passed_over = decision.why.endswith(("passed over", "in his place"))
    begins = ("[leg_timeout=", "[leg_progress_timeout=", "[progress_timeout=")
    if target.startswith(begins) and not passed_over:
        if deputy:
            sent = _(
                "Sent to {target}: to {extension}, for 1C names nobody who could be rung",
                target=target,
                extension=deputy,
            )
        else:
            sent = _(
                "Sent to {target}: to the client's manager {manager}",
                target=target,
                manager=decision.manager,
            )
        then = _(", then to whom the settings let follow") if "|" in target else ""
        passed = f"; {_nobody(decision)}" if refused else ""
        return f"{sent}{then}{passed}."
    if refused or decision.why:
        return _(
            "Sent to {target}: to whom the settings let follow the manager; {why}.",
            target=target,
            why=_nobody(decision) if refused else _("the manager could not take it"),
        )
    return _(
        "Sent to {target}: by the rule for category {category}; {why}.",
        target=target,
        category=decision.category,
        why=_nobody(decision),
    )


def _nobody(decision: DecisionEntry) -> str:
    """Why no manager's phone could be rung."""
    if decision.error_kind == NOT_ALLOWED:
        return retold(decision.error)
    if decision.manager.strip("0 \u00a0"):  # an empty number may come as 0
        return _(
            "manager {manager} is no extension, nor a number that routing.external can dial",
            manager=decision.manager,
        )
    return _("1C names no manager")
