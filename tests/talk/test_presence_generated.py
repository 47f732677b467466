"""Registrations, calls, pings, questions in any order, with events lost, doubled and late: nobody is made
unreachable by that, and what was lost is healed.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.talk.presence import registrar, table
from tests.talk import exchange
from tests.talk.exchange import AWAY, BUSY, FREE, UNKNOWN, Clock, Exchange

words = st.tuples(
    st.sampled_from(
        ["register", "unregister", "expire", "UNREACHABLE", "REACHABLE", "call", "end", "seed", "ask"]
    ),
    st.sampled_from(["244", "245"]),
    st.sampled_from("abc"),
    st.sampled_from([1, 1, 1, 2, 0]),  # how often it is told
    st.integers(0, 3),  # how many of the next ones overtake it
)


class Stopped:
    """A clock in place of the module `time`; Hypothesis keeps its own, which a frozen one would confuse."""

    def __init__(self) -> None:
        self.now = 1_795_874_520.0

    def time(self) -> float:
        return self.now

    def tick(self, delta: float, /) -> None:
        self.now += delta


def test_nobody_is_made_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Stopped()
    for module in (registrar, table, exchange):
        monkeypatch.setattr(module, "time", clock)

    @given(st.lists(words, max_size=40))
    def plays(script: list[tuple[str, str, str, int, int]]) -> None:
        play(script, clock)

    plays()


def play(script: list[tuple[str, str, str, int, int]], clock: Clock) -> None:
    switch = Exchange(clock)
    up: dict[str, dict[str, dict[str, str]]] = {"244": {}, "245": {}}
    on_their_way: list[tuple[int, int, dict[str, str], int]] = []
    unreachable: set[tuple[str, str]] = set()
    silenced = False  # an event was lost, or is late

    def deliver(step: int, everything: bool = False) -> None:
        for one in sorted(on_their_way, key=lambda late: late[:2]):
            if one[0] <= step or everything:
                on_their_way.remove(one)
                switch.hears(*[one[2]] * one[3])

    for step, (what, user, call_id, times, late) in enumerate(script):
        clock.tick(0.01)
        event: dict[str, str] | None = None
        match what:
            case "register":
                event = switch.register(user, call_id)
                if times:  # else the switch does not tell that it answers again
                    unreachable.discard((user, call_id))
            case "unregister" | "expire" if (user, call_id) in switch.registered:
                event = switch.unregister(user, call_id, what)
                unreachable.discard((user, call_id))
            case "UNREACHABLE" | "REACHABLE" if (user, call_id) in switch.registered:
                event, times, late = switch.pings(what, user, call_id), 1, 0
                (unreachable.add if what == "UNREACHABLE" else unreachable.discard)((user, call_id))
            case "call" if call_id not in up[user]:
                uuid = f"{user}-{call_id}-{step}"
                up[user][call_id] = switch.leg("CHANNEL_HANGUP_COMPLETE", uuid, user)
                switch.hears(switch.leg("CHANNEL_CREATE", uuid, user))
                event, late = switch.leg("CHANNEL_ANSWER", uuid, user), 0
            case "end" if call_id in up[user]:
                event, times, late = up[user].pop(call_id), max(1, times), 0
            case "seed":
                switch.seed()
            case "ask":
                switch.answers()
        if event:
            silenced = silenced or not times or late > 0
            on_their_way.append((step + late, step, event, times))
        deliver(step)
        for name in ("244", "245"):
            alive = [key for key in switch.registered if key[0] == name and key not in unreachable]
            if alive and not silenced:
                assert switch.state(name) is not AWAY
            if not up[name]:
                assert switch.state(name) is not BUSY
    deliver(0, everything=True)
    for _ in range(2):  # minutes
        clock.tick(60)
        switch.seed()
        switch.answers()
    for name in ("244", "245"):
        state, registered = switch.state(name), switch.of(name)
        alive = [key for key in switch.registered if key[0] == name and key not in unreachable]
        if up[name]:
            assert state in (BUSY, FREE, UNKNOWN)
        elif alive:
            assert state is FREE, "whatever was lost: it is healed"
        elif not registered:
            assert state in (AWAY, UNKNOWN), "unknown: he was never heard of here, or talked without it"
