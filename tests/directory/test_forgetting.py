"""What is forgotten while Redis is away, or while it is not heard: told again, and asked anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fs_1c import redis_client
from fs_1c.call import Result, Source
from fs_1c.directory import Directory, forgetting
from fs_1c.directory.shared import SharedAnswers
from fs_1c.integration import Integration
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import WorkerPool
from fs_1c.settings import LookupSettings, RedisSettings
from fs_1c.simulator.onec import Client, Fault, OneCSimulator
from fs_1c.simulator.onec.clients import ClientBook
from tests.directory.conftest import KNOWN, NUMBER, Open, lines
from tests.redis_server import NEEDED, Line, RedisServer, needs_redis
from tests.support import SEED, SOON, base, until
from tests.world import settings_for

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.05)


@pytest.fixture
def line(server: RedisServer) -> Iterator[Line]:
    line = Line(server.port)
    yield line
    line.close()


class Ear:
    """What a switch is told."""

    def __init__(self) -> None:
        self.heard: list[str | None] = []
        self.missed = 0

    def forgotten(self, base: str, number: str | None) -> None:
        self.heard.append(number)

    def has_missed(self) -> None:
        self.missed += 1


def test_what_could_not_be_told_is_told_when_redis_is_there(
    switch: Open, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    here, there, ear = switch(), switch(), Ear()
    here.listen(lambda *_: None)
    there.listen(ear.forgotten, ear.has_missed)
    there.ask("+79000000001", lambda: KNOWN)
    until(lambda: server.listeners() == 2)
    server.kill()
    assert here.forget("+79000000001") is False
    assert here.forget("+79000000002") is False
    assert here.untold == {"+79000000001", "+79000000002"}
    server.start()
    until(lambda: not here.untold)
    until(lambda: ear.missed or set(ear.heard) == {"+79000000001", "+79000000002"})
    assert there.have("+79000000001") is None
    told = lines(caplog)
    assert told.count("Redis is not told what is forgotten; it will be when it is there") == 1
    assert told.count("Redis has been told what was forgotten: 2 numbers") == 1


def test_of_too_many_numbers_all_is_told(
    switch: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "MAX_UNTOLD", 3)
    here, there, ear = switch(), switch(), Ear()
    server.kill()
    for number in range(3):
        assert here.forget(f"+7900000000{number}") is False
        assert len(here.untold) == number + 1
    assert here.forget("+79000000003") is False and here.untold == {None}
    server.start()
    there.ask(NUMBER, lambda: KNOWN)
    server.client.set("fs-1c:another:+7", "another base's")
    there.listen(ear.forgotten)
    until(lambda: server.listeners() == 1)
    here.listen(lambda *_: None)
    until(lambda: not here.untold)
    until(lambda: ear.heard == [None])
    assert server.client.keys("*:+*") == [b"fs-1c:another:+7"]


@pytest.mark.parametrize("how", ["forgotten", "emptied", "nothing"])
def test_who_was_cut_off_knows_whether_he_has_missed_something(
    switch: Open, server: RedisServer, line: Line, how: str
) -> None:
    here, cut, ear = switch(), switch(url=line.url), Ear()
    cut.listen(ear.forgotten, ear.has_missed)
    until(lambda: server.listeners() == 1)
    here.forget("+79000000001")
    until(lambda: ear.heard == ["+79000000001"])
    line.cut()
    until(lambda: cut._forgetting._deaf and server.listeners() == 0)
    if how == "forgotten":
        assert here.forget("+79000000002") is True
    elif how == "emptied":
        server.client.flushall()  # as a Redis without a disk that was started anew
    line.mend()
    until(lambda: not cut._forgetting._deaf)
    assert here.forget("+79000000003") is True
    until(lambda: ear.heard == ["+79000000001", "+79000000003"])
    assert ear.missed == (how != "nothing")


def test_who_hears_all_misses_nothing_though_redis_is_slow_to_say_how_it_stands(
    switch: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, slow, ear = switch(), switch(), Ear()
    redis, refused = slow._forgetting._redis, threading.Event()
    send = redis.send

    def in_vain_at_first(command: Any) -> Any:
        if forgetting._GENERATION in command and not refused.is_set():
            refused.set()
            raise redis_client.Away(late=True)
        return send(command)

    monkeypatch.setattr(redis, "send", in_vain_at_first)
    slow.listen(ear.forgotten, ear.has_missed)
    until(lambda: slow._forgetting._generation is not None)
    assert here.forget("+79000000001") is True
    until(lambda: ear.heard == ["+79000000001"])
    assert refused.is_set() and not ear.missed


class LateAnswer:
    """A connection to Redis by which others are heard; that they will be is said when the test says so."""

    def __init__(self, hearing: Any, is_said: threading.Event) -> None:
        self.looked = 0
        self._hearing = hearing
        self._is_said = is_said

    def pubsub(self) -> LateAnswer:
        self.looked, self._pubsub, self._subscribed = 0, self._hearing.pubsub(), False
        return self

    def subscribe(self, channel: str) -> None:
        self._channel = channel

    def get_message(self, timeout: float) -> Any:
        self.looked += 1
        if not self._subscribed:
            if not self._is_said.wait(0.05):
                return None
            self._pubsub.subscribe(self._channel)
            self._subscribed = True
        return self._pubsub.get_message(timeout=timeout)

    def ping(self) -> None:
        """Nothing is said to that either."""

    def close(self) -> None:
        self._pubsub.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hearing, name)


def test_what_is_forgotten_while_redis_is_slow_to_say_that_it_tells_us_has_been_missed(
    switch: Open, server: RedisServer, line: Line
) -> None:
    here, cut, ear = switch(), switch(url=line.url), Ear()
    is_said = threading.Event()
    is_said.set()
    late = LateAnswer(cut._forgetting._hearing, is_said)
    cut._forgetting._hearing = late
    cut.listen(ear.forgotten, ear.has_missed)
    until(lambda: server.listeners() == 1 and not cut._forgetting._deaf)
    assert here.forget("+79000000001") is True
    until(lambda: ear.heard == ["+79000000001"])
    is_said.clear()
    line.cut()
    until(lambda: server.listeners() == 0)
    line.mend()
    until(lambda: late.looked >= 6)
    assert here.forget("+79000000002") is True
    is_said.set()
    until(lambda: ear.missed == 1)
    assert ear.heard == ["+79000000001"]


def test_a_generation_goes_when_nothing_of_it_can_be_remembered(switch: Open, server: RedisServer) -> None:
    switch().forget(NUMBER)
    left = server.client.ttl("fs-1c:default:generation")
    assert 1300 < left <= 1300 + forgetting.GENERATION_FOR
    server.client.delete("fs-1c:default:generation")
    server.client.lpush("fs-1c:default:generation", "a list")
    one = switch()
    one.listen(lambda *_: None)
    until(lambda: server.client.type("fs-1c:default:generation") == b"string")


class Service:
    """One service's directory."""

    def __init__(self, onec: OneCSimulator, url: str, deadline: float = SOON) -> None:
        self.pool = WorkerPool("default", base(onec.url, timeout=SOON))
        lookup = LookupSettings(deadline=deadline)
        shared = SharedAnswers(RedisSettings(url=url, timeout=SOON), "default", lookup, SOON)
        self.directory = Directory(self.pool, NumberFormat.EIGHT, NumberPlan(), lookup, shared=shared)

    def close(self) -> None:
        self.directory.close()
        self.pool.close(1.0)


def is_doubted(service: Service) -> bool:
    remembered = service.directory._cache.get(NUMBER)
    return remembered is not None and service.directory._cache.is_doubted(remembered)


@pytest.fixture
def cut_off(onec: OneCSimulator, server: RedisServer, line: Line, switch: Open) -> Iterator[Service]:
    """A service that remembers, and has missed that somebody else has forgotten just that."""
    service = Service(onec, line.url)
    until(lambda: server.listeners() == 1)
    assert service.directory.lookup(SEED).manager == "244"
    assert service.directory.lookup(SEED).source is Source.CACHE
    line.cut()
    until(lambda: server.listeners() == 0)
    assert service.directory.lookup(SEED).source is Source.CACHE  # he goes on
    assert switch().forget(NUMBER) is True
    line.mend()
    until(lambda: is_doubted(service))
    yield service
    service.close()


def test_who_has_missed_something_asks_before_he_sends_a_call_to_the_old_manager(
    cut_off: Service, onec: OneCSimulator
) -> None:
    onec.clients = ClientBook([Client("89235292926", "Чиж", "", "100")], onec.settings.search)
    caller = cut_off.directory.lookup(SEED)
    assert (caller.manager, caller.source) == ("100", Source.ONEC)
    assert cut_off.directory.lookup(SEED).source is Source.CACHE


def test_if_nobody_can_tell_him_he_tells_what_he_knows(cut_off: Service, onec: OneCSimulator) -> None:
    onec.fault = Fault("code-error")
    caller = cut_off.directory.lookup(SEED)
    assert (caller.result, caller.manager, caller.source) == (Result.FOUND, "244", Source.STALE)
    assert is_doubted(cut_off)
    caller = cut_off.directory.lookup(SEED, 0.0)  # there is no time to ask
    assert (caller.result, caller.manager, caller.source) == (Result.FOUND, "244", Source.STALE)
    cut_off.directory._watch._breaker._open()
    caller = cut_off.directory.lookup(SEED)  # nor is anybody asked
    assert (caller.result, caller.manager, caller.source) == (Result.FOUND, "244", Source.STALE)


def test_who_stops_says_what_he_has_not_told(
    onec: OneCSimulator, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Integration(settings_for(onec.url, redis={"url": server.url})) as integration:
        server.kill()
        assert integration.forget(SEED).untold == ("default",)
    assert caplog.text.count("is not told to other services any more") == 1


def test_settings_that_are_read_again_lose_nothing_that_was_not_told(
    onec: OneCSimulator, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(onec.url, redis={"url": server.url})
    with Integration(settings) as before:
        assert before.forget(SEED).untold == ()
        until(lambda: server.listeners() == 1)
        server.kill()
        assert before.forget(SEED).untold == ("default",)
        state = before.states()["default"]
        assert (state.redis_up, state.untold) == (False, 1)
        with Integration(settings, before) as after:
            before.close()
            assert after.states()["default"].untold == 1
            server.start()
            until(lambda: after.states()["default"].untold == 0)
            until(lambda: bool(after.states()["default"].redis_up))
    assert "any more" not in caplog.text
