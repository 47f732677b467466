"""What becomes of a word that was sent, and how a base that is down is left alone."""

from __future__ import annotations

import pytest

from fs_1c.history.pace import LONGEST_PAUSE, MAX_TRIES, Became, Fate, Pace, became, pause
from fs_1c.onec import OneCError, Reached

NO, MAYBE, YES = Reached.NO, Reached.MAYBE, Reached.YES


def error(kind: str, reached: Reached, base_down: bool = False, passing: bool = False) -> OneCError:
    return OneCError(kind, "", reached, base_down, passing)


DOWN = error("unreachable", NO, True, True)
HUNG = error("timeout", MAYBE, True)
FAULT = error("fault", YES)


@pytest.mark.parametrize(
    ("failed", "tries", "once", "fate"),
    [
        (None, 0, True, Fate.TOLD),
        (DOWN, 50, True, Fate.AGAIN),
        (DOWN, 50, False, Fate.AGAIN),
        (HUNG, 0, True, Fate.UNKNOWN),
        (HUNG, 50, False, Fate.AGAIN),
        (FAULT, 0, True, Fate.REFUSED),  # some of 1C's code has run
        (FAULT, 0, False, Fate.AGAIN),
        (FAULT, MAX_TRIES - 1, False, Fate.REFUSED),
        (error("parameter", NO), 0, True, Fate.AGAIN),
        (error("parameter", NO), MAX_TRIES - 1, True, Fate.REFUSED),
        (error("throttled", NO, passing=True), 50, True, Fate.AGAIN),
        (error("odd", MAYBE), 50, False, Fate.AGAIN),
        (error("busy", NO), 50, True, Fate.AGAIN),
    ],
)
def test_what_becomes_of_a_word(failed: OneCError | None, tries: int, once: bool, fate: Fate) -> None:
    assert became(failed, tries, once=once).fate is fate


def test_our_own_full_queue_counts_as_nothing() -> None:
    assert became(error("busy", NO), 2, once=False) == Became(Fate.AGAIN, pause(1), 2)


def test_pauses_grow_to_a_minute() -> None:
    assert [pause(n) for n in (1, 2, 3, 6)] == [1.0, 2.0, 4.0, 32.0]
    assert pause(7) == pause(10_000) == LONGEST_PAUSE


def test_one_session_of_several_stays_free() -> None:
    pace = Pace()
    assert [pace.room(sessions, 0) for sessions in (1, 2, 4)] == [2, 2, 4]  # one of them waits at the pool
    assert pace.room(4, 3) == 1
    assert pace.room(4, 4) == pace.room(4, 5) == 0


def test_a_base_that_is_down_is_asked_about_nobody_and_then_one_word_tries() -> None:
    pace = Pace()
    pace.ended(DOWN, 100.0)
    assert pace.room(4, 0) == 0
    assert not pace.asks(100.9)
    assert pace.asks(101.0)
    pace.probing = True
    assert not pace.asks(101.0)
    pace.probed(DOWN, 101.0)
    assert not pace.asks(102.9)
    assert pace.asks(103.0)
    pace.probed(None, 103.0)
    assert not pace.asks(200.0)
    assert (pace.room(4, 0), pace.room(4, 1)) == (1, 0)
    pace.ended(None, 103.1)
    assert pace.room(4, 0) == 4


def test_a_base_that_answers_when_asked_about_nobody_and_takes_no_word_is_left_alone_for_longer() -> None:
    pace, now = Pace(), 0.0
    pauses = []
    for _ in range(10):
        pace.ended(DOWN, now)
        pauses.append(pace.until - now)
        now = pace.until
        pace.probed(None, now)
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE


def test_words_that_had_left_together_count_once() -> None:
    pace = Pace()
    for _ in range(3):
        pace.ended(HUNG, 10.0)
    assert pace.failures == 1


def test_a_word_of_which_a_base_dies_lets_others_go_before_it() -> None:
    pauses = [became(HUNG, tries, once=False).pause for tries in range(4)]
    assert pauses == [0.0, 0.0, 1.0, 2.0]


def test_a_base_that_takes_nothing_is_told_nothing() -> None:
    pace = Pace()
    pace.ended(error("no-history", NO), 1.0)
    assert pace.silent and pace.room(4, 0) == 0 and not pace.asks(1e9)


def test_whoever_answers_badly_is_there() -> None:
    pace = Pace()
    pace.ended(DOWN, 0.0)
    pace.probed(FAULT, 1.0)
    pace.ended(FAULT, 1.1)
    assert pace.room(4, 0) == 4
