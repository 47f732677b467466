"""What tests of the history share: a 1C that counts, and calls in any number."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp
from fs_1c.integration import Integration
from fs_1c.onec import CallState, Client, OneCError
from fs_1c.settings import build

TOLD_OF_AN_ANSWERED_CALL = ["START", "ANSWER", "HANGUP", "END"]
HARMFUL = frozenset(["END", "INCOMING", "OUTGOING", "COMPLETED", "CANCELLED", "PREANSWER"])


def answered(call: str, at: float = 1000.0) -> list[CallEvent]:
    """A client calls, 244 takes it, both hang up."""
    return [
        Began(call, call, "89235292926", "74951234567", at=at),
        Conversation(call, f"{call}-a", "89235292926", "244", at=at + 2),
        HungUp(f"{call}-a", at + 10),
        HungUp(call, at + 10, "NORMAL_CLEARING"),
    ]


class Ear:
    """A 1C that only listens: what it was told, in order. `answers` may raise, or wait, before or after it
    has taken it.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        self.before: Callable[[CallState], object] = lambda state: None
        self.after: Callable[[CallState], object] = lambda state: None
        self.awake: OneCError | None = None
        self.probes = 0

    def tell(self, client: Client, state: CallState, leaves: Callable[[], None]) -> None:
        self.before(state)
        if state.once:
            leaves()
        with self.lock:
            self.told.append((state.call, state.state))
        self.after(state)

    def warm_up(self, client: Client) -> None:
        self.probes += 1
        if self.awake is not None:
            raise self.awake

    def states(self, call: str) -> list[str]:
        with self.lock:
            return [state for one, state in self.told if one == call]


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    one = Ear()
    monkeypatch.setattr(Client, "tell", lambda client, state, leaves: one.tell(client, state, leaves))
    monkeypatch.setattr(Client, "warm_up", lambda client: one.warm_up(client))
    monkeypatch.setattr("fs_1c.history.pace.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("fs_1c.history.pace.LONGEST_PAUSE", 0.05)
    monkeypatch.setattr("fs_1c.history.place.AGAIN", 0.05)
    return one


def settings(folder: Path | None, url: str = "http://127.0.0.1:9/base", **more: Any) -> dict[str, Any]:
    return {
        "onec": {"url": url, "dialect": "mobilon-3", "keep_warm": "0s", **more.pop("onec", {})},
        "history": {"enabled": True, **more.pop("history", {})},
        "state": {"folder": str(folder)} if folder else {},
        "journal": {"enabled": False},
        **more,
    }


@contextmanager
def telling(folder: Path | None, url: str = "http://127.0.0.1:9/base", **more: Any) -> Iterator[Integration]:
    """Tells a base that opens no cards."""
    cards = {"screenpop": {"outgoing": False}, **more}
    one = Integration(build(settings(folder, url, **cards)))
    one.tell_history()
    try:
        yield one
    finally:
        one.close(10.0)


def happen(integration: Integration, *calls: list[CallEvent], switch: str = "sw") -> None:
    """The story alone: no cards."""
    for events in calls:
        for event in events:
            integration._heard(event, switch)
