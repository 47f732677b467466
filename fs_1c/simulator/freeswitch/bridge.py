"""The application ``bridge``: rings phones, connects one of them, lets the two talk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from fs_1c.simulator.freeswitch import dialstring, templates, values
from fs_1c.simulator.freeswitch.call import Q850, LiveCall
from fs_1c.simulator.freeswitch.dialstring import Endpoint
from fs_1c.simulator.freeswitch.messages import now_us

RINGING = frozenset({"freetdm", "loopback", "sofia", "user", "verto"})
"""Kinds of endpoint behind which a phone can ring."""


@dataclass(slots=True)
class Leg:
    """A callee's leg while it rings or talks."""

    endpoint: Endpoint
    uuid: str
    times: dict[str, int]
    variables: values.Variables
    alone: bool


async def bridge(call: LiveCall, dial_string: str, by_service: bool) -> None:
    """Tries the steps of a dial string one after another until somebody answers or the caller is gone."""
    steps = dialstring.parse(dial_string)
    answerer = _answerer(call, steps)
    cause = "DESTINATION_OUT_OF_ORDER"
    for number, step in enumerate(steps):
        phones = [endpoint for endpoint in step if endpoint.kind in RINGING]
        failed = [endpoint.extension for endpoint in step if endpoint.kind == "error"]
        if not phones:
            cause = failed[0] if failed else "CHAN_NOT_IMPLEMENTED"
            continue
        legs = _ring(call, phones)
        gives_up = call.script.answered_by is None and not by_service and number == len(steps) - 1
        if await call.wait(call.script.ring):
            _end(call, legs, "ORIGINATOR_CANCEL")
            return
        chosen = next((leg for leg in legs if leg.endpoint is answerer), None)
        if chosen is not None:
            _end(call, [leg for leg in legs if leg is not chosen], "LOSE_RACE")
            await _talk(call, chosen, dial_string)
            return
        cause = "NO_ANSWER"
        if gives_up:
            call.hangup("ORIGINATOR_CANCEL")
        _end(call, legs, "ORIGINATOR_CANCEL" if gives_up else cause)
    call.variables.set("originate_disposition", cause)
    if not by_service:
        call.hangup(cause)


def _answerer(call: LiveCall, steps: list[list[Endpoint]]) -> Endpoint | None:
    phones = [endpoint for step in steps for endpoint in step if endpoint.kind in RINGING]
    if call.script.answered_by == "target":
        return next((endpoint for endpoint in phones if endpoint.kind in ("user", "sofia")), None)
    return next((endpoint for endpoint in phones if endpoint.extension == call.script.answered_by), None)


def _ring(call: LiveCall, phones: list[Endpoint]) -> list[Leg]:
    call.engaged = True
    call.shown = call.display_name
    legs = []
    for endpoint in phones:
        variables = values.Variables(values.exported(call.variables) | dict(endpoint.variables))
        leg = Leg(endpoint, str(uuid.uuid4()), {"created": now_us()}, variables, len(phones) == 1)
        if not leg.alone:
            _add_directory(call, leg)
        legs.append(leg)
        call.stage.enter(leg.uuid, call)
        _tell(call, leg, "inbound_answered", 1)
    for leg in legs:
        leg.times["progress"] = now_us()
        _tell(call, leg, "inbound_answered", 2)
    _follow(call, legs[-1])
    if "progress" not in call.times:
        call.times["progress"] = now_us()
        call.tell("inbound_answered", 3)
    return legs


async def _talk(call: LiveCall, leg: Leg, dial_string: str) -> None:
    _follow(call, leg)
    leg.times["answered"] = now_us()
    _tell(call, leg, "inbound_answered", 4)
    call.run_hook(leg.variables.get("api_on_answer"))
    call.bridged_to, call.answered_by = dial_string, leg.endpoint.extension
    call.variables.set("originate_disposition", "SUCCESS")
    call.answer()
    call.times["bridged"] = leg.times["bridged"] = now_us()
    call.tell("inbound_answered", 6)
    for name in ("bridge_uuid", "bridge_to", "last_bridge_to", "signal_bond"):
        call.variables.set(name, leg.uuid)
    await call.wait(call.script.talk)
    call.hangup("NORMAL_CLEARING")
    _end(call, [leg], call.cause)
    for name in ("bridge_to", "bridge_uuid"):
        call.variables.set(name, None)
    call.tell("inbound_answered", 8, Hangup_Cause=call.cause)


def _follow(call: LiveCall, leg: Leg) -> None:
    """The caller's leg names whoever was rung or answered last as its callee."""
    call.callee_uuid, call.callee, call.callee_kind = leg.uuid, leg.endpoint.extension, leg.endpoint.kind
    if leg.endpoint.kind == "user":
        call.variables.set("dialed_user", leg.endpoint.extension)
        call.variables.set("dialed_domain", call.script.domain)


def _end(call: LiveCall, legs: list[Leg], cause: str) -> None:
    for leg in legs:
        leg.times["hungup"] = now_us()
        if "answered" in leg.times:
            # Unless a group was rung, a subscriber's directory variables reach the leg's events only now.
            _add_directory(call, leg)
        leg.variables.set("hangup_cause", cause)
        leg.variables.set("hangup_cause_q850", Q850.get(cause, "31"))
        capture, index = ("inbound_answered", 7) if "answered" in leg.times else ("inbound_abandoned", 4)
        _tell(call, leg, capture, index, {"Hangup-Cause": cause})


def _add_directory(call: LiveCall, leg: Leg) -> None:
    if leg.endpoint.kind == "user":
        for name, value in call.stage.directory(leg.endpoint.extension).items():
            leg.variables.set(name, value)


def _tell(
    call: LiveCall, leg: Leg, capture: str, index: int, changes: dict[str, str | None] | None = None
) -> None:
    scene = templates.Scene(
        a_uuid=call.uuid,
        b_uuid=leg.uuid,
        number=call.script.number,
        name=call.name,
        display_name=leg.variables.get("origination_caller_id_name") or call.display_name,
        destination=call.script.destination,
        extension=leg.endpoint.extension,
        endpoint=leg.endpoint.kind,
        domain=call.script.domain,
        private=call.script.private,
        times=leg.times,
        variables=leg.variables,
        changes=changes or {},
    )
    template = templates.load(capture, index)
    call.stage.fire(templates.render(template, scene, call.stage.next_sequence(), call.stage.core_uuid))
