"""Who talked to whom, and how that came: from recordings of a real switch to the sentences of the journal."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from fs_1c.call import Conversation, Outcome, ScreenPop
from fs_1c.journal import Journal, as_json, calls, story
from fs_1c.journal.entries import CallEntry
from fs_1c.journal.tables import SCHEMA
from fs_1c.numbers import NumberPlan
from fs_1c.settings import JournalSettings
from fs_1c.talk import Conversations, Event
from tests.recordings import DATA, events, parse

PLAN = NumberPlan()
PHONES = DATA / "cases" / "phones" / "right"


def kept(folder: Path, feed: Iterable[Event], *, cards: bool = True) -> CallEntry:
    """What the journal has of one call."""
    file = folder / "journal.db"
    journal = Journal(file, JournalSettings(), PLAN)
    conversations = Conversations(PLAN)
    for event in feed:
        for told in conversations.feed(event):
            journal.heard(told, None)
            if isinstance(told, Conversation) and not told.ringing and cards:
                journal.popped(told, ScreenPop(Outcome.ACCEPTED, 0.1))
    journal.close(10)
    (entry,) = calls(file)
    return entry


def phones(name: str) -> list[Event]:
    parsed = parse((PHONES / f"{name}.esl").read_bytes())
    return [message.event() for message in parsed if message.content_type == "text/event-plain"]


def said(entry: CallEntry) -> list[str]:
    """The sentences about who talked, without their times."""
    return [line[21:] for line in story(entry) if re.match(r"\d{4}-.*Extension", line)]


ANSWERED = "Extension 244 began to talk to the client."


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("01_plain", [ANSWERED]),
        ("02_refer_blind", [ANSWERED, "Extension 243 began to talk to the client, transferred by 244."]),
        ("03_refer_attended", [ANSWERED, "Extension 243 began to talk to the client, handed over by 244."]),
        (
            "08_302_to_243",
            ["Extension 243 began to talk to the client, since 244's telephone forwards its calls."],
        ),
        (
            "11c_pickup_with_hash",
            ["Extension 243 began to talk to the client, having picked up what rang at 244."],
        ),
        ("12_outgoing", ["Extension 244 had called the client, who answered."]),
        (
            "12b_outgoing_then_blind",
            [
                "Extension 244 had called the client, who answered.",
                "Extension 243 began to talk to the client, transferred by 244.",
            ],
        ),
        ("13_valet", [ANSWERED, "Extension 243 began to talk to the client, having fetched him after 244."]),
    ],
)
@pytest.mark.parametrize("cards", [True, False])
def test_how_somebody_has_come_to_talk_to_the_client(
    tmp_path: Path, name: str, sentences: list[str], cards: bool
) -> None:
    entry = kept(tmp_path, phones(name), cards=cards)
    assert said(entry) == sentences
    told = "\n".join(story(entry))
    assert ("No card: the settings want none" in told) is not cards
    assert told.count("Card accepted by 1C") == (len(sentences) if cards else 0)


def test_of_a_recorded_pick_up_from_a_phone(tmp_path: Path) -> None:
    (sentence,) = said(kept(tmp_path, events("inbound_pickup_from_a_phone")))
    assert sentence == "Extension 243 began to talk to the client, having picked up what rang at 244."


def of_version(version: int, file: Path) -> None:
    with closing(sqlite3.connect(file)) as old:
        for statement in SCHEMA:
            if version > 1 or "talks" not in statement:
                old.execute(re.sub(r",\s*(switch|told_by) TEXT NOT NULL DEFAULT ''", "", statement))
        columns = "at, call, leg, number, extension, outcome, error_kind, error, took, age, outgoing, ringing"
        values = (time.time(), "old", "leg", "+79235292926", "244", "accepted", "", "", 0.1, 0.0, 0, 0)
        old.execute(f"INSERT INTO pops ({columns}) VALUES ({', '.join('?' * 12)})", values)
        if version > 1:
            row = "INSERT INTO talks (at, call, leg, number, extension, how, by, outgoing) VALUES"
            old.execute(f"{row} (?, 'old', 'leg', '+79235292926', '244', 'answered', '', 0)", values[:1])
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_a_version_before_is_read_and_then_gone_on_with(tmp_path: Path, version: int) -> None:
    file = tmp_path / "journal.db"
    of_version(version, file)
    (before,) = calls(file)
    assert (before.call, len(before.talks)) == ("old", version - 1)
    assert [(pop.switch, pop.told_by) for pop in before.pops] == [("", "")]
    assert said(before) == [ANSWERED]
    journal = Journal(file, JournalSettings(), PLAN)
    talk = Conversation("new", "leg-2", "89235292926", "245", switch="sw3")
    journal.heard(talk, None)
    journal.popped(talk, ScreenPop(Outcome.ELSEWHERE, by="pbx2"))
    journal.close(10)
    found = {entry.call: entry for entry in calls(file)}
    assert found.keys() == {"old", "new"}
    assert [talk.extension for talk in found["new"].talks] == ["245"]
    assert found["new"].number == "+79235292926"
    assert [pop.extension for pop in found["old"].pops] == ["244"]
    assert [(pop.switch, pop.told_by) for pop in found["new"].pops] == [("sw3", "pbx2")]
    assert [talk.switch for talk in found["new"].talks] == ["sw3"]
    told = "\n".join(story(found["new"]))
    assert "at switch sw3" in told and "pbx2 has told 1C" in told
    assert as_json(found["new"])["pops"][0]["by"] == "pbx2"
