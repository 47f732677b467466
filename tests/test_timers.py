"""One thread calls whatever is to be called later, and is not woken without need."""

from __future__ import annotations

import threading
from functools import partial

from fs_1c.timers import Timers
from tests.support import until


def test_what_is_due_sooner_is_called_first_whenever_it_was_set() -> None:
    timers, called, all_called = Timers(), list[str](), threading.Event()
    late = timers.after(60.0, lambda: called.append("late"))
    timers.after(0.05, all_called.set)
    timers.after(0.0, lambda: called.append("first"))
    assert all_called.wait(30)
    timers.cancel(late)
    assert called == ["first"]


def test_an_action_sets_another_that_is_due_before_all_others() -> None:
    timers, done = Timers(), threading.Event()
    timers.after(60.0, lambda: None)
    timers.after(0.0, partial(_set, timers, done))
    assert done.wait(30)


def _set(timers: Timers, done: threading.Event) -> None:
    timers.after(0.0, done.set)


def test_its_thread_sleeps_on_when_something_is_set_that_is_due_later() -> None:
    """Each request sets a timer: that must not cost all threads a moment."""
    timers, woken = Timers(), 0
    notify = timers._changed.notify

    def counts(n: int = 1) -> None:
        nonlocal woken
        woken += 1
        notify(n)

    timers._changed.notify = counts  # type: ignore[method-assign]
    sooner = timers.after(300.0, lambda: None)
    until(lambda: bool(getattr(timers._changed, "_waiters", None)))  # it has looked, and sleeps
    timers.cancel(sooner)
    before = woken
    for _ in range(100):
        with timers.within(600.0, lambda: None):
            pass
    assert woken == before
    done = threading.Event()
    timers.after(0.0, done.set)
    assert done.wait(30) and woken == before + 1
