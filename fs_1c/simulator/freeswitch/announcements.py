"""Events about the switch rather than a call, and the events of a recording with their times. Pure but for
the clock."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fs_1c.simulator.freeswitch import captures
from fs_1c.simulator.freeswitch.messages import Event, dates, event_messages, now_us

Headers = tuple[tuple[str, str], ...]


def first_headers(name: str, core_uuid: str, sequence: int) -> Headers:
    """What every event begins with."""
    return (
        ("Event-Name", name),
        ("Core-UUID", core_uuid),
        ("FreeSWITCH-Hostname", "vm"),
        ("FreeSWITCH-Switchname", "vm"),
        *dates(now_us()).items(),
        ("Event-Sequence", str(sequence)),
    )


def heartbeat(first: Headers, up: float, channels: int, sessions: int) -> Event:
    """HEARTBEAT (source: send_heartbeat in switch_core.c); ``up`` in seconds."""
    spoken = f"0 years, 0 days, 0 hours, {int(up // 60)} minutes, {int(up % 60)} seconds"
    return Event(
        (
            *first,
            ("Event-Info", "System Ready"),
            ("Up-Time", spoken),
            ("FreeSWITCH-Version", "1.11.3-dev"),
            ("Uptime-msec", str(int(up * 1000))),
            ("Session-Count", str(channels)),
            ("Max-Sessions", "1000"),
            ("Session-Per-Sec", "30"),
            ("Session-Since-Startup", str(sessions)),
            ("Idle-CPU", "100.000000"),
        )
    )


def job(first: Headers, job_uuid: str, owner: str, name: str, argument: str, result: str) -> Event:
    """BACKGROUND_JOB, the end of a ``bgapi`` (source: api_exec in mod_event_socket.c)."""
    told = (
        ("Job-UUID", job_uuid),
        ("Job-Owner-UUID", owner),
        ("Job-Command", name),
        ("Job-Command-Arg", argument),
    )
    return Event((*first, *((key, value) for key, value in told if value)), result or None)


def timed_messages(records: list[captures.Record]) -> list[tuple[float, bytes]]:
    """The event messages of a recording, each with the second its last byte came."""
    stream = captures.received(records)
    ends: list[tuple[int, float]] = []
    for record in records:
        if record.direction == "<<<":
            ends.append(((ends[-1][0] if ends else 0) + len(record.data), record.seconds))
    timed = []
    at = 0
    for message in event_messages(stream):
        at = stream.index(message, at) + len(message)
        timed.append((next(seconds for end, seconds in ends if end >= at), message))
    return timed


def interleaved(recordings: Iterable[str | Path]) -> list[tuple[float, bytes]]:
    """The event messages of several recordings (see `captures.find`), by their times."""
    timed = [pair for recording in recordings for pair in timed_messages(captures.find(recording))]
    return sorted(timed, key=lambda pair: pair[0])
