"""The outbox over crashes at each point: what is written down is told in order, and nothing harmful twice."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections import defaultdict
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fs_1c.history import kept
from fs_1c.history.changes import Changes, Key
from fs_1c.history.kept import Word
from fs_1c.history.outbox import Outbox
from fs_1c.history.pace import Became, Fate
from fs_1c.sqlite_file import SqliteFile
from tests.support import EXAMPLES

CALLS = [f"call-{i}" for i in range(4)]


class Killed(BaseException):
    """The process dies here."""


def word(call: str, number: int, once: bool) -> Word:
    return Word(
        0, "base", call, f"{number}", "", False, once, "1", "2", False, 0, 0, 0, False, "", time.time()
    )


class Machine(RuleBasedStateMachine):
    """1C, and a service that dies."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.told: dict[str, list[int]] = defaultdict(list)
        self.once: set[tuple[str, int]] = set()
        self.written: dict[str, list[int]] = defaultdict(list)  # what must reach 1C
        self.unknown: set[tuple[str, int]] = set()
        self.numbers = 0
        self.dies = ""
        self.start()

    def start(self) -> None:
        self.flying: list[Word] = []
        self.marked: list[Word] = []  # of these, that may have left
        self.outbox = Outbox(Path(self.folder.name) / "history.db", self)

    def teardown(self) -> None:
        """All is well at last."""
        self.dies = ""
        for _ in range(1000):
            self.turn()
            if not self.flying:
                break
            for one in list(self.flying):
                self.leaves(one)
                self.arrives(one)
                self.ends(one, Fate.TOLD)
        assert not self.flying
        self.check()
        for call, numbers in self.written.items():
            lacks = [n for n in numbers if n not in self.told[call] and (call, n) not in self.unknown]
            assert not lacks, (call, lacks)
        self.crash()
        self.folder.cleanup()

    # What the outbox asks of who sends.

    def found(self, stories: list[tuple[str, str]], unknown: list[Word]) -> None:
        self.unknown |= {(one.call, int(one.state)) for one in unknown}

    def choose(self, connection: sqlite3.Connection, flying: set[Key]) -> tuple[list[Word], float]:
        if self.dies == "before the end of the transaction":
            raise Killed
        room = 3 - len(flying)
        return kept.next_words(
            connection, "base", time.monotonic() + 1e6, room, {call for _, call in flying}
        ), 0

    def send(self, one: Word) -> None:
        if self.dies == "before it is sent":
            raise Killed
        self.flying.append(one)
        if self.dies == "when one of them is sent":
            raise Killed

    # What happens.

    def turn(self, *changes: Changes) -> None:
        """One turn of the thread, in which it may die."""

        def all_of_it(into: Changes) -> None:
            for one in changes:
                into.words += one.words
                into.ended += one.ended
                into.leaving += one.leaving

        try:
            self.outbox._turn([all_of_it])
        except Killed:
            self.crash()
            self.start()
            return
        for one in changes:
            for told in one.words:
                self.written[told.call].append(int(told.state))

    def crash(self) -> None:
        for one in self.marked:
            if self.dies_after_arrival:
                self.arrives(one)
        if self.outbox._place._file:
            self.outbox._place._file.close()
        if self.outbox._place._lock is not None:
            os.close(self.outbox._place._lock)

    dies_after_arrival = False

    def arrives(self, one: Word) -> None:
        self.told[one.call].append(int(one.state))

    def leaves(self, one: Word) -> bool:
        """Whether its octets may leave; the process may die in this."""
        if one in self.marked:
            return True
        if (one.call, int(one.state)) in self.once:
            marked: Future[bool] = Future()
            self.turn(Changes(leaving=[(one, marked)]))
            if not marked.done():
                return False  # it has died
            assert marked.result()
        self.marked.append(one)
        return True

    def ends(self, one: Word, fate: Fate) -> None:
        self.flying.remove(one)
        if one in self.marked:
            self.marked.remove(one)
        in_memory = self.outbox.flying.pop((one.base, one.call))
        tries = one.tries + 1 if fate is Fate.AGAIN else 0
        if fate is Fate.UNKNOWN:
            self.unknown.add((one.call, int(one.state)))
        self.turn(Changes(ended=[(one, Became(fate, 0.0, tries), "", in_memory)]))

    @rule(call=st.sampled_from(CALLS), once=st.lists(st.booleans(), min_size=1, max_size=4))
    def happens(self, call: str, once: list[bool]) -> None:
        changes = Changes()
        for harmful in once:
            self.numbers += 1
            changes.words.append(word(call, self.numbers, harmful))
            if harmful:
                self.once.add((call, self.numbers))
        self.turn(changes)

    @rule()
    def time_passes(self) -> None:
        self.turn()

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def one_leaves(self, data: st.DataObject) -> None:
        self.leaves(data.draw(st.sampled_from(self.flying)))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), how=st.sampled_from(["told", "lost", "unanswered"]))
    def one_ends(self, data: st.DataObject, how: str) -> None:
        one = data.draw(st.sampled_from(self.flying))
        self.dies = data.draw(st.sampled_from(["", "", "before the end of the transaction"]))
        left = self.leaves(one)
        self.dies = ""
        if not left:
            return
        harmful = (one.call, int(one.state)) in self.once
        if how != "lost":
            self.arrives(one)
        if how == "told":
            self.ends(one, Fate.TOLD)
        else:
            self.ends(one, Fate.UNKNOWN if how == "unanswered" and harmful else Fate.AGAIN)

    @rule(
        at=st.sampled_from(
            ["before the end of the transaction", "before it is sent", "when one of them is sent"]
        ),
        arrived=st.booleans(),
        call=st.sampled_from(CALLS),
    )
    def dies_in_a_turn(self, at: str, arrived: bool, call: str) -> None:
        self.dies, self.dies_after_arrival = at, arrived
        self.happens(call, [True, False])
        self.dies = ""
        self.dies_after_arrival = False

    @rule(arrived=st.booleans())
    def dies_between(self, arrived: bool) -> None:
        self.dies_after_arrival = arrived
        self.crash()
        self.dies_after_arrival = False
        self.start()

    @invariant()
    def check(self) -> None:
        for call, told in self.told.items():
            first = list(dict.fromkeys(told))
            assert first == sorted(first), (call, told)
            for number in first:
                if (call, number) in self.once:
                    assert told.count(number) == 1, (call, number, told)


Machine.TestCase.settings = settings(
    max_examples=30 * EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestOutbox = Machine.TestCase


def test_no_question_looks_at_all_words(tmp_path: Path) -> None:
    """However many wait, what is asked at each turn is found by an index."""
    connection = SqliteFile(tmp_path / "history.db", lambda _: kept.SCHEMA, 1, "history").open()
    for question in (
        "SELECT call FROM calls WHERE base = 'b' AND next_at = 0 ORDER BY first LIMIT 3",
        "UPDATE calls SET next_at = 0 WHERE base = 'b' AND next_at > 0 AND next_at <= 5",
        "SELECT next_at FROM calls WHERE base = 'b' AND next_at > 0 AND next_at < 9 ORDER BY next_at LIMIT 1",
        "SELECT * FROM words WHERE base = 'b' AND call = 'c' ORDER BY id LIMIT 1",
        "SELECT * FROM words WHERE leaving",
        "SELECT * FROM words WHERE made < 5 ORDER BY made LIMIT 1000",
        "DELETE FROM words WHERE id = 1",
    ):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}")]
        assert len(plan) == 1 and not plan[0].startswith("SCAN calls"), (question, plan)
        assert "USING" in plan[0] and "TEMP B-TREE" not in plan[0], (question, plan)
    connection.close()


@pytest.mark.parametrize("keep_for", [3600.0, 7 * 86400.0])
def test_what_was_said_is_known_for_as_long_as_words_may_wait(keep_for: float) -> None:
    """And for a day at the least, for a call that is told anew after a restart."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in kept.SCHEMA:
        connection.execute(statement)
    ((place, end),) = kept.put(connection, [word("call-1", 1, True)])
    kept.over(connection, replace(end, id=place))
    for passed, known in ((max(keep_for, 86400.0) - 60, True), (max(keep_for, 86400.0) + 60, False)):
        kept.prune(connection, time.time() + passed, keep_for, set())
        assert (kept.put(connection, [end]) == []) is known
