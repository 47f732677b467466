"""How calls ended and what 1C was told of them: kept, found, told; files of older versions; who is to be
called back.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from freezegun import freeze_time

from fs_1c.call import (
    Began,
    CallEvent,
    Conversation,
    Decision,
    Failure,
    HistoryWord,
    HungUp,
    TalksOutside,
    Told,
)
from fs_1c.journal import CallEntry, Journal, calls, listing, merged, of_json, story, to_json
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Conversations, Stories
from tests.journal.conftest import E164, all_octets, decision, uuids, writing
from tests.processes import fs_1c
from tests.support import until
from tests.talk.test_story import feed_of

pytestmark = pytest.mark.usefixtures("quick")
AT = 1714564800.0  # 2024-05-01 12:00:00 UTC
OTHER = "84951234567"


def hear(journal: Journal, *events: CallEvent) -> None:
    stories = Stories()
    for event in events:
        journal.heard(event, stories.heard(event, "sw"))


def missed(call: str, number: str = "89235292926", at: float = AT) -> list[CallEvent]:
    return [
        Began(call, call, number, "74951234567", at=at),
        Conversation(call, f"{call}-a", number, "244", ringing=True, at=at + 1),
        HungUp(call, at + 20, "ORIGINATOR_CANCEL"),
    ]


def answered(
    call: str, number: str = "89235292926", at: float = AT, outgoing: bool = False
) -> list[CallEvent]:
    return [
        Began(
            call, call, number, "74951234567", at=at, outgoing=outgoing, extension="244" if outgoing else ""
        ),
        Conversation(call, f"{call}-a", number, "244", at=at + 2, outgoing=outgoing),
        HungUp(f"{call}-a", at + 67, "NORMAL_CLEARING"),
        HungUp(call, at + 67, "NORMAL_CLEARING"),
    ]


def word(call: str, state: str, told: Told = Told.TOLD, error: Failure | None = None) -> HistoryWord:
    return HistoryWord("sales", call, state, "244", told, AT, 0.5, error)


def test_a_call_that_was_answered(file: Path) -> None:
    with freeze_time("2024-05-01 12:01:07", tick=False), writing(file) as journal:
        hear(journal, *answered("call-1"))
    [entry] = calls(file)
    assert entry.ends == (
        EndEntry(
            AT + 67,
            "call-1",
            E164,
            "74951234567",
            False,
            AT,
            "",
            "",
            "244",
            65.0,
            True,
            "NORMAL_CLEARING",
            "sw",
        ),
    )
    assert "The client talked to 244, 1:05 in all." in "\n".join(story(entry))
    assert "244 1:05" in listing([entry])[1]
    assert calls(file, missed=True) == []


def test_a_call_that_was_missed(file: Path) -> None:
    with freeze_time("2024-05-01 12:00:20", tick=False), writing(file) as journal:
        hear(journal, *missed("call-1"))
    [entry] = calls(file, missed=True)
    [end] = entry.ends
    assert (end.missed, end.rang, end.talked, end.seconds, end.answered) == (True, "244", "", 0.0, False)
    assert "Missed: nobody talked to the client; it rang at 244." in "\n".join(story(entry))
    assert "missed" in listing([entry])[1]
    [told] = json.loads(to_json([entry]))[0]["ends"]
    assert (told["missed"], told["talked_ms"], told["cause"]) == (True, 0.0, "ORIGINATOR_CANCEL")


def test_nobody_but_who_has_not_been_talked_to_since_is_to_be_called_back(file: Path) -> None:
    outgoing = answered("back-3", "+7 495 000-00-03", AT + 100, outgoing=True)
    no_answer = [Began("tried-4", "tried-4", "84950000004", outgoing=True, at=AT), HungUp("tried-4", AT + 9)]
    mobile = [
        Began("mobile-6", "mobile-6", "84950000006", at=AT),
        TalksOutside("mobile-6", "m", "+79990000000", AT + 1),
        HungUp("mobile-6", AT + 9),
    ]
    with freeze_time("2024-05-01 12:00:00") as clock, writing(file) as journal:
        for events in (
            answered("before-1", "84950000001"),
            missed("waits-1", "84950000001"),
            missed("first-2", "84950000002"),
            missed("second-2", "84950000002"),
            answered("again-2", "8 (495) 000-00-02"),
            missed("call-3", "84950000003"),
            outgoing,
            missed("call-4", "84950000004"),
            no_answer,
            missed("call-5", ""),
            missed("call-6", "84950000006"),
            mobile,
            missed("call-7", "84950000007"),
        ):
            clock.tick(10)
            hear(journal, *events)
        # He is being talked to just now: that is no end yet.
        clock.tick(10)
        hear(journal, *answered("now-7", "84950000007")[:2])
    assert [entry.call for entry in calls(file, missed=True)] == ["call-4", "waits-1"]
    assert [entry.call for entry in calls(file, missed=True, limit=1)] == ["call-4"]


def recorded(name: str) -> list[CallEvent]:
    conversations = Conversations(NumberPlan())
    return [told for event in feed_of(name) for told in conversations.feed(event)]


@pytest.mark.parametrize(
    "how", ["12_outgoing", "12e_click_to_call", "inbound_click_to_call", "11c_pickup_with_hash"]
)
@pytest.mark.parametrize("number", ["89235292926", "+79235292926", "79235292926", "8 (923) 529-29-26"])
def test_however_he_is_called_back_and_whatever_form_his_number_had(
    file: Path, how: str, number: str
) -> None:
    """From a telephone, by a click, or he has rung again and somebody else took the call."""
    with freeze_time("2024-05-01 12:00:00") as clock, writing(file) as journal:
        hear(journal, *missed("his", number), *missed("anothers", OTHER))
        clock.tick(60)
        hear(journal, *recorded(how))
    assert [entry.call for entry in calls(file, missed=True)] == ["anothers"]


def test_a_call_back_that_nobody_answers_is_none(file: Path) -> None:
    rings: list[CallEvent] = [
        Began("b", "b", "+79235292926", "89235292926", "", "244", "a", True, AT),
        HungUp("b", AT + 20, "NO_ANSWER"),
        HungUp("a", AT + 20, "NO_ANSWER"),
    ]
    with freeze_time("2024-05-01 12:00:00") as clock, writing(file) as journal:
        hear(journal, *missed("his"))
        clock.tick(60)
        hear(journal, *rings)
        clock.tick(60)
        hear(journal, *recorded("inbound_abandoned"))
    assert [entry.call for entry in calls(file, missed=True)][1:] == ["his"]
    with freeze_time("2024-05-01 12:10:00"), writing(file) as journal:
        hear(journal, *answered("back", "79235292926", AT, outgoing=True))
    assert calls(file, missed=True) == []


def test_who_was_talked_to_before_the_service_was_started_again_is_not_to_be_called_back(file: Path) -> None:
    """He has stayed on the line, in a survey; the story of his call ended with the process."""
    began, talk, parted, over = answered("call-1")
    with freeze_time("2024-05-01 12:00:00") as clock, writing(file) as journal:
        hear(journal, began, talk, parted)
        clock.tick(10)
        hear(journal, began, over)
    assert [end.missed for entry in calls(file) for end in entry.ends] == [True]
    assert calls(file, missed=True) == []


def test_the_people_of_another_base_call_nobody_back_whom_he_has_reached_by_himself(file: Path) -> None:
    """But a subscriber who has called him has: nobody was asked which base that call is of."""

    def of_base(call: str, base: str) -> Decision:
        made = decision(call)
        return replace(made, caller=replace(made.caller, base=base))

    with freeze_time("2024-05-01 12:00:00") as clock, writing(file) as journal:
        journal.decided(of_base("missed", "sales"))
        hear(journal, *missed("missed"))
        clock.tick(60)
        journal.decided(of_base("elsewhere", "service"))
        hear(journal, *answered("elsewhere"))
    assert [entry.call for entry in calls(file, missed=True)] == ["missed"]
    for call, events in (
        ("again", answered("again")),
        ("out", answered("out", outgoing=True)),
    ):
        copy = file.with_name(f"{call}.db")
        copy.write_bytes(file.read_bytes())
        with freeze_time("2024-05-01 12:05:00"), writing(copy) as journal:
            if call == "again":
                journal.decided(of_base("again", "sales"))
            hear(journal, *events)
        assert calls(copy, missed=True) == []


def test_the_command_names_them(tmp_path: Path) -> None:
    config = tmp_path / "fs-1c.toml"
    config.write_text(f'[onec]\nurl = "http://127.0.0.1:9/ws/x"\n[state]\nfolder = "{tmp_path}"\n')
    ran = fs_1c("journal", "--missed", "-c", str(config))
    assert ran.returncode == 1 and "there is no journal yet" in ran.stderr
    with writing(tmp_path / "journal.db") as journal:
        hear(journal, *missed("lost-1"), *missed("lost-2", OTHER), *answered("back", at=AT + 100))
    ran = fs_1c("journal", "--missed", "-c", str(config))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "lost-2" in ran.stdout and "missed" in ran.stdout and "lost-1" not in ran.stdout
    assert fs_1c("journal", "--missed", "--all", "-c", str(config)).returncode == 2


def test_what_1c_was_told_is_told(file: Path) -> None:
    why = Failure("timeout", "no answer")
    with freeze_time("2024-05-01 12:02:00", tick=False), writing(file) as journal:
        journal.decided(decision("call-1"))
        journal.told(word("call-1", "START"))
        journal.told(word("call-1", "END", Told.UNKNOWN, why))
        journal.told(word("another", "START", Told.DROPPED))
    [entry] = calls(file, call="call-1")
    assert entry.told == (
        ToldEntry(AT + 120, "call-1", "sales", "START", "244", "told", "", "", AT),
        ToldEntry(AT + 120, "call-1", "sales", "END", "244", "unknown", "timeout", "no answer", AT),
    )
    text = "\n".join(story(entry))
    assert "1C (base sales) was told START 244: 1C has it, 2:00 after it was so." in text
    assert "END 244: perhaps" in text and "(timeout: no answer)" in text
    # A word that is told days later is no reason to have its call among the latest.
    assert uuids(file) == ["call-1"]
    assert calls(file, call="another")[0].told[0].outcome == "dropped"


def test_every_outcome_has_a_sentence(file: Path) -> None:
    with writing(file) as journal:
        for told in Told:
            journal.told(word("call-1", "START", told))
    told_of = [line for line in story(calls(file, call="call-1")[0]) if "was told START" in line]
    assert len(told_of) == len(set(told_of)) == len(Told)


def test_what_another_service_tells_is_the_same_again(file: Path) -> None:
    with writing(file) as journal:
        hear(journal, *answered("call-1"))
        journal.told(word("call-1", "START", Told.REFUSED, Failure("fault", "no")))
    [entry] = calls(file)
    [told] = json.loads(to_json([entry]))
    read = of_json(told)
    assert read.ends[0]._replace(at=0, began=0) == entry.ends[0]._replace(at=0, began=0)
    assert read.told[0]._replace(at=0, of_when=0) == entry.told[0]._replace(at=0, of_when=0)
    both = merged([("a", [entry]), ("b", [replace(entry, told=())])], 10)
    assert (both.entries[0].ends, both.entries[0].told) == (entry.ends, entry.told)
    older = {name: value for name, value in told.items() if name not in ("ends", "told")}
    assert not of_json(older).ends and not of_json(older).told
    for wrong in ({"ends": [{"when": "x"}]}, {"told": "x"}, {"told": [{"when": told["when"]}]}):
        with pytest.raises(ValueError, match="allowed"):
            of_json({**told, **wrong})


def test_erased_is_erased_here_too(file: Path) -> None:
    with writing(file) as journal:
        hear(journal, *missed("his"))
        hear(journal, *missed("anothers", OTHER))
        journal.told(word("his", "START"))
        journal.told(word("anothers", "START"))
        journal.erase(E164, 30)
    assert [entry.call for entry in calls(file)] == ["anothers"]
    assert calls(file, call="his") == []
    assert b"9235292926" not in all_octets(file) and b"4951234567" in all_octets(file)


def test_what_is_old_goes(file: Path) -> None:
    with freeze_time("2024-01-01"), writing(file) as journal:
        hear(journal, *missed("old"))
        journal.told(word("old", "START"))
    with writing(file) as journal:
        hear(journal, *missed("new"))
        until(lambda: file.exists() and calls(file, call="old") == [])
    assert uuids(file) == ["new"]


def as_version_3(file: Path) -> None:
    """What a service of the version before has left."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("DROP TABLE ends; DROP TABLE told; PRAGMA user_version = 3")


def test_a_file_of_the_version_before_is_read_and_goes_on(file: Path) -> None:
    with writing(file) as journal:
        journal.decided(decision("old"))
        hear(journal, *answered("old"))
    as_version_3(file)
    [old] = calls(file)
    assert (len(old.decisions), len(old.talks), old.ends, old.told) == (1, 1, (), ())
    assert calls(file, missed=True) == []
    with writing(file) as journal:
        hear(journal, *missed("new", OTHER))
        journal.told(word("new", "START"))
    assert {entry.call: (len(entry.ends), len(entry.told)) for entry in calls(file)} == {
        "old": (0, 0),
        "new": (1, 1),
    }
    assert isinstance(old, CallEntry)


def test_no_query_looks_at_all_rows(file: Path) -> None:
    from fs_1c.journal import ends

    with writing(file) as journal:
        hear(journal, *missed("call-1"))
    with closing(sqlite3.connect(file)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {ends._MISSED}", (10,))]
    assert not [step for step in plan if step.startswith("SCAN ends") and "INDEX" not in step], plan
    assert any("ends_missed" in step for step in plan), plan
