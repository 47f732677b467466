"""Claims in Redis: one winner among machines, and without Redis the file decides."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fs_1c import redis_client
from fs_1c.cards import claims
from fs_1c.cards.claims import REDIS_SECONDS, REDIS_WAIT, Claims, host_of, our_token
from fs_1c.cards.claims_file import FILE_WAIT
from fs_1c.settings import RedisSettings, SettingsError
from tests.cards.conftest import CALL, PAIRS, Open, warnings
from tests.redis_server import NEEDED, RedisServer, redis_server
from tests.support import SOON, until


@pytest.fixture
def server() -> Iterator[RedisServer]:
    pytest.importorskip("redis", reason=NEEDED)
    with redis_server() as server:
        yield server


def at(server: RedisServer, **given: Any) -> RedisSettings:
    return RedisSettings(**{"url": server.url, "timeout": SOON, **given})


def test_of_two_machines_one_wins(opened: Open, server: RedisServer, tmp_path: Path, patient: None) -> None:
    here = opened(tmp_path / "here.db", at(server))
    there = opened(tmp_path / "there.db", at(server))
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda i: (here, there)[i % 2].confirm(*PAIRS[i // 2]).mine, range(400)))
    assert [won[i] + won[i + 1] for i in range(0, 400, 2)] == [1] * 200


def test_opened_it_has_connected_before_the_first_claim(
    opened: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.connecting_takes(0.7, monkeypatch)
    monkeypatch.setattr(claims, "REDIS_WAIT", 0.5)
    one = opened(None, at(server))
    one.open()
    until(lambda: server.clients() == 1)
    assert one.confirm(CALL, "244").mine and not one.confirm(CALL, "244").mine
    assert warnings(caplog) == []


def test_a_redis_that_is_away_is_said_when_it_is_opened(
    opened: Open, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.kill()
    one = opened(None, at(server))
    one.open()
    until(lambda: warnings(caplog))
    assert one.confirm(CALL, "244").mine
    (said,) = warnings(caplog)
    assert said.startswith(f"Redis at 127.0.0.1:{server.port} is away")


def test_a_claim_in_redis_ends_when_its_call_has(opened: Open, server: RedisServer, patient: None) -> None:
    assert opened(None, at(server, prefix="ours:")).confirm(CALL, "244").mine
    assert server.client.keys("*") == [f"ours:claim:{CALL}:244".encode()]
    assert REDIS_SECONDS - 60 < server.client.ttl(f"ours:claim:{CALL}:244") <= REDIS_SECONDS


def test_what_the_file_has_given_to_another_is_not_taken_in_redis(
    opened: Open, server: RedisServer, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert opened(file).confirm(CALL, "244").mine
    assert not opened(file, at(server)).confirm(CALL, "244").mine
    assert server.client.keys("*") == []


def test_what_redis_has_given_to_another_is_his(
    opened: Open, server: RedisServer, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert opened(None, at(server)).confirm(CALL, "244").mine
    caplog.set_level("DEBUG", "fs_1c")
    claim = opened(file, at(server)).confirm(CALL, "244")
    assert (claim.mine, claim.by) == (False, host_of(our_token()))
    assert caplog.messages[-1].endswith(f"244 is {claim.by}'s, says Redis")


def test_what_was_claimed_stays_so_when_its_machine_is_gone(
    opened: Open, server: RedisServer, patient: None
) -> None:
    gone = Claims(None, at(server))
    assert gone.confirm(CALL, "244").mine
    gone.close(SOON)
    until(lambda: len(server.client.client_list()) == 1)  # that is the test's own
    assert not opened(None, at(server)).confirm(CALL, "244").mine


@pytest.mark.parametrize("how", ["hung", "dead"])
def test_without_redis_the_file_decides(
    opened: Open,
    server: RedisServer,
    file: Path,
    how: str,
    awaited: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 3600.0)  # asked once, and nobody waits any more
    one = opened(file, at(server, timeout="1h"))  # which a claim does not wait for
    if how == "hung":
        server.process.send_signal(signal.SIGSTOP)
    else:
        server.kill()
    assert [one.confirm(*pair).mine for pair in PAIRS[:20]] == [True] * 20
    assert [one.confirm(*pair).mine for pair in PAIRS[:20]] == [False] * 20
    (said,) = warnings(caplog)
    assert said.startswith(f"Redis at 127.0.0.1:{server.port} is away")


def test_redis_comes_back(
    opened: Open, server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.05)
    monkeypatch.setattr(claims, "REDIS_WAIT", 1.0)
    one = opened(None, at(server))
    server.kill()
    assert [one.confirm(CALL, "244").mine for _ in range(5)] == [True] * 5
    server.start()
    after = itertools.count()
    until(lambda: one.confirm(f"after-{next(after)}", "244").mine and server.client.keys("*"))
    assert one.confirm(CALL, "244").mine and not one.confirm(CALL, "244").mine
    assert [said.split(" (")[0].split()[-1] for said in warnings(caplog)] == ["away", "back"]


def test_what_is_no_claim_in_redis_does_not_stand_in_the_way(
    opened: Open, server: RedisServer, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    server.client.lpush(f"fs-1c:claim:{CALL}:244", "a list")
    one = opened(None, at(server))
    assert one.confirm(CALL, "244").mine and not one.confirm(CALL, "244").mine
    assert warnings(caplog) == []


@pytest.mark.parametrize("lie", [None, b"OK", [], [1], 2, "1"], ids=repr)
def test_a_redis_that_lies(
    opened: Open,
    server: RedisServer,
    patient: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    lie: Any,
) -> None:
    one = opened(None, at(server))
    with monkeypatch.context() as patch:
        patch.setattr(redis_client.BoundedRedis, "send", lambda *_: lie)
        assert [one.confirm(*pair).mine for pair in PAIRS[:5]] == [True] * 5
    assert one.confirm(CALL, "244").mine and not one.confirm(CALL, "244").mine
    where = f"claims: Redis at 127.0.0.1:{server.port}"
    assert warnings(caplog) == [
        f"{where}: a claim is answered with {type(lie).__name__}; going on without it",
        f"{where} is back",
    ]


def test_with_all_hung_the_card_opens(
    opened: Open, server: RedisServer, file: Path, hanging: threading.Event
) -> None:
    server.process.send_signal(signal.SIGSTOP)
    one = opened(file, at(server, timeout="1h"))
    assert one.claim(CALL, "244") and one.confirm(CALL, "244").mine
    assert FILE_WAIT + 2 * REDIS_WAIT < 2


def test_a_url_that_is_none_is_said_at_once() -> None:
    pytest.importorskip("redis")
    with pytest.raises(SettingsError, match=r"^redis\.url: "):
        Claims(None, RedisSettings(url="http://:s3cret@127.0.0.1"))
