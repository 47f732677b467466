"""Services that tell each other through a real Redis who can take a call at their switches."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fs_1c.presence import scripts, sharing
from fs_1c.settings import InboundSettings
from fs_1c.settings.types import Address
from tests.presence.office import CORES, Office, learns
from tests.redis_server import NEEDED, RedisServer, redis_server
from tests.support import until
from tests.talk.exchange import AWAY, BUSY, DOMAIN, FREE, UNKNOWN

Opens = Callable[..., Office]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    pytest.importorskip("redis", reason=NEEDED)
    with redis_server() as server:
        yield server


@pytest.fixture
def opens(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opens]:
    """Offices that take no rest between two words."""
    for name in ("EVERY", "STILL_THERE", "READ", "AGAIN"):
        monkeypatch.setattr(sharing, name, 0.0)
    monkeypatch.setattr(sharing, "REDIS_WAIT", 5.0)
    server.client.flushall()
    opened: list[Office] = []

    def open_(name: str, **more: Any) -> Office:
        opened.append(Office(server, name, **more))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def test_the_service_of_one_switch_knows_the_telephones_of_the_other(opens: Opens) -> None:
    here, there = opens("sw1"), opens("sw2")
    exchange = there.exchange
    exchange.hears(exchange.register())
    learns(FREE, here, there)
    assert here.knows("244", "other.example") is UNKNOWN
    assert here.knows("244", "") is UNKNOWN, "perhaps a namesake"
    exchange.hears(exchange.leg("CHANNEL_CREATE", "one"), exchange.leg("CHANNEL_ANSWER", "one"))
    learns(BUSY, here, there)
    exchange.hears(exchange.leg("CHANNEL_HANGUP_COMPLETE", "one"))
    learns(FREE, here, there)
    there.leaves()
    learns(AWAY, here, there)
    exchange.hears(exchange.register())
    learns(FREE, here, there)


def test_however_many_switches_there_are_they_are_read_in_one_word(opens: Opens, server: RedisServer) -> None:
    here, there, elsewhere = opens("sw1"), opens("sw2"), opens("sw3")
    there.hears(there.exchange.register())
    elsewhere.hears(elsewhere.exchange.register("245"))
    learns(FREE, here, there, elsewhere)
    learns(FREE, here, there, elsewhere, user="245")
    before = words(server)
    here.sharing.read()
    assert words(server) == before + 1


def words(server: RedisServer) -> int:
    return int(server.client.info("commandstats")["cmdstat_eval"]["calls"])


def test_with_whom_he_talks_is_told_too(opens: Opens) -> None:
    here, there = opens("sw1"), opens("sw2")
    caller = {"Unique-ID": "client", "Caller-Caller-ID-Number": "89235292926", "Call-Direction": "inbound"}
    exchange = there.exchange
    exchange.hears({"Event-Name": "CHANNEL_CREATE", **caller}, {"Event-Name": "CHANNEL_ANSWER", **caller})
    exchange.hears(exchange.register(), exchange.leg("CHANNEL_CREATE", "one"))
    exchange.hears(exchange.leg("CHANNEL_ANSWER", "one"))
    learns(BUSY, here, there)
    bridge = {"Bridge-A-Unique-ID": "client", "Bridge-B-Unique-ID": "one", "Event-Name": "CHANNEL_BRIDGE"}
    exchange.hears({**caller, **bridge, "Answer-State": "answered"})

    def told() -> bool:
        there.turn()
        here.turn()
        (row,) = here.switches.others()["sw2"].board("244")
        return row[2].whom == "89235292926"

    until(told)


def test_who_is_at_two_switches_is_where_he_is_not_away(opens: Opens) -> None:
    here, there = opens("sw1"), opens("sw2")
    for one in (here, there):
        one.exchange.hears(one.exchange.register())
    learns(FREE, here, there)
    here.leaves()
    assert here.knows() is FREE
    there.exchange.hears(there.exchange.leg("CHANNEL_CREATE", "x"), there.exchange.leg("CHANNEL_ANSWER", "x"))
    learns(BUSY, here, there)
    there.exchange.hears(there.exchange.leg("CHANNEL_HANGUP_COMPLETE", "x"))
    there.leaves()
    learns(AWAY, here, there)


def away_there(here: Office, there: Office) -> None:
    there.exchange.hears(there.exchange.register())
    there.leaves()
    learns(AWAY, here, there)


def test_whoever_ends_takes_back_what_he_told(opens: Opens, server: RedisServer) -> None:
    here, there = opens("sw1"), opens("sw2")
    away_there(here, there)
    there.sharing._writers["sw2"].drop()
    learns(UNKNOWN, here)
    assert server.client.exists("fs-1c:presence:sw2") == 0


def test_a_switch_that_is_not_heard_or_another_is_not_known(opens: Opens) -> None:
    here, there = opens("sw1"), opens("sw2")
    away_there(here, there)
    there.exchange.table.lost()
    learns(UNKNOWN, here, there)
    there.exchange.table.live, there.exchange.table.core = True, CORES["sw3"]
    learns(AWAY, here, there)
    assert here.switches.others()["sw2"].core == CORES["sw3"]


def test_what_is_not_written_any_more_is_not_believed(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, server: RedisServer
) -> None:
    """Its service is dead; the table is there for half a minute."""
    here, there = opens("sw1"), opens("sw2")
    away_there(here, there)
    for age in (-1000, 6000, 60_000):  # one from the future is none, either
        now = server.client.time()
        server.client.hset("fs-1c:presence:sw2", ".at", str(int(now[0]) * 1000 - age))
        here.turn()
        assert here.knows() is UNKNOWN
    assert 0 < server.client.ttl("fs-1c:presence:sw2") <= scripts.LIFETIME
    assert 0 < server.client.ttl("fs-1c:presence:sw2:order") <= scripts.LIFETIME
    there.turn()
    learns(AWAY, here)


@pytest.mark.parametrize("how", ["hangs", "dies"])
def test_redis_goes_away_and_comes_back(
    opens: Opens, server: RedisServer, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = opens("sw1"), opens("sw2")
    away_there(here, there)
    monkeypatch.setattr("fs_1c.presence.elsewhere.BELIEVED", 0.3)
    learns(AWAY, here, there)
    if how == "hangs":
        server.process.send_signal(signal.SIGSTOP)
    else:
        server.kill()
    for office in (here, there):
        monkeypatch.setattr(office.sharing._redis, "_timeout", 0.2)
    learns(UNKNOWN, here, there)
    there.exchange.hears(there.exchange.register())
    monkeypatch.setattr("fs_1c.presence.elsewhere.BELIEVED", 5.0)
    for office in (here, there):
        monkeypatch.setattr(office.sharing._redis, "_timeout", 5.0)
    if how == "hangs":
        server.process.send_signal(signal.SIGCONT)
    else:
        server.start()
    learns(FREE, here, there)


def test_redis_forgets_all(opens: Opens, server: RedisServer) -> None:
    here, there = opens("sw1"), opens("sw2")
    away_there(here, there)
    server.client.flushall()
    here.turn()
    assert here.knows() is UNKNOWN
    learns(AWAY, here, there)


HASH, ORDER, INDEX = "fs-1c:presence:sw2", "fs-1c:presence:sw2:order", "fs-1c:presence"
LIES: dict[str, Callable[[Any], Any]] = {
    "a text for the hash": lambda client: (client.delete(HASH), client.set(HASH, "x")),
    "a list for the order": lambda client: (client.delete(ORDER), client.rpush(ORDER, "x")),
    "a text for the names": lambda client: (client.delete(INDEX), client.set(INDEX, "x")),
    "no Core-UUID": lambda client: client.hset(HASH, ".core", "../x"),
    "no life": lambda client: client.hdel(HASH, ".life"),
    "no number": lambda client: client.hset(HASH, ".last", "1e9"),
    "a time that is none": lambda client: client.hset(HASH, ".at", "nan"),
    "an endless time": lambda client: client.hset(HASH, ".at", "inf"),
    "a state that is none": lambda client: (
        client.hset(HASH, f"244@{DOMAIN}", "away"),
        client.zadd(ORDER, {f"244@{DOMAIN}": 9000}),
        client.hset(HASH, ".last", "9000"),
    ),
    "a number out of order": lambda client: client.zadd(ORDER, {"x@y": float("inf")}),
    "a huge state": lambda client: (
        client.hset(HASH, f"244@{DOMAIN}", "a" * 1_000_000),
        client.zadd(ORDER, {f"244@{DOMAIN}": 9000}),
        client.hset(HASH, ".last", "9000"),
    ),
    "octets": lambda client: (
        client.hset(HASH, b"\xff@\xfe", b"f"),
        client.zadd(ORDER, {b"\xff@\xfe": 9000}),
        client.hset(HASH, ".last", "9000"),
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_table_that_is_none_makes_nobody_away_and_is_mended(
    opens: Opens, server: RedisServer, lie: str, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = opens("sw1"), opens("sw2")
    away_there(here, there)
    LIES[lie](server.client)
    here.turn()
    if lie != "a text for the names":
        assert here.knows() is UNKNOWN
    if lie in ("octets", "a number out of order", "a time that is none", "an endless time"):
        there.sharing._writers["sw2"]._lost()  # it cannot see that; the next beginning mends it
    learns(AWAY, here, there)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_more_than_there_can_be_is_not_read(
    opens: Opens, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs_1c.presence.elsewhere.MAX_SUBSCRIBERS", 10)
    here, there = opens("sw1"), opens("sw2")
    away_there(here, there)
    for number in range(12):
        there.exchange.hears(there.exchange.register(f"3{number:02}"))
    learns(UNKNOWN, here, there)
    assert len(here.switches.others()["sw2"].board()) <= 13


def test_many_are_told_in_portions_and_then_only_what_changes(
    opens: Opens, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts, "PORTION", 100)
    monkeypatch.setattr("fs_1c.presence.publishing.PORTION", 100)
    here, there = opens("sw1"), opens("sw2")
    for number in range(1000, 2000):
        there.exchange.hears(there.exchange.register(str(number)))
    learns(FREE, here, there, user="1999")
    assert len(here.switches.others()["sw2"].board()) == 1000
    assert server.client.hget(HASH, ".last") == b"1000"
    for number in range(1000, 1003):
        there.exchange.hears(there.exchange.leg("CHANNEL_CREATE", f"leg-{number}", str(number)))
        there.exchange.hears(there.exchange.leg("CHANNEL_ANSWER", f"leg-{number}", str(number)))
    learns(BUSY, here, there, user="1002")
    assert server.client.hget(HASH, ".last") == b"1003"


def test_a_reserve_tells_only_while_the_own_service_does_not(
    opens: Opens, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, reserve, own = opens("sw1"), opens("sw2", role="reserve"), opens("sw2")
    reserve.exchange.hears(reserve.exchange.register())
    own.exchange.hears(own.exchange.register(), own.exchange.register("245"))
    learns(FREE, here, reserve)
    learns(FREE, here, own, user="245")
    for _ in range(3):
        reserve.turn()
        own.turn()
    assert server.client.hget(HASH, ".role") == b"own"
    assert reserve.knows("245") is UNKNOWN, "it listens to that switch itself"
    monkeypatch.setitem(scripts.SILENT, "reserve", 0.0)
    learns(UNKNOWN, here, reserve, user="245")
    assert server.client.hget(HASH, ".role") == b"reserve"


def test_two_switches_of_one_name_are_said(opens: Opens, caplog: pytest.LogCaptureFixture) -> None:
    one, other = opens("sw2"), opens("sw3", shared="sw2")
    for _ in range(3):
        one.turn()
        other.turn()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(
        "presence: another service tells of another switch as sw2; give each switch a name"
    )


def test_an_old_word_that_comes_late_is_refused(opens: Opens, server: RedisServer) -> None:
    here, there = opens("sw1"), opens("sw2")
    there.exchange.hears(there.exchange.register())
    learns(FREE, here, there)
    writer = there.sharing._writers["sw2"]
    old = writer._publishing.word()
    now = int(server.client.time()[0]) * 1000
    eval_ = server.client.execute_command
    assert eval_(*scripts.write("fs-1c:", old, now - 1))[0] == b"late"
    there.exchange.hears(there.exchange.register("245"))
    learns(FREE, here, there, user="245")
    assert eval_(*scripts.write("fs-1c:", old, now + 1e6))[0] == b"other"


def test_what_a_switch_is_called_among_all() -> None:
    local, far = Address("127.0.0.1", 8021), Address("10.0.0.3", 8021)
    names = [
        sharing.shared_name(InboundSettings(address=address, name=name), "pbx1")
        for address, name in ((local, "sw1"), (local, ""), (far, ""))
    ]
    assert names == ["sw1", "pbx1:8021", "10.0.0.3:8021"]
