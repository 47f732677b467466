"""What counts as Redis being away, and what does not: a hiccup, a queue of ours, a disk that is full."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from fs_1c import redis_client
from fs_1c.cards.claims import Claims
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import RedisSettings
from tests.redis_server import NEEDED, RedisServer, needs_redis, redis_server
from tests.support import SOON, until

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


Talks = Callable[[float], BoundedRedis]


@pytest.fixture
def talks(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talks]:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 3600.0)
    made: list[BoundedRedis] = []

    def talks(timeout: float) -> BoundedRedis:
        made.append(BoundedRedis(*connect(RedisSettings(url=server.url, timeout=timeout)), timeout))
        made[-1].open().result(SOON)
        return made[-1]

    yield talks
    for one in made:
        one.close()


def late(redis: BoundedRedis) -> bool:
    """Whether a word is given up; else it must be answered."""
    try:
        redis.send(("PING",))
        return False
    except Away:
        return True


def states(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage().split(" (")[0].split(" ", 3)[3] for one in caplog.records]


def test_one_hiccup_is_no_absence(
    talks: Talks, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "HICCUP", SOON)  # however busy this machine is
    redis = talks(0.1)
    for _ in range(3):
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(Away) as error:
            redis.send(("PING",))
        assert error.value.late and redis.up
        server.process.send_signal(signal.SIGCONT)
        until(lambda: not late(redis))  # a slow machine may need some: none is left out
    assert states(caplog) == []


def test_two_in_a_row_are(
    talks: Talks, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = talks(0.1)
    server.process.send_signal(signal.SIGSTOP)
    until(lambda: late(redis) and not redis.up)
    assert states(caplog) == ["is away"]
    until(redis._jobs.empty)  # of those before nothing is left
    sent: list[Any] = []
    monkeypatch.setattr(redis, "_together", sent.extend)  # a thread's own failure would be nobody's
    assert all(late(redis) for _ in range(100))
    assert redis._jobs.empty()
    assert sent == []


class Held:
    """A client that answers when it is let.

    Attributes:
        batches: How many words went out together, each time.
        answers: Each batch takes one.
    """

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.answers = threading.Semaphore(0)

    def pipeline(self, *, transaction: bool) -> Held:
        self.words = 0
        return self

    def execute_command(self, *command: Any) -> None:
        self.words += 1

    def execute(self, *, raise_on_error: bool) -> list[bytes]:
        self.batches.append(self.words)
        self.answers.acquire()
        return [b"PONG"] * self.words


class Clock:
    """Stands still until it is told to go on; in place of `time`, the timers and what is known of stalls."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.due: list[tuple[float, Callable[[], object]]] = []

    def monotonic(self) -> float:
        return self.now

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        self.due.append((self.now + seconds, call))

    def since(self, began: float) -> bool:
        return False

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while ready := [one for one in self.due if one[0] <= until]:
            one = min(ready, key=lambda one: one[0])
            self.due.remove(one)
            self.now = one[0]
            one[1]()
        self.now = until


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for name in ("time", "TIMERS", "STALLS"):
        monkeypatch.setattr(redis_client, name, made)
    return made


def test_words_on_their_way_together_are_one_hiccup(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    client = Held()
    redis = BoundedRedis(cast(Any, client), "nowhere", 1.0)
    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(late, redis)
        until(lambda: client.batches == [1])
        others = [threads.submit(late, redis) for _ in range(8)]
        until(lambda: len(clock.due) == 9)
        clock.passes(0.4)
        client.answers.release()
        assert not first.result(SOON)
        until(lambda: client.batches == [1, 8])
        clock.passes(1.1)
        assert all(one.result(SOON) for one in others)
    assert redis.up
    client.answers.release(2)
    assert not late(redis) and states(caplog) == []
    redis.close()


def test_to_have_waited_behind_others_is_not_redis_fault(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    client = Held()
    redis = BoundedRedis(cast(Any, client), "nowhere", 1.0)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(redis.send, ("PING",))
        until(lambda: client.batches == [1])
        second = threads.submit(redis.send, ("PING",))
        until(lambda: len(clock.due) == 2)
        clock.passes(0.6)
        client.answers.release()
        assert first.result(SOON) == b"PONG"
        until(lambda: client.batches == [1, 1])
        clock.passes(0.6)  # has waited for 1.2 s, half of which was its own
        assert not second.done()
        client.answers.release()
        assert second.result(SOON) == b"PONG"
    assert redis.up and states(caplog) == []
    redis.close()


def test_a_name_that_is_not_resolved_is_away_though_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    client: Any = Held()
    redis = BoundedRedis(client, "nowhere", 0.05)
    until(lambda: late(redis) and not redis.up)
    assert states(caplog) == ["is away"]
    redis.close()
    client.answers.release(100)


def test_what_is_wrong_with_it_is_told_apart(
    talks: Talks, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    for setting, word, state in (
        (("CONFIG", "SET", "maxmemory", "1"), ("SET", "a", "b"), "is full (maxmemory)"),
        (("CONFIG", "SET", "maxmemory", "0"), ("EVAL", "return redis.call('NONSENSE')", 0), "is away"),
        (("REPLICAOF", "127.0.0.1", "1"), ("SET", "a", "b"), "only reads: it is a replica"),
    ):
        redis = talks(SOON)
        server.client.execute_command(*setting)
        with pytest.raises(Away) as error:
            redis.send(word)
        assert not error.value.late and not redis.up
        assert caplog.records[-1].getMessage().startswith(f"Redis at 127.0.0.1:{server.port} {state} (")


def test_a_claim_whose_answer_was_lost_is_known_again(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, lost = BoundedRedis.send, [True]

    def loses(redis: BoundedRedis, *words: Any) -> Any:
        reply = send(redis, *words)
        if lost:
            lost.clear()
            raise Away(late=True)
        return reply

    monkeypatch.setattr(BoundedRedis, "send", loses)
    one, two = (Claims(None, RedisSettings(url=server.url)) for _ in range(2))
    assert one.confirm("call-1", "244").mine
    assert not two.confirm("call-1", "244").mine
    for claims in (one, two):
        claims.close(1.0)
