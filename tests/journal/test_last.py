"""Who talked to a client last, as the journal has it: the right one, found by indexes, and never waited for
in vain twice.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from fs_1c.call import Began, CallEvent, Conversation, HungUp, LastTalk, Parted, TalksOutside
from fs_1c.journal import LastTalkers
from fs_1c.journal.last import talkers as module
from fs_1c.journal.last.rows import MOST_TALKS, QUERY, last_talk, plan_of
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Stories
from tests.journal.conftest import E164, writing
from tests.support import SOON

pytestmark = pytest.mark.usefixtures("quick")
AT = 1714564800.0  # 2024-05-01 12:00:00 UTC
DAY = 86400.0
NUMBER = "89235292926"


def hear(file: Path, *calls: list[CallEvent]) -> None:
    """Has calls written down, each event told at its time."""
    with freeze_time(moment(AT), tick=False) as clock, writing(file) as journal:
        for events in calls:
            stories = Stories()
            for event in events:
                clock.move_to(moment(getattr(event, "at")))  # noqa: B009
                journal.heard(event, stories.heard(event, "sw"))


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def call(uuid: str, *talks: tuple[str, float], at: float = AT, number: str = NUMBER) -> list[CallEvent]:
    """A call in which these talked, one after the other, each for so long."""
    events: list[CallEvent] = [Began(uuid, uuid, number, at=at)]
    now = at + 5
    for extension, seconds in talks:
        leg = f"{uuid}-{extension}"
        events.append(Conversation(uuid, leg, number, extension, at=now))
        now += seconds
        events.append(Parted(uuid, leg, now))
    return [*events, HungUp(uuid, now, "NORMAL_CLEARING")]


def last(file: Path, number: str = E164, at_least: float = 10.0) -> str | None:
    talk = last_talk(file, number, AT - 7 * DAY, AT + DAY, at_least)
    return talk.extension if talk else None


@pytest.mark.parametrize(
    ("calls", "extension"),
    [
        ([call("a", ("244", 60))], "244"),
        ([call("a", ("244", 60)), call("b", ("245", 60), at=AT + 100)], "245"),
        ([call("a", ("244", 60)), call("b", ("245", 9), at=AT + 100)], "244"),
        ([call("a", ("200", 20), ("244", 60))], "244"),
        ([call("a", ("244", 60), ("300", 3))], "244"),
        ([call("a", ("244", 3), ("300", 3))], None),
        ([call("a", ("244", 60), at=AT - 8 * DAY)], None),
        ([call("a", ("244", 60), at=AT - 6 * DAY)], "244"),
        ([call("a", ("244", 60), at=AT + 2 * DAY)], None),  # by another clock
        ([call("a", ("244", 60), number="84951234567")], None),
        ([call("a", ("244", 60)), call("b", ("ivanov", 60), at=AT + 100)], "244"),
        ([call("a", ("244", 60)), call("missed", at=AT + 100)], "244"),
        ([call("a", ("244", 60))[:-1]], None),  # they talk still
    ],
)
def test_who_it_is(file: Path, calls: list[list[CallEvent]], extension: str | None) -> None:
    hear(file, *calls)
    assert last(file) == extension


def test_whom_a_subscriber_has_called_and_who_talks_outside(file: Path) -> None:
    outgoing: list[CallEvent] = [
        Began("out", "out", NUMBER, at=AT, outgoing=True, extension="244"),
        Conversation("out", "out-244", NUMBER, "244", outgoing=True, at=AT + 5),
        HungUp("out", AT + 65),
    ]
    mobile: list[CallEvent] = [
        Began("mobile", "mobile", NUMBER, at=AT + 100),
        TalksOutside("mobile", "m", "+79990000000", AT + 101),
        HungUp("mobile", AT + 200),
    ]
    hear(file, outgoing, mobile)
    assert last(file) == "244"


def test_what_somebody_else_has_written_there_is_nobody(file: Path) -> None:
    hear(file, call("good", ("244", 60)))
    with closing(sqlite3.connect(file)) as connection:
        for i, (extension, at) in enumerate(
            [("${system}", AT + 1), ("", AT + 2), (b"\xff\x00", AT + 3), (None, AT + 4), ("245", "x")]
        ):
            insert = "INSERT INTO talks (at, call, number, extension) VALUES (?, ?, ?, ?)"
            connection.execute(insert, (at, f"c{i}", E164, extension))
            insert = "INSERT INTO ends (at, call, number, seconds) VALUES (?, ?, ?, 60)"
            connection.execute(insert, (AT + 100, f"c{i}", E164))
        connection.commit()
    assert last(file) in ("244", None)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DELETE FROM talks WHERE typeof(extension) = 'blob'")
        connection.commit()
    assert last(file) == "244"


def steps(file: Path, number: str) -> int:
    """How many steps SQLite's machine takes to find that."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with closing(sqlite3.connect(file)) as connection:
        connection.set_progress_handler(step, 1)
        connection.execute(QUERY, (number, AT - 7 * DAY, AT + DAY, 10.0)).fetchall()
    return taken


def many(file: Path, first: int, rows: int) -> None:
    """So many more calls, each of a client of its own, and as many of one who only ever talked for a second;
    all of them before `AT`.
    """
    with closing(sqlite3.connect(file)) as connection:
        for number, seconds, name in (("'+7' || n", 60, "other"), ("'+70000000000'", 1, "his")):
            counted = "WITH RECURSIVE i(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM i WHERE n < ?)"
            given = (first, first + rows - 1)
            connection.execute(
                f"{counted} INSERT INTO talks (at, call, number, extension) "
                f"SELECT {AT} - n, '{name}-' || n, {number}, '245' FROM i",
                given,
            )
            connection.execute(
                f"{counted} INSERT INTO ends (at, call, number, seconds, answered) "
                f"SELECT {AT} - n + {seconds}, '{name}-' || n, {number}, {seconds}, 1 FROM i",
                given,
            )
        connection.commit()


def test_neither_the_length_of_the_journal_nor_his_calls_make_it_longer(file: Path) -> None:
    hear(file, call("a", ("244", 60)))
    with closing(sqlite3.connect(file)) as connection:
        plan = plan_of(connection)
    assert not [line for line in plan if re.match("SCAN (talks|ends|later)", line)], plan
    for index in ("talks_by_number (number=? AND at>? AND at<?)", "(call=? AND at>?)"):
        assert any(index in line for line in plan), plan
    many(file, 1, 1000)
    few = {number: steps(file, number) for number in (E164, "+70000000000", "+7500", "+79")}
    many(file, 1001, 20_000)
    lots = {number: steps(file, number) for number in few}
    assert lots == few
    assert lots["+70000000000"] < 100 * MOST_TALKS
    assert last(file) == "244" and last(file, "+70000000000") is None and last(file, "+7500") == "245"


@contextmanager
def asking(file: Path, **given: Any) -> Iterator[LastTalkers]:
    made = LastTalkers(file, 7 * DAY, 10.0, NumberPlan(), **given)
    try:
        yield made
    finally:
        made.close()


def test_it_is_asked_by_a_thread_and_by_an_event_loop(file: Path) -> None:
    with freeze_time("2024-05-01 13:00:00", tick=True, real_asyncio=True), asking(file) as here:
        assert here.ask(E164).wait(SOON) is None, "there is no journal yet"
        hear(file, call("a", ("244", 60)))
        assert here.ask(E164).wait(SOON) == LastTalk("244", AT + 5)

        async def ask() -> LastTalk | None:
            return await here.ask(E164).wait_async(SOON)

        assert asyncio.run(ask()) == LastTalk("244", AT + 5)
        assert here.ask("+74951234567").wait(SOON) is None


def test_a_journal_that_hangs_is_waited_for_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, begun = threading.Event(), threading.Event()
    asked: list[str] = []

    def look(file: Path, number: str, *given: float) -> LastTalk | None:
        asked.append(number)
        begun.set()
        hangs.wait(SOON)
        return LastTalk("244", AT)

    monkeypatch.setattr(module, "last_talk", look)
    with asking(file) as here:
        first, at_once_with_it = here.ask("+1"), here.ask("+2")
        assert begun.wait(SOON)
        assert first.wait(0.01) is None
        for _ in range(100):
            asks = here.ask("+3")
            assert asks.told == () and asks.wait(SOON) is None, "nobody waits, whatever his deadline"
        hangs.set()
        assert at_once_with_it.wait(SOON) == LastTalk("244", AT)
        assert here.ask("+4").wait(SOON) == LastTalk("244", AT), "it is there again"
    assert asked == ["+1", "+2", "+4"]


@pytest.mark.parametrize("octets", [b"corrupt" * 1000, b""])
def test_a_journal_that_is_broken_is_said_once(
    file: Path, octets: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(octets)
    with freeze_time("2024-05-01 13:00:00", tick=True), asking(file) as here:
        for _ in range(3):
            assert here.ask(E164).wait(SOON) is None
        assert len(caplog.records) == (1 if octets else 0)
        file.unlink()
        hear(file, call("a", ("244", 60)))
        assert here.ask(E164).wait(SOON) == LastTalk("244", AT + 5)
    assert len(caplog.records) == (2 if octets else 0)


@pytest.mark.parametrize(
    ("version", "said"), [(1, "no such table"), (3, "no such table"), (99, "is of a newer version (99")]
)
def test_a_file_of_another_version_costs_that_knowledge_alone(
    file: Path, version: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An old one until the journal's own thread has made it new."""
    with closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE talks (at REAL, call TEXT, number TEXT, extension TEXT)")
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()
    with asking(file) as here:
        for _ in range(3):
            assert here.ask(E164).wait(SOON) is None
    assert [said in record.message for record in caplog.records] == [True]


def test_of_too_many_the_rest_is_not_asked_about(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(module, "last_talk", lambda *_: hangs.wait(SOON) and None)
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    with asking(file) as here:
        asked = [here.ask("+1") for _ in range(20)]
        assert sum(len(one.told) for one in asked) <= 6
        assert asked[-1].wait(SOON) is None
        hangs.set()


def test_without_a_thread_nobody_waits(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with asking(file) as here:
        monkeypatch.setattr(threading.Thread, "start", none)
        assert here.ask(E164).wait(SOON) is None
