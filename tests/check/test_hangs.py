"""`fs-1c check` ends, whatever hangs: each step, all of them, servers that are mute, files that block."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fs_1c.bounds import Budget
from fs_1c.check import base, chain, network, service, switch
from fs_1c.check.finding import Finding, Level
from fs_1c.check.keys import Keys
from fs_1c.check.masking import Mask
from fs_1c.check.steps import answer_step, load_step, number_step, reach_step, settings_step
from fs_1c.check.walk import Branch, Step, Trip
from fs_1c.settings import build
from fs_1c.simulator.onec import OneCSimulator
from tests import ROOT
from tests.check.conftest import (
    PASSWORD,
    Unwatched,
    check,
    closed,
    settings_file,
    shown,
    simulator,
)
from tests.check.conftest import switch as running_switch
from tests.processes import free_port
from tests.support import until
from tests.world import CLIENT, settings_for


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "TALK_WITHIN", 0.2)
    monkeypatch.setattr(service, "ANSWER_WITHIN", 0.2)
    monkeypatch.setattr(network, "TLS_WITHIN", 0.2)


HANGING: list[tuple[Any, str, str, str]] = [
    (settings_step, "secrets", "settings", "settings"),
    (settings_step, "files", "settings", "files"),
    (settings_step, "subscribers", "settings", "subscribers"),
    (settings_step, "state", "settings", "state"),
    (reach_step, "dns", "base default", "dns"),
    (reach_step, "tcp", "base default", "tcp"),
    (reach_step, "tls", "base default", "tls"),
    (answer_step, "http", "base default", "http"),
    (answer_step, "service", "base default", "service"),
    (load_step, "sessions", "base default", "sessions"),
    (number_step, "number", "base default", "number"),
    (load_step, "latency", "base default", "latency"),
    (switch, "greeting", "switch", "event-socket"),
    (switch, "password", "switch", "password"),
    (switch, "modules", "switch", "modules"),
    (switch, "directory", "switch", "directory"),
    (service, "outbound", "service", "outbound"),
    (service, "http", "service", "http-door"),
    (service, "redis", "service", "redis"),
]


@pytest.mark.parametrize(("module", "function", "where", "step"), HANGING, ids=lambda one: str(one)[-20:])
def test_a_step_that_hangs_is_left_behind_and_named(
    onec: OneCSimulator, monkeypatch: pytest.MonkeyPatch, module: Any, function: str, where: str, step: str
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(module, function, lambda *given: ended.wait(30))
    monkeypatch.setitem(chain.LIMITS, step, 0.1)
    monkeypatch.setattr(chain, "RUNNING_WITHIN", 0.1)
    with running_switch() as freeswitch:
        esl = {"inbound": [{"address": f"127.0.0.1:{freeswitch.event_socket_port}"}]}
        found = check(settings_for(onec.url, esl={**closed()["esl"], **esl}, http={"enabled": False}), CLIENT)
    ended.set()
    [hung] = [one for one in found if "has not ended after" in one.what]
    assert (hung.level, hung.step) == (Level.PROBLEM, step)
    assert hung.where.startswith(where)
    assert hung.remedy
    after = [one for one in found if one.what == f"{step} hangs"]
    assert {one.level for one in after} <= {Level.SKIPPED}
    # What follows a hanging step of a base or a switch needs it; the others stand for themselves.
    assert bool(after) is (where not in ("settings", "service") and step not in ("latency", "directory"))
    others = [one for one in found if not one.where.startswith(where)]
    assert any(one.level is Level.OK for one in others)


@pytest.mark.usefixtures("impatient")
def test_everything_hangs_and_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, onec: OneCSimulator
) -> None:
    monkeypatch.setattr(chain, "OVERALL", 1.0)
    monkeypatch.setattr(settings_step, "FILE_WITHIN", 0.2)
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **more: ended.wait(30))
    os.mkfifo(tmp_path / "token", 0o600)
    more = (
        f'[esl.outbound]\nlisten = "pbx.example:{free_port()}"\nallow = ["192.0.2.0/24"]\n'
        '[redis]\nurl = "redis://redis.example/0"\n'
        '[[esl.inbound]]\naddress = "pbx.example:8021"\n[http]\nenabled = false\n'
    )
    code, text = shown(settings_file(tmp_path, "http://onec.example/ws/VATS", more), CLIENT, as_json=True)
    ended.set()
    assert code == 1
    found = json.loads(text)["findings"]
    hung = {(one["where"], one["step"]) for one in found if "has not ended after" in one["what"]}
    assert {("base default", "dns"), ("switch pbx.example:8021", "event-socket")} <= hung
    assert ("service", "outbound") in hung
    assert {one["level"] for one in found if one["where"] == "base default"} == {"problem", "skipped"}


@pytest.mark.usefixtures("impatient")
def test_mute_servers_everywhere_and_it_ends_with_each_of_them_named(tmp_path: Path) -> None:
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
    ports = [one.getsockname()[1] for one in silent]
    more = (
        f'[esl.outbound]\nlisten = "127.0.0.1:{ports[1]}"\n[http]\nlisten = "127.0.0.1:{ports[2]}"\n'
        f'[[esl.inbound]]\naddress = "127.0.0.1:{ports[3]}"\n'
        f'[redis]\nurl = "redis://127.0.0.1:{ports[4]}/0"\n'
    )
    path = settings_file(tmp_path, f"http://127.0.0.1:{ports[0]}/ws/VATS", more)
    path.write_text(path.read_text().replace("[onec]", '[onec]\ntimeout = "200ms"'))
    code, text = shown(path, CLIENT, as_json=True)
    for one in silent:
        one.close()
    assert code == 1
    found = json.loads(text)["findings"]
    wrong = {(one["where"].split()[0], one["step"]) for one in found if one["level"] == "problem"}
    assert wrong == {
        *(("base", "http"), ("switch", "event-socket"), ("service", "outbound")),
        *(("service", "http-door"), ("service", "redis")),
    }


def test_a_thread_that_hangs_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "password")
    path = settings_file(tmp_path, "http://127.0.0.1:9/ws/VATS")
    path.write_text(
        path.read_text().replace(f'password = "{PASSWORD}"', f'password_file = "{tmp_path}/password"')
    )
    program = (
        "import sys; from pathlib import Path; from rich.console import Console; "
        "from fs_1c.check import report; from fs_1c.check.steps import settings_step; "
        "settings_step.FILE_WITHIN = 0.3; "
        "sys.exit(report.run(Path(sys.argv[1]), [], as_json=True, console=Console()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "nothing came within" in ran.stdout


def test_no_step_is_blamed_for_time_that_others_have_used_up() -> None:
    budget = Budget(0.0)
    branch = Branch("base x", [Step("dns", list, 5.0, "")], Trip(budget, Mask(), Unwatched()))
    branch.run()
    assert [(one.level, one.what) for one in branch.found] == [(Level.SKIPPED, "no time was left")]


def test_an_interrupt_leaves_no_session_behind() -> None:
    class Interrupting(Unwatched):
        def finished(self, where: str, findings: Sequence[Finding]) -> None:
            if where.startswith("base"):
                assert running.stats.sessions_now > 0
                raise KeyboardInterrupt

    with simulator(sessions="use") as running:
        settings = settings_for(running.url, onec={"session_mode": "ibsession"}, **closed())
        with pytest.raises(KeyboardInterrupt):
            chain.walk(settings, Path("/nowhere"), [], Interrupting())
        assert running.stats.sessions_now == 0
        assert running.stats.sessions_started == running.stats.sessions_finished > 0


def test_after_an_interrupt_nothing_more_is_asked() -> None:
    class Interrupting(Unwatched):
        def __init__(self) -> None:
            self.steps: list[str] = []

        def begun(self, where: str, step: str) -> None:
            if where == "base slow":
                self.steps.append(step)

        def finished(self, where: str, findings: Sequence[Finding]) -> None:
            if where == "base quick":
                raise KeyboardInterrupt

    before, watch = set(threading.enumerate()), Interrupting()
    with simulator(latency=0.5) as slow:
        bases = {"quick": {"url": f"http://127.0.0.1:{free_port()}/ws/x"}, "slow": {"url": slow.url}}
        with pytest.raises(KeyboardInterrupt):
            chain.walk(build({"onec": bases, **closed()}), Path("/nowhere"), [], watch)
        until(lambda: not any(one.name == "fs-1c-check" for one in set(threading.enumerate()) - before))
    assert set(watch.steps) <= {"dns", "tcp", "tls", "http"}


def test_no_request_takes_longer_than_the_check_can_bear() -> None:
    settings = build({"onec": {"url": "http://127.0.0.1:9/ws/x", "timeout": "1h"}})
    assert base.of("default", settings, Keys({})).settings.timeout == base.LONGEST


def test_at_most_so_many_numbers_are_asked_about(onec: OneCSimulator) -> None:
    numbers = [f"8495{1000000 + i}" for i in range(25)]
    settings = settings_for(onec.url, **closed())
    asked: Callable[[], set[str]] = lambda: {request.parameters["Number"] for request in onec.requests}  # noqa: E731
    check(settings, *numbers)
    assert numbers[chain.MAX_NUMBERS - 1] in asked()
    assert numbers[chain.MAX_NUMBERS] not in asked()
