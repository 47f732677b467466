"""Events: those of recordings as they are, and told of another call; and those about the switch itself.

A recording has a cast: a caller, the number he dialled, the subscriber who was rung, two legs, moments. Each
is marked once in the recorded event, and whoever has that part in another call takes the mark's place; all
else stays as FreeSWITCH wrote it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from fs_1c.simulator.freeswitch import captures
from fs_1c.simulator.freeswitch.wire import Event, event_messages, now, parse_event

_ORDER = {
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
TOLD = {
    what: (recording, place)
    for recording, names in _ORDER.items()
    for place, what in enumerate(names.split("; "))
    if what != "-"
}
"""What happens to a leg → the recording and the place in it of the event that tells of this."""

MOMENTS = {
    "created": ("Created-Time", "start_"),
    "progress": ("Progress-Time", "progress_"),
    "answered": ("Answered-Time", "answer_"),
    "bridged": ("Bridged-Time", "bridge_"),
    "hungup": ("Hangup-Time", "end_"),
}
"""A moment of a call → what in a header's name says that its value is that time."""
_DURATIONS = {
    "variable_duration": ("created", "hungup"),
    "variable_billsec": ("answered", "hungup"),
    "variable_answersec": ("created", "answered"),
}
"""A header → the moments between which its seconds lie; its kin in ms and µs are not told."""

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
    r"^variable_(fs_1c_|effective_caller_id_|export_vars|DP_MATCH|current_|last_ap|last_arg|[mu]dur|\w+(m|u)sec$)"
)
"""What the service of that time had set, and durations."""
_OF_A_SUBSCRIBER = re.compile(r"^variable_dialed_(user|domain)$|^(variable_presence_id|Channel-Presence-ID)$")
_MARK = re.compile("\0(.*?)\0")


def tell(
    what: str,
    cast: Mapping[str, str],
    times: Mapping[str, int],
    variables: Mapping[str, str],
    changes: Mapping[str, str | None],
    subscriber: bool = False,
) -> Event:
    """The event of that name in `TOLD`, of another call.

    Args:
        cast: caller_uuid, callee_uuid, number, name, what the callee's phone has shown, the destination
            that was dialled, the callee's extension, domain, private (`true`, `false`).
        times: Moments of the leg in µs, by the names of `MOMENTS`; missing ones have not come yet.
        variables: Of the leg. They replace what was recorded, as `changes` do headers; None leaves one out.
        subscriber: It is the leg of one of the switch's own.
    """
    filling = {**cast, **dict(_spoken(times))}
    left = {f"variable_{name}": value for name, value in variables.items()}
    told, place = [], 0
    for key, value in _marked(*TOLD[what]):
        if subscriber or not _OF_A_SUBSCRIBER.match(key):
            told.append((key, left.pop(key, _MARK.sub(lambda mark: filling[mark[1]], value))))
            place = len(told) if key.startswith("variable_") else place
    if place:  # some events, CHANNEL_STATE among them, carry no variables at all
        told[place:place] = left.items()
    return Event(tuple(told)).changed(changes)


def stamp(core_uuid: str, sequence: int) -> dict[str, str]:
    """What every event says of where and when it was."""
    moment = now()
    gmt = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(moment // 1_000_000))
    dates = {"Local": _local(moment), "GMT": gmt, "Timestamp": str(moment)}
    stamps = {f"Event-Date-{kind}": date for kind, date in dates.items()}
    return {"Core-UUID": core_uuid, **stamps, "Event-Sequence": str(sequence)}


def warm_up() -> None:
    """Reads the recordings now, so that the first call is as quick as any other."""
    for recorded in TOLD.values():
        _marked(*recorded)


def timed_messages(records: list[captures.Record]) -> list[tuple[float, bytes]]:
    """The event messages of a recording, each with the second in which its last octet came."""
    ends: list[tuple[int, float]] = []
    for record in records:
        if record.direction == "<<<":
            ends.append(((ends[-1][0] if ends else 0) + len(record.data), record.seconds))
    stream = captures.received(records)
    timed, at = [], 0
    for message in event_messages(stream):
        at = stream.index(message, at) + len(message)
        timed.append((next(seconds for end, seconds in ends if end >= at), message))
    return timed


def interleaved(recordings: Iterable[str | Path]) -> list[tuple[float, bytes]]:
    """The event messages of several recordings (see `captures.find`), by their times."""
    timed = [pair for recording in recordings for pair in timed_messages(captures.find(recording))]
    return sorted(timed, key=lambda pair: pair[0])


def _local(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment // 1_000_000))


def _spoken(times: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for moment in MOMENTS:
        at = times.get(moment, 0)
        yield moment, str(at)
        yield f"{moment}_epoch", str(at // 1_000_000)
        yield f"{moment}_stamp", _local(at) if at else "0"
    for header, (begins, ends) in _DURATIONS.items():
        there = begins in times and ends in times
        yield header, str((times[ends] - times[begins]) // 1_000_000) if there else "0"


@cache
def _recorded(capture: str) -> list[Event]:
    """The events of a recording; the last one is what it begins with, the channel's data if it has that."""
    stream = captures.received(captures.bundled(capture))
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
    """The headers of a recorded event with marks, `\\0part\\0`, where another call has something else."""
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
    if key in _DURATIONS:
        return f"\0{key}\0"
    whole = _MICROSECONDS.match(value)
    for moment, parts in MOMENTS.items():
        if value != "0" and (form or whole) and any(part in key for part in parts) and "Media" not in key:
            return f"\0{moment}{form}\0"
    return "\0created\0" if whole else ""


def _cast_marked(key: str, value: str, cast: Mapping[str, str], callees: bool) -> str:
    if _CALLER_NAME.match(key):
        to_the_callee = callees if key.startswith("Caller") else key.startswith("Other-Leg") and not callees
        return "\0shown\0" if to_the_callee else "\0name\0"
    if "-Privacy-Hide-" in key:
        return "\0private\0"
    if key == "variable_caller_id":
        return f'"\0{"shown" if callees else "name"}\0" <\0number\0>'
    if key == "variable_sip_from_display" and callees:
        return "\0shown\0"
    for part, recorded in cast.items():
        if recorded and (part not in _THEIRS or _THEIRS[part].search(key)):
            value = re.sub(rf"(?<![\w.]){re.escape(recorded)}(?![\w.])", f"\0{part}\0", value)
    if key == "variable_sip_full_from" and callees:
        value = re.sub(r'^"[^"]*"', '"\0shown\0"', value)
    if re.match("variable_(dialed_domain|sip_(from|to|req)_host)$", key):
        return value.replace(_HOST, "\0domain\0")
    if "profile_url" not in key and "contact" not in key:
        value = re.sub(rf"(?<=@){re.escape(_HOST)}(?!:5070)", "\0domain\0", value)
    return value
