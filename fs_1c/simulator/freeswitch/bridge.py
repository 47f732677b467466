"""The application `bridge`: takes a dial string apart, rings phones, connects one of them, lets the two talk.

As in switch_ivr_originate `<…>` and `{…}` in front are for all, `|` separates what is tried one after the
other, `,` what rings together, `[…]` in front of an endpoint is for it alone. `|` is looked for first, so it
cuts through brackets; `,` inside `[…]` does not separate endpoints.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fs_1c.simulator.freeswitch import recordings
from fs_1c.simulator.freeswitch.values import Variables, separate
from fs_1c.simulator.freeswitch.wire import now

if TYPE_CHECKING:
    from fs_1c.simulator.freeswitch.call import LiveCall

RINGING = frozenset({"freetdm", "loopback", "sofia", "user", "verto"})
"""Kinds of endpoint behind which a phone can ring."""
_FOR_ALL, _FOR_ONE = re.compile(r" *(?:<([^>]*)>|\{([^}]*)\})"), re.compile(r" *\[([^]]*)\]")


class Endpoint(NamedTuple):
    """Whom to ring: `user` or another kind, the extension or the number behind a gateway; and variables."""

    kind: str
    extension: str
    variables: Mapping[str, str]


def parse(dial_string: str) -> list[list[Endpoint]]:
    """Steps tried one after another, each a list of endpoints that ring together; nonsense is left out."""
    for_all, rest = _variables(_FOR_ALL, dial_string)
    steps = []
    for step in separate(rest, "|"):
        legs = []
        for leg in re.findall(r"(?:\[[^]]*\]|[^,])+", step):
            own, address = _variables(_FOR_ONE, leg)
            kind, _, path = address.strip().partition("/")
            if path:
                legs.append(Endpoint(kind, path.partition("@")[0].rpartition("/")[2], for_all | own))
        steps.append(legs)
    return [step for step in steps if step]


def _variables(kind: re.Pattern[str], text: str) -> tuple[dict[str, str], str]:
    """Takes brackets with variables off the front of a text."""
    found: dict[str, str] = {}
    while brackets := kind.match(text):
        for element in separate("".join(brackets.groups("")), ","):
            name, equals, value = element.partition("=")
            if equals:
                found[name] = value
        text = text[brackets.end() :]
    return found, text


@dataclass(slots=True, eq=False)
class Leg:
    """A callee's leg while it rings or talks."""

    call: LiveCall
    endpoint: Endpoint
    variables: Variables
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    times: dict[str, int] = field(default_factory=lambda: {"created": now()})

    def tell(self, what: str, cause: str | None = None) -> None:
        changes = {"Hangup-Cause": cause, **self.call.switch.stamp()}
        cast, subscriber = self.call.cast(self), self.endpoint.kind == "user"
        event = recordings.tell(what, cast, self.times, self.variables, changes, subscriber)
        self.call.switch.fire(event)

    def add_directory(self) -> None:
        if self.endpoint.kind == "user":
            self.variables.update(self.call.switch.settings.directory.get(self.endpoint.extension, {}))

    def end(self, cause: str) -> None:
        self.times["hungup"] = now()
        if answered := "answered" in self.times:
            # Unless a group was rung, a subscriber's directory variables reach the leg's events only now.
            self.add_directory()
        self.variables["hangup_cause"] = cause
        self.tell("callee end, bridged" if answered else "callee end", cause)


async def bridge(call: LiveCall, dial_string: str, by_service: bool) -> None:
    """Tries the steps of a dial string one after another until somebody answers or the caller is gone."""
    steps, wanted = parse(dial_string), call.script.answered_by
    phones = [endpoint for step in steps for endpoint in step if endpoint.kind in RINGING]
    targets = [phone for phone in phones if wanted in (phone.extension, "target")]
    answers = next((one for one in targets if wanted != "target" or one.kind in ("user", "sofia")), None)
    cause = "DESTINATION_OUT_OF_ORDER"
    for step in steps:
        legs = _ring(call, [endpoint for endpoint in step if endpoint.kind in RINGING])
        if not legs:
            cause = next((one.extension for one in step if one.kind == "error"), "CHAN_NOT_IMPLEMENTED")
            continue
        gone = await call.wait(call.script.ring)
        chosen = None if gone else next((leg for leg in legs if leg.endpoint is answers), None)
        cause = "NO_ANSWER"
        if wanted is None and not by_service and step is steps[-1]:
            call.hangup("ORIGINATOR_CANCEL")
        lost = "LOSE_RACE" if chosen else "ORIGINATOR_CANCEL" if call.down.is_set() else cause
        for leg in legs:
            if leg is not chosen:
                leg.end(lost)
        if chosen is not None:
            await _talk(call, chosen, dial_string)
        if gone or chosen is not None:
            return
    call.variables.set("originate_disposition", cause)
    if not by_service:
        call.hangup(cause)


def _ring(call: LiveCall, phones: list[Endpoint]) -> list[Leg]:
    legs = []
    for endpoint in phones:
        call.display_name = call.shows
        leg = Leg(call, endpoint, Variables(endpoint.variables))
        if len(phones) > 1:
            leg.add_directory()
        legs.append(leg)
        call.switch.calls[leg.uuid] = call
        leg.tell("callee create")
    for leg in legs:
        leg.times["progress"] = now()
        leg.tell("callee progress")
        _follow(call, leg)
    if legs and "progress" not in call.times:
        call.times["progress"] = now()
        call.tell("progress")
    return legs


async def _talk(call: LiveCall, leg: Leg, dial_string: str) -> None:
    _follow(call, leg)
    leg.times["answered"] = now()
    leg.tell("callee answer")
    call.run_hook(leg.variables.get("api_on_answer"))
    call.bridged_to, call.answered_by = dial_string, leg.endpoint.extension
    call.variables.set("originate_disposition", "SUCCESS")
    call.answer()
    call.times["bridged"] = leg.times["bridged"] = now()
    call.tell("bridge")
    call.variables |= dict.fromkeys(("bridge_uuid", "bridge_to", "last_bridge_to", "signal_bond"), leg.uuid)
    await call.wait(call.script.talk)
    call.hangup("NORMAL_CLEARING")
    leg.end(call.hangup_cause)
    for name in ("bridge_to", "bridge_uuid"):
        call.variables.set(name, None)
    call.tell("unbridge")


def _follow(call: LiveCall, leg: Leg) -> None:
    """The caller's leg names whoever was rung or answered last as its callee."""
    call.callee = leg
    if leg.endpoint.kind == "user":
        call.variables |= {"dialed_user": leg.endpoint.extension, "dialed_domain": call.script.domain}
