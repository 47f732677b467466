"""How the events in `fs_1c/simulator/data/events.json` were made of the recordings.

A recording has a cast: a caller, the number he dialled, the subscriber who was rung, two legs, moments. Each
is marked in the recorded event, `<<part>>`; all else stays as FreeSWITCH wrote it. Of a new recording
`python -m tests.simulator.marks` writes the file, and a test compares it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

from fs_1c.simulator.freeswitch import recordings
from fs_1c.simulator.freeswitch.wire import Event, event_messages, parse_event

ORDER = {
    "inbound_answered": "create; callee create; callee progress; progress; callee answer; answer; bridge;"
    " callee end, bridged; unbridge; end, bridged; -",
    "inbound_abandoned": "-; -; -; -; callee end; end, rung; -",
    "outbound_async_cancel": "park; hangup; unpark; execute complete, down; state hangup;"
    " state reporting; end; -",
    "outbound_async_bridge": "-; execute; execute complete; -; -; -; -; -; -; hangup, bridged; -;"
    " execute complete, bridged; unpark, bridged; -; state hangup, bridged; state reporting, bridged; -; -",
    "outbound_sync_route": "data",
}
"""A recording → what its events tell of the caller's leg or a callee's; after them, what it begins with."""
MOMENTS = {
    "created": ("Created-Time", "start_"),
    "progress": ("Progress-Time", "progress_"),
    "answered": ("Answered-Time", "answer_"),
    "bridged": ("Bridged-Time", "bridge_"),
    "hungup": ("Hangup-Time", "end_"),
}
"""A moment of a call → what in a header's name says that its value is that time."""
_HOST, _MICROSECONDS = "127.0.0.1", re.compile(r"^1795\d{12}$")
_CALLER_NAME = re.compile(r"^(Caller|Channel|Other-Leg)-(Orig-)?Caller-ID-Name$")
_THEIRS = {
    "destination": re.compile(r"Destination-Number$|^variable_(sip_(full_to|req_u|to_)|DP_MATCH)"),
    "extension": re.compile(
        r"(Callee-ID-Number|Destination-Number|Channel-Name|Presence-ID)$|^variable_(channel_name|dialed_user"
        r"|sip_(dest|req|rec|full_to|to|contact)|presence_id|bridge_channel|originated_legs|last_sent_callee_id_n)"
    ),
}
"""A part of the cast → headers in which what was recorded of it is no accident. Of others it never is."""
_LEFT_OUT = re.compile(
    r"^variable_(fs_1c_|effective_caller_id_|export_vars|DP_MATCH|current_|last_ap|last_arg|[mu]?dur|\w+sec$)"
)
"""What the service of that time had set, and durations."""


def written() -> str:
    """The file."""
    events = {
        what: [f"{key}: {value}" for key, value in _marked(recording, place)]
        for recording, names in ORDER.items()
        for place, what in enumerate(names.split("; "))
        if what != "-"
    }
    return json.dumps(events, ensure_ascii=False, indent=1) + "\n"


@cache
def _recorded(capture: str) -> list[Event]:
    """The events of a recording; the last one is what it begins with, the channel's data if it has that."""
    stream = recordings.received(recordings.find(capture))
    events = [parse_event(message.partition(b"\n\n")[2]) for message in event_messages(stream)]
    return [*events, parse_event(stream)]


@cache
def _cast(capture: str) -> dict[str, str]:
    events = _recorded(capture)
    caller = next(event for event in reversed(events) if event.get("Call-Direction") == "inbound")
    answered = next((event for event in reversed(events) if event.get("Caller-Callee-ID-Number")), caller)
    legs = [event.get(key) for event in events for key in ("Unique-ID", "Other-Leg-Unique-ID")]
    return {
        "caller_uuid": caller.get("Unique-ID") or "",
        "callee_uuid": next((leg for leg in legs if leg and leg != caller.get("Unique-ID")), ""),
        "destination": caller.get("Caller-Destination-Number") or "",
        "extension": answered.get("Caller-Callee-ID-Number") or "",
        "number": caller.get("Caller-Caller-ID-Number") or "",
    }


@cache
def _marked(capture: str, place: int) -> tuple[tuple[str, str], ...]:
    """The headers of a recorded event with marks, `<<part>>`, where another call has something else."""
    event = _recorded(capture)[place]
    callees = event.get("Call-Direction") == "outbound"
    return tuple(
        (key, _time_marked(key, value) or _cast_marked(key, value, _cast(capture), callees))
        for key, value in event.headers
        if not _LEFT_OUT.match(key)
    )


def _time_marked(key: str, value: str) -> str:
    """The mark of a header about time, empty when it is about something else or the time had not come."""
    form = key[-6:] if key.endswith(("_epoch", "_stamp")) else ""
    whole = _MICROSECONDS.match(value)
    for moment, parts in MOMENTS.items():
        if value != "0" and (form or whole) and any(part in key for part in parts) and "Media" not in key:
            return f"<<{moment}{form}>>"
    return "<<created>>" if whole else ""


def _cast_marked(key: str, value: str, cast: Mapping[str, str], callees: bool) -> str:
    if _CALLER_NAME.match(key):
        to_the_callee = callees if key.startswith("Caller") else key.startswith("Other-Leg") and not callees
        return "<<shown>>" if to_the_callee else "<<name>>"
    if "-Privacy-Hide-" in key:
        return "<<private>>"
    if key == "variable_caller_id":
        return f'"<<{"shown" if callees else "name"}>>" <<<number>>>'
    if key == "variable_sip_from_display" and callees:
        return "<<shown>>"
    for part, recorded in cast.items():
        if recorded and (part not in _THEIRS or _THEIRS[part].search(key)):
            value = re.sub(rf"(?<![\w.]){re.escape(recorded)}(?![\w.])", f"<<{part}>>", value)
    if key == "variable_sip_full_from" and callees:
        value = re.sub(r'^"[^"]*"', '"<<shown>>"', value)
    if re.match("variable_(dialed_domain|sip_(from|to|req)_host)$", key):
        return value.replace(_HOST, "<<domain>>")
    if "profile_url" not in key and "contact" not in key:
        value = re.sub(rf"(?<=@){re.escape(_HOST)}(?!:5070)", "<<domain>>", value)
    return value


if __name__ == "__main__":
    recordings.EVENTS.write_text(written(), "utf-8")
