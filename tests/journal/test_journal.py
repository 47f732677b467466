"""The journal: what is told can be read again, by whoever may."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.call import Call, Caller, Conversation, Decision, Failure, Outcome, Result, ScreenPop
from fs_1c.journal.entries import CallEntry, DecisionEntry, PopEntry
from fs_1c.journal.reading import JournalError, calls
from fs_1c.journal.texts import MAX_TEXT
from fs_1c.journal.writer import journal_file
from fs_1c.numbers import Number
from fs_1c.settings import JournalSettings, build
from tests.journal.conftest import (
    E164,
    TITLE,
    all_octets,
    conversation,
    count,
    decision,
    reads,
    uuids,
    writing,
)
from tests.support import EXAMPLES, KEY, until

pytestmark = pytest.mark.usefixtures("quick")


def test_a_call_and_its_pop(file: Path) -> None:
    with freeze_time("2024-05-01 12:00:00", tick=False), writing(file) as journal:
        began = time.time()
        journal.decided(decision())
        journal.popped(replace(conversation(), age=0.5), ScreenPop(Outcome.ACCEPTED, 0.045))
    decided = DecisionEntry(
        at=began - 0.125,
        call="call-1",
        number=E164,
        asked_as="89235292926",
        destination="83832000000",
        base="",
        result="found",
        source="1c",
        error_kind="",
        error="",
        title=TITLE,
        category="VIP",
        manager="244",
        target="[progress_timeout=3,leg_timeout=20]user/244@pbx|user/100@pbx",
        took=0.125,
        onec_took=0.118,
    )
    popped = PopEntry(
        began - 0.045, "call-1", "call-1-244", E164, "244", "accepted", "", "", 0.045, 0.5, False, False
    )
    assert calls(file) == [CallEntry(began - 0.125, "call-1", E164, (decided,), (popped,))]
    assert calls(file)[0].pops[0].ringing is False
    assert calls(file, number=E164) == calls(file, call="call-1") == calls(file)
    assert calls(file, number="+70000000000") == calls(file, call="call-2") == calls(file, limit=0) == []


def test_a_lookup_without_an_answer(file: Path) -> None:
    late = Caller(
        Number(E164, E164), Result.LATE, "8", took=0.8, error=Failure("late", "no answer within 800 ms")
    )
    with writing(file) as journal:
        journal.decided(Decision(Call("call-1", E164), late, (), None))
    [told] = calls(file)[0].decisions
    assert (told.result, told.source, told.target, told.onec_took) == ("late", "none", None, None)
    assert (told.error_kind, told.error) == ("late", "no answer within 800 ms")


def test_a_pop_without_an_outcome_to_be_proud_of(file: Path) -> None:
    with writing(file) as journal:
        why = Failure("timeout", "no answer")
        ringing = replace(conversation(), ringing=True, outgoing=True)
        journal.popped(ringing, ScreenPop(Outcome.UNKNOWN, 2.0, why))
    [told] = calls(file)[0].pops
    assert (told.outcome, told.error_kind, told.error) == ("unknown", "timeout", "no answer")
    assert told.ringing is told.outgoing is True
    assert calls(file)[0].decisions == ()  # the listener alone has heard of it
    assert (calls(file)[0].number, calls(file)[0].at) == (E164, told.at)


def test_the_number_is_kept_as_it_can_be_found(file: Path) -> None:
    unknown = Caller(None, Result.SKIPPED, error=Failure("skipped", "an extension"))
    with writing(file) as journal:
        journal.popped(conversation("formatted"), ScreenPop(Outcome.ACCEPTED))
        journal.decided(Decision(Call("extension", "244"), unknown, (), None))
        journal.popped(replace(conversation("nobody"), number="anonymous"), ScreenPop(Outcome.SKIPPED))
    assert uuids(file, number=E164) == ["formatted"]
    assert uuids(file, number="244") == ["extension"]
    assert uuids(file, number="anonymous") == ["nobody"]


def test_who_withholds_his_number_is_not_in_the_journal(file: Path) -> None:
    withheld = Caller(None, Result.SKIPPED, error=Failure("skipped", "withheld"))
    with writing(file) as journal:
        journal.decided(Decision(Call("call-1", "89235292926", private=True), withheld, (), None))
    assert calls(file)[0].number == ""
    assert b"9235292926" not in all_octets(file)


def test_the_base_is_the_one_that_was_asked(file: Path) -> None:
    call = Call("call-1", "anonymous", base="a typing error")
    with writing(file) as journal:
        journal.decided(Decision(call, Caller(None, Result.SKIPPED, base="sales"), (), None))
    assert calls(file)[0].decisions[0].base == "sales"


def test_several_decisions_and_pops_of_one_call(file: Path) -> None:
    with freeze_time("2024-05-01") as clock, writing(file) as journal:
        for uuid in ("call-1", "call-2", "call-3"):
            journal.decided(decision(uuid))
            clock.tick(10)
        journal.popped(conversation("call-1", "244"), ScreenPop(Outcome.ACCEPTED))
        clock.tick(10)
        journal.popped(conversation("call-1", "245"), ScreenPop(Outcome.ACCEPTED))
        journal.decided(decision("call-1"))
    assert uuids(file) == ["call-3", "call-2", "call-1"]
    # Of the first call something was heard last.
    assert uuids(file, limit=1) == ["call-1"]
    assert uuids(file, limit=2) == uuids(file, limit=2, number=E164) == ["call-3", "call-1"]
    [first] = calls(file, call="call-1")
    assert [pop.extension for pop in first.pops] == ["244", "245"]
    assert len(first.decisions) == 2


@settings(max_examples=50 * EXAMPLES)
@given(texts=st.lists(st.text(st.characters(), max_size=MAX_TEXT + 20), min_size=9, max_size=9))
def test_any_text_in_any_field(texts: list[str]) -> None:
    def kept(text: str) -> str:
        return "".join("\ufffd" if c == "\0" or 0xD800 <= ord(c) < 0xE000 else c for c in text[:MAX_TEXT])

    uuid, number, destination, title, category, manager, target, kind, message = texts
    error = Failure(kind, message)
    caller = Caller(None, Result.FAILED, number, title, category, manager, error=error)
    call = Call(uuid, number, destination=destination, base=title)
    talk = Conversation(uuid, target, "anonymous", destination)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "journal.db"
        with writing(file) as journal:
            journal.decided(Decision(call, caller, (), target))
            journal.popped(talk, ScreenPop(Outcome.FAILED, error=error))
        [entry] = calls(file, call=uuid)
        assert calls(file) == calls(file, number=number) == [entry]
    [told] = entry.decisions
    assert (told.call, told.number, told.asked_as) == (kept(uuid), kept(number), kept(number))
    assert (told.destination, told.base, told.title) == (kept(destination), kept(title), kept(title))
    assert (told.category, told.manager, told.target) == (kept(category), kept(manager), kept(target))
    assert (told.error_kind, told.error) == (kept(kind), kept(message))
    [popped] = entry.pops
    assert (popped.call, popped.leg, popped.extension) == (kept(uuid), kept(target), kept(destination))
    assert (popped.error_kind, popped.error) == (kept(kind), kept(message))


def test_the_file_is_for_its_owner_and_his_group(file: Path) -> None:
    before = os.umask(0)
    try:
        with writing(file) as journal:
            journal.decided(decision())
            until(lambda: count(file) == 1)
            modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm"), 416)


def test_without_titles_no_name_is_kept(file: Path) -> None:
    with writing(file, JournalSettings(titles=False)) as journal:
        journal.decided(decision())
    assert calls(file)[0].decisions[0].title is None
    assert "Рога".encode() not in all_octets(file)
    assert b"VIP" in all_octets(file)


def test_no_key_is_kept(file: Path) -> None:
    with writing(file) as journal:
        journal.popped(conversation(), ScreenPop(Outcome.REJECTED, error=Failure("rejected", "no")))
    assert b"call-1-244" in all_octets(file)
    assert KEY.encode() not in all_octets(file)


def test_where_the_journal_stands(tmp_path: Path) -> None:
    def stands(**more: Any) -> Path | None:
        return journal_file(build({"onec": {"url": "http://1c.example/base"}, **more}))

    assert stands() is None
    assert stands(state={"folder": str(tmp_path)}) == tmp_path / "journal.db"
    assert stands(state={"folder": str(tmp_path)}, journal={"enabled": False}) is None


def test_no_journal_to_read(file: Path) -> None:
    with pytest.raises(JournalError, match=r"journal\.db: there is no journal yet$"):
        calls(file)
    file.touch()
    with pytest.raises(JournalError, match=r"journal\.db: there is nothing in it yet$"):
        calls(file)
    with pytest.raises(JournalError, match="cannot be read"):
        calls(file.parent)
    assert [path.name for path in file.parent.iterdir()] == ["journal.db"]


def test_a_name_that_means_something_in_an_uri(tmp_path: Path) -> None:
    file = tmp_path / "50% of #1?mode=rw" / "journal.db"
    with writing(file) as journal:
        journal.decided(decision())
        until(lambda: (file.parent / "journal.db-wal").exists() and reads(file) == ["call-1"])
    assert uuids(file) == ["call-1"]
