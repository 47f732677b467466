"""The counters, the switch over HTTP, and the command line that has all of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from fs_1c.cli.simulator import app, catalogue
from fs_1c.simulator.onec import FAULT_KINDS, Fault, OneCSimulator
from tests.simulator.support import envelope, pop, post, simulator
from tests.support import SOON


def switch(onec: OneCSimulator, method: str, body: object = None) -> requests.Response:
    content = json.dumps(body).encode() if body is not None else None
    return requests.request(method, onec.address + "/simulator/fault", data=content, timeout=SOON)


def test_the_switch_over_http() -> None:
    with simulator() as onec:
        assert switch(onec, "GET").json() is None
        described = {"fault": "unavailable", "times": 2, "operation": "SayName"}
        on = switch(onec, "POST", described)
        assert (on.status_code, on.json()) == (200, described)
        assert post(onec).status_code == 503
        assert switch(onec, "GET").json() == {**described, "times": 1}
        assert onec.fault == Fault("unavailable", times=1, operation="SayName")
        assert switch(onec, "DELETE").json() is None
        assert post(onec).status_code == 200


@pytest.mark.parametrize("wrong", [[], 1, "mute", {}, {"fault": "x"}, {"fault": "mute", "times": -1}])
def test_a_wrong_fault_over_http_changes_nothing(wrong: object) -> None:
    with simulator(fault=Fault("mute")) as onec:
        answer = switch(onec, "POST", wrong)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert requests.post(onec.address + "/simulator/fault", b"\xff{", timeout=SOON).status_code == 400
        assert onec.fault == Fault("mute")
        for place in ("/simulator/", "/simulator/nothing"):
            assert requests.get(onec.address + place, timeout=SOON).status_code == 404
        assert requests.delete(onec.address + "/simulator/log", timeout=SOON).status_code == 404


def test_the_counters_over_http_and_in_python_are_the_same() -> None:
    with simulator(licences=3) as onec:
        for body in (envelope("SayName", Number="1"), pop(), envelope("Nothing"), b"<"):
            post(onec, body)
        requests.get(onec.url + "?wsdl", timeout=SOON)
        requests.get(onec.address + "/nothing", timeout=SOON)
        onec.fault = Fault("bad-gateway", times=1)
        post(onec)
        told = requests.get(onec.address + "/simulator/stats", timeout=SOON).json()
        assert told == asdict(onec.stats)
        assert told == {
            "sessions_started": 4,
            "sessions_finished": 4,
            "sessions_expired": 0,
            "sessions_lost": 0,
            "sessions_now": 0,
            "sessions_peak": 1,
            "licences_refused": 0,
            "pool_timeouts": 0,
            "requests": 7,
            "requests_now": 0,
            "cards": 1,
            "by_operation": {
                "IncomingCall": {"200": 1},
                "SayName": {"200": 1, "502": 1},
                "other": {"404": 1, "500": 2},
                "wsdl": {"200": 1},
            },
            "faults": {"bad-gateway": 1},
        }


# --- The command line -----------------------------------------------------------------------------------


def test_the_catalogue_names_every_fault_in_a_line() -> None:
    lines = catalogue().splitlines()
    assert [line.split()[0] for line in lines] == list(FAULT_KINDS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--session-max-age", "0"], "--session-max-age: Input should be greater than 0\n"),
        (["--pool-size", "0"], "--pool-size: Input should be greater than or equal to 1\n"),
        (["--licences", "-1"], "--licences: Input should be greater than or equal to 0\n"),
        (["--sessions", "reuse"], "--sessions: Input should be 'dontuse', 'use' or 'autouse'\n"),
        (
            ["--fault", '{"fault": "drip", "times": 0}'],
            "--times: Input should be greater than",
        ),
        (["--fault", "{"], "--fault: no JSON: Expecting property name enclosed in double quotes: line 1"),
    ],
)
def test_wrong_options_end_in_2_with_one_line(arguments: list[str], says: str) -> None:
    ran = CliRunner().invoke(app, ["1c", *arguments])
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran.stderr.startswith(says)


def test_the_faults_are_listed() -> None:
    ran = CliRunner().invoke(app, ["1c", "--faults"])
    assert (ran.exit_code, ran.stdout) == (0, catalogue() + "\n")


def test_it_runs_from_the_command_line_with_a_fault(tmp_path: Path) -> None:
    clients = tmp_path / "clients.csv"
    clients.write_text("number,title,category,manager\n+7 923 529-29-26,Чиж,VIP,244\n", encoding="utf-8")
    command = [sys.executable, "-c", "from fs_1c.cli import main; main()", "simulator", "1c"]
    options = ["--listen", "127.0.0.1:0", "--dialect", "mobilon-1", "--sessions", "use", "--latency", "0"]
    faulty = ["--fault", '{"fault": "unavailable", "times": 1}', "--clients", str(clients)]
    with subprocess.Popen([*command, *options, *faulty], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        body = envelope("SayName", namespace="http://test", number="89235292926")
        headers = {"Content-Type": "text/xml", "IBSession": "start"}
        answers = [requests.post(url, body, headers=headers, timeout=SOON) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 200]
        assert "VIP:Чиж" in answers[1].text
        stats = requests.get(url.replace("/ws/ImportTasks", "/simulator/stats"), timeout=SOON).json()
        assert (stats["sessions_now"], stats["faults"]) == (1, {"unavailable": 1})
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SOON)
        assert process.returncode == 0


def test_a_signal_that_did_not_wake_it_ends_its_wait() -> None:
    """Here another thread was given it; as late is one that came just before the wait began."""

    def interrupts() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    with simulator() as onec, pytest.raises(KeyboardInterrupt):
        threading.Timer(0.05, interrupts).start()
        onec.wait()
