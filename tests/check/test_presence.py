"""`fs-1c check` and who can take a call: what can be known of that with these settings, at this switch."""

from __future__ import annotations

from typing import Any

import pytest

from fs_1c.check.finding import Level
from fs_1c.check.steps.presence_step import presence
from fs_1c.settings import build
from fs_1c.simulator.freeswitch import SwitchSettings
from tests.check.conftest import switch
from tests.check.test_switch import _sections, seen
from tests.world import settings_for

WARNING, OK = Level.WARNING, Level.OK
LISTENS = {"inbound": [{"address": "127.0.0.1:8021"}]}
VIP = {"is": "VIP", "when_away": "both"}
NEXT = {"when_busy": "next"}
TALKED = {"last_talker": "7d"}


def found(routing: dict[str, Any], listens: bool = True, **more: Any) -> list[tuple[Level, str]]:
    sections = {"esl": LISTENS if listens else {}, "state": {"folder": "/tmp"}, "routing": routing}
    settings = build({"onec": {"url": "http://1c.example/ws"}, **sections, **more})
    return [(one.level, f"{one.what} {one.why} {one.remedy}") for one in presence(settings)]


@pytest.mark.parametrize(
    ("routing", "listens", "level", "word"),
    [
        (NEXT, True, OK, "is known"),
        ({"category": [VIP]}, True, OK, "is known"),
        (NEXT, False, WARNING, "every manager counts as unknown"),
        ({"category": [VIP]}, False, WARNING, "every manager counts as unknown"),
        ({"deputies": {"244": ["245"]}}, True, WARNING, "no deputy ever rings"),
        (TALKED, False, WARNING, "last_talker is set, and no [[esl.inbound]]"),
        ({"last_talker": "91d"}, True, WARNING, "longer than journal.keep_for"),
    ],
)
def test_what_the_settings_let_be_known(
    routing: dict[str, Any], listens: bool, level: Level, word: str
) -> None:
    [(one, text)] = found(routing, listens)
    assert one is level and word in text


@pytest.mark.parametrize("routing", [{}, TALKED, {"category": [{"is": "x", "then": []}]}])
def test_of_what_nobody_wants_to_know_nothing_is_said(routing: dict[str, Any]) -> None:
    assert found(routing) == []
    assert found({}, listens=False) == []


@pytest.mark.parametrize(
    ("answer", "level", "word"),
    [
        (b'{"row_count":2,"rows":[{},{}]}', OK, ": 2"),
        (b'{"row_count":0}', WARNING, "registers elsewhere"),
        (b"-ERR no database", WARNING, "does not tell"),
        (b"[]", WARNING, "does not tell"),
        (b'{"row_count":null}', WARNING, "does not tell"),
        (b"[" * 5000, WARNING, "does not tell"),
    ],
)
def test_what_the_switch_tells(answer: bytes, level: Level, word: str) -> None:
    with switch(SwitchSettings(port=0, answers={"show registrations as json": answer})) as one:
        sections = _sections(one.event_socket_port)
        told = seen(settings_for("http://127.0.0.1:9/ws/x", **sections, routing=NEXT))
        [(said, text)] = [(each.level, f"{each.what} {each.why}") for each in told if each.step == "presence"]
        assert said is level and word in text
        told = seen(settings_for("http://127.0.0.1:9/ws/x", **sections))
        assert not [each for each in told if each.step == "presence"], "nobody wants to know"
