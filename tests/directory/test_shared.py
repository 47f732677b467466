"""Answers shared through Redis, against a real redis-server of the tests' own."""

from __future__ import annotations

import json
import logging
import multiprocessing
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

redis = pytest.importorskip("redis", reason="the redis package is missing: pip install 'fs-1c[redis]'")

from fs_1c import redis_client as redis_client  # noqa: E402
from fs_1c.directory import shared  # noqa: E402
from fs_1c.directory.shared import SharedAnswers  # noqa: E402
from fs_1c.onec import Answer  # noqa: E402
from fs_1c.settings import LookupSettings, RedisSettings, SettingsError  # noqa: E402

BINARY = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(BINARY is None, reason="redis-server is not on PATH")

NUMBER = "+79235292926"
KEY = f"fs-1c:default:{NUMBER}"
TITLE = "ООО «Рога и копыта»"
KNOWN = Answer(TITLE, "VIP", "244")
PASSWORD = "s3cret-of-redis"
LOOKUP = LookupSettings(fresh_for=300, stale_for=1000, unknown_for=60)


def until(true: Callable[[], Any], seconds: float = 8.0) -> None:
    """Returns as soon as it is true; fails when it does not become so."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.005)


class Server:
    """A redis-server that can be killed, hung and started again on its port."""

    def __init__(self, directory: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._command = [
            *(str(BINARY), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory)),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning", *options),
        ]
        password = PASSWORD if "--requirepass" in options else None
        self.client: Any = redis.Redis(port=self.port, password=password, socket_timeout=5)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def looked(self) -> int:
        """How many times answers were looked for or stored."""
        return int(self.client.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"])

    def listeners(self) -> int:
        return int(self.client.pubsub_numsub("fs-1c:forget")[0][1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


Open = Callable[..., SharedAnswers]


@pytest.fixture
def switch(
    tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[Open]:
    """Opens what one switch has of the shared answers; at the end no client's name is in any log."""
    caplog.set_level(logging.DEBUG)
    opened: list[SharedAnswers] = []

    def switch(base: str = "default", url: str = "", timeout: float = 0.5, **given: Any) -> SharedAnswers:
        url = url or f"redis://127.0.0.1:{request.getfixturevalue('server').port}/0"
        settings = RedisSettings(url=url, timeout=timeout)
        opened.append(SharedAnswers(settings, base, LOOKUP, **{"claim_for": 10.0, **given}))
        return opened[-1]

    yield switch
    for one in opened:
        one.close()
    assert "Рога" not in caplog.text and PASSWORD not in caplog.text


def never() -> Answer:
    raise AssertionError("1C was asked")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged about Redis, without where it is."""
    return [
        record.getMessage().split(" (")[0].split(" ", 3)[3]
        for record in caplog.records
        if record.name.startswith(("fs_1c.directory.shared", "fs_1c.redis_client"))
    ]


def test_an_answer_is_shared(switch: Open) -> None:
    before = time.time()
    assert switch().ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert switch().ask(NUMBER, never) == (KNOWN, True)
    remembered = switch().get(NUMBER)
    assert remembered is not None and remembered.answer == KNOWN
    assert before - 0.1 <= remembered.asked_at <= time.time() + 0.1
    assert switch().get("+79990000000") is None
    assert switch("service").get(NUMBER) is None


@pytest.mark.parametrize(("answer", "kept"), [(KNOWN, 1300), (Answer(), 60), (Answer(category="x"), 60)])
def test_an_entry_is_kept_as_long_as_it_is_good(
    switch: Open, server: Server, answer: Answer, kept: int
) -> None:
    switch().ask(NUMBER, lambda: answer)
    assert kept - 5 < server.client.pttl(KEY) / 1000 <= kept
    assert not server.client.exists(f"{KEY}:claim")


def test_what_1c_reports_as_its_own_failure_is_no_answer(switch: Open, server: Server) -> None:
    assert switch().ask(NUMBER, lambda: Answer(error="Индекс вне границ")) == (
        Answer(error="Индекс вне границ"),
        False,
    )
    assert server.client.keys("*") == []


def entry(age: float = 0.0, **told: Any) -> bytes:
    told = {"title": TITLE, "category": "", "manager": "244", "asked_at": time.time() - age, **told}
    return json.dumps(told).encode()


def test_a_stale_answer_is_got_but_asked_anew(switch: Open, server: Server) -> None:
    server.client.set(KEY, entry(age=400))
    remembered = switch().get(NUMBER)
    assert remembered is not None and 395 < time.time() - remembered.asked_at < 405
    assert switch().ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert switch().ask(NUMBER, never) == (KNOWN, True)
    assert switch().ask(NUMBER, lambda: KNOWN, max_age=0) == (KNOWN, False)


def test_a_clock_a_little_ahead_is_no_lie(switch: Open, server: Server) -> None:
    server.client.set(KEY, entry(age=1 - shared.MAX_AHEAD))
    remembered = switch().get(NUMBER)
    assert remembered is not None and abs(time.time() - remembered.asked_at) < 1
    assert switch().ask(NUMBER, never)[0].title == TITLE


def test_a_clock_that_ran_ahead_keeps_nobody_young(switch: Open, server: Server) -> None:
    server.client.set(KEY, entry(age=-3600))
    assert switch().ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    remembered = switch().get(NUMBER)
    assert remembered is not None and abs(time.time() - remembered.asked_at) < 5


NOW = 1_800_000_000
OFFLINE = SharedAnswers(RedisSettings(url="redis://127.0.0.1:1"), "default", LOOKUP, claim_for=1.0)


@given(
    ahead=st.floats(-2000, 2000) | st.floats(allow_nan=False, allow_infinity=False),
    later=st.integers(0, 3000),
    title=st.sampled_from([TITLE, ""]),
)
def test_whatever_redis_holds_it_is_fresh_for_no_longer_than_the_settings_say(
    ahead: float, later: int, title: str
) -> None:
    """But for `MAX_AHEAD` seconds; from the first look at it on, in a Redis that never lets it go."""
    asked_at = NOW + ahead
    raw = entry(title=title, manager="", asked_at=asked_at)

    def age(now: int) -> float | None:
        with mock.patch.object(OFFLINE, "_send", lambda command: [raw, b"%d" % now, b"0", 0]):
            found = OFFLINE._look(NUMBER)[1]
        return None if found is None else found[1]

    first, second = age(NOW), age(NOW + later)
    fresh_for, kept = (300, 1300) if title else (60, 60)
    if first is None:
        assert asked_at > NOW + shared.MAX_AHEAD or asked_at <= NOW - kept
    else:
        assert 0 <= first < kept
        assert later < fresh_for + shared.MAX_AHEAD or second is None or second >= fresh_for


TIMES: list[Any] = [float("nan"), float("inf"), None, "", "soon", [], 10**400, 1e300, time.time() + 1e6]
GARBAGE = [
    *(b"\xff\xfe", b"null", b"[]", b"{}", b"17", b"[" * 5000, b'{"title": "a"}', b"x" * 100_000, b"1" * 8000),
    *(entry(title=None), entry(title=["a"]), entry(title="a" * 501), entry(manager="1" * 201)),
    *(entry(asked_at=asked) for asked in TIMES),
    entry(title="\ud800"),
]


def test_garbage_is_nothing_and_goes(switch: Open, server: Server) -> None:
    one = switch()
    for garbage in GARBAGE:
        server.client.set(KEY, garbage)
        assert one.get(NUMBER) is None, garbage[:50]
        assert not server.client.exists(KEY), garbage[:50]
        server.client.set(KEY, garbage)
        assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False), garbage[:50]
    server.client.delete(KEY)
    server.client.lpush(KEY, "a list")
    server.client.lpush(f"{KEY}:claim", "another")
    server.client.pexpire(f"{KEY}:claim", 50)
    assert one.get(NUMBER) is None
    assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)


def test_of_fifty_who_ask_at_once_one_asks_1c(switch: Open, server: Server) -> None:
    asked: list[int] = []

    def ask_1c() -> Answer:
        asked.append(1)
        until(lambda: server.looked() >= 50)  # everybody has come
        return KNOWN

    switches = [switch(timeout=5.0) for _ in range(50)]
    with ThreadPoolExecutor(50) as threads:
        told = list(threads.map(lambda one: one.ask(NUMBER, ask_1c), switches))
    assert asked == [1]
    assert sorted(told, key=str) == [(KNOWN, False)] + [(KNOWN, True)] * 49


def _process(url: str, both_came: Event, told: Any) -> None:
    settings = RedisSettings(url=url, timeout=5.0)
    one = SharedAnswers(settings, "default", LOOKUP, claim_for=20.0)

    def ask_1c() -> Answer:
        both_came.wait(20)
        return KNOWN

    told.put(one.ask(NUMBER, ask_1c))


def test_of_two_processes_one_asks_1c(server: Server) -> None:
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


def test_when_1c_fails_the_waiting_try_one_at_a_time(switch: Open, server: Server) -> None:
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

    def ask(one: SharedAnswers) -> bool | None:
        try:
            return one.ask(NUMBER, ask_1c)[1]
        except ConnectionError:
            return None

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(ask, [switch(timeout=5.0) for _ in range(8)]))
    assert sorted(told, key=str) == [False, None, None, None, True, True, True, True]


@pytest.mark.parametrize(("claim", "wait_for"), [(150, 10.0), (60_000, 0.15)], ids=["dead", "slow"])
def test_nobody_waits_for_ever(switch: Open, server: Server, claim: int, wait_for: float) -> None:
    server.client.set(f"{KEY}:claim", "somebody", px=claim)
    started = time.monotonic()
    assert switch(wait_for=wait_for).ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert 0.1 < time.monotonic() - started < 5


def test_who_waits_is_let_go_by_close(switch: Open, server: Server) -> None:
    server.client.set(f"{KEY}:claim", "somebody", px=60_000)
    one = switch(claim_for=60.0)
    with ThreadPoolExecutor(1) as threads:
        told = threads.submit(one.ask, NUMBER, lambda: KNOWN)
        until(lambda: server.looked() >= 1)
        one.close()
        assert told.result(5) == (KNOWN, False)


def test_redis_killed_while_1c_is_asked(
    switch: Open, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def ask_1c(who: str) -> Answer:
        asked.append(who)
        if who == "holder":
            until(lambda: server.looked() >= 2)
            server.kill()
        return KNOWN

    holder, waiter = switch(), switch()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(holder.ask, NUMBER, lambda: ask_1c("holder"))
        until(lambda: "holder" in asked)
        second = threads.submit(waiter.ask, NUMBER, lambda: ask_1c("waiter"))
        assert first.result(10) == second.result(10) == (KNOWN, False)
    assert sorted(asked) == ["holder", "waiter"]
    assert holder.get(NUMBER) is None
    assert holder.forget(NUMBER) is False
    assert lines(caplog) == ["is away", "is away"]  # one each


def test_redis_killed_and_1c_fails(switch: Open, server: Server) -> None:
    def ask_1c() -> Answer:
        server.kill()
        raise ConnectionError("1C is away")

    with pytest.raises(ConnectionError, match="1C is away"):
        switch().ask(NUMBER, ask_1c)


def test_a_hung_redis_costs_one_timeout_a_second(
    switch: Open, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = switch(timeout=0.1)
    one.ask(NUMBER, lambda: KNOWN)
    server.process.send_signal(signal.SIGSTOP)
    took: list[float] = []
    began = time.monotonic()
    while time.monotonic() < began + 1.5:
        started = time.monotonic()
        assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
        took.append(time.monotonic() - started)
        time.sleep(0.001)
    slow = [seconds for seconds in took if seconds > 0.09]
    assert len(slow) <= 2 and max(took) < 0.1 + 0.1, slow
    assert lines(caplog) == ["is away"]
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.1)
    server.process.send_signal(signal.SIGCONT)
    until(lambda: one.ask(NUMBER, lambda: KNOWN)[1])
    assert lines(caplog) == ["is away", "is back"]


def test_who_comes_while_one_waits_for_a_hung_redis_waits_no_longer_either(
    switch: Open, server: Server
) -> None:
    one = switch(timeout=0.1)
    one.get(NUMBER)
    server.process.send_signal(signal.SIGSTOP)

    def ask(_: int) -> float:
        started = time.monotonic()
        one.ask(NUMBER, lambda: KNOWN)
        return time.monotonic() - started

    with ThreadPoolExecutor(20) as threads:
        assert max(threads.map(ask, range(200))) < 0.1 + 0.15


def test_nothing_waits_for_a_name_that_is_not_resolved(switch: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = threading.Event()

    def resolve(*_: object, **__: object) -> list[Any]:
        resolved.wait(20)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    started = time.monotonic()
    assert switch(url="redis://redis.invalid", timeout=0.1).ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert time.monotonic() - started < 5
    resolved.set()


def test_a_redis_that_only_reads_is_away_until_it_writes(
    switch: Open, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.01)
    one = switch()
    server.client.replicaof("127.0.0.1", 1)
    for _ in range(5):
        assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
        time.sleep(0.02)  # so that it is tried again: reading goes well, and means nothing
        assert one.get(NUMBER) is None
        time.sleep(0.02)
    assert lines(caplog) == ["is away"]
    server.client.replicaof("NO", "ONE")
    until(lambda: one.ask(NUMBER, lambda: KNOWN)[1])
    assert lines(caplog) == ["is away", "is back"]


def test_a_connection_that_was_closed_in_between_is_no_failure(
    switch: Open, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    one = switch()
    one.ask(NUMBER, lambda: KNOWN)
    server.client.client_kill_filter(_type="normal", skipme=True)
    assert one.ask(NUMBER, never) == (KNOWN, True)
    assert lines(caplog) == []


Told = list[tuple[str, str | None]]


def test_forget_reaches_all_switches(switch: Open, server: Server) -> None:
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
    assert there.get("+79000000000") is None and there.get("+79000000001") is not None
    assert there.forget(None) is True
    until(lambda: heard == [[("a*b", "+79000000000"), ("a*b", None)]] * 2)
    assert len(server.client.keys("*")) == 6 and len(server.client.keys("fs-1c:a\\*b:+*")) == 0


def test_what_is_forgotten_while_1c_is_asked_is_not_kept(switch: Open, server: Server) -> None:
    def ask_1c() -> Answer:
        switch().forget(NUMBER)
        return KNOWN

    assert switch().ask(NUMBER, ask_1c) == (KNOWN, False)
    assert server.client.keys("*") == []


def test_listening_goes_on_after_a_restart(
    switch: Open, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.05)
    heard: Told = []

    def on_forget(base: str, number: str | None) -> None:
        heard.append((base, number))
        raise RuntimeError("a listener's own fault")

    one = switch()
    one.listen(on_forget)
    until(lambda: server.listeners() == 1)
    server.kill()
    until(lambda: lines(caplog) == ["is away"])
    server.start()
    until(lambda: server.listeners() == 1)
    until(lambda: one.forget(NUMBER))
    until(lambda: heard == [("default", NUMBER)])
    until(lambda: one.forget(None) and ("default", None) in heard)
    assert lines(caplog)[:2] == ["is away", "is back"]
    one.close()
    until(lambda: server.listeners() == 0)


def test_that_redis_does_not_let_us_listen_is_said_once(
    switch: Open, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.01)
    server.client.acl_setuser(
        "default", enabled=True, nopass=True, keys=["*"], categories=["+@all"], reset=True
    )
    one = switch()
    one.listen(lambda *_: None)
    until(lambda: server.client.acl_log() and server.client.acl_log()[0]["count"] >= 3)
    assert lines(caplog) == ["switches forget is not heard"]
    assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert one.ask(NUMBER, never) == (KNOWN, True)


def test_the_password_is_used_and_not_told(
    tmp_path: Path, switch: Open, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(tmp_path, "--requirepass", PASSWORD)
    request.addfinalizer(server.kill)
    right = switch(url=f"redis://:{PASSWORD}@127.0.0.1:{server.port}")
    right.ask(NUMBER, lambda: KNOWN)
    wrong = switch(url=f"redis://:{PASSWORD}x@127.0.0.1:{server.port}")
    wrong.listen(lambda *_: None)
    assert wrong.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert right.ask(NUMBER, never) == (KNOWN, True)
    server.kill()
    assert right.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert f"127.0.0.1:{server.port} is away" in caplog.text


@pytest.mark.parametrize(
    "url",
    ["http://:{}@127.0.0.1", "redis://:{}/a@127.0.0.1", "redis://:{}@h:1x", "redis://:{}@h/0?speed=9", "{}"],
)
def test_a_url_that_is_none_is_said_without_it(switch: Open, url: str) -> None:
    with pytest.raises(SettingsError, match=r"^redis.url: allowed: redis://") as told:
        switch(url=url.format(PASSWORD))
    assert PASSWORD not in "".join(map(str, (told.value, told.value.__cause__)))
