"""Does 1C answer, does it let us in, and is it the right web service: the first question, and `?wsdl`."""

from __future__ import annotations

import time

from fs_1c.check import explain, network
from fs_1c.check.base import Base, Said
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.check.steps import reach_step
from fs_1c.numbers import NotANumber, read
from fs_1c.onec import DESCRIBE, NOBODY, Connection, OneCError, described_at, dialects, mobilon
from fs_1c.settings import DialectName
from fs_1c.wsdl import Described, Mismatch, compare, fitting
from fs_1c.wsdl import history as compare_history
from fs_1c.wsdl import read as read_wsdl

WSDL_WITHIN = 5.0
_OF_THE_CODE = ("fault", "reported", "not-understood")
_OF_ITS_KIND = "1C has both, and each only answers to its own kind."
_UNTOLD = (
    "what 1C does not tell: which employee has which extension, which numbers it ignores, and whether "
    "Система взаимодействия is registered, without which no card opens; docs/unf.md has them one by one"
)
_NO_CARDS = "Names and managers do not need it; without it no card opens."
_NO_LOOKUP = "1C tells names apart by case and refuses what it does not know."


def http(base: Base) -> list[Finding]:
    """The first question, about nobody."""
    if base.is_unf and "/ws/" in base.settings.url:
        base.blocked = "the address is that of a web service"
        what = (
            f"{base.setting('url')} is the address of a web service (/ws/), and itoolabs is an HTTP service"
        )
        remedy = f"Write {base.setting('url')} as http://HOST/BASE/hs/telephony/itoolabs/, or only as http://HOST/BASE."
        return [problem("http", what, _OF_ITS_KIND, remedy)]
    if not base.is_unf and "/hs/" in base.url and "/ws/" not in base.url:
        base.blocked = "the address is that of an HTTP service"
        what = (
            f"{base.setting('url')} is the address of an HTTP service (/hs/), and SayName is a web service's"
        )
        return [
            problem("http", what, _OF_ITS_KIND, f"Write {base.setting('url')} as http://HOST/BASE/ws/NAME.")
        ]
    try:
        said = base.line().ask(NOBODY)
        return _answered(base, said, said.took)
    except OneCError as error:
        if error.kind != "timeout":
            return _failed(base, error)
    # A base that has slept may need longer than any request may take, and be quick from then on.
    try:
        said = base.line().ask(NOBODY)
    except OneCError as error:
        return _failed(base, error)
    return _answered(base, said, base.settings.timeout)


def _answered(base: Base, said: Said, took: float) -> list[Finding]:
    base.kept, base.first = said.kept, took
    return [*_there(base), *_names_nobody(base, said)]


def _there(base: Base) -> list[Finding]:
    there = ok("http", f"1C answers at {base.url}")
    if described_at(base.settings.url):
        what = f"{base.setting('url')} ends in ?wsdl, where the service describes itself: that is cut off"
        return [there, ok("http", what), _let_in(base)]
    return [there, _let_in(base)]


def _names_nobody(base: Base, said: Said) -> list[Finding]:
    if not said.answer.known:
        return []
    named = said.answer.title or f"a client without a name, with the manager {said.answer.manager}"
    return [
        warning(
            "answer",
            f"1C gives a name to a number that nobody can have: {NOBODY} is {named}",
            "So does it to everybody whom it does not know: his telephone number is hidden by that name, and "
            "no caller ever counts as unknown.",
            "In 1C, take that number out of the client's card."
            if base.is_unf
            else "In 1C, have SayName answer with empty tags when it finds nobody.",
        )
    ]


def _let_in(base: Base) -> Finding:
    user = base.settings.username
    return ok("authentication", f"1C lets {user} in" if user else "1C asks for no user name, and none is set")


def _failed(base: Base, error: OneCError) -> list[Finding]:
    found = explain.explain(error, base.setting)
    if error.kind in _OF_THE_CODE:
        base.fault = error
        if (known := _known(base)) is None:
            base.mute = (
                f"{base.question}'s answer is not understood"
                if error.kind == "not-understood"
                else f"{base.question} fails"
            )
            return _there(base)  # `service` tells the rest
        base.probe, said = known
        base.kept, base.first = said.kept, said.took
        return _there(base)
    base.blocked = f"1C gave no answer to {base.question}"
    if error.kind in ("broken", "cut", "bad-request", "timeout", "not-soap") and _wrong_scheme(base):
        target = network.target(base.settings)
        return [
            problem(
                "tls",
                f"{target} speaks TLS, and {base.setting('url')} says http",
                found.why,
                f"Write https:// in {base.setting('url')}, or the port where the web server has plain HTTP.",
            )
        ]
    if explain.step_of(error) != "http" and error.kind != "tls":
        return [ok("http", f"a web server answers at {base.url}"), found]
    return [found]


def _known(base: Base) -> tuple[str, Said] | None:
    """A number that SayName does not fail for, and what it says, if one was given."""
    for received in base.numbers:
        parsed = read(received, base.plan)
        if isinstance(parsed, NotANumber):
            continue
        written = parsed.written(base.settings.number_format)
        try:
            said = base.line().ask(written)
        except OneCError as error:
            if error.kind in _OF_THE_CODE:
                continue
            return None
        if said.answer.known:
            return written, said
    return None


def _wrong_scheme(base: Base) -> bool:
    target = network.target(base.settings)
    if base.settings.url.startswith("https:") or target.proxy:
        return False
    return network.speaks_tls(reach_step.reachable(base.places), target.host)


def service(base: Base) -> list[Finding]:
    """Is it the service that the settings describe."""
    if base.is_unf:
        return _of_unf(base)
    connection = Connection(base.settings)
    try:
        response = connection.request(DESCRIBE, ends=time.monotonic() + WSDL_WITHIN)
        why = "" if response.status == 200 else f"HTTP {response.status}"
        if response.status in (401, 403, 405):
            why += ": it is forbidden there, to this user or to everybody"
        described = None if why else read_wsdl(response.body)
    except OneCError as error:
        why, described = error.message, None
    finally:
        connection.close()
    if described is None:
        return _undescribed(base, why or "what is there is no WSDL")
    base.described = described
    return _compared(base, described)


def _of_unf(base: Base) -> list[Finding]:
    if base.only_unknown and base.fault is not None:
        return [_fails_for_others(base, base.fault)]
    if base.fault is not None:
        return [_fault(base, base.fault, "")]
    try:
        base.line().wake()
    except OneCError as error:
        return [explain.explain(error, base.setting)]
    return [
        ok("service", "«Универсальный itoolabs» answers, and knows crm_token"),
        skipped("service", _UNTOLD),
    ]


def history(base: Base) -> list[Finding]:
    """Can it be told of whole calls, with those that were missed."""
    dialect = dialects.of(base.settings)
    if not dialect.tells:
        return [skipped("history", f"dialect {base.settings.dialect.value} is told of no calls")]
    if base.is_unf:
        return [ok("history", "1C can be told of whole calls, and makes documents of them")]
    spoken = mobilon(base.settings)
    operation = spoken.event or spoken.call_event
    if base.described is None:
        return [
            skipped("history", f"whether the base has {operation} it tells only when it is told of a call")
        ]
    mismatches = compare_history(base.described, spoken)
    if not mismatches:
        return [ok("history", f"1C can be told of whole calls, by {operation}")]
    if operation not in base.described.operations and not mismatches[0].setting:
        return [_without_calls(base, operation)]
    return [
        warning("history", one.what, "1C is not told of calls as long as that is so.", _renamed(base, one))
        for one in mismatches
    ]


def _without_calls(base: Base, operation: str) -> Finding:
    untold = f"the base has no operation {operation}: it is told of cards, and not of calls"
    if not base.whole.tells_history:
        return skipped("history", f"{untold} (docs/1c)")
    why = "1C does not learn how long its calls were, nor which were missed, whatever history.enabled says."
    if base.settings.dialect is DialectName.MOBILON_2:
        how = (
            "Load our extension of docs/1c, version 1.1 or later, into the base (step by step: docs/ru/1c.md)"
        )
    else:
        how = f"Have {operation} added to the web service"
    return warning("history", untold, why, f"{how}, and restart fs-1c; or set history.enabled = false.")


def _undescribed(base: Base, why: str) -> list[Finding]:
    if base.fault is None:
        return [ok("service", "SayName works"), _uncompared(why)]
    if base.only_unknown:
        return [_fails_for_others(base, base.fault), _uncompared(why)]
    untold = f"The base does not describe itself at ?wsdl ({why}): names are not compared."
    return [_fault(base, base.fault, untold)]


def _uncompared(why: str) -> Finding:
    untold = f"the base does not describe itself at ?wsdl ({why}); the names for cards are not compared"
    return skipped("service", untold)


def _fails_for_others(base: Base, error: OneCError) -> Finding:
    """SayName works for `base.probe`, and not for nobody."""
    fails = "gives no answer that is understood" if error.kind == "not-understood" else "fails"
    return warning(
        "service",
        f"{base.question} works for {base.probe}, and {fails} for numbers that it does not know: "
        f"{error.message}",
        "Callers whom 1C does not know come as failed, and not as unknown: their calls go on to the default "
        "target all the same, but nothing is remembered of them, and each call is an error in the log. The "
        "base does not count as down for it.",
        "In 1C, have SayName answer with empty tags when it finds nobody.",
    )


def _fault(base: Base, error: OneCError, more: str) -> Finding:
    found = explain.explain(error, base.setting)
    return problem("service", found.what, f"{more} {found.why}", found.remedy)


def _compared(base: Base, described: Described) -> list[Finding]:
    dialect = mobilon(base.settings)
    mismatches = compare(described, dialect)
    if not mismatches:
        if base.fault is not None and base.only_unknown:
            return [_fails_for_others(base, base.fault)]
        if base.fault is not None:
            return [_fault(base, base.fault, "Namespace, operation and parameters are as the base has them.")]
        return [
            ok("service", f"the base has {', '.join(described.operations)} in {described.namespace}, as set")
        ]
    other = fitting(described, base.settings.dialect)
    if other is not None:
        what = "; ".join(mismatch.what for mismatch in mismatches)
        remedy = f'Set {base.setting("dialect")} = "{other.value}", and neither namespace nor names.'
        return [problem("service", what, _NO_LOOKUP + _said(base), remedy)]
    return [_mismatched(base, mismatch) for mismatch in mismatches]


def _said(base: Base) -> str:
    return f" It says: {base.fault.message}" if base.fault else ""


def _renamed(base: Base, mismatch: Mismatch) -> str:
    if mismatch.setting:
        return f'Set {base.setting(mismatch.setting)} = "{mismatch.value}".'
    return f"Have it added to the web service, or point {base.setting('url')} at the service that has it."


def _mismatched(base: Base, mismatch: Mismatch) -> Finding:
    why = _NO_CARDS if mismatch.pop else _NO_LOOKUP + _said(base)
    remedy = _renamed(base, mismatch)
    if mismatch.pop and base.settings.dialect is DialectName.MOBILON_1:
        return skipped("service", f"dialect mobilon-1 has no cards: {mismatch.what}")
    if not mismatch.pop and not base.mute:
        return warning("service", mismatch.what, why, remedy)  # SayName works all the same
    return problem("service", mismatch.what, why, remedy)
