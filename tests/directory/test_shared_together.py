"""Several switches at one Redis: one request for all who ask about a number, and all forget together."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from typing import Any

import pytest

from fs_1c.onec import Answer
from fs_1c.settings import RedisSettings
from tests.directory.conftest import KEY, KNOWN, LOOKUP, NUMBER, Open, Switch, lines, never
from tests.redis_server import NEEDED, RedisServer, needs_redis
from tests.support import until

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis


def test_of_fifty_who_ask_at_once_one_asks_1c(switch: Open, server: RedisServer) -> None:
    asked: list[int] = []

    def ask_1c() -> Answer:
        asked.append(1)
        until(lambda: server.looked() >= 50)  # everybody has come
        return KNOWN

    switches = [switch() for _ in range(50)]
    with ThreadPoolExecutor(50) as threads:
        told = list(threads.map(lambda one: one.ask(NUMBER, ask_1c), switches))
    assert asked == [1]
    assert sorted(told, key=str) == [(KNOWN, False)] + [(KNOWN, True)] * 49


def _process(url: str, both_came: Event, told: Any) -> None:
    settings = RedisSettings(url=url, timeout=5.0)
    one = Switch(settings, "default", LOOKUP, claim_for=20.0)

    def ask_1c() -> Answer:
        both_came.wait(20)
        return KNOWN

    told.put(one.ask(NUMBER, ask_1c))


def test_of_two_processes_one_asks_1c(server: RedisServer) -> None:
    spawn = multiprocessing.get_context("spawn")
    both_came, told = spawn.Event(), spawn.Queue()
    url = f"redis://127.0.0.1:{server.port}/0"
    processes = [spawn.Process(target=_process, args=(url, both_came, told), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    until(lambda: server.looked() >= 2, 20)
    both_came.set()
    assert sorted(told.get(timeout=20)[1] for _ in processes) == [False, True]
    for process in processes:
        process.join()


def test_when_1c_fails_the_waiting_try_one_at_a_time(switch: Open, server: RedisServer) -> None:
    lock = threading.Lock()
    asked: list[int] = []

    def ask_1c() -> Answer:
        assert lock.acquire(blocking=False), "two ask at the same time"
        asked.append(1)
        until(lambda: server.looked() >= 8)
        lock.release()
        if len(asked) < 4:
            raise ConnectionError("1C is away")
        return KNOWN

    def ask(one: Switch) -> bool | None:
        try:
            return one.ask(NUMBER, ask_1c)[1]
        except ConnectionError:
            return None

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(ask, [switch() for _ in range(8)]))
    assert sorted(told, key=str) == [False, None, None, None, True, True, True, True]


@pytest.mark.parametrize(("claim", "wait_for"), [(150, 3600.0), (3_600_000, 0.15)], ids=["dead", "slow"])
def test_nobody_waits_for_ever(switch: Open, server: RedisServer, claim: int, wait_for: float) -> None:
    server.client.set(f"{KEY}:claim", "somebody", px=claim)
    assert switch().ask(NUMBER, lambda: KNOWN, wait_for=wait_for) == (KNOWN, False)
    assert server.looked() >= 2  # he has waited


def test_who_waits_is_let_go_by_close(switch: Open, server: RedisServer) -> None:
    server.client.set(f"{KEY}:claim", "somebody", px=60_000)
    one = switch(claim_for=60.0)
    with ThreadPoolExecutor(1) as threads:
        told = threads.submit(one.ask, NUMBER, lambda: KNOWN)
        until(lambda: server.looked() >= 1)
        one.close()
        assert told.result(30) == (KNOWN, False)


Told = list[tuple[str, str | None]]


def test_who_listens_has_connected_before_anybody_asks(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.connecting_takes(0.7, monkeypatch)
    one = switch(timeout=0.5)
    one.listen(lambda *_: None)
    until(lambda: server.listeners() == 1)
    assert server.clients() == 2
    assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert one.ask(NUMBER, never) == (KNOWN, True)
    assert lines(caplog) == []


def test_forget_reaches_all_switches(switch: Open, server: RedisServer) -> None:
    here, there = switch("a*b"), switch("a*b")
    heard: list[Told] = [[], []]
    here.listen(lambda *told: heard[0].append(told))
    there.listen(lambda *told: heard[1].append(told))
    until(lambda: server.listeners() == 2)
    for base in (here, switch("axb"), switch("a*b:c")):
        for last in range(3):
            base.ask(f"+7900000000{last}", lambda: KNOWN)
    for nonsense in (b"", b"[]", b"\xff", b'{"base": 1, "number": null}', b'{"base": "b"}', b"[" * 9000):
        server.client.publish("fs-1c:forget", nonsense)
    assert here.forget("+79000000000") is True
    assert there.have("+79000000000") is None and there.have("+79000000001") is not None
    assert there.forget(None) is True
    until(lambda: heard == [[("a*b", "+79000000000"), ("a*b", None)]] * 2)
    assert len(server.client.keys("*:+*")) == 6 and len(server.client.keys("fs-1c:a\\*b:+*")) == 0


def test_what_is_forgotten_while_1c_is_asked_is_not_kept(switch: Open, server: RedisServer) -> None:
    def ask_1c() -> Answer:
        switch().forget(NUMBER)
        return KNOWN

    assert switch().ask(NUMBER, ask_1c) == (KNOWN, False)
    assert server.client.keys("*:+*") == []
