"""Where a call goes and what the phone shows: `Call` + `Caller` + policy → `Decision`. Pure.

1C's words enter a dial string only as a checked `channel.word`; everything else in it is the administrator's.
If 1C knows no manager, or names one that cannot be dialled, whoever talked to the client last stands in for
one, if that is wanted and told. If nobody does, there is no target and the dialplan's own default stays; but
a client of a category that has a rule of its own goes by that rule even without a manager. A phone outside
that must not be rung (`external_allow`) is passed over like one where nobody answers: the manager's next
phone rings, or whoever follows him.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import NamedTuple

from fs_1c import channel
from fs_1c.call import Call, Caller, Decision, LastTalk, Presence, PresenceState, Result, StateOf
from fs_1c.numbers import Number, NumberPlan, is_extension, read, refusal
from fs_1c.routing.name import shown
from fs_1c.routing.phones import candidates
from fs_1c.settings import CategoryRule, RoutingSettings, Unavailable

MAX_PHONES = 10
"""A manager's phones, and his deputies', that are thought of."""

_MAY_HAVE_NONE = (Result.FOUND, Result.UNKNOWN, Result.LATE, Result.FAILED)
_UNKNOWN = Presence(PresenceState.UNKNOWN)


class _Phone(NamedTuple):
    """A phone: what can be dialled for it, its dial string, and whether it hangs on this switch."""

    dialled: str
    endpoint: str
    is_ours: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Ways:
    """Where a client could be sent, before anybody has asked who can take the call.

    Attributes:
        said: Variables with what 1C says of him.
        name: What phones show.
        domain: Of the subscribers; empty: FreeSWITCH's own.
        phones: The manager's phone, and those that may ring in its place.
        followers: Dial strings that follow him; None: the dialplan's own.
        rule: That of the client's category, if there is one.
        vacant: Nobody is named, and whoever talked to the client last may stand in.
    """

    said: tuple[tuple[str, str], ...]
    name: str
    domain: str
    phones: tuple[_Phone, ...]
    refused: str
    followers: tuple[str, ...] | None
    rule: CategoryRule | None
    policy: RoutingSettings
    vacant: bool

    def when(self, state: PresenceState) -> Unavailable:
        """What becomes of a manager who is in that state."""
        rule, policy = self.rule, self.policy
        match state:
            case PresenceState.BUSY:
                return (rule and rule.when_busy) or policy.when_busy
            case PresenceState.AWAY:
                return (rule and rule.when_away) or policy.when_away
        return Unavailable.RING


def is_vacant(call: Call, caller: Caller, policy: RoutingSettings, plan: NumberPlan) -> bool:
    """Whether `decide` could make use of who talked to the client last: 1C names no manager, or is away."""
    return policy.last_talker > 0 and _ways_of(call, caller, policy, plan).vacant


def decide(
    call: Call,
    caller: Caller,
    policy: RoutingSettings,
    plan: NumberPlan,
    state_of: StateOf | None = None,
    last: LastTalk | None = None,
) -> Decision:
    """What to do with `call`, knowing `caller`. Never raises; the values are harmless inside a channel.

    Args:
        state_of: Tells who can take a call; None: nobody knows, and no variable says so.
        last: Who talked to the client last; None: nobody, or nobody knows.
    """
    ways = _ways_of(call, caller, policy, plan)
    if last is not None and ways.vacant:
        ways = _ways_of(call, caller, policy, plan, last.extension)
    if state_of is None or not ways.phones:
        variables, target, _ = _way(ways, ())
        why = ""
    else:
        manager = ways.phones[0]
        first = state_of(manager.dialled, ways.domain) if manager.is_ours else _UNKNOWN
        states: tuple[PresenceState, ...] = (first.state,)
        if ways.when(first.state) is not Unavailable.RING:
            states += tuple(
                state_of(phone.dialled, ways.domain).state if phone.is_ours else PresenceState.UNKNOWN
                for phone in ways.phones[1:]
            )
        variables, target, done = _way(ways, states)
        why = f"{manager.dialled} {_told(first)}: {done}" if done else ""
    if last is not None and ways.vacant and ways.phones:
        when, extension = time.strftime("%d.%m %H:%M", time.localtime(last.at)), ways.phones[0].dialled
        if why:
            why = f"{extension} talked to the client last ({when}); {why}"
        else:
            why = f"{extension} talked to the client last ({when})"
    reject = ways.rule.reject if ways.rule and ways.rule.reject else ""
    why = f"turned away with {reject}" if reject else why
    return Decision(call, caller, variables, target, ways.refused, reject, why)


def _ways_of(
    call: Call, caller: Caller, policy: RoutingSettings, plan: NumberPlan, stands_in: str = ""
) -> _Ways:
    return _ways(
        caller.result,
        caller.number.e164 if caller.number else "",
        caller.title,
        caller.category,
        caller.manager,
        call.name,
        policy.domain or call.domain,
        policy,
        plan,
        stands_in,
    )


def _told(presence: Presence) -> str:
    """In words for an engineer; by the clock on this machine's wall."""
    if presence.state is PresenceState.AWAY:
        what = "is away"
    else:
        what = "declines calls" if presence.declines else "talks"
    since = time.localtime(presence.since) if presence.since else None
    return f"{what} since {time.strftime('%H:%M', since)}" if since else what


@channel.remembered(4096)
def _ways(
    result: Result,
    e164: str,
    title: str,
    category: str,
    written: str,
    name: str,
    domain: str,
    policy: RoutingSettings,
    plan: NumberPlan,
    stands_in: str,
) -> _Ways:
    """What is known of a client, and where he could be sent.

    Args:
        e164: The caller's number, or empty.
        written: The manager's phone, as 1C has it.
        name: The caller's own display name.
        stands_in: An extension that stands in for a manager of whom 1C says nothing, or empty.
    """
    own_domain = channel.host(domain) or ""
    # Without any, FreeSWITCH fills in its own global variable `domain`, as its standard configuration sets
    # it.
    domain = own_domain or "${domain}"
    found = result is Result.FOUND
    rule = next((one for one in policy.category if found and one.category == category), None)
    rejected = rule is not None and rule.reject is not None
    phones, refused = _phones(written, domain, policy, plan) if found and not rejected else ((), "")
    vacant = result in _MAY_HAVE_NONE and bool(e164) and not (rejected or phones or refused)
    if vacant and is_extension(stands_in, plan):
        phones, _ = _phones(stands_in, domain, policy, plan)
    then = policy.then if rule is None or rule.then is None else rule.then
    filled = (_fill(template, domain=domain) for template in then)
    followers = tuple(step for step in filled if step is not None)
    by_rule = rule is not None and not rejected and rule.then is not None
    said = (
        ("fs_1c_result", result.value),
        ("fs_1c_number", e164),
        ("fs_1c_title", channel.text(title)),
        ("fs_1c_category", channel.text(category)),
        ("fs_1c_manager", phones[0].dialled if phones else ""),
        ("fs_1c_source", "last-talker" if vacant and phones else ""),
        ("fs_1c_reject", rule.reject or "" if rule else ""),
    )
    return _Ways(
        tuple(variable for variable in said if variable[1]),
        shown(title, name, policy.name),
        own_domain,
        phones,
        refused,
        followers if phones or refused or by_rule else None,
        rule,
        policy,
        vacant,
    )


@channel.remembered(4096)
def _way(
    ways: _Ways, states: tuple[PresenceState, ...]
) -> tuple[tuple[tuple[str, str], ...], str | None, str]:
    """The variables and the target of a call; and what becomes of a manager who cannot take it, in words.

    Args:
        states: Of those of `ways.phones` that have been asked about; none: nobody knows of any.
    """
    target, done = _target(ways, states)
    more = (
        ("fs_1c_manager_state", states[0].value if states else ""),
        ("effective_caller_id_name", ways.name),
        ("fs_1c_target", target or ""),
    )
    return (*ways.said, *(variable for variable in more if variable[1])), target, done


def _target(ways: _Ways, states: tuple[PresenceState, ...]) -> tuple[str | None, str]:
    """The dial string, and what becomes of a manager who cannot take the call."""
    if ways.followers is None:
        return None, ""
    followers = list(ways.followers)
    if not ways.phones:
        return "|".join(followers) or None, ""
    manager, policy = ways.phones[0], ways.policy
    step, done = f"[{_patience(manager, policy)}]{manager.endpoint}", ""
    ringing = {manager.endpoint}
    what = ways.when(states[0]) if states else Unavailable.RING
    if what is not Unavailable.RING:
        deputy = _deputy(ways.phones, states)
        instead = f"[{_patience(deputy, policy)}]{deputy.endpoint}" if deputy else ""
        if deputy:
            ringing.add(deputy.endpoint)
        if what is Unavailable.NEXT:
            step = instead
            done = f"{deputy.dialled} rings in his place" if deputy else "passed over"
        elif other := instead or (followers.pop(0) if followers else ""):
            step += f",{other}" if other not in ringing else ""
            done = f"rings together with {deputy.dialled if deputy else 'the next'}"
        else:
            done = "rings all the same"
    elif states and states[0] in (PresenceState.BUSY, PresenceState.AWAY):
        done = "rings all the same"
    steps = [step] if step else []
    steps += [one for one in followers if one not in ringing]
    return "|".join(steps) or None, done


def _deputy(phones: tuple[_Phone, ...], states: tuple[PresenceState, ...]) -> _Phone | None:
    """Who rings in the manager's place: the first who is free, else the first of whom nobody knows."""
    others = list(zip(phones[1:], states[1:], strict=True))
    wanted = (PresenceState.FREE, PresenceState.UNKNOWN)
    return next((phone for want in wanted for phone, state in others if state is want), None)


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


def _phones(
    written: str, domain: str, policy: RoutingSettings, plan: NumberPlan
) -> tuple[tuple[_Phone, ...], str]:
    """The manager's phones that can be dialled and may be, in order: extensions, or outside; and those of his
    deputies. And which one before the first of them may not be, and why.
    """
    phones: dict[str, _Phone] = {}
    refused = ""
    for one in candidates(written, plan)[:MAX_PHONES]:
        phone = (
            _extension(one.written, domain, policy)
            if one.extension
            else _outside(one.written, domain, policy, plan)
        )
        if isinstance(phone, _Phone):
            phones.setdefault(phone.endpoint, phone)
        elif one.extension and not phones:
            return (), refused
        elif phone and not phones:
            refused = refused or phone
    first = next(iter(phones.values()), None)
    deputies = next((they for whose, they in policy.deputies if first and whose == first.dialled), ())
    for extension in deputies:
        if phone := _extension(extension, domain, policy):
            phones.setdefault(phone.endpoint, phone)
    return tuple(phones.values())[:MAX_PHONES], refused


def _extension(extension: str, domain: str, policy: RoutingSettings) -> _Phone | None:
    endpoint = _fill(policy.extension, extension=extension, domain=domain)
    return _Phone(extension, endpoint, True) if endpoint else None


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
