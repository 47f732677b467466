"""Words between two services that are lost, doubled, late and overtaken, at a real Redis: what is believed is
what the switch's own service knew when it made its last word, or a later one. So nobody is away who was not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.call import PresenceState
from fs_1c.presence import scripts, sharing
from fs_1c.presence.elsewhere import Elsewhere
from fs_1c.redis_client import Away, Command
from tests.presence.office import Office
from tests.redis_server import NEEDED, RedisServer, redis_server
from tests.support import EXAMPLES
from tests.talk.exchange import AWAY, DOMAIN

USERS = ("244", "245", "246")
steps = st.tuples(
    st.sampled_from(["register", "leave", "call", "end", "nothing"]),
    st.sampled_from(USERS),
    st.sampled_from(["well", "well", "lost", "unheard", "late", "doubled"]),  # what becomes of a word
    st.integers(0, 4),  # how many steps late
)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    pytest.importorskip("redis", reason=NEEDED)
    with redis_server() as server:
        yield server


class Network:
    """In place of `BoundedRedis`."""

    up = True

    def __init__(self, client: Any) -> None:
        self._execute = client.execute_command
        self._late: list[tuple[int, Command]] = []
        self._step = 0
        self.fate, self.late_by = "well", 0
        self.made: Callable[[], None] = lambda: None
        self.acknowledged: Callable[[], None] = lambda: None

    def send(self, command: Command) -> Any:
        writes = len(command) > 1 and command[1] == scripts._WRITE
        if writes:
            self.made()
        match self.fate:
            case "lost":
                raise Away
            case "unheard":
                self._execute(*command)
                raise Away
            case "late":
                self._late.append((self._step + self.late_by, command))
                raise Away
            case "doubled":
                self._late.append((self._step + self.late_by, command))
        reply = self._execute(*command)
        if writes and reply[0] == b"ok":
            self.acknowledged()
        return reply

    def goes_on(self, everything: bool = False) -> None:
        """What was late arrives, in any order."""
        self._step += 1
        due = [one for one in self._late if everything or one[0] <= self._step]
        self._late = [one for one in self._late if one not in due]
        random.Random(len(due)).shuffle(due)
        for _, command in due:
            self._execute(*command)

    def lied(self) -> Away:
        return Away()

    def close(self) -> None:
        """There is nothing to close."""


def test_what_is_believed_is_never_old(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVERY", "STILL_THERE", "READ", "AGAIN", "ALL_WITHIN"):
        monkeypatch.setattr(sharing, name, 0.0)
    monkeypatch.setattr("fs_1c.talk.presence.registrar.ASK_AFTER", (0.0, 0.0, 0.0))

    @settings(max_examples=30 * EXAMPLES, deadline=None)
    @given(st.lists(steps, max_size=25))
    def plays(script: list[tuple[str, str, str, int]]) -> None:
        server.client.flushall()
        play(script, server)

    plays()


def play(script: list[tuple[str, str, str, int]], server: RedisServer) -> None:
    office, elsewhere = Office(server, "sw2"), Elsewhere("sw2")
    exchange, network = office.exchange, Network(server.client)
    (writer,) = office.sharing._writers.values()
    writer._redis = network  # type: ignore[assignment]
    snapshots: list[dict[str, PresenceState]] = [dict.fromkeys(USERS, exchange.state("nobody"))]
    possible = 0  # the oldest snapshot that may still be in Redis

    def made() -> None:
        snapshots.append({user: exchange.state(user) for user in USERS})

    def acknowledged() -> None:
        nonlocal possible
        possible = len(snapshots) - 1

    network.made, network.acknowledged = made, acknowledged
    up: set[str] = set()

    def turn() -> None:
        exchange.answers()
        writer.turn(exchange.table)
        read()

    def read() -> None:
        known = [("sw2", elsewhere.life, elsewhere.last)]
        _, reply = server.client.execute_command(*scripts.read("fs-1c:", known))
        elsewhere.read(reply, 1e12)
        assert not elsewhere.behind
        for user in USERS if elsewhere.live else ():
            how = elsewhere.known(user, DOMAIN)
            state = how.state if how else PresenceState.UNKNOWN
            assert state in {snapshot[user] for snapshot in snapshots[possible:]}

    for what, user, network.fate, network.late_by in script:
        match what:
            case "register":
                exchange.hears(exchange.register(user))
            case "leave":
                exchange.hears(exchange.unregister(user))
            case "call" if user not in up:
                up.add(user)
                exchange.hears(exchange.leg("CHANNEL_CREATE", user, user))
                exchange.hears(exchange.leg("CHANNEL_ANSWER", user, user))
            case "end" if user in up:
                up.discard(user)
                exchange.hears(exchange.leg("CHANNEL_HANGUP_COMPLETE", user, user))
        turn()
        network.goes_on()
        read()
    network.fate = "well"
    network.goes_on(everything=True)
    for _ in range(3):
        turn()
    for user in USERS:
        how = elsewhere.known(user, DOMAIN)
        assert (how.state if how else PresenceState.UNKNOWN) is exchange.state(user)
        if exchange.of(user):
            assert how is not None and how.state is not AWAY
    assert elsewhere.live
