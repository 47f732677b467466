"""Where a call goes and what the phone shows: `Call` + `Caller` + policy → `Decision`. Pure.

1C's words enter a dial string only as a checked `channel.word`; everything else in it is the administrator's.
If 1C knows no manager, or names one that cannot be dialled, there is no target and the dialplan's own default
stays; but a client of a category that has a rule of its own goes by that rule even without a manager. A phone
outside that must not be rung (`external_allow`) is passed over like one where nobody answers: the manager's
next phone rings, or whoever follows him.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fs_1c import channel
from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.numbers import Number, NumberPlan, read, refusal
from fs_1c.routing.name import shown
from fs_1c.routing.phones import candidates
from fs_1c.settings import RoutingSettings


class _Phone(NamedTuple):
    """A manager's phone: what can be dialled for it, its dial string, and whether it hangs on this switch."""

    dialled: str
    endpoint: str
    is_ours: bool


def decide(call: Call, caller: Caller, policy: RoutingSettings, plan: NumberPlan) -> Decision:
    """What to do with `call`, knowing `caller`. Never raises; the values are harmless inside a channel."""
    variables, target, refused = _said(
        caller.result,
        caller.number.e164 if caller.number else "",
        caller.title,
        caller.category,
        caller.manager,
        call.name,
        policy.domain or call.domain,
        policy,
        plan,
    )
    return Decision(call, caller, variables, target, refused)


@channel.remembered(4096)
def _said(
    result: Result,
    e164: str,
    title: str,
    category: str,
    written: str,
    name: str,
    domain: str,
    policy: RoutingSettings,
    plan: NumberPlan,
) -> tuple[tuple[tuple[str, str], ...], str | None, str]:
    """The variables and the target of a call, and which phone is not rung, and why.

    Args:
        e164: The caller's number, or empty.
        written: The manager's phone, as 1C has it.
        name: The caller's own display name.
    """
    # Without any, FreeSWITCH fills in its own global variable `domain`, as its standard configuration sets
    # it.
    domain = channel.host(domain) or "${domain}"
    found = result is Result.FOUND
    manager, refused = _manager(written, domain, policy, plan) if found else (None, "")
    target = _target(category, manager, bool(refused), domain, policy) if found else None
    variables = (
        ("fs_1c_result", result.value),
        ("fs_1c_number", e164),
        ("fs_1c_title", channel.text(title)),
        ("fs_1c_category", channel.text(category)),
        ("fs_1c_manager", manager.dialled if manager else ""),
        ("effective_caller_id_name", shown(title, name, policy.name)),
        ("fs_1c_target", target or ""),
    )
    return tuple(variable for variable in variables if variable[1]), target, refused


def _target(
    category: str, manager: _Phone | None, refused: bool, domain: str, policy: RoutingSettings
) -> str | None:
    """The dial string for a client of that category, whose manager has that phone, or one that is refused."""
    rule = next((rule for rule in policy.category if rule.category == category), None)
    if manager is None and rule is None and not refused:
        return None
    followers = [_fill(template, domain=domain) for template in (rule.then if rule else policy.then)]
    steps = [f"[{_patience(manager, policy)}]{manager.endpoint}"] if manager else []
    steps += [step for step in followers if step is not None and not (manager and step == manager.endpoint)]
    return "|".join(steps) or None


def _patience(manager: _Phone, policy: RoutingSettings) -> str:
    """For how long he is rung, and when his phone counts as dead. A trunk may take its time to ring.

    `user/` rings all phones of a subscriber, and progress_timeout goes to it: it counts them as one. With
    leg_progress_timeout a dead one costs the call that is answered at another (FreeSWITCH 1.10.12).
    """
    rings = f"leg_timeout={max(1, round(policy.ring_for))}"
    if not manager.is_ours or not policy.dead_after:
        return rings
    which = "progress_timeout" if manager.endpoint.startswith("user/") else "leg_progress_timeout"
    return f"{which}={max(1, round(policy.dead_after))},{rings}"


def _manager(
    written: str, domain: str, policy: RoutingSettings, plan: NumberPlan
) -> tuple[_Phone | None, str]:
    """The first of the manager's phones that can be dialled and may be: an extension, or outside. And which
    one before it may not be, and why.
    """
    refused = ""
    for one in candidates(written, plan):
        if one.extension:
            endpoint = _fill(policy.extension, extension=one.written, domain=domain)
            return _Phone(one.written, endpoint, True) if endpoint else None, refused
        outside = _outside(one.written, domain, policy, plan)
        if isinstance(outside, _Phone):
            return outside, refused
        refused = refused or outside
    return None, refused


def _outside(phone: str, domain: str, policy: RoutingSettings, plan: NumberPlan) -> _Phone | str:
    """A phone outside, or why it must not be rung; empty: it cannot be dialled at all."""
    number = read(phone.strip(" -."), plan)
    if policy.external is None or not isinstance(number, Number):
        return ""
    dialled = channel.word(number.written(policy.external_format))
    endpoint = _fill(policy.external, number=dialled, domain=domain)
    if not dialled or not endpoint:
        return ""
    if why := refusal(number, dialled, policy.external_allow, plan):
        return f"{dialled} is not dialled: {why} (routing.external_allow)"
    return _Phone(dialled, endpoint, False)


def _fill(template: str, **values: str | None) -> str | None:
    """`template` with its {names} replaced, or None if a value that it needs is missing or unfit."""
    # `${domain}` is a channel variable of the administrator's, not our {domain}.
    names = re.findall(r"(?<!\$)\{(extension|number|domain)\}", template)
    if any(values.get(name) is None for name in names):
        return None
    return re.sub(r"(?<!\$)\{(extension|number|domain)\}", lambda name: str(values[name[1]]), template)
