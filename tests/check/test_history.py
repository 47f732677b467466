"""`fs-1c check`: can 1C be told of whole calls, as far as the settings show it."""

from __future__ import annotations

from typing import Any

import pytest

from fs_1c.check.finding import Level
from fs_1c.check.keys import Keys
from fs_1c.check.steps.history_step import history
from fs_1c.settings import Settings, build
from tests.check.conftest import the_one

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
KEYS = Keys({"244": "KEY244"})
INBOUND = {"inbound": [{"address": "127.0.0.1:8021"}]}


def settings(**more: Any) -> Settings:
    sections: dict[str, Any] = {
        "onec": {"url": "http://127.0.0.1:9/ws/x", "dialect": "mobilon-3"},
        "history": {"enabled": True},
        "state": {"folder": "/var/lib/fs-1c"},
        "esl": INBOUND,
    }
    for name, given in more.items():
        sections[name] = given if name in ("state", "esl") else {**sections[name], **given}
    return build(sections)


def test_all_is_well() -> None:
    [found] = history(settings(), KEYS)
    assert found.level is Level.OK


def test_off_is_no_fault() -> None:
    [found] = history(settings(history={"enabled": False}, esl={}), KEYS)
    assert found.level is Level.SKIPPED
    [found] = history(settings(history={"enabled": None}, esl={}), KEYS)
    assert found.level is Level.SKIPPED
    assert history(settings(history={"enabled": None}, onec={"dialect": "mobilon-2"}), KEYS) == []


@pytest.mark.parametrize(
    ("more", "level", "what"),
    [
        ({"esl": {}}, PROBLEM, "no switch is listened to"),
        ({"onec": {"dialect": "mobilon-1"}}, PROBLEM, "no base takes it: default"),
        ({"state": {}}, WARNING, "without a state.folder"),
        ({"history": {"missed_owner": "99999999"}}, PROBLEM, "99999999 is no extension"),
        ({"history": {"missed_owner": "245"}}, WARNING, "extension 245 has no key"),
    ],
)
def test_what_is_amiss(more: dict[str, Any], level: Level, what: str) -> None:
    the_one(history(settings(**more), KEYS), level, "history", what)


def test_who_has_a_key_elsewhere_is_no_fault() -> None:
    for keys in (Keys({}, unread="no such file"), KEYS):
        found = history(settings(history={"missed_owner": "244"}), keys)
        assert [one.level for one in found] == [Level.OK]


def test_of_several_bases_one_may_be_deaf() -> None:
    onec = {
        "one": {"url": "http://127.0.0.1:9/ws/x", "dialect": "mobilon-1"},
        "two": {"url": "http://127.0.0.1:9/ws/y", "dialect": "mobilon-3"},
    }
    sections = {"onec": onec, "history": {"enabled": True}, "esl": INBOUND, "state": {"folder": "/x"}}
    [found] = history(build(sections), KEYS)
    assert found.level is Level.SKIPPED and found.what.endswith(": one")
