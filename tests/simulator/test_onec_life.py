"""The simulated 1C starts, stops, keeps connections and its memory within bounds."""

import contextlib
import socket
import threading
import time

import pytest
import requests

from fs_1c.simulator.onec import (
    OneCSimulator,
    OneCSimulatorSettings,
)
from fs_1c.simulator.onec.dialects import parse_operation
from fs_1c.simulator.onec.simulator import MAX_REQUESTS
from tests.simulator.support import (
    POST,
    SEED_ANSWER,
    SEED_REQUEST,
    TEXT_XML,
    envelope,
    say_name,
    simulator,
    until,
)
from tests.support import SOON


def test_memory_is_bounded() -> None:
    onec = simulator()
    operation = parse_operation(envelope("SayName", Number="1"), "")
    for _ in range(MAX_REQUESTS + 5):
        onec.remember_request(operation)
    kept = onec.requests
    assert len(kept) == MAX_REQUESTS


def test_connections_are_kept_alive(onec: OneCSimulator) -> None:
    with socket.create_connection(("127.0.0.1", onec.port), timeout=SOON) as connection:
        body = SEED_REQUEST.encode()
        for _ in range(3):
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            answer = b""
            while not answer.endswith(SEED_ANSWER.encode()):
                answer += connection.recv(65536)
    assert len(onec.requests) == 3


def test_stop_cuts_idle_connections_and_start_takes_the_same_port(onec: OneCSimulator) -> None:
    url = onec.url
    with requests.Session() as session:
        assert session.post(url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=SOON).status_code == 200
        idle = socket.create_connection(("127.0.0.1", onec.port), timeout=SOON)
        onec.stop()
        with idle, contextlib.suppress(ConnectionResetError):  # a reset when it had not been accepted yet
            assert idle.recv(1) == b""
        with pytest.raises(requests.ConnectionError):
            session.post(url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=SOON)
        onec.start()
        assert onec.url == url
        assert session.post(url, SEED_REQUEST.encode(), headers=TEXT_XML, timeout=SOON).status_code == 200
    assert len(onec.requests) == 2


def test_stop_leaves_a_request_in_work_without_an_answer_and_without_a_card() -> None:
    with simulator(latency=3600.0) as slow:
        failures: list[requests.RequestException] = []

        def call() -> None:
            try:
                request = envelope("IncomingCall", NumFrom="1", Key="2")
                requests.post(slow.url, request, headers=TEXT_XML, timeout=SOON)
            except requests.RequestException as failure:
                failures.append(failure)

        caller = threading.Thread(target=call)
        caller.start()
        until(lambda: bool(slow.requests))
        slow.stop()
        caller.join(SOON)
        assert isinstance(failures[0], requests.ConnectionError)
        assert (len(slow.requests), slow.cards) == (1, ())


def test_latency_is_kept_and_callers_do_not_wait_for_each_other() -> None:
    with simulator(latency=0.3) as slow:
        started = time.monotonic()
        assert "чиж" in say_name(slow, "89235292926")
        assert time.monotonic() - started >= 0.3
    with simulator(latency=3600.0) as slow:
        callers = [threading.Thread(target=_refused, args=(slow,)) for _ in range(5)]
        for caller in callers:
            caller.start()
        until(lambda: len(slow.requests) == 5)  # none has been answered yet
        slow.stop()
        for caller in callers:
            caller.join(SOON)


def _refused(onec: OneCSimulator) -> None:
    with pytest.raises(requests.ConnectionError):
        say_name(onec, "89235292926")


def test_a_running_simulator_cannot_be_started_and_a_stopped_one_may_be_stopped() -> None:
    idle = simulator()
    idle.stop()
    with idle:
        with pytest.raises(RuntimeError):
            idle.start()
        with pytest.raises(OSError, match="in use"):
            OneCSimulator(OneCSimulatorSettings(port=idle.port)).start()


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "telephony"},
        {"namespace": ""},
        {"latency": -1},
        {"latency": float("nan")},
        {"username": "a:b"},
    ],
)
def test_wrong_settings_are_one_clear_line(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"\n{next(iter(wrong))}\n"):
        OneCSimulatorSettings(**wrong)  # type: ignore[arg-type]
