"""The counters, the switch over HTTP, and the command line that has all of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from fs_1c.simulator.cli import app
from fs_1c.simulator.onec import FAULT_KINDS, Fault, OneCSimulator
from fs_1c.simulator.onec.options import catalogue, fault_from, settings_of
from tests.simulator.support import envelope, pop, post, simulator


def switch(onec: OneCSimulator, method: str, body: object = None) -> requests.Response:
    content = json.dumps(body).encode() if body is not None else None
    return requests.request(method, onec.address + "/simulator/fault", data=content, timeout=5)


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
        assert requests.post(onec.address + "/simulator/fault", b"\xff{", timeout=5).status_code == 400
        assert onec.fault == Fault("mute")
        for place in ("/simulator/", "/simulator/nothing"):
            assert requests.get(onec.address + place, timeout=5).status_code == 404
        assert requests.delete(onec.address + "/simulator/log", timeout=5).status_code == 404


def test_the_counters_over_http_and_in_python_are_the_same() -> None:
    with simulator(licences=3) as onec:
        for body in (envelope("SayName", Number="1"), pop(), envelope("Nothing"), b"<"):
            post(onec, body)
        requests.get(onec.url + "?wsdl", timeout=5)
        requests.get(onec.address + "/nothing", timeout=5)
        onec.fault = Fault("bad-gateway", times=1)
        post(onec)
        told = requests.get(onec.address + "/simulator/stats", timeout=5).json()
        assert told == onec.stats.as_json()
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
            "requests_peak": 1,
            "cards": 1,
            "events": 0,
            "by_operation": {
                "IncomingCall": {"200": 1},
                "SayName": {"200": 1, "502": 1},
                "other": {"404": 1, "500": 2},
                "wsdl": {"200": 1},
            },
            "faults": {"bad-gateway": 1},
        }
        onec.clear()
        assert set(map(str, onec.stats.as_json().values())) == {"0", "{}"}


# --- The command line -----------------------------------------------------------------------------------


def test_everything_can_be_set_from_texts() -> None:
    texts = {
        "dialect": "mobilon-3",
        "search": "drop-first-substring",
        "sessions": "use",
        "path": None,
        "session_max_age": "2",
        "pool_size": "3",
        "pool_timeout": "0.5",
        "licences": "2",
        "idle": "9",
        "session_start": "0.3",
        "cold_start": "11.5",
        "lost_session_status": "404",
        "keep_alive": "5",
        "latency": "0.1",
        "namespace": None,
    }
    settings = settings_of(texts, port=0)
    for name, text in texts.items():
        assert text is None or str(getattr(settings, name)).removesuffix(".0") == text
    fault = fault_from("cut-after-receipt", ["how=close", "card=false"], "2", "IncomingCall")
    assert fault == Fault("cut-after-receipt", how="close", card=False, times=2, operation="IncomingCall")
    assert fault_from("drip", ["seconds=0.5", "part=body"], None, None) == Fault(
        "drip", seconds=0.5, part="body"
    )
    assert fault_from(None, [], None, None) is None


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"latency": "abc"}, "latency: 'abc' is not a number of seconds"),
        ({"latency": "-1"}, "latency: -1.0 is not a number of seconds, zero or more"),
        ({"session_max_age": "0"}, "session_max_age: 0.0 is not a number of seconds above zero"),
        ({"keep_alive": "nan"}, "keep_alive: nan"),
        ({"pool_size": "0"}, "pool_size: 0 is not one or more"),
        ({"pool_size": "1.5"}, "pool_size: '1.5' is not a whole number"),
        ({"licences": "-1"}, "licences: -1 is not zero or more"),
        ({"sessions": "reuse"}, "sessions: reuse is not one of dontuse, use, autouse"),
        ({"dialect": "VATS"}, "dialect: VATS is not one of mobilon-1, mobilon-2, mobilon-3"),
        ({"search": "all"}, "search: all is not one of last-ten, drop-first-substring"),
        ({"lost_session_status": "500"}, "lost_session_status: 500 is not one of 400, 404"),
    ],
)
def test_a_wrong_text_is_one_clear_line(texts: dict[str, str | None], says: str) -> None:
    with pytest.raises(ValueError) as refused:
        settings_of(texts)
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("name", "parameters", "times", "operation", "says"),
    [
        (None, [], "1", None, "fault: is missing"),
        ("nope", [], None, None, "fault: 'nope' is unknown"),
        ("drip", ["seconds"], None, None, "fault_parameter: seconds: allowed: KEY=VALUE"),
        ("drip", ["rate=1"], None, None, "fault_parameter: rate=1: allowed: KEY=VALUE"),
        ("drip", ["seconds=x"], None, None, "fault_parameter: seconds: 'x' is not a number of seconds"),
        ("cut-after-receipt", ["card=maybe"], None, None, "fault_parameter: card: 'maybe' is not true"),
        ("drip", [], "x", None, "fault_times: 'x' is not a whole number"),
        ("mute", [], None, "SayName", "fault_operation: mute strikes before"),
    ],
)
def test_a_wrong_fault_is_one_clear_line(
    name: str | None, parameters: list[str], times: str | None, operation: str | None, says: str
) -> None:
    with pytest.raises(ValueError) as refused:
        fault_from(name, parameters, times, operation)
    assert str(refused.value).startswith(says)


def test_the_catalogue_names_every_fault_in_a_line() -> None:
    lines = catalogue().splitlines()
    assert [line.split()[0] for line in lines] == list(FAULT_KINDS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--session-max-age", "abc"], "--session-max-age: 'abc' is not a number of seconds\n"),
        (["--fault", "drip", "--fault-times", "0"], "--fault-times: 0 is not a whole number above zero\n"),
        (["--sessions", "reuse"], "--sessions: reuse is not one of dontuse, use, autouse\n"),
    ],
)
def test_wrong_options_end_in_2_with_one_line(arguments: list[str], says: str) -> None:
    ran = CliRunner().invoke(app, ["1c", *arguments])
    assert (ran.exit_code, ran.stderr, ran.stdout) == (2, says, "")


def test_the_faults_are_listed() -> None:
    ran = CliRunner().invoke(app, ["1c", "--faults"])
    assert (ran.exit_code, ran.stdout) == (0, catalogue() + "\n")


def test_it_runs_from_the_command_line_with_a_fault(tmp_path: Path) -> None:
    clients = tmp_path / "clients.csv"
    clients.write_text("number,title,category,manager\n+7 923 529-29-26,Чиж,VIP,244\n", encoding="utf-8")
    command = [sys.executable, "-c", "from fs_1c.cli import main; main()", "simulator", "1c"]
    options = ["--listen", "127.0.0.1:0", "--dialect", "mobilon-1", "--sessions", "use", "--latency", "0"]
    faulty = ["--fault", "unavailable", "--fault-times", "1", "--clients", str(clients)]
    with subprocess.Popen([*command, *options, *faulty], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        body = envelope("SayName", namespace="http://test", number="89235292926")
        headers = {"Content-Type": "text/xml", "IBSession": "start"}
        answers = [requests.post(url, body, headers=headers, timeout=5) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 200]
        assert "VIP:Чиж" in answers[1].text
        stats = requests.get(url.replace("/ws/ImportTasks", "/simulator/stats"), timeout=5).json()
        assert (stats["sessions_now"], stats["faults"]) == (1, {"unavailable": 1})
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 0
