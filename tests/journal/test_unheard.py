"""A call whose end nobody has heard, for the switch or this service was away: neither missed nor answered
wherever it is told of, but it is to be called back, and so 1C hears of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from fs_1c.call import CallEvent, Ended, HungUp
from fs_1c.history.tables import itoolabs, mobilon, register
from fs_1c.journal import calls, listing, merged, of_json, story, to_json
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Conversations, Stories, Story
from fs_1c.tracing.spans import of_call
from fs_1c.web.calling.day import _row
from tests.history.conftest import Ear, ear, telling
from tests.history.test_tables import shown, told
from tests.journal.conftest import writing
from tests.journal.test_ends import AT, answered, hear, missed
from tests.support import until
from tests.talk.test_story import feed_of

pytestmark = pytest.mark.usefixtures("quick")
__all__ = ["ear"]


def unheard(events: list[CallEvent]) -> list[CallEvent]:
    """The same call, of whose end nobody has heard."""
    return [
        replace(event, cause="", unheard=True) if isinstance(event, HungUp) else event for event in events
    ]


def ended(events: list[CallEvent]) -> Story:
    stories = Stories()
    over = [story for event in events if (story := stories.heard(event)) and story.ended is not None]
    return over[-1]


def lost(name: str, heard: Callable[[str], bool]) -> list[CallEvent]:
    """A recorded call of which the switch's events are heard as long as that holds of their names; then all
    of its legs are found to be gone.
    """
    conversations, told = Conversations(NumberPlan()), list[CallEvent]()
    for event in feed_of(name):
        if not heard(event.get("Event-Name") or ""):
            break
        told += conversations.feed(event)
    return told + [one for leg in sorted(conversations.known()) for one in conversations.gone(leg)]


@pytest.mark.parametrize("name", ["inbound_answered", "inbound_abandoned"])
def test_who_rang_when_it_was_lost_may_have_been_answered(name: str) -> None:
    """Both recordings are the same till then."""
    over = ended(lost(name, lambda event: event not in ("CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE")))
    assert (over.outcome, over.unheard, bool(over.rang), over.talks) == (Ended.UNKNOWN, True, True, ())
    assert dict(of_call(over, AT).attributes)["fs_1c.outcome"] == "unknown"


def test_who_had_reached_nobody_may_have_since() -> None:
    over = ended(lost("inbound_answered", lambda event: event == "CHANNEL_CREATE"))
    assert (over.outcome, over.rang) == (Ended.UNKNOWN, ())


def test_who_had_talked_has() -> None:
    over = ended(lost("inbound_answered", lambda event: event != "CHANNEL_HANGUP_COMPLETE"))
    assert (over.outcome, over.unheard) == (Ended.ANSWERED, True)


def test_the_journal_calls_it_neither(file: Path) -> None:
    outgoing = [event for event in unheard(answered("out-3", outgoing=True)) if not hasattr(event, "how")]
    with freeze_time("2024-05-01 12:01:07") as clock, writing(file) as journal:
        for events in (unheard(missed("in-1")), unheard(answered("in-2", "84950000002")), outgoing):
            clock.tick(1)
            hear(journal, *events)
    by_call = {entry.call: entry for entry in calls(file)}
    texts = {call: "\n".join(story(entry)) for call, entry in by_call.items()}
    lines = {call: listing([entry])[1] for call, entry in by_call.items()}
    assert {call: entry.ends[0].outcome.value for call, entry in by_call.items()} == {
        "in-1": "unknown",
        "in-2": "answered",
        "out-3": "unknown",
    }
    for call in by_call:
        assert "The call was found to be over; its end was not heard." in texts[call]
    assert "Whether anybody has talked to the client is not known. It rang at 244." in texts["in-1"]
    assert "The client talked to 244, 1:05 at the most." in texts["in-2"]
    assert "Whether anybody has talked to the client is not known." in texts["out-3"]
    assert ("end unknown" in lines["in-1"], "end unknown" in lines["out-3"]) == (True, True)
    assert "244 ≤ 1:05" in lines["in-2"]
    assert not any("missed" in line.lower() for line in (*texts.values(), *lines.values()))
    # Somebody calls him back: better than that nobody does.
    assert [entry.call for entry in calls(file, missed=True)] == ["in-1"]
    # As operators tell a day: how long, nobody knows.
    assert {call: _row(entry, None)["duration"] for call, entry in by_call.items()} == dict.fromkeys(by_call)

    told = json.loads(to_json([by_call["in-1"]]))[0]
    assert (told["ends"][0]["missed"], told["ends"][0]["answered"], told["ends"][0]["unheard"]) == (
        False,
        False,
        True,
    )
    assert of_json(told).ends[0].unheard
    del told["ends"][0]["unheard"]  # a service of the version before
    assert not of_json(told).ends[0].unheard


def test_what_another_service_has_heard_of_it_is_its_end(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with freeze_time("2024-05-01 12:01:07"), writing(file) as own, writing(other) as reserve:
        hear(own, *unheard(missed("call-1")), *unheard(missed("call-2", "84950000002")))
        hear(own, *unheard(answered("call-3", "84950000003")))
        hear(reserve, *answered("call-1"), *answered("call-3", "84950000003"))
    for order in (("own", file), ("reserve", other)), (("reserve", other), ("own", file)):
        both = merged([(name, calls(path)) for name, path in order], 10).entries
        found = {entry.call: [(end.outcome.value, end.unheard) for end in entry.ends] for entry in both}
        assert found == {
            "call-1": [("answered", False)],
            "call-2": [("unknown", True)],
            "call-3": [("answered", False)],
        }


def test_a_file_of_version_6_is_read_and_goes_on(file: Path) -> None:
    with writing(file) as journal:
        hear(journal, *missed("old"))
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("ALTER TABLE ends DROP COLUMN unheard; PRAGMA user_version = 6")
    assert [end.outcome for entry in calls(file) for end in entry.ends] == [Ended.MISSED]
    with writing(file) as journal:
        hear(journal, *unheard(missed("new", "84950000002")))
    assert {entry.call: entry.ends[0].outcome for entry in calls(file)} == {
        "old": Ended.MISSED,
        "new": Ended.UNKNOWN,
    }


@pytest.mark.parametrize("table", [mobilon, itoolabs, register])
def test_1c_hears_of_it_as_of_a_missed_one(table: object) -> None:
    """It has no other word, and somebody has to call back."""
    for events in (missed("call-1"), answered("call-1")):
        assert shown(told(unheard(events), table)) == shown(told(events, table))  # type: ignore[arg-type]


def test_a_service_that_was_away_finds_it_and_counts_it(ear: Ear, tmp_path: Path) -> None:
    from fs_1c.web.metrics import Metrics

    began, rings, over = missed("call-1")
    more: dict[str, Any] = {"journal": {"enabled": True}, "screenpop": {"outgoing": False}}
    with telling(tmp_path, **more) as one:
        one._heard(began, "sw")
        one._heard(rings, "sw")
        until(lambda: ear.states("call-1") == ["START"])
    with telling(tmp_path, **more) as one:
        metrics = Metrics(lambda: one, dict)
        one.observers.append(metrics)
        until(lambda: "call-1" in one.legs("sw"))
        assert isinstance(over, HungUp)
        one.happened(HungUp(over.leg_uuid, unheard=True), switch="sw")
        until(lambda: ear.states("call-1")[-1:] == ["END"])
        text = metrics.text().decode()
    assert 'fs_1c_calls_total{outcome="unknown"} 1.0' in text
    assert 'fs_1c_calls_total{outcome="missed"} 0.0' in text
    assert ear.states("call-1") == ["START", "PREANSWER", "HANGUP", "END"]
    [entry] = calls(tmp_path / "journal.db", missed=True)
    assert [end.outcome for end in entry.ends] == [Ended.UNKNOWN]
