"""Recorded calls, made into the stream of events that a switch pours over whoever listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fs_1c.simulator.freeswitch.wire import parse_event
from fs_1c.talk.conversations import EVENTS
from tests.service import load

AT_A_TIME = 100
"""Calls that are up together; their events come in turn."""
PIECE = 64 * 1024
"""Octets that are sent at a time, about."""
CALLEE = "244"
"""Who is called in the recording."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What is poured.

    Attributes:
        pieces: Octets; whole messages each. The last of them is the bridge of a call with the mark.
        events: How many messages they are.
        calls: The uuids of the clients' legs.
        mark: The subscriber of the last call. Nobody else talks to him: when his bridge has been handled, all
            that came before has.
    """

    pieces: tuple[bytes, ...]
    events: int
    calls: tuple[str, ...]
    mark: str


def stream(events: int, first: int, mark: str) -> Stream:
    """About so many events, in whole calls with legs and callers of their own.

    Args:
        first: The number of the first call, for `tests.load`.
        mark: An extension as long as `CALLEE`.
    """
    numbers = range(first, first + max(1, events // len(_call(first))))
    messages = [*_in_turn(numbers), *_marked(numbers.stop, mark)]
    calls = tuple(_client(message) for message in messages if _name(message) == "CHANNEL_BRIDGE")
    return Stream(tuple(_pieces(messages)), len(messages), calls, mark)


def _call(i: int) -> list[bytes]:
    """The messages of a call that a listener has asked for."""
    return [message for message in load.messages(i) if _name(message) in EVENTS]


def _in_turn(numbers: range) -> Iterator[bytes]:
    for at in range(0, len(numbers), AT_A_TIME):
        for together in zip(*(_call(i) for i in numbers[at : at + AT_A_TIME]), strict=True):
            yield from together


def _marked(i: int, mark: str) -> Iterator[bytes]:
    """A call with the mark, up to its bridge."""
    for message in _call(i):
        head, empty, body = message.partition(b"\n\n")
        yield head + empty + body.replace(CALLEE.encode(), mark.encode())
        if _name(message) == "CHANNEL_BRIDGE":
            return


def _client(bridge: bytes) -> str:
    return parse_event(bridge.partition(b"\n\n")[2]).get("Bridge-A-Unique-ID") or ""


def _name(message: bytes) -> str:
    return message.partition(b"\nEvent-Name: ")[2].partition(b"\n")[0].decode()


def _pieces(messages: Iterable[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    for message in messages:
        gathered += message
        if len(gathered) >= PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)
