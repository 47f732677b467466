"""Faults of the connection and of the way an answer is sent, seen octet by octet."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

import pytest
import requests

from fs_1c.simulator.onec import FAULT_KINDS, Fault, OneCSimulator
from tests.simulator.support import (
    POST,
    SEED_ANSWER,
    SEED_REQUEST,
    pop,
    post,
    raw,
    say_name,
    simulator,
    until,
)
from tests.support import SOON

SENT = POST + b"Content-Length: %d\r\n\r\n%s" % (len(SEED_REQUEST.encode()), SEED_REQUEST.encode())
BODY = SEED_ANSWER.encode()


def connect(onec: OneCSimulator, timeout: float = 5) -> socket.socket:
    return socket.create_connection(("127.0.0.1", onec.port), timeout=timeout)


def test_refuse_resets_whether_something_is_sent_or_not(onec: OneCSimulator) -> None:
    onec.fault = Fault("refuse")
    for sent in (SENT, b""):
        with connect(onec) as connection, pytest.raises(ConnectionResetError):
            connection.sendall(sent)
            connection.recv(1)
    assert (onec.stats.requests, onec.stats.faults) == (0, {"refuse": 2})


def test_mute_says_nothing_to_anybody_but_at_the_switch(onec: OneCSimulator) -> None:
    with requests.Session() as kept:
        assert post(onec, session=kept).status_code == 200
        onec.fault = Fault("mute")
        for http in (kept, requests.Session()):
            with pytest.raises(requests.ReadTimeout):
                post(onec, session=http, timeout=0.1)
    with connect(onec, timeout=0.1) as connection, pytest.raises(TimeoutError):
        context = ssl.create_default_context()
        context.wrap_socket(connection, server_hostname="localhost")
    switched = requests.delete(onec.address + "/simulator/fault", timeout=SOON)
    assert (switched.status_code, switched.json()) == (200, None)
    assert post(onec).status_code == 200
    assert len(onec.requests) == 2


def test_connections_left_idle_are_closed(onec: OneCSimulator) -> None:
    onec.fault = Fault("idle-close", seconds=0.1, times=1)
    with connect(onec) as connection:
        connection.sendall(SENT)
        received = b""
        while part := connection.recv(65536):
            received += part
    assert received.endswith(BODY)
    assert b"Connection: close" not in received
    assert onec.stats.faults == {"idle-close": 1}
    assert requests.get(onec.address + "/simulator/fault", timeout=SOON).json() is None


def test_close_every_time(onec: OneCSimulator) -> None:
    onec.fault = Fault("close-every-time")
    received = raw(onec, SENT)
    assert b"\r\nConnection: close\r\n" in received
    assert received.endswith(BODY)


@pytest.mark.parametrize(("size", "comes"), [(None, len(BODY) // 2), (10, 10), (0, 0)])
def test_a_cut_in_the_answer(onec: OneCSimulator, size: int | None, comes: int) -> None:
    onec.fault = Fault("cut-in-answer", size=size, how="close")
    head, _, body = raw(onec, SENT).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(BODY)}".encode() in head
    assert body == BODY[:comes]
    onec.fault = Fault("cut-in-answer", size=size)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        post(onec, pop())
    assert len(onec.cards) == 1


def test_a_slow_first_byte_is_of_an_answer_that_is_ready(onec: OneCSimulator) -> None:
    onec.fault = Fault("slow-first-byte", seconds=60.0)
    with pytest.raises(requests.ReadTimeout):
        post(onec, pop(), timeout=0.1)
    until(lambda: len(onec.cards) == 1)
    onec.fault = Fault("slow-first-byte", seconds=0.1)
    began = time.monotonic()
    assert post(onec).content == BODY
    assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("part", ["headers", "body", "both"])
def test_drip(onec: OneCSimulator, part: str) -> None:
    onec.fault = Fault("drip", seconds=0.0005, part=part)
    began = time.monotonic()
    assert post(onec).content == BODY
    dripped = {"headers": 120, "body": len(BODY), "both": 120 + len(BODY)}[part]
    assert time.monotonic() - began >= dripped * 0.0005
    onec.fault = Fault("drip", part=part)
    with connect(onec) as connection:
        connection.sendall(SENT)
        assert connection.recv(1) == b"H"
        connection.settimeout(0.2)
        if part == "body":
            assert connection.recv(65536).startswith(b"TTP/1.1 200 OK\r\n")
        with contextlib.suppress(TimeoutError):
            assert len(connection.recv(65536)) <= 1


@pytest.mark.parametrize("name", ["endless-body", "endless-headers"])
def test_what_never_ends(onec: OneCSimulator, name: str) -> None:
    onec.fault = Fault(name)
    received = 0
    with connect(onec) as connection:
        connection.sendall(SENT)
        while received < 5_000_000:
            received += len(connection.recv(1_000_000))
    assert say_name_after(onec)


def say_name_after(onec: OneCSimulator) -> bool:
    onec.clear_fault()
    return "чиж" in say_name(onec, "89235292926")


def test_a_huge_body_is_a_true_one(onec: OneCSimulator) -> None:
    onec.fault = Fault("huge-body", size=3_000_001)
    with requests.Session() as http:
        for _ in range(2):
            assert post(onec, session=http).content == BODY + b" " * 3_000_001


@pytest.mark.parametrize("how", ["close", "reset", "hang"])
def test_a_length_that_is_too_long(onec: OneCSimulator, how: str) -> None:
    onec.fault = Fault("wrong-length", size=7, how=how)
    with connect(onec, timeout=0.2) as connection:
        connection.sendall(SENT)
        received = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := connection.recv(65536):
                received += part
    if how != "reset":
        assert received.endswith(BODY)
        assert f"Content-Length: {len(BODY) + 7}\r\n".encode() in received


def test_a_length_that_is_too_short_leaves_a_rest_before_the_next_answer(onec: OneCSimulator) -> None:
    onec.fault = Fault("wrong-length", size=-5, times=1)
    received = b""
    with connect(onec) as connection:
        for answers in (1, 2):
            connection.sendall(SENT)
            while received.count(BODY) < answers:
                received += connection.recv(65536)
    claimed = b"Content-Length: %d\r\n" % (len(BODY) - 5)
    assert received.count(claimed) == 1
    assert received.partition(b"\r\n\r\n")[2].startswith(BODY + b"HTTP/1.1 200 OK")


def test_garbage_and_a_broken_chunk(onec: OneCSimulator) -> None:
    onec.fault = Fault("garbage")
    assert b"HTTP/1" not in raw(onec, SENT)
    with pytest.raises(requests.ConnectionError):
        post(onec)
    onec.fault = Fault("broken-chunk")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(onec)


# Enough to have each fault hang or end; those that end at once are none the worse for it.
SLOW = {"seconds": 3600.0}


@pytest.mark.parametrize("name", [name for name in FAULT_KINDS if FAULT_KINDS[name].stage.name != "SHAPE"])
def test_stop_ends_everything_at_once(name: str) -> None:
    settled = threading.Event()
    with simulator() as onec:
        given = {key: value for key, value in SLOW.items() if key in FAULT_KINDS[name].parameters}
        onec.fault = Fault(name, **given)  # type: ignore[arg-type]

        def call() -> None:
            with contextlib.suppress(requests.RequestException, OSError), connect(onec, 60) as connection:
                connection.sendall(SENT)
                left = 10_000_000
                while left > 0 and (part := connection.recv(65536)):
                    left -= len(part)
            settled.set()

        threading.Thread(target=call, daemon=True).start()
        until(lambda: settled.is_set() or bool(onec.stats.faults) or onec.stats.requests > 0)
        server = onec._server
        assert server is not None
        onec.stop()
        until(lambda: not server._connections)
        assert settled.wait(SOON)
        onec.clear_fault()
        onec.start()
        assert "чиж" in say_name(onec, "89235292926")
