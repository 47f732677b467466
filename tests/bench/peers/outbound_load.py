"""How the outbound door's bench calls: as often as a service can take it, at a fixed rate, and for long."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

from fs_1c.settings.types import Address
from tests.bench.peers import outbound_switch
from tests.bench.peers.outbound_switch import Switch
from tests.processes import memory, processor_time

AT_ONCE = 20
"""Calls at the same time while caches are filled, and while calls are taken to be held."""


@dataclass(slots=True)
class Played:
    """What became of the calls.

    Attributes:
        times: Seconds that each good call took which ended within the measured time; ascending.
        seconds: The measured time.
        failed: Reasons and how many calls they befell, from the first call to the last.
        cpu: Seconds of processor time that the service took within the measured time.
        busy: The same of ourselves: near `seconds` it is the load that could not do more.
    """

    times: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)
    cpu: float = 0.0
    busy: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds

    @property
    def median(self) -> float:
        return statistics.median(self.times) if self.times else float("nan")

    @property
    def p99(self) -> float:
        return self.times[int(0.99 * len(self.times))] if self.times else float("nan")

    @property
    def cpu_per_call(self) -> float:
        """Seconds."""
        return self.cpu / len(self.times) if self.times else float("nan")


@dataclass(slots=True)
class Held:
    """Calls that are up, and what the service's memory grew by for them, in octets."""

    calls: int
    grown: int
    failed: Counter[str]


def first_call(service: Address, mode: str) -> Counter[str]:
    """Plays one call, `sync` or `async`; why it failed, if it did."""
    switch = Switch(service, held=mode == "async")
    switch.begin(time.perf_counter())
    _end(switch)
    return switch.failed


def closed(service: Address, process: int, at_once: int, warm_up: float, seconds: float) -> Played:
    """As many calls as the service can take, always `at_once` at the same time."""
    switch = Switch(service)
    played = Played(failed=switch.failed)
    _fill(switch)
    _go_on(switch, at_once, warm_up)
    started, cpu, busy = time.perf_counter(), processor_time(process), time.process_time()
    played.times = sorted(_go_on(switch, at_once, seconds))
    played.seconds, played.cpu = time.perf_counter() - started, processor_time(process) - cpu
    played.busy = time.process_time() - busy
    _end(switch)
    return played


def opened(service: Address, process: int, per_second: float, warm_up: float, seconds: float) -> Played:
    """Calls at a fixed rate, however long they take; the time of each counts from when it was due."""
    switch = Switch(service)
    played = Played(failed=switch.failed)
    _fill(switch)
    _due(switch, per_second, warm_up)
    started, cpu = time.perf_counter(), processor_time(process)
    played.times = _due(switch, per_second, seconds)
    played.seconds, played.cpu = time.perf_counter() - started, processor_time(process) - cpu
    played.times = sorted([*played.times, *_end(switch)])
    return played


def held(service: Address, process: int, calls: int) -> Held:
    """Takes so many calls that stay, after as many that do not as fill the caches."""
    _held(service, outbound_switch.REGULARS, keep=False).close()
    time.sleep(1)  # threads end
    before = memory(process)
    switch = _held(service, calls, keep=True)
    time.sleep(1)
    grown = memory(process) - before
    switch.close()
    return Held(len(switch.up), grown, switch.failed)


def _held(service: Address, calls: int, *, keep: bool) -> Switch:
    switch = Switch(service, held=True)
    begun = 0
    while begun < calls or switch.undecided:
        while begun < calls and switch.undecided < AT_ONCE:
            switch.begin(time.perf_counter())
            begun += 1
        for _ in switch.turn(0.1):
            if not keep and len(switch.up) >= AT_ONCE:
                switch.up.pop(0).close()
    return switch


def _fill(switch: Switch) -> None:
    """Until each regular caller has called, or nothing comes of it."""
    ends, good = time.perf_counter() + outbound_switch.PATIENCE, 0
    while good < outbound_switch.REGULARS and time.perf_counter() < ends:
        good += len(_go_on(switch, AT_ONCE, 0.05))


def _go_on(switch: Switch, at_once: int, seconds: float) -> list[float]:
    """Seconds that each of the calls took which have ended well."""
    ends, times = time.perf_counter() + seconds, list[float]()
    while (now := time.perf_counter()) < ends:
        while switch.undecided < at_once:
            failed = switch.failed.total()
            switch.begin(now)
            if switch.failed.total() > failed:
                break
        times += switch.turn(min(0.1, ends - now))
    return times


def _due(switch: Switch, per_second: float, seconds: float) -> list[float]:
    started, times = time.perf_counter(), list[float]()
    for i in range(round(per_second * seconds)):
        due = started + i / per_second
        while (now := time.perf_counter()) < due:
            times += switch.turn(due - now)
        switch.begin(due)
    while (now := time.perf_counter()) < started + seconds:
        times += switch.turn(started + seconds - now)
    return times


def _end(switch: Switch) -> list[float]:
    """Waits for the calls that are still undecided."""
    times: list[float] = []
    while switch.undecided:
        times += switch.turn(0.1)
    switch.close()
    return times
