"""`python -m tests.history.soak [CALLS] [SECONDS]`: 1C is away while that many calls of four words are made;
then it is back, and for so many seconds the outbox catches up beside callers' lookups. Says rows, memory,
disk, rates, and how long lookups took before and meanwhile. Exits 1 if a word is told out of order or twice.

One process has 1C (four sessions, 10 ms), another the service; the memory is the service's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fs_1c.call import HistoryWord, Told
from fs_1c.history import outbox
from fs_1c.integration import Integration
from fs_1c.onec import Urgency
from fs_1c.settings import build
from fs_1c.talk import Observer
from tests import ROOT
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.conftest import answered, settings
from tests.processes import free_port


class Hears(Observer):
    """What has been told, in order."""

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {}
        self.count = 0
        self.order: list[str] = []

    def told(self, word: HistoryWord) -> None:
        if word.told is Told.TOLD:
            self.count += 1
            if word.state == "START":
                self.order.append(word.call_uuid)
            self.words.setdefault(word.call_uuid, []).append(word.state)


def memory() -> float:
    """Megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def lookups(service: Integration, seconds: float, each: float = 0.05) -> list[float]:
    """How long each of them took, in milliseconds."""
    pool, took = service._bases["default"].pool, []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        began = time.monotonic()
        pool.submit(Urgency.CALLER, lambda client: client.lookup("89235292926"), began + 2).result(10)
        took.append((time.monotonic() - began) * 1000)
        time.sleep(each)
    return sorted(took)


def shown(took: list[float]) -> str:
    at = [took[int(len(took) * share)] for share in (0.5, 0.95, 0.99)]
    return f"lookups {len(took)}: median {at[0]:.1f}, 95 % {at[1]:.1f}, 99 % {at[2]:.1f} ms"


def onec(port: int) -> subprocess.Popen[bytes]:
    """A 1C of its own process, when it answers."""
    where = ["--listen", f"127.0.0.1:{port}", "--latency", "0.01", "--dialect", "mobilon-3"]
    running = subprocess.Popen(
        [sys.executable, "-m", "fs_1c", "simulator", "1c", *where, "--sessions", "autouse"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.05)
    return running


def main(calls: int, seconds: int) -> int:
    outbox.MAX_QUEUE = 10_000
    port, hears = free_port(), Hears()
    with tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{port}/ws/VATScalls"
        service = Integration(build(settings(Path(folder), url)))
        service.observers.append(hears)
        running = onec(port)
        lookups(service, 2)
        say(f"before, {shown(lookups(service, seconds / 2))}")
        running.terminate()
        running.wait()
        service.tell_history()
        assert service.history is not None
        before, began, cpu = memory(), time.monotonic(), time.process_time()
        for i in range(calls):
            for event in answered(f"call-{i}"):
                service._heard(event, "sw")
            if i % 500 == 499:
                service.history._ask(lambda connection: None, 60.0)
                if i % (calls // 5) < 500:
                    size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
                    say(f"{i + 1} calls: memory {memory():.0f} MB (before {before:.0f}), disk {size:.0f} MB")
        took = time.monotonic() - began
        each = (time.process_time() - cpu) / calls / 4 * 1e6
        waits = service.history.waiting()["default"]
        say(f"{waits.words} words of {waits.calls} calls written down in {took:.0f} s, {each:.0f} us each")
        running = onec(port)
        while not hears.count:
            time.sleep(0.05)
        began, count = time.monotonic(), hears.count
        meanwhile = lookups(service, seconds)
        rate = (hears.count - count) / (time.monotonic() - began)
        say(f"catching up: {rate:.0f} words a second, memory {memory():.0f} MB, {shown(meanwhile)}")
        service.close(10)
        running.terminate()
        running.wait()
    wrong = [call for call, told in hears.words.items() if told != ALL[: len(told)]]
    places = [int(call.rpartition("-")[2]) for call in hears.order]
    late = max((abs(place - i) for i, place in enumerate(places)), default=0)
    say(f"out of order or twice: {len(wrong)} calls; a call is at most {late} places from its own")
    say(f"told: {dict(Counter(len(told) for told in hears.words.values()))}, lost {service.history.lost}")
    return 1 if wrong or late > 4 else 0


if __name__ == "__main__":
    sys.exit(main(*(int(one) for one in (sys.argv[1:] + ["72000", "20"][len(sys.argv) - 1 :]))))
