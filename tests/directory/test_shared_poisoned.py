"""Somebody else writes where the answers are shared, or it is no Redis at all: neither runs anything, and
neither costs a caller more than a 1C that is asked.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from cachetools import TLRUCache

from fs_1c import redis_client
from fs_1c.call import Call
from fs_1c.directory import forgetting
from fs_1c.directory.cache import Cache
from fs_1c.integration import Integration
from fs_1c.onec import Answer
from fs_1c.settings import LookupSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.directory.conftest import KEY, KNOWN, NUMBER, Open, lines, never
from tests.directory.test_shared import entry
from tests.redis_server import NEEDED, RedisServer, needs_redis
from tests.support import SOON, until
from tests.world import settings_for

pytest.importorskip("redis", reason=NEEDED)
pytestmark = needs_redis

HOSTILE = [
    "${system(touch /tmp/x)}",
    "a\r\nContent-Length: 0\r\n\r\n",
    "x'\\,]|user/1000",
    "[origination_caller_id_number=112]sofia/gateway/trunk/112",
    "\x1b[2J\u202e\x9b",
    "244 ^^:~",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_what_stands_there_is_as_harmless_in_a_channel_as_what_1c_says(
    server: RedisServer, onec: OneCSimulator, value: str
) -> None:
    settings = settings_for(
        onec.url,
        redis={"url": server.url, "timeout": "5s"},
        routing={"external": "sofia/gateway/trunk/{number}", "then": ["user/100@pbx"]},
    )
    server.client.set(KEY, entry(title=value, category=value, manager=value))
    with Integration(settings) as integration:
        decision = integration.decide(Call("call-1", NUMBER, domain="pbx"))
    assert decision.caller.source == "shared" and decision.caller.title == value
    for name, said in decision.variables:
        if name != "fs_1c_target":
            assert said.isprintable() and not re.search(r"[${}\[\]<>\\|^~'`,=;%]", said), (name, said)
    assert "112" not in (decision.target or "") and "1000" not in (decision.target or "")
    assert re.fullmatch(r"(\[[a-z_=,0-9]+\]user/244@pbx\|)?(user/100@pbx)?", decision.target or "")


@pytest.mark.parametrize("until_then", [None, 3_600_000])
def test_a_strangers_claim_keeps_nobody_from_asking(
    switch: Open, server: RedisServer, until_then: int | None
) -> None:
    """One without an end would have each worker wait, for a caller who has long gone on."""
    server.client.set(f"{KEY}:claim", "stranger", px=until_then)
    assert switch(claim_for=600.0).ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
    assert switch(claim_for=600.0).ask(NUMBER, never) == (KNOWN, True)  # and it was kept
    server.client.delete(KEY)
    server.client.hset(f"{KEY}:claim", "of", "another type")
    assert switch(claim_for=600.0).ask(NUMBER, lambda: KNOWN) == (KNOWN, False)


def test_names_of_keys_do_not_come_over_the_wire(switch: Open, server: RedisServer) -> None:
    """A stranger's may have megabytes; one `forget --all` would have fetched them all."""
    one = switch()
    one.ask(NUMBER, lambda: KNOWN)
    for i in range(64):
        server.client.set(f"fs-1c:default:+{i}" + "x" * 500_000, b"")
    before = server.client.info("stats")["total_net_output_bytes"]
    assert one.forget(None) is True
    assert server.client.info("stats")["total_net_output_bytes"] - before < 100_000
    assert server.client.keys("*:+*") == []


def test_a_sweep_ends(switch: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "MAX_SWEEP", 3)
    pipeline = server.client.pipeline(transaction=False)
    for i in range(20_000):
        pipeline.set(f"another:{i}", b"")
    pipeline.execute()
    before = server.client.info("commandstats").get("cmdstat_scan", {"calls": 0})["calls"]
    assert switch().forget(None) is False
    assert server.client.info("commandstats")["cmdstat_scan"]["calls"] - before == 3
    monkeypatch.setattr(forgetting, "SWEEP_WITHIN", -1.0)
    assert switch().forget(None) is False
    assert server.client.info("commandstats")["cmdstat_scan"]["calls"] - before == 4


class StandingClock:
    """In place of `time`: however slow this machine is, all that is heard comes within one second."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StandingClock:
    clock = StandingClock()
    monkeypatch.setattr(forgetting, "time", clock)
    return clock


def test_a_flood_of_what_to_forget_is_not_followed_word_by_word(
    switch: Open,
    server: RedisServer,
    clock: StandingClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forgetting, "FLOOD_PAUSE", 0.05)
    heard: list[tuple[str, str | None]] = []
    missed: list[None] = []
    busy = threading.Semaphore(0)

    def forgets(base: str, number: str | None) -> None:
        assert busy.acquire(timeout=SOON)
        heard.append((base, number))

    one, other = switch(), switch()
    one.listen(forgets, lambda: missed.append(None))
    until(lambda: server.listeners() == 1 and not one._forgetting._deaf)
    told = json.dumps({"base": "default", "number": NUMBER})
    for flood in range(2):
        clock.now += 1.0
        pipeline = server.client.pipeline(transaction=False)
        for _ in range(10 * forgetting.MAX_FORGOTTEN):
            pipeline.publish("fs-1c:forget", told)
        pipeline.execute()
        other.forget(f"+7900000000{flood}")  # nobody hears it behind all that
        busy.release(forgetting.MAX_FORGOTTEN + 1)
        # Listened to again, it forgets all: among what was not heard anything may have been.
        until(lambda: heard[-1:] == [("default", None)])
        assert heard == [("default", NUMBER)] * forgetting.MAX_FORGOTTEN + [("default", None)]
        heard.clear()
        assert other.forget("+79000000009") is True
        busy.release()
        until(lambda: heard == [("default", "+79000000009")])
        heard.clear()
    assert lines(caplog) == ["500 words a second of what to forget; all is forgotten instead"]
    assert not missed


def test_a_few_hundred_at_once_are_no_flood(switch: Open, server: RedisServer, clock: StandingClock) -> None:
    heard: list[tuple[str, str | None]] = []
    one = switch()
    one.listen(lambda *told: heard.append(told))
    until(lambda: server.listeners() == 1)
    for i in range(forgetting.MAX_FORGOTTEN):
        server.client.publish("fs-1c:forget", json.dumps({"base": "default", "number": f"+7{i}"}))
    until(lambda: len(heard) == forgetting.MAX_FORGOTTEN)
    assert ("default", None) not in heard


def test_to_forget_all_does_not_hold_callers_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many answers there are, nothing is done to each of them with the lock."""
    cache = Cache(LookupSettings())
    for i in range(100):
        cache.put(f"+7{i}", KNOWN)
    with_the_lock: list[bool] = []
    monkeypatch.setattr(TLRUCache, "clear", lambda _: with_the_lock.append(cache._lock.locked()))
    monkeypatch.setattr(TLRUCache, "popitem", lambda _: with_the_lock.append(cache._lock.locked()))
    assert cache.forget(None) == 100 and len(cache) == 0 and not any(with_the_lock)
    assert cache.get("+71") is None


# It is no Redis.


@contextmanager
def liar(reply: bytes) -> Iterator[str]:
    """What answers every word with the same."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        open_ones: list[socket.socket] = []

        def serve(one: socket.socket) -> None:
            with one, suppress(OSError):
                while octets := one.recv(65536):
                    words = len(re.findall(rb"\*\d+\r\n\$", octets))
                    one.sendall((b"+OK\r\n" if b"SETINFO" in octets else reply) * words)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    one, _ = listening.accept()
                    open_ones.append(one)
                    threading.Thread(target=serve, args=(one,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
        listening.shutdown(socket.SHUT_RDWR)
        for one in open_ones:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


LIES = [
    b"+OK\r\n",
    b":99999999999\r\n",
    b"$-1\r\n",
    b"*0\r\n",
    b"*4\r\n:9999999999\r\n$1\r\n1\r\n$1\r\n1\r\n:1\r\n",
    b"*4\r\n$0\r\n\r\n$1\r\nx\r\n$1\r\n1\r\n:1\r\n",
    b"*4\r\n*0\r\n$1\r\n1\r\n$1\r\n1\r\n*0\r\n",
    b"*4\r\n$10000\r\n" + b"x" * 10_000 + b"\r\n$1\r\n1\r\n$1\r\n1\r\n:1\r\n",
    b"*5\r\n" + b":1\r\n" * 5,
]


@pytest.mark.parametrize("reply", LIES)
def test_a_redis_that_lies_counts_as_away(
    switch: Open, reply: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.0)  # so that each word meets a lie
    with liar(reply) as url:
        one = switch(url=url)
        for _ in range(3):
            assert one.ask(NUMBER, lambda: KNOWN) == (KNOWN, False)
            assert one.have(NUMBER) is None
            assert one.forget(None) is False
    assert "Traceback" not in caplog.text
    assert isinstance(KNOWN, Answer) and NUMBER not in caplog.text
