"""Redis goes away, hangs, forbids or comes back: nobody waits for long, and 1C is asked as before."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fs_1c import redis_client
from fs_1c.onec import Answer
from fs_1c.settings import SettingsError
from tests.directory.conftest import KNOWN, NUMBER, PASSWORD, Open, lines, never
from tests.redis_server import NEEDED, RedisServer, needs_redis, redis_server
from tests.support import SOON, until

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis


def test_redis_killed_while_1c_is_asked(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture
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
    assert holder.have(NUMBER) is None
    assert lines(caplog) == ["is away", "is away"]  # one each


def test_redis_killed_and_1c_fails(switch: Open, server: RedisServer) -> None:
    def ask_1c() -> Answer:
        server.kill()
        raise ConnectionError("1C is away")

    with pytest.raises(ConnectionError, match="1C is away"):
        switch().ask(NUMBER, ask_1c)


def test_a_hung_redis_costs_a_timeout_each_and_soon_one_a_second(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 3600.0)
    one = switch(timeout=0.1)
    one.ask(NUMBER, lambda: KNOWN)
    server.process.send_signal(signal.SIGSTOP)
    until(lambda: one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False) and not one.up)
    assert lines(caplog) == ["is away"]
    pipeline, sent = one._redis._client.pipeline, []

    def counted(**given: Any) -> Any:
        sent.append(given)
        return pipeline(**given)

    monkeypatch.setattr(one._redis._client, "pipeline", counted)
    assert all(one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False) for _ in range(200))
    assert sent == []  # it is left alone
    one._redis._again_at = 0.0
    assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert len(sent) == 1  # but for one
    assert lines(caplog) == ["is away"]
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.1)
    one._redis._again_at = 0.0
    server.process.send_signal(signal.SIGCONT)
    until(lambda: one.ask(NUMBER, lambda: KNOWN)[1])
    assert lines(caplog) == ["is away", "is back"]


def test_who_comes_while_one_waits_for_a_hung_redis_waits_no_longer_either(
    switch: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = switch(timeout=0.1)
    one.have(NUMBER)
    hung, over = threading.Event(), []

    def hangs(**_: object) -> Any:
        hung.wait(SOON)
        over.append(1)
        raise TimeoutError

    monkeypatch.setattr(one._redis._client, "pipeline", hangs)
    with ThreadPoolExecutor(20) as threads:
        told = list(threads.map(lambda _: one.ask(NUMBER, lambda: KNOWN), range(200)))
    assert over == []  # the first word hangs still, and all have gone on
    assert told == [(KNOWN, False)] * 200
    hung.set()


def test_nothing_waits_for_a_name_that_is_not_resolved(switch: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved, over = threading.Event(), []

    def resolve(*_: object, **__: object) -> list[Any]:
        resolved.wait(SOON)
        over.append(1)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert switch(url="redis://redis.invalid", timeout=0.1).ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert over == []
    resolved.set()


def test_a_redis_that_only_reads_keeps_nothing_until_it_writes(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.01)
    one = switch()
    server.client.replicaof("127.0.0.1", 1)
    for _ in range(5):
        assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
        time.sleep(0.02)  # so that it is tried again: reading goes well, and means nothing
        assert one.have(NUMBER) is None
        time.sleep(0.02)
    assert lines(caplog) == ["only reads: it is a replica"]
    server.client.replicaof("NO", "ONE")
    until(lambda: one.ask(NUMBER, lambda: KNOWN)[1])
    assert lines(caplog) == ["only reads: it is a replica", "is back"]


def test_a_connection_that_was_closed_in_between_is_no_failure(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one = switch()
    one.ask(NUMBER, lambda: KNOWN)
    server.client.client_kill_filter(_type="normal", skipme=True)
    assert one.ask(NUMBER, never) == (KNOWN, True)
    assert lines(caplog) == []


def test_listening_goes_on_after_a_restart(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.05)
    heard: list[tuple[str, str | None]] = []

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
    until(lambda: set(heard) == {("default", NUMBER)})  # what could not be told at once is told later, too
    until(lambda: one.forget(None) and ("default", None) in heard)
    assert lines(caplog)[0] == "is away" and lines(caplog).count("is back") == 1
    one.close()
    until(lambda: server.listeners() == 0)


def test_that_redis_does_not_let_us_listen_is_said_once(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
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


@pytest.fixture
def protected() -> Iterator[RedisServer]:
    with redis_server(password=PASSWORD) as server:
        yield server


def test_the_password_is_used_and_not_told(
    switch: Open, protected: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = protected
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
