"""Where a call goes and what the phone shows: `Call` + `Caller` + policy → `Decision`. Pure.

1C's words enter a dial string only as a checked `channel.word`; everything else in it is the administrator's.
If 1C knows no manager, or names one that cannot be dialled, there is no target and the dialplan's own default
stays; but a client of a category that has a rule of its own goes by that rule even without a manager.
"""

from __future__ import annotations

import re

from fs_1c import channel
from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.numbers import Number, NumberPlan, is_extension, read
from fs_1c.settings import RoutingSettings


def decide(call: Call, caller: Caller, policy: RoutingSettings, plan: NumberPlan) -> Decision:
    """What to do with `call`, knowing `caller`. Never raises; the values are harmless inside a channel."""
    target = _target(call, caller, policy, plan) if caller.result is Result.FOUND else None
    title = channel.text(caller.title)
    variables = [
        ("fs_1c_result", caller.result.value),
        ("fs_1c_number", caller.number.e164 if caller.number else ""),
        ("fs_1c_title", title),
        ("fs_1c_category", channel.text(caller.category)),
        ("fs_1c_manager", channel.text(caller.manager)),
        ("effective_caller_id_name", title or _safer_name(call.name)),
        ("fs_1c_target", target or ""),
    ]
    return Decision(call, caller, tuple((name, value) for name, value in variables if value), target)


def _safer_name(name: str) -> str:
    """The caller's own display name is code too, if it is written like that; a harmless one is left alone."""
    return channel.text(name) if "${" in name.replace("\\", "") or "$${" in name else ""


def _target(call: Call, caller: Caller, policy: RoutingSettings, plan: NumberPlan) -> str | None:
    domain = channel.host(policy.domain or call.domain)
    manager = _manager(caller.manager, domain, policy, plan)
    rule = next((rule for rule in policy.category if rule.category == caller.category), None)
    if manager is None and rule is None:
        return None
    followers = [_fill(template, domain=domain) for template in (rule.then if rule else policy.then)]
    steps = [f"[leg_timeout={max(1, round(policy.ring_for))}]{manager}"] if manager else []
    steps += [step for step in followers if step is not None and step != manager]
    return "|".join(steps) or None


def _manager(phone: str, domain: str | None, policy: RoutingSettings, plan: NumberPlan) -> str | None:
    """The dial string of a manager's phone: a subscriber's extension, or a number outside."""
    dialled = re.sub(r"[\s\u00a0\u202f]", "", phone)  # 1C formats numbers: extension 1244 arrives as «1 244»
    if is_extension(dialled, plan):
        if not dialled.strip("0"):  # an empty number may come as 0
            return None
        return _fill(policy.extension, extension=dialled, domain=domain)
    number = read(phone, plan)
    if policy.external is None or not isinstance(number, Number):
        return None
    return _fill(policy.external, number=channel.word(number.written(policy.external_format)), domain=domain)


def _fill(template: str, **values: str | None) -> str | None:
    """`template` with its {names} replaced, or None if a value that it needs is missing or unfit."""
    for name, value in values.items():
        if "{" + name + "}" in template:
            if value is None:
                return None
            template = template.replace("{" + name + "}", value)
    return None if re.search(r"(?<!\$)\{(extension|number|domain)\}", template) else template
