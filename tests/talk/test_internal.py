"""Calls of one subscriber to another: told only if that is wanted, and no client's story is another by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp, TalksInside
from fs_1c.history.stories import as_json, of_json
from fs_1c.history.tables import Policy, Table, itoolabs, mobilon, register
from fs_1c.journal.writer import Journal
from fs_1c.numbers import NumberPlan
from fs_1c.settings import JournalSettings
from fs_1c.talk import Conversations, Stories, Story
from tests.talk.test_story import TOLD, feed_of, shown

PLAN = NumberPlan()
Said = Callable[[CallEvent, Story], None]


def stories_of(name: str, heard: Said = lambda event, story: None, *, internal: bool = True) -> list[Story]:
    """As test_story has them; None may be left behind."""
    conversations, stories = Conversations(PLAN, internal=lambda: internal), Stories()
    last: dict[str, Story] = {}
    for event in feed_of(name):
        for told in conversations.feed(event):
            if (story := stories.heard(told)) is not None:
                heard(told, story)
                last[story.call_uuid] = story
    assert not len(stories) and not stories._call_of, name
    return list(last.values())


def test_one_subscriber_calls_another() -> None:
    assert stories_of("inbound_internal", internal=False) == []
    [story] = stories_of("inbound_internal")
    assert story.internal and not story.outgoing and not story.unanswered
    assert shown(story).split()[:2] == [story.number, "in"]
    assert PLAN.extension_digits >= len(story.number) and story.number not in story.talked
    assert story.rang == story.talked and len(story.talked) == 1 and story.seconds > 0
    assert story.began <= story.rings[0].at <= story.talks[0].at <= (story.ended or 0)


@pytest.mark.parametrize("name", TOLD)
def test_the_clients_calls_are_the_same_with_it(name: str) -> None:
    """A consultation before a transfer is a call of its own; it takes nothing away from the client's."""
    found = stories_of(name)
    assert "; ".join(shown(story) for story in found if not story.internal) == TOLD[name]
    for story in found:
        assert story.ended is not None


def said(name: str, table: Table) -> str:
    words: list[str] = []
    before: dict[str, Story] = {}

    def heard(event: CallEvent, story: Story) -> None:
        if story.internal:
            told = table(before.get(story.call_uuid), event, story, Policy(), "")
            words.extend(f"{one.state} {one.extension}" for one in told)
            before[story.call_uuid] = story

    stories_of(name, heard)
    return "; ".join(words)


def test_what_each_base_is_told_of_it() -> None:
    [story] = stories_of("inbound_internal")
    who = story.talked[0]
    whole = f"START {story.destination}; ANSWER {who}; HANGUP {who}; END {who}"
    assert said("inbound_internal", mobilon) == whole
    assert said("inbound_internal", register).endswith(f"ANSWER {who}; END {who}")
    assert said("inbound_internal", itoolabs) == ""  # an extension is no telephone number there


def test_it_is_kept_over_a_restart() -> None:
    [story] = stories_of("inbound_internal")
    assert of_json(as_json(story)) == story
    old = as_json(Story("c", "1")).replace(", false], []", "], []")
    assert old != as_json(Story("c", "1")) and of_json(old) == Story("c", "1")


CALLS = Began("a", "a", "243", "244", at=1.0, internal=True)
TALKS = TalksInside("a", "b", "244", at=3.0)


def told(*events: CallEvent) -> list[Story | None]:
    stories = Stories()
    return [stories.heard(event) for event in events]


def test_who_was_transferred_to_somebody_outside_has_done_with_the_first() -> None:
    """Else the call between the two would never end: the leg of who has called goes on."""
    stories = Stories()
    for event in (CALLS, TalksInside("a", "b", "244", ringing=True, at=2.0), TALKS):
        stories.heard(event)
    over = stories.heard(HungUp("b", 9.0))
    assert over is not None and over.ended == 9.0 and over.seconds == 6.0
    stories.heard(Began("c", "c", "89235292926", outgoing=True, extension="243", asked_by="a", at=10.0))
    talk = stories.heard(Conversation("c", "a", "89235292926", "243", outgoing=True, at=11.0))
    assert talk is not None and not talk.internal
    ended = stories.heard(HungUp("c", 20.0))
    assert ended is not None and ended.ended == 20.0
    assert len(stories) == 0


def test_who_goes_on_to_a_trunk_because_nobody_answers_leaves_no_story_behind() -> None:
    stories = Stories()
    for event in (
        CALLS,
        TalksInside("a", "b", "244", ringing=True, at=2.0),
        HungUp("b", 9.0, "NO_ANSWER"),
        Began("c", "c", "89235292926", outgoing=True, extension="243", asked_by="a", at=10.0),
    ):
        stories.heard(event)
    ended = [stories.heard(HungUp("c", 20.0)), stories.heard(HungUp("a", 21.0))]
    assert [story.internal for story in ended if story and story.ended] == [False, True]
    assert len(stories) == 0 and not stories._call_of


def test_nobody_answered() -> None:
    *_, over = told(CALLS, TalksInside("a", "b", "244", ringing=True, at=2.0), HungUp("a", 9.0))
    assert over is not None and over.unanswered and over.rang == ("244",)


def test_the_journal_is_about_clients(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", JournalSettings(), PLAN)
    stories = Stories()
    for event in (CALLS, TALKS, HungUp("a", 9.0)):
        journal.heard(event, stories.heard(event))
    journal.close()
    assert not (tmp_path / "journal.db").exists()
