"""Does 1C answer, does it let us in, and is it the right web service: the first question, and `?wsdl`."""

from __future__ import annotations

from fs_1c.check import explain, network, reach_step, wsdl
from fs_1c.check.base import Base
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.onec import DESCRIBE, NOBODY, Connection, OneCError, mobilon
from fs_1c.settings import DialectName

WSDL_WITHIN = 5.0
_NO_CARDS = "Names and managers do not need it; without it no card opens."
_NO_LOOKUP = "1C tells names apart by case and refuses what it does not know."


def http(base: Base) -> list[Finding]:
    """The first question, about nobody."""
    try:
        said = base.line().ask(NOBODY)
        return _answered(base, said.kept, said.took)
    except OneCError as error:
        if error.kind != "timeout":
            return _failed(base, error)
    # A base that has slept may need longer than any request may take, and be quick from then on.
    try:
        said = base.line().ask(NOBODY)
    except OneCError as error:
        return _failed(base, error)
    return _answered(base, said.kept, base.settings.timeout)


def _answered(base: Base, kept: bool, took: float) -> list[Finding]:
    base.kept, base.first = kept, took
    return [ok("http", f"1C answers at {base.url}"), _let_in(base)]


def _let_in(base: Base) -> Finding:
    user = base.settings.username
    return ok("authentication", f"1C lets {user} in" if user else "1C asks for no user name, and none is set")


def _failed(base: Base, error: OneCError) -> list[Finding]:
    found = explain.explain(error, base.setting)
    if error.kind in ("fault", "reported"):
        base.fault = error
        base.mute = "SayName fails"
        return [ok("http", f"1C answers at {base.url}"), _let_in(base)]  # `service` tells the rest
    base.blocked = "1C gave no answer to SayName"
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


def _wrong_scheme(base: Base) -> bool:
    target = network.target(base.settings)
    if base.settings.url.startswith("https:") or target.proxy:
        return False
    return network.speaks_tls(reach_step.reachable(base.places), target.host)


def service(base: Base) -> list[Finding]:
    """Is it the service that the settings describe."""
    connection = Connection(base.settings)
    try:
        response = connection.request(DESCRIBE, within=WSDL_WITHIN)
        why = "" if response.status == 200 else f"HTTP {response.status}"
        described = None if why else wsdl.read(response.body)
    except OneCError as error:
        why, described = error.message, None
    finally:
        connection.close()
    if described is None:
        return _undescribed(base, why or "what is there is no WSDL")
    return _compared(base, described)


def _undescribed(base: Base, why: str) -> list[Finding]:
    if base.fault is None:
        untold = f"the base does not describe itself at ?wsdl ({why}); the names for cards are not compared"
        return [ok("service", "SayName works"), skipped("service", untold)]
    untold = f"The base does not describe itself at ?wsdl ({why}): names are not compared."
    return [_fault(base, base.fault, untold)]


def _fault(base: Base, error: OneCError, more: str) -> Finding:
    found = explain.explain(error, base.setting)
    return problem("service", found.what, f"{more} {found.why}", found.remedy)


def _compared(base: Base, described: wsdl.Described) -> list[Finding]:
    dialect = mobilon(base.settings)
    mismatches = wsdl.compare(described, dialect)
    if not mismatches:
        if base.fault is not None:
            return [_fault(base, base.fault, "Namespace, operation and parameters are as the base has them.")]
        return [
            ok("service", f"the base has {', '.join(described.operations)} in {described.namespace}, as set")
        ]
    other = wsdl.fitting(described, base.settings.dialect)
    if other is not None:
        what = "; ".join(mismatch.what for mismatch in mismatches)
        remedy = f'Set {base.setting("dialect")} = "{other.value}", and neither namespace nor names.'
        return [problem("service", what, _NO_LOOKUP + _said(base), remedy)]
    return [_mismatched(base, mismatch) for mismatch in mismatches]


def _said(base: Base) -> str:
    return f" It says: {base.fault.message}" if base.fault else ""


def _mismatched(base: Base, mismatch: wsdl.Mismatch) -> Finding:
    why = _NO_CARDS if mismatch.pop else _NO_LOOKUP + _said(base)
    if mismatch.setting:
        remedy = f'Set {base.setting(mismatch.setting)} = "{mismatch.value}".'
    else:
        remedy = (
            f"Have it added to the web service, or point {base.setting('url')} at the service that has it."
        )
    if mismatch.pop and base.settings.dialect is DialectName.MOBILON_1:
        return skipped("service", f"dialect mobilon-1 has no cards: {mismatch.what}")
    if not mismatch.pop and not base.mute:
        return warning("service", mismatch.what, why, remedy)  # SayName works all the same
    return problem("service", mismatch.what, why, remedy)
