"""The recordings of a real FreeSWITCH, as tests want them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fs_1c.esl.wire import Headers, Message, Reader
from fs_1c.simulator.freeswitch import recordings

DATA = Path(__file__).parent / "data"
SHIPPED = Path(recordings.__file__).parent.parent / "data"
ALL = sorted([*DATA.glob("*.esl"), *SHIPPED.glob("*.esl")], key=lambda path: path.name)
NAMES = [path.stem for path in ALL]
TALKS = sorted((DATA / "conversations").glob("*.esl"))
"""Of conversations only: who is picked up, parked, held, …; FreeSWITCH 1.10.12. Some end with `show channels`
and a `uuid_dump` of each.
"""


def records(name: str) -> list[recordings.Record]:
    return recordings.read(next(path for path in [*ALL, *TALKS] if path.stem == name))


def received(name: str) -> bytes:
    """All that FreeSWITCH sent."""
    return b"".join(record.data for record in records(name) if record.direction == "<<<")


def sent(name: str) -> bytes:
    """All that was sent to FreeSWITCH."""
    return b"".join(record.data for record in records(name) if record.direction == ">>>")


def parse(octets: bytes) -> list[Message]:
    reader = Reader()
    reader.feed(octets)
    return list(drain(reader))


def drain(reader: Reader) -> Iterator[Message]:
    while (message := reader.next()) is not None:
        yield message


def messages(name: str) -> list[Message]:
    return parse(received(name))


def dumps(name: str) -> list[Headers]:
    """What `uuid_dump` said about each channel."""
    bodies = [message.body for message in messages(name) if message.content_type == "api/response"]
    return [Headers(body.partition(b"\n\n")[0]) for body in bodies if body.startswith(b"Event-Name")]


def events(name: str) -> list[Headers]:
    return [message.event() for message in messages(name) if message.content_type == "text/event-plain"]
