"""`python -m tests.history.outbox.sends FOLDER URL DIALECT CALLS NOW`: a service that hears of calls and
tells 1C, to be killed at any moment. Prints the number of each event just before it hears it, and `done` in
the end.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fs_1c.call import Began, CallEvent, Conversation, HungUp
from fs_1c.history import pace, place
from fs_1c.history.waiting import saying
from fs_1c.integration import Integration
from fs_1c.settings import build

SWITCH = "sw"
TOGETHER = 20
"""Calls that are up at a time."""
BEHIND = 8
"""Events that the disk may be behind, however slow it is: nobody can know of a talk that was neither written
down nor is there after a restart, and one lasts for twice as many.
"""


def call(name: str) -> list[CallEvent]:
    """Answered, but for each fifth."""
    number, missed = int(name.rpartition("-")[2]), int(name.rpartition("-")[2]) % 5 == 4
    begun: list[CallEvent] = [
        Began(name, name, f"8923529{number:04}", "74951234567", at=1000.0),
        Conversation(name, f"{name}-a", f"8923529{number:04}", "244", ringing=True, at=1001.0),
    ]
    talk: list[CallEvent] = [Conversation(name, f"{name}-a", f"8923529{number:04}", "244", at=1002.0)]
    ends: list[CallEvent] = [HungUp(f"{name}-a", 1010.0), HungUp(name, 1010.0)]
    return begun + ends if missed else begun + talk + ends


def events(calls: int) -> list[CallEvent]:
    """All of them, in their order."""
    found: list[tuple[float, int, CallEvent]] = []
    for i in range(calls):
        found += [(i + n * TOGETHER / 4, i, event) for n, event in enumerate(call(f"call-{i}"))]
    return [event for _, _, event in sorted(found, key=lambda one: one[:2])]


def settings(folder: str, url: str, dialect: str) -> dict[str, Any]:
    token = {"crm_token": "rehearsal"} if dialect == "itoolabs" else {}
    return {
        "onec": {"url": url, "dialect": dialect, "timeout": "1s", "keep_warm": "0s", **token},
        "history": {"enabled": True},
        "journal": {"enabled": False},
        "state": {"folder": folder},
    }


def is_up(before: list[CallEvent], leg: str) -> bool:
    return not any(isinstance(event, HungUp) and event.leg_uuid == leg for event in before)


def forked(out: Connection, err: str, *arguments: str) -> None:
    """The same in a process that was forked: where it prints, and the file of its log."""
    os.dup2(out.fileno(), 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT), 2)
    out.close()
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    main(*arguments)


def main(folder: str, url: str, dialect: str, calls: str, now: str) -> None:
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    place.AGAIN = pace.FIRST_PAUSE = 0.02
    place.AFTER_A_DEATH = 0.3
    pace.LONGEST_PAUSE = 0.1
    saying.LINES = 1_000_000  # whoever kills it reads in the log what was refused
    service = Integration(build(settings(folder, url, dialect)))
    service.tell_history()
    assert service.history is not None
    service.history.waiting()  # it has been opened
    feed, at = events(int(calls)), int(now)
    before = feed[:at]
    for event in before:  # what a door learns of calls that are up
        if isinstance(event, Began | Conversation) and is_up(before, event.leg_uuid):
            service._heard(event, SWITCH)
    for leg in sorted(service.legs(SWITCH)):
        if not is_up(before, leg):
            service._heard(HungUp(leg, 1010.0), SWITCH)
    behind: deque[Future[None]] = deque()
    for number, event in enumerate(feed[at:], at):
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        service._heard(event, SWITCH)
        written: Future[None] = Future()
        service.history._outbox.put(lambda changes, one=written: changes.asked.append((lambda _: None, one)))  # type: ignore[misc]
        behind.append(written)
        if len(behind) > BEHIND:
            behind.popleft().result(60.0)
        time.sleep(0.002)
    while service.history.waiting():
        time.sleep(0.01)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    service.close()


if __name__ == "__main__":
    assert Path(sys.argv[1]).is_dir()
    main(*sys.argv[1:])
