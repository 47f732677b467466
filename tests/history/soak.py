"""`python -m tests.history.soak [CALLS] [SECONDS]`: 1C is away while that many calls of four words are made;
then it is back, and the outbox catches up beside callers' lookups. Says rows, memory, disk, rates, and how
long lookups took: before, and then by turns while nothing is told, while another process tells 1C as much,
and while the outbox catches up. So whatever else this machine has to do is in all of them, and for how much
longer 1C itself takes then is in both of the last. Exits 1 if a word is told out of order or twice.

One process has 1C (four sessions, 10 ms), another the service; the memory is the service's.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from functools import partial
from pathlib import Path

from fs_1c.call import HistoryWord, Told
from fs_1c.history import History, outbox
from fs_1c.history.pace import Pace
from fs_1c.integration import Integration
from fs_1c.onec import CallState, Client, Urgency
from fs_1c.settings import build
from fs_1c.talk import Observer
from tests import ROOT
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.conftest import answered, settings
from tests.processes import free_port

WARM = 250
"""Calls of which 1C is told before it goes away, so that all that has a size has it."""
TOGETHER = 100
"""Calls that are written down together; a service that keeps up with twenty a second has fewer."""
SLICE = 0.5
"""Seconds for which nothing is told, and then for which it catches up."""
EACH = 0.02
"""Seconds between a lookup and the next."""


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


class Gate:
    """While it is shut nothing is told."""

    def __init__(self) -> None:
        self.open = True
        room = Pace.room
        Pace.room = lambda pace, *given: room(pace, *given) if self.open else 0  # type: ignore[method-assign]

    def shut(self, history: History) -> None:
        self.open = False
        while history._outbox.flying:
            time.sleep(0.01)

    def let_go(self, history: History) -> None:
        self.open = True
        history._outbox.ask(lambda connection: None).result(60.0)


class Another:
    """A process that tells 1C so many words a second, three at a time, of calls that are nobody's."""

    def __init__(self, url: str, rate: float) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-m", "tests.history.soak", "--another", url, str(rate)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert self._running.stdout is not None
        self._running.stdout.readline()  # it is ready
        self.rests()

    def tells(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def rests(self) -> None:
        self._running.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self._running.kill()
        self._running.wait()


def another(url: str, rate: float) -> None:
    """That process: till it is killed."""
    with tempfile.TemporaryDirectory() as name:
        given = settings(Path(name), url)
        service = Integration(build({**given, "history": {"enabled": False}}))
        pool, three = service._bases.by_name["default"].pool, threading.Semaphore(3)
        say("ready")
        at, call, said = time.monotonic(), "", len(ALL)
        while True:
            three.acquire()
            now = time.monotonic()
            at = max(at, now - 0.1) + 1 / rate  # what it has missed while it stood still stays missed
            time.sleep(max(0.0, at - now))
            call, said = (call, said + 1) if said < len(ALL) - 1 else (str(uuid.uuid4()), 0)
            state = CallState(
                ALL[said], call, "89235292926", "74951234567", extension="244", when=time.time()
            )
            job = pool.submit(Urgency.HISTORY, partial(Client.tell, call=state))
            job.add_done_callback(lambda _: three.release())
            job.add_done_callback(lambda job: job.result())  # what it could not tell is said


class Took:
    """Milliseconds of lookups: for a worker, and for the answer after that."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.asked: list[float] = []

    def measure(self, service: Integration, seconds: float) -> None:
        pool = service._bases.by_name["default"].pool
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            began = time.monotonic()

            def job(client: Client) -> float:
                started = time.monotonic()
                client.lookup("89235292926")
                return started

            started = pool.submit(Urgency.CALLER, job, began + 2).result(10)
            self.waited.append((started - began) * 1000)
            self.asked.append((time.monotonic() - started) * 1000)
            time.sleep(EACH)

    def __str__(self) -> str:
        whole = [sum(both) for both in zip(self.waited, self.asked, strict=True)]
        return (
            f"{len(whole)} lookups: {_at(whole)} ms (for a worker {_at(self.waited)}, "
            f"for the answer {_at(self.asked)})"
        )


def _at(took: list[float]) -> str:
    """Median, of 100 the 95th, and the 99th."""
    ordered = sorted(took)
    return " ".join(f"{ordered[int(len(ordered) * share)]:.1f}" for share in (0.5, 0.95, 0.99))


def memory() -> float:
    """Megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


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


def names(calls: int) -> list[str]:
    """UUIDs, always the same: in an index they lie far from each other, as those of a switch do."""
    of = random.Random(21)
    return [str(uuid.UUID(int=of.getrandbits(128), version=4)) for _ in range(calls)]


def happen(service: Integration, folder: Path, calls: list[str], before: float = 0.0) -> None:
    """All of these calls. As fast as they are written down, for the count is what matters."""
    for i, name in enumerate(calls):
        for event in answered(name):
            service._heard(event, "sw")
        if i % TOGETHER == TOGETHER - 1:
            service.history._outbox.ask(lambda connection: None).result(60.0)  # type: ignore[union-attr]
            if before and (i + 1) % (len(calls) // TOGETHER // 5 * TOGETHER or TOGETHER) == 0:
                size, now = sum(file.stat().st_size for file in folder.iterdir()) / 1e6, memory()
                grown = (now / before - 1) * 100
                say(f"{i + 1} calls: memory {now:.1f} MB ({grown:+.1f} %), disk {size:.0f} MB")


def main(calls: int, seconds: int) -> int:
    outbox.MAX_QUEUE = 10_000
    port, hears, gate, uuids = free_port(), Hears(), Gate(), names(calls + WARM)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = Integration(build(settings(folder, f"http://127.0.0.1:{port}/ws/VATScalls")))
        service.observers.append(hears)
        running = onec(port)
        service.tell_history()
        history = service.history
        assert history is not None
        happen(service, folder, uuids[:WARM])
        while history.waiting():
            time.sleep(0.1)
        Took().measure(service, 1)
        before_it = Took()
        before_it.measure(service, seconds / 2)
        say(f"before: {before_it}")
        running.terminate()
        running.wait()
        before, began, cpu = memory(), time.monotonic(), time.process_time()
        say(f"memory before: {before:.1f} MB")
        happen(service, folder, uuids[WARM:], before)
        took, each = time.monotonic() - began, (time.process_time() - cpu) / calls / 4 * 1e6
        waits = history.waiting()["default"]
        say(f"{waits.words} words of {waits.calls} calls written down in {took:.0f} s, {each:.0f} us each")
        running, count = onec(port), hears.count
        while hears.count == count:
            time.sleep(0.05)
        shut, told, at_it = Took(), 0, 0.0
        meanwhile, beside, cpu = Took(), Took(), 0.0
        other: Another | None = None
        for _ in range(int(seconds / SLICE)):
            gate.shut(history)
            shut.measure(service, SLICE)
            if other is not None:
                other.tells()
                beside.measure(service, SLICE)
                other.rests()
            gate.let_go(history)
            count, began, used = hears.count, time.monotonic(), time.process_time()
            meanwhile.measure(service, SLICE)
            told, at_it = told + hears.count - count, at_it + time.monotonic() - began
            cpu += time.process_time() - used
            other = other or Another(f"http://127.0.0.1:{port}/ws/VATScalls", told / at_it)
        if other is not None:
            other.close()
        say(f"nothing is told: {shut}")
        say(f"another tells as much: {beside}")
        say(f"catching up: {meanwhile}")
        grown = (memory() / before - 1) * 100
        say(f"{told / at_it:.0f} words a second, {cpu / at_it:.0%} of a processor, memory {grown:+.1f} %")
        service.close(10)
        running.terminate()
        running.wait()
    wrong = [call for call, told in hears.words.items() if told != ALL[: len(told)]]
    place = {call: i for i, call in enumerate(uuids)}
    late = max((abs(place[call] - i) for i, call in enumerate(hears.order)), default=0)
    say(f"out of order or twice: {len(wrong)} calls; a call is at most {late} places from its own")
    say(f"told: {dict(Counter(len(told) for told in hears.words.values()))}, lost {history.lost}")
    return 1 if wrong or late > 8 else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--another"]:
        another(sys.argv[2], float(sys.argv[3]))
    sys.exit(main(*(int(one) for one in (sys.argv[1:] + ["72000", "20"][len(sys.argv) - 1 :]))))
