"""Claims: one winner per call and subscriber. In the memory of the process, whatever the names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fs_1c.cards import claims
from fs_1c.cards.claims import Claims
from fs_1c.cards.claims_file import CLAIM_SECONDS
from tests.cards.conftest import CALL, PAIRS, Open, warnings
from tests.support import SOON, until


def test_without_file_and_redis_it_is_the_process_that_remembers(opened: Open) -> None:
    one = opened()
    assert one.claim(CALL, "244") and not one.claim(CALL, "244") and one.claim(CALL, "245")
    assert one.confirm(CALL, "244").mine
    assert opened().claim(CALL, "244")


def test_a_claim_in_memory_ends_after_a_day(opened: Open) -> None:
    with freeze_time("2026-01-01") as clock:
        one = opened()
        assert one.claim(CALL, "244")
        clock.tick(CLAIM_SECONDS - 1)
        assert not one.claim(CALL, "244")
        clock.tick(2)
        assert one.claim(CALL, "244")


def test_to_claim_opens_the_file_and_to_be_made_does_not(opened: Open, file: Path) -> None:
    one = opened(file)
    assert not file.exists()
    assert one.claim(CALL, "244")
    until(file.exists)


def test_to_claim_waits_for_no_file(
    opened: Open, file: Path, hanging: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    one = opened(file)
    assert [one.claim(*pair) for pair in PAIRS] == [True] * len(PAIRS)
    hanging.set()
    assert warnings(caplog) == []


def test_closed_it_opens_nothing_and_close_may_be_called_twice(opened: Open, file: Path) -> None:
    one = opened(file)
    one.close(SOON)
    assert one.claim(CALL, "244") and one.confirm(CALL, "244").mine
    assert not file.exists()


anything = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.text("a:#-\0\n/'\"\ud800", max_size=4),
    st.integers(1, 100_000).map(lambda length: "x" * length),
    st.sampled_from([claims._word(""), claims._word("a:b"), "", "a:b", "+79235292926"]),
)


@given(st.lists(st.tuples(anything, anything), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_taken_for_another(folder_of_all: tuple[Claims, set[Any]], pairs: list[Any]) -> None:
    one, seen = folder_of_all
    for pair in pairs:
        first = pair not in seen
        seen.add(pair)
        assert one.claim(*pair) is first
        assert one.confirm(*pair).mine is first


@pytest.fixture
def folder_of_all(opened: Open, file: Path, patient: None) -> tuple[Claims, set[Any]]:
    return opened(file), set()


@given(anything, anything)
def test_what_is_kept_is_short_and_plain(call: str, extension: str) -> None:
    kept = claims._pair(call, extension)
    assert all(0 < len(word) <= 65 and word.isascii() and word.isprintable() for word in kept)
    assert not any(sign in word for word in kept for sign in ":+ ")
