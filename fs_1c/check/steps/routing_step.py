"""Whom 1C, or whoever speaks in its name, could have rung: more than the settings should let it."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers

from fs_1c.check.finding import Finding, ok, warning
from fs_1c.numbers import OWN_COUNTRY, Number, NumberFormat, refusal
from fs_1c.settings import Settings

STEP = "routing"
_ABROAD = ("+5351234567", "+88213300000")
"""Numbers that cost much and that no company's managers have: Cuba, a satellite network."""
_DEAR = ("PREMIUM_RATE", "SHARED_COST")
_EMERGENCY = ("112", "911")
_LEADS_OUT = ("loopback/", "sofia/gateway/")


def routing(settings: Settings) -> list[Finding]:
    """What may be dialled for a manager's phone."""
    own = settings.routing
    found = []
    if own.external and (dear := list(dear_of(settings, own.external_format, own.external_allow))):
        found.append(
            warning(
                STEP,
                f"routing.external_allow lets the trunk be given {', '.join(dear)}",
                "Whoever changes a manager's phone in 1C, or its answers on the way, has it rung at the "
                "company's cost.",
                'Leave "own-country", and add only patterns of numbers that managers have.',
            )
        )
    if own.extension.strip().startswith(_LEADS_OUT):
        found.append(
            warning(
                STEP,
                f"routing.extension is {own.extension}: an extension that 1C names may leave by a trunk",
                "Of extensions, 112 is one, too, and routing.external_allow is not asked about them.",
                'Ring subscribers by "user/{extension}@{domain}", or see that the dialplan there has no way '
                "out.",
            )
        )
    return found or [ok(STEP, "no dear number, and none abroad, is rung for 1C")]


def dear_of(settings: Settings, form: NumberFormat, allow: tuple[str, ...]) -> Iterator[str]:
    """What would be dialled of numbers that nobody wants to pay for."""
    plan = settings.numbers.plan()
    kinds = phonenumbers.PhoneNumberType
    examples = [phonenumbers.example_number_for_type(plan.country, getattr(kinds, kind)) for kind in _DEAR]
    dear = [phonenumbers.format_number(one, phonenumbers.PhoneNumberFormat.E164) for one in examples if one]
    abroad = [
        one for one in _ABROAD if phonenumbers.region_code_for_number(phonenumbers.parse(one)) != plan.country
    ]
    for e164 in (*dear, *abroad):
        as_received = form is NumberFormat.AS_RECEIVED
        forms = [one for one in NumberFormat if one is not form] if as_received else [form]
        ways = dict.fromkeys(Number(e164, e164).written(one) for one in forms)
        yield from (way for way in ways if not refusal(Number(e164, way), way, allow, plan))
    patterns = tuple(one for one in allow if one != OWN_COUNTRY)
    yield from (one for one in _EMERGENCY if not refusal(Number(f"+{one}", one), one, patterns, plan))
