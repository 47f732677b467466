"""Callers of a service that lives and does not move: they reach somebody in two seconds, not in 25."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.freeswitch.conftest import CHIZH, CLIENTS, Company
from tests.freeswitch.sip import State
from tests.processes import wait_for
from tests.supervisor import CALCULATE, SLEEP, Supervisor, start_service

pytestmark = pytest.mark.freeswitch

LET_GO = 20.0
"""Seconds of silence, at the most: four are usual, and without a watchdog FreeSWITCH waits for 25."""
WAITS = 3600.0
DOORS = ("sync", "async-resume")


@contextmanager
def service(company: Company, folder: Path, *, supervised: bool) -> Iterator[ForkServerProcess]:
    """`fs-1c serve` where the switch looks for it, with a 1C that thinks for longer than any test lasts."""
    slow = OneCSimulatorSettings(port=0, latency=WAITS, clients=CLIENTS)
    company.onec = OneCSimulator(slow)
    company.onec.start()
    config, log = folder / "fs-1c.toml", folder / "service"
    config.write_text(
        f'[onec]\nurl = "{company.onec.url}"\n[lookup]\ndeadline = "5s"\n'
        f'[esl.outbound]\nlisten = "127.0.0.1:{company.switch.service}"\n[http]\nenabled = false\n'
    )
    with ExitStack() as stack:
        environment: dict[str, str] = {}
        if supervised:
            systemd = stack.enter_context(Supervisor(str(folder / "notify")))
            environment = systemd.environment
        process = start_service(config, log, **environment)
        stack.callback(process.join)
        stack.callback(process.kill)
        wait_for(log, "outbound door: listening")
        if supervised:
            systemd.hears("WATCHDOG=1", times=2)
            systemd.watch(process)
        yield process


def signalled(process: ForkServerProcess, number: signal.Signals) -> None:
    assert process.pid
    os.kill(process.pid, number)


HOLDS = {
    "sleeps": (SLEEP, False),
    "sleeps-under-systemd": (SLEEP, True),
    "stopped-under-systemd": (signal.SIGSTOP, True),
}


@pytest.mark.parametrize(
    ("door", "held_up", "supervised"),
    [
        *(pytest.param(door, *how, id=f"{door}-{name}") for door in DOORS for name, how in HOLDS.items()),
        # Once: it takes a whole processor, and what the switch sees is the same end of a process.
        pytest.param("sync", CALCULATE, False, id="sync-calculates"),
    ],
)
def test_a_service_that_does_not_move_costs_seconds(
    company: Company,
    tmp_path: Path,
    door: str,
    held_up: signal.Signals,
    supervised: bool,
) -> None:
    """One caller waits for 1C's answer when it happens, the other rings afterwards."""
    manager, default = company.phone("244"), company.phone("240" if door == "sync" else "243")
    with service(company, tmp_path, supervised=supervised) as process:
        before = company.call(door)
        company.until(lambda: CHIZH.number in company.asked(), "1C is not asked")
        signalled(process, held_up)
        after = company.call(door)

        default.rings(times=2)
        for caller in (before, after):
            caller.to_be(State.TALKING)
        silences = [leg.began - after.began for leg in default.legs]
        assert max(silences) <= LET_GO, silences
        assert not manager.legs, "nobody could say whose client he is"
