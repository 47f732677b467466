"""Claims in a file: one winner among threads and processes, living and dead."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from fs_1c.cards.claims import Claims
from fs_1c.cards.claims_file import CLAIM_SECONDS, SWEEP
from tests.cards.conftest import CALL, PAIRS, Open, be_patient, warnings, written
from tests.support import SOON


def test_of_two_over_one_file_one_wins(opened: Open, file: Path, patient: None) -> None:
    one, other = opened(file), opened(file)
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda i: (one, other)[i % 2].confirm(*PAIRS[i // 2]).mine, range(400)))
    assert [won[i] + won[i + 1] for i in range(0, 400, 2)] == [1] * 200
    assert written(file) == set(PAIRS[:200])


def test_asked_again_the_first_answer_stands_in_the_way(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "fs_1c")
    one = opened(file)
    assert [one.confirm(CALL, "244").mine for _ in range(3)] == [True, False, False]
    assert caplog.messages == [f"call={CALL} pop extension=244 is another's, says {file}"] * 2


def _race(folder: Path, together: Barrier, told: Any) -> None:
    be_patient()
    one = Claims(folder / "claims.db")
    together.wait(30)
    won = [pair for pair in PAIRS if one.claim(*pair) and one.confirm(*pair).mine]
    one.close(SOON)
    for i in range(20):  # to make the file is a race as well
        one = Claims(folder / f"{i}.db")
        together.wait(30)
        won += [(str(i), "244")] * one.confirm(str(i), "244").mine
        one.close(SOON)
    told.put(won)


def test_of_two_processes_one_wins(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    together, told = spawn.Barrier(2), spawn.Queue()
    processes = [spawn.Process(target=_race, args=(tmp_path, together, told), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    won = [pair for _ in processes for pair in told.get(timeout=30)]
    for process in processes:
        process.join()
    assert sorted(won) == sorted([*PAIRS, *((str(i), "244") for i in range(20))])


def _confirm(file: Path, asked: Any, told: Any) -> None:
    be_patient()
    one = Claims(file)
    while True:
        told.put(one.confirm(*asked.get()).mine)


@pytest.fixture
def process(file: Path) -> Iterator[tuple[Callable[[str], bool], Callable[[], None]]]:
    """Another process: to confirm a call there, and to kill it."""
    spawn = multiprocessing.get_context("spawn")
    asked, told = spawn.Queue(), spawn.Queue()
    process = spawn.Process(target=_confirm, args=(file, asked, told), daemon=True)
    process.start()

    def confirm(call: str) -> bool:
        asked.put((call, "244"))
        return bool(told.get(timeout=30))

    def kill() -> None:
        process.kill()
        process.join()

    yield confirm, kill
    kill()


def test_what_the_killed_had_claimed_stays_claimed(
    opened: Open, file: Path, patient: None, process: Any
) -> None:
    confirm, kill = process
    assert confirm(CALL)
    kill()
    after = opened(file)
    assert after.claim(CALL, "244")
    assert not after.confirm(CALL, "244").mine
    assert after.confirm(CALL, "245").mine


def test_of_two_processes_one_wins_also_when_the_file_was_deleted(
    opened: Open, file: Path, patient: None, process: Any, caplog: pytest.LogCaptureFixture
) -> None:
    confirm, _ = process
    assert confirm(CALL)
    file.unlink()  # but what SQLite keeps beside it is still there, and in use
    one = opened(file)
    assert one.confirm("call-1", "244").mine and not confirm("call-1")
    assert confirm("call-2") and not one.confirm("call-2", "244").mine
    assert warnings(caplog) == []


@pytest.mark.parametrize("wrong", [CLAIM_SECONDS + 1, -CLAIM_SECONDS - 1], ids=["old", "from the future"])
def test_a_claim_in_the_file_ends_after_a_day(opened: Open, file: Path, patient: None, wrong: float) -> None:
    with freeze_time("2026-01-01") as clock:
        one = opened(file)
        assert one.confirm(CALL, "244").mine
        clock.tick(wrong - (1 if wrong > 0 else -1))
        assert not one.confirm(CALL, "244").mine
        clock.tick(1 if wrong > 0 else -1)
        assert one.confirm(CALL, "244").mine
        assert not one.confirm(CALL, "244").mine


def test_old_claims_leave_the_file_a_few_at_a_time(opened: Open, file: Path, patient: None) -> None:
    with freeze_time("2026-01-01") as clock:
        one = opened(file)
        for pair in PAIRS[:25]:
            assert one.confirm(*pair).mine
        clock.tick(CLAIM_SECONDS + 1)
        left = []
        for i in range(4):
            assert one.confirm("new", str(i)).mine
            left.append(len(written(file)))
    assert left == [25 - SWEEP + 1, 25 - 2 * SWEEP + 2, 3, 4]


def test_the_file_is_not_for_everybody(opened: Open, file: Path, patient: None) -> None:
    before = os.umask(0)
    try:
        assert opened(file).confirm(CALL, "244").mine
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in file.parent.glob("claims.db*")} == {0o640}


def test_a_mode_that_somebody_has_chosen_is_kept(opened: Open, file: Path, patient: None) -> None:
    file.touch()
    file.chmod(0o660)
    assert opened(file).confirm(CALL, "244").mine
    assert file.stat().st_mode & 0o777 == 0o660


def test_close_writes_down_what_waits(file: Path, patient: None) -> None:
    one = Claims(file)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda pair: one.confirm(*pair).mine, PAIRS[:50]))
    one.close(SOON)
    assert written(file) == set(PAIRS[:50])
    assert [path.name for path in file.parent.iterdir()] == ["claims.db"]


def test_a_real_call_can_be_read_in_the_file(opened: Open, file: Path, patient: None) -> None:
    assert opened(file).confirm(CALL, "244").mine
    assert written(file) == {(CALL, "244")}
