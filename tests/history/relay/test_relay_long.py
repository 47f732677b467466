"""A reserve that has owed something for long, for Redis was away, says nothing that the own one has said."""

from __future__ import annotations

import pytest

from fs_1c.history.relay import hands
from tests.history.relay.test_relay_cases import ALL, Both, both, server
from tests.redis_server import needs_redis

pytestmark = needs_redis
__all__ = ["both", "server"]


def is_said_once_when_redis_is_back(both: Both, call: str) -> None:
    both.own.line.cut = both.reserve.line.cut = False
    both.pass_(14)
    both.says()
    assert both.told(call).count("END") == 1


@pytest.mark.parametrize("long", [20, 120])
def test_what_it_said_without_redis_before_it_was_cut_off(both: Both, long: int) -> None:
    """It says a call without Redis, does not hear the switch for six seconds, and goes on; after
    `relay.RECENT` it tells Redis nothing of that any more.
    """
    both.own.line.cut = both.reserve.line.cut = True
    both.pass_(12)
    call = both.call(0)
    both.says(both.own)
    assert both.told(call) == ALL
    both.pass_(2)
    both.own.freeze()
    both.pass_(6)
    both.own.thaw()
    both.pass_(long)
    other = both.call(1)
    both.says(both.own)
    assert both.told(other) == ALL
    is_said_once_when_redis_is_back(both, call)


def test_what_it_said_before_it_was_started_again_and_said_much_more(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of before a restart Redis is told the newest `TOLD` words only."""
    monkeypatch.setattr(hands, "TOLD", 2)
    both.own.line.cut = both.reserve.line.cut = True
    both.pass_(12)
    call = both.call(0)
    both.says(both.own)
    both.pass_(2)
    both.own.kill()
    both.pass_(6)
    both.own.start()
    both.pass_(60)
    for i in range(1, 4):
        both.call(i)
        both.pass_(60)
        both.says(both.own)
    is_said_once_when_redis_is_back(both, call)


@pytest.mark.parametrize("expired", [False, True])
def test_what_redis_has_let_go(both: Both, expired: bool) -> None:
    """Said with Redis; then Redis is away for longer than `shared.REMEMBERED`."""
    call = both.call(0)
    both.says(both.own)
    assert both.told(call) == ALL
    both.own.line.cut = both.reserve.line.cut = True
    both.own.freeze()
    both.pass_(6)
    both.own.thaw()
    both.pass_(1000)
    other = both.call(1)
    both.says(both.own)
    assert both.told(other) == ALL
    if expired:  # Redis' own clock stands still here
        both.server.client.delete(f"fs-1c:history:sw:call:b:{call}")
    is_said_once_when_redis_is_back(both, call)
