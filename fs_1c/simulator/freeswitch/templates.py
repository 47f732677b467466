"""Events of any call out of the events of recorded calls.

A recording has a cast: a caller, a dialled number, the subscriber who was rung, two legs, moments. To tell of
    another
call every event is recast (uuids, numbers, extension, times, variables) and everything else stays as
captured.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from fs_1c.simulator.freeswitch import captures
from fs_1c.simulator.freeswitch.messages import (
    Event,
    dates,
    event_messages,
    now_us,
    parse_event,
    with_headers,
)

MOMENTS = {
    "created": ("Created-Time", "start_"),
    "progress": ("Progress-Time", "progress_"),
    "answered": ("Answered-Time", "answer_"),
    "bridged": ("Bridged-Time", "bridge_"),
    "hungup": ("Hangup-Time", "end_"),
}
"""What part of a header's name tells which moment of the call its time is."""

_DURATIONS = {
    prefix + letter + suffix: (start, end, unit)
    for letter, unit in (("", 1_000_000), ("m", 1000), ("u", 1))
    for prefix, suffix, start, end in (
        ("", "duration", "created", "hungup"),
        ("bill", "sec", "answered", "hungup"),
        ("answer", "sec", "created", "answered"),
    )
}
"""``duration``, ``billsec``, ``answersec`` and their kin in ms and µs: from, to, µs in the unit."""

_RECORDED_DOMAIN = "127.0.0.1"
_FULL_TIME = re.compile(r"^1795\d{12}$")
_ALWAYS_MOVING = re.compile(r"Privacy-Hide|_stamp$|(duration|sec)$")
_NAMES = re.compile(r"^(Caller|Channel|Other-Leg)-(Orig-)?Caller-ID-Name$")
_TO = re.compile(r"Destination-Number$|^variable_(sip_(full_to|req_u|to_)|DP_MATCH)")
_CALLEE = re.compile(
    r"(Callee-ID-Number|Destination-Number|Channel-Name|Presence-ID)$|^variable_(channel_name|"
    r"sip_(dest|req|rec|full_to|to|contact)|dialed_user|presence_id|bridge_channel|originated_legs|last_sent_callee_id_n)"
)
_SERVICE_OWNED = re.compile(
    r"^variable_(fs_1c_|effective_caller_id_|export_vars|DP_MATCH|current_|last_arg|last_app)"
)
_DIRECTORY_OWNED = re.compile(r"^variable_dialed_(user|domain)$|^(variable_presence_id|Channel-Presence-ID)$")


@dataclass(frozen=True, slots=True)
class Template:
    """A recorded event and the cast of its recording; ``moving``: places of headers that may change."""

    event: Event
    a_uuid: str
    b_uuid: str
    number: str
    destination: str
    extension: str
    moving: frozenset[int]


@dataclass(frozen=True, slots=True)
class Scene:
    """The call an event is to tell of.

    Attributes:
        a_uuid, b_uuid: the caller's leg, the callee's.
        number, name: the caller's, as SIP gave them.
        display_name: what the callee's phone shows.
        destination: the number the caller dialled.
        extension: the callee's extension, or the number behind a gateway.
        endpoint: kind of the callee's endpoint; only a ``user`` has presence and ``dialed_user``.
        domain: of both.
        private: the caller hides name and number.
        times: moments of the call in µs, by the names of :data:`MOMENTS`; missing ones have not come yet.
        variables: of the leg the event is about; they replace what was captured.
        changes: headers to replace, add or (None) remove in the end.
    """

    a_uuid: str
    number: str
    name: str
    destination: str
    b_uuid: str = ""
    display_name: str = ""
    extension: str = ""
    endpoint: str = "user"
    domain: str = _RECORDED_DOMAIN
    private: bool = False
    times: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, str | None] = field(default_factory=dict)


@cache
def load(capture: str, index: int) -> Template:
    """The event number ``index`` of a shipped recording; -1 is the CHANNEL_DATA at its beginning."""
    events = _events(capture)
    caller = next(event for event in reversed(events) if event.get("Call-Direction") == "inbound")
    answered = next((event for event in reversed(events) if event.get("Caller-Callee-ID-Number")), caller)
    a_uuid = caller.get("Unique-ID") or ""
    legs = [event.get(key) for event in events for key in ("Unique-ID", "Other-Leg-Unique-ID")]
    b_uuid = next((leg for leg in legs if leg and leg != a_uuid), "")
    number = caller.get("Caller-Caller-ID-Number") or ""
    destination = caller.get("Caller-Destination-Number") or ""
    extension = answered.get("Caller-Callee-ID-Number") or ""
    told = [text for text in (a_uuid, b_uuid, number, destination, extension, _RECORDED_DOMAIN) if text]
    moving = frozenset(
        place
        for place, (key, value) in enumerate(events[index].headers)
        if any(text in value for text in told) or value.startswith("179") or _ALWAYS_MOVING.search(key)
    )
    return Template(events[index], a_uuid, b_uuid, number, destination, extension, moving)


def warm() -> None:
    """Reads the recordings now, so that the first call is as quick as any other."""
    for capture in (
        "outbound_sync_route",
        "outbound_async_bridge",
        "outbound_async_cancel",
        "inbound_abandoned",
    ):
        load(capture, -1 if capture == "outbound_sync_route" else 0)
    for index in range(len(_events("inbound_answered")) - 1):
        load("inbound_answered", index)


@cache
def _events(capture: str) -> list[Event]:
    """The events of a recording; the last one is what it begins with, CHANNEL_DATA if it has that."""
    stream = captures.received(captures.bundled(capture))
    events = [parse_event(message.partition(b"\n\n")[2]) for message in event_messages(stream)]
    return [*events, parse_event(stream)]


def render(template: Template, scene: Scene, sequence: int, core_uuid: str) -> Event:
    """The recorded event, told of another call."""
    moment = now_us()
    callee_leg = template.event.get("Call-Direction") == "outbound"
    headers = []
    for place, (key, value) in enumerate(template.event.headers):
        subscriber = callee_leg and scene.endpoint == "user"
        if _SERVICE_OWNED.match(key) or (_DIRECTORY_OWNED.match(key) and not subscriber):
            continue
        if place in template.moving:
            value = _recast(key, value, template, scene, callee_leg)
        headers.append((key, value))
    told = [index for index, (key, _) in enumerate(headers) if key.startswith("variable_")]
    if told:  # some events, CHANNEL_STATE among them, carry no variables at all
        end = told[-1] + 1
        variables: dict[str, str | None] = {
            f"variable_{name}": value for name, value in scene.variables.items()
        }
        headers = [*with_headers(headers[:end], variables), *headers[end:]]
    changes: dict[str, str | None] = dict(dates(moment))
    changes |= {"Event-Sequence": str(sequence), "Core-UUID": core_uuid}
    return Event(with_headers(headers, changes | dict(scene.changes)))


def _recast(key: str, value: str, old: Template, new: Scene, callee_leg: bool) -> str:
    moment = _moment(key, value, new)
    if moment is not None:
        return moment
    whose_caller = callee_leg if key.startswith("Caller") else key.startswith("Other-Leg") and not callee_leg
    if _NAMES.match(key):
        return new.display_name if whose_caller else new.name
    if key.endswith(("Privacy-Hide-Name", "Privacy-Hide-Number")):
        return "true" if new.private else value
    if key == "variable_caller_id":
        return f'"{new.display_name if callee_leg else new.name}" <{new.number}>'
    if key == "variable_sip_from_display" and callee_leg:
        return new.display_name
    value = value.replace(old.a_uuid, new.a_uuid)
    if old.b_uuid:
        value = value.replace(old.b_uuid, new.b_uuid)
    if _TO.search(key):
        value = _token(value, old.destination, new.destination)
    if old.extension and new.extension and _CALLEE.search(key):
        value = _token(value, old.extension, new.extension)
    value = _token(value, old.number, new.number)
    if key == "variable_sip_full_from" and callee_leg:
        value = re.sub(r'^"[^"]*"', lambda _: f'"{new.display_name}"', value)
    if key == "variable_dialed_domain" or re.fullmatch(r"variable_sip_(from|to|req)_host", key):
        return value.replace(_RECORDED_DOMAIN, new.domain)
    if "profile_url" not in key and "contact" not in key:
        value = re.sub(rf"@{re.escape(_RECORDED_DOMAIN)}(?!:5070)", lambda _: f"@{new.domain}", value)
    return value


def _token(value: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w.])", lambda _: new, value) if old else value


def _moment(key: str, value: str, scene: Scene) -> str | None:
    """The value of a header about time, None when it is about something else."""
    if key.removeprefix("variable_") in _DURATIONS:
        start, end, unit = _DURATIONS[key.removeprefix("variable_")]
        times = scene.times
        return str((times[end] - times[start]) // unit if times.get(start) and times.get(end) else 0)
    if value == "0":
        return None
    timed = _FULL_TIME.match(value) or key.endswith(("_epoch", "_stamp"))
    named = [moment for moment, parts in MOMENTS.items() if any(part in key for part in parts)]
    if not timed or not named or "Media" in key:
        return str(scene.times.get("created", 0)) if _FULL_TIME.match(value) else None
    at = scene.times.get(named[0], 0)
    if not at:
        return "0"
    if key.endswith("_epoch"):
        return str(at // 1_000_000)
    if key.endswith("_stamp"):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at // 1_000_000))
    return str(at)
