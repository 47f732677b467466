"""Recordings of what a real FreeSWITCH sent and was sent; and its events, told of another call.

A recording is a sequence of records: a header line `>>> SECONDS LENGTH` (sent to FreeSWITCH), `<<< SECONDS
LENGTH` (received from it) or `EOF SECONDS 0`, then exactly LENGTH raw octets, then one newline that is not
part of them. A record is one `recv`: a message may span records and a record may hold several messages.

A recording has a cast: a caller, the number he dialled, the subscriber who was rung, two legs, moments. Each
is marked, `<<part>>`, in the events of data/events.json, and whoever has that part in another call takes the
mark's place; all else stays as FreeSWITCH wrote it.
"""

from __future__ import annotations

import json
import re
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from fs_1c.simulator.freeswitch.wire import Event, event_messages, now

DATA = Path(__file__).parent.parent / "data"
_HEADER = re.compile(rb"(>>>|<<<|EOF) (\d+(?:\.\d+)?) (\d{1,12})\n")
EVENTS = DATA / "events.json"
"""What happens to a leg, `create` or `callee end, bridged` → the headers of the event that tells of it."""
MOMENTS = ("created", "progress", "answered", "bridged", "hungup")
_OF_A_SUBSCRIBER = re.compile(r"^variable_dialed_(user|domain)$|^(variable_presence_id|Channel-Presence-ID)$")
_MARK = re.compile(r"<<(\w+)>>")


class CaptureError(ValueError):
    """A recording that cannot be read; the message names the file, the offset and the offending line."""


class Record(NamedTuple):
    """One `send` or `recv`: `>>>`, `<<<` or `EOF`, the seconds since the recording's start, raw octets."""

    direction: str
    seconds: float
    data: bytes


def read(path: str | Path) -> list[Record]:
    """Reads a recording. Raises CaptureError: it is none, or is cut short; OSError: it cannot be opened."""
    content = Path(path).read_bytes()
    records: list[Record] = []
    at = 0
    while at < len(content):
        header = _HEADER.match(content, at)
        end = header.end() + int(header[3]) if header else 0
        # The last record may lack its closing newline: an interrupted recorder leaves it so.
        if not header or end > len(content) or content[end : end + 1] not in (b"\n", b""):
            raise CaptureError(f"{path}: record at byte {at} is none, is cut short or of a wrong length")
        records.append(Record(header[1].decode(), float(header[2]), content[header.end() : end]))
        at = end + 1
    return records


def find(name_or_path: str | Path) -> list[Record]:
    """Reads a recording shipped with the simulator when it is a bare name, a file otherwise; as `read`."""
    return read(name_or_path if "." in str(name_or_path) else DATA / f"{name_or_path}.esl")


def received(records: list[Record]) -> bytes:
    return b"".join(record.data for record in records if record.direction == "<<<")


@cache
def told() -> dict[str, list[str]]:
    """The events by what they tell."""
    events: dict[str, list[str]] = json.loads(EVENTS.read_text("utf-8"))
    return events


def tell(
    what: str,
    cast: Mapping[str, str],
    times: Mapping[str, int],
    variables: Mapping[str, str],
    changes: Mapping[str, str | None],
    subscriber: bool = False,
) -> Event:
    """The event of that name, of another call.

    Args:
        cast: caller_uuid, callee_uuid, number, name, what the callee's phone has shown, the destination
            that was dialled, the callee's extension, domain, private (`true`, `false`).
        times: Moments of the leg in µs, by the names of `MOMENTS`; missing ones have not come yet.
        variables: Of the leg. They replace what was recorded, as `changes` do headers; None leaves one out.
        subscriber: It is the leg of one of the switch's own.
    """
    filling = {**cast, **dict(_spoken(times))}
    left = {f"variable_{name}": value for name, value in variables.items()}
    filled, place = [], 0
    for key, _, value in (header.partition(": ") for header in told()[what]):
        if subscriber or not _OF_A_SUBSCRIBER.match(key):
            filled.append((key, left.pop(key, _MARK.sub(lambda mark: filling[mark[1]], value))))
            place = len(filled) if key.startswith("variable_") else place
    if place:  # some events, CHANNEL_STATE among them, carry no variables at all
        filled[place:place] = left.items()
    return Event(tuple(filled)).changed(changes)


def stamp(core_uuid: str, sequence: int) -> dict[str, str]:
    """What every event says of where and when it was."""
    moment = now()
    gmt = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(moment // 1_000_000))
    dates = {"Local": _local(moment), "GMT": gmt, "Timestamp": str(moment)}
    stamps = {f"Event-Date-{kind}": date for kind, date in dates.items()}
    return {"Core-UUID": core_uuid, **stamps, "Event-Sequence": str(sequence)}


def timed_messages(records: list[Record]) -> list[tuple[float, bytes]]:
    """The event messages of a recording, each with the second in which its last octet came."""
    came = [record for record in records if record.direction == "<<<"]
    ends = [*accumulate(len(record.data) for record in came)]
    timed, at, stream = [], 0, received(records)
    for message in event_messages(stream):
        at = stream.index(message, at) + len(message)
        timed.append((came[bisect_left(ends, at)].seconds, message))
    return timed


def interleaved(recordings: Iterable[str | Path]) -> list[tuple[float, bytes]]:
    """The event messages of several recordings (see `find`), by their times."""
    timed = [pair for recording in recordings for pair in timed_messages(find(recording))]
    return sorted(timed, key=lambda pair: pair[0])


def _local(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment // 1_000_000))


def _spoken(times: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for moment in MOMENTS:
        at = times.get(moment, 0)
        yield moment, str(at)
        yield f"{moment}_epoch", str(at // 1_000_000)
        yield f"{moment}_stamp", _local(at) if at else "0"
