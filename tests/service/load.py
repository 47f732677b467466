"""Many conversations a second through the inbound door. Run by the tests, and printed by `make bench`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from fs_1c.simulator.freeswitch import SimulatedSwitch, recordings
from tests.recordings import records

TALK = 2.0
"""Seconds that each conversation lasts."""
_RECORDED = [message for _, message in recordings.timed_messages(records("inbound_answered"))]
HANGUP = 3
"""How many of the messages, the last ones, end the call."""


def number(i: int) -> str:
    return f"8923{5000000 + i}"


def messages(i: int) -> list[bytes]:
    """The events of the recorded call with legs and a caller of their own, of the same length."""
    ids = dict.fromkeys(_uuids(b"".join(_RECORDED)))
    replaced = {uuid: b"%08x%s" % (i, uuid[8:]) for uuid in ids}
    made = []
    for message in _RECORDED:
        for uuid, other in replaced.items():
            message = message.replace(uuid, other)
        made.append(message.replace(b"89235292926", number(i).encode()))
    return made


def _uuids(octets: bytes) -> Iterator[bytes]:
    for line in octets.splitlines():
        if line.startswith(b"Unique-ID: "):
            yield line.removeprefix(b"Unique-ID: ")


async def play(switch: SimulatedSwitch, first: int, count: int, per_second: float) -> float:
    """Has the switch tell of `count` conversations; returns when they are over. Seconds that it took."""
    started = time.perf_counter()

    async def one(i: int) -> None:
        events = messages(i)
        for message in events[:-HANGUP]:
            await switch.send_raw(message)
        await asyncio.sleep(TALK)
        for message in events[-HANGUP:]:
            await switch.send_raw(message)

    playing = []
    for i in range(count):
        await asyncio.sleep(max(0.0, started + i / per_second - time.perf_counter()))
        playing.append(asyncio.create_task(one(first + i)))
    await asyncio.gather(*playing)
    return time.perf_counter() - started
