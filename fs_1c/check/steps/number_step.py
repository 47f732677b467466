"""Does 1C find a client by his number, in which form must it be asked, and what becomes of its answer."""

from __future__ import annotations

from fs_1c.check import base as bases
from fs_1c.check import explain
from fs_1c.check.base import Base, Said
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.numbers import NotANumber, Number, NumberFormat, read
from fs_1c.onec import OneCError

_PREFERENCE = (
    NumberFormat.EIGHT,
    NumberFormat.PLUS,
    NumberFormat.SEVEN,
    NumberFormat.NATIONAL,
    NumberFormat.AS_RECEIVED,
)
_OF_UNF = (NumberFormat.SEVEN, NumberFormat.EIGHT)  # the others are none to it
_BY_SUBSTRING = (
    "8… and 7… are found, +7… and ten digits are not: this base seems to drop the first character of what it "
    "is asked, and to search for the rest."
)


def number(base: Base, received: str) -> list[Finding]:
    """SayName of one number, in the form that the settings say and in every other."""
    parsed = read(received, base.plan)
    if isinstance(parsed, NotANumber):
        if parsed.reason == "malformed":
            why = "Callers with such a number are not looked up."
            return [problem("number", f"{received} is no telephone number", why, "Correct --number.")]
        return [skipped("number", f"1C is never asked about {received}: {parsed.reason}")]
    own = base.settings.number_format
    said: dict[str, Said] = {}
    for form in (own, *(_OF_UNF if base.is_unf else _PREFERENCE)):
        written = parsed.written(form)
        if written in said:
            continue
        try:
            said[written] = base.line().ask(written)
        except OneCError as error:
            if form is own:
                return [_failed(base, written, error)]
            break  # the other forms are a courtesy
    return _judged(base, parsed, said)


def _failed(base: Base, written: str, error: OneCError) -> Finding:
    found = explain.explain(error, base.setting)
    if base.only_unknown and base.fault and error.kind == base.fault.kind:
        what = f"{written}: 1C seems not to know this number, for which {base.question} fails: {found.what}"
        return warning("number", what, "Its caller comes without a name, as failed.", found.remedy)
    return problem("number", f"{written}: {found.what}", found.why, found.remedy)


def _judged(base: Base, parsed: Number, said: dict[str, Said]) -> list[Finding]:
    own = base.settings.number_format
    asked_as = parsed.written(own)
    setting = base.setting("number_format")
    found = [form for form in _PREFERENCE if (one := said.get(parsed.written(form))) and one.answer.known]
    if not found:
        return [
            warning(
                "number",
                f"1C knows nobody by {parsed.e164}, asked as {', '.join(said)}",
                "If 1C has this client, its search does not find him, and will not when he calls.",
                f"See how 1C stores his number and how {base.question} searches; docs/1c has one that works.",
            )
        ]
    by_substring = _by_substring(parsed, said)
    if not said[asked_as].answer.known:
        base.finds_by, right = found[0], parsed.written(found[0])
        what = f"this base finds {parsed.e164} by {right}; the settings have it asked by {asked_as}"
        why = f"Its clients come as unknown callers. {by_substring}"
        return [problem("number", what, why, f'Set {setting} = "{found[0].value}".')]
    one = said[asked_as]
    clients = {
        (said[w].answer.title, said[w].answer.manager): w for w in map(parsed.written, reversed(found))
    }
    findings = [ok("number", f"1C knows {asked_as}: {one.answer.title or 'a nameless client'}", by_substring)]
    if len(clients) > 1:
        findings = [
            warning(
                "number",
                f"{asked_as} is {one.answer.title}, but asked as {' and '.join(clients.values())} 1C names "
                "different clients",
                "It takes the first of several that match; the card may be somebody else's.",
                "Have 1C compare whole numbers, or take the double client out.",
            )
        ]
    return [*findings, *([] if base.is_unf else _shape(one)), _manager(base, one.answer.manager)]


def _by_substring(parsed: Number, said: dict[str, Said]) -> str:
    """What is known of bases that drop the first character, if this is one."""
    forms = (NumberFormat.EIGHT, NumberFormat.SEVEN, NumberFormat.PLUS, NumberFormat.NATIONAL)
    answers = [said.get(parsed.written(form)) for form in forms]
    known = [one.answer.known for one in answers if one is not None]
    return _BY_SUBSTRING if known == [True, True, False, False] else ""


def _shape(said: Said) -> list[Finding]:
    if bases.declares_entities(said):
        return [
            warning(
                "answer",
                "1C's answer has a document type declaration (<!DOCTYPE …>) with entities of its own",
                "They are never resolved, for they can fill the memory and read files: a name made of them "
                "is shown as it is written.",
                "In 1C's module write names as they are, by ЗаписьXML; see who has put that declaration in.",
            )
        ]
    broken = bases.untidy(said)
    if not broken:
        return []
    return [
        warning(
            "answer",
            f"1C's answer is no XML: {broken}",
            "It is read all the same; but a tag in a name would cut it, and other programs fail.",
            "In 1C's module write it by ЗаписьXML, not by joining strings; docs/1c has one that does.",
        )
    ]


def _manager(base: Base, written: str) -> Finding:
    if not written.strip("0"):
        return ok("manager", "no manager is named; the call goes to the dialplan's default target")
    routing = base.whole.routing
    target = bases.dial_string(written, routing, base.plan)
    kind, _, phone = target.partition(":")
    if kind == "ext":
        return _inside(base, phone)
    if kind in ("out", "refused") and routing.external is None:
        return warning(
            "manager",
            f"the manager's phone {written} is outside, and routing.external is not set",
            "His clients' calls go to the dialplan's default target.",
            'Set routing.external, for example to "sofia/gateway/trunk/{number}".',
        )
    if kind == "refused":
        return warning(
            "manager",
            phone,
            "His clients' calls go to whoever follows him, or to the dialplan's default target.",
            "If it should be rung: add a pattern of it to routing.external_allow.",
        )
    if kind == "out":
        return ok("manager", f"the manager's phone {written} is outside and called by routing.external")
    return warning(
        "manager",
        f"the manager's phone {written} cannot be dialled",
        "His clients' calls go to the dialplan's default target.",
        "Have an extension or one whole telephone number in that field in 1C.",
    )


def _inside(base: Base, extension: str) -> Finding:
    base.managers.add(extension)
    if base.is_unf:
        return ok("manager", f"the manager is extension {extension}; 1C opens the card by that")
    if base.keys.unread:
        return skipped("manager", f"the manager is extension {extension}; the keys could not be read")
    if extension in base.keys.of:
        return ok("manager", f"the manager is extension {extension}, which has a key")
    if base.whole.subscribers.directory:
        return ok(
            "manager", f"the manager is extension {extension}; FreeSWITCH's directory is asked for the key"
        )
    return problem(
        "manager",
        f"the manager is extension {extension}, which has no key",
        "When he answers, no card opens: 1C finds the person by the key.",
        f'Put "{extension}" = "…" into [subscribers.keys], with the key that 1C has for him.',
    )
