"""Claims: one winner per call and subscriber, among threads, processes and machines, living and dead; and
nobody who waits for long.
"""

from __future__ import annotations

import fcntl
import itertools
import logging
import multiprocessing
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fs_1c import redis_client as redis_client
from fs_1c.cards import claims, claims_file
from fs_1c.cards.claims import REDIS_WAIT, Claims
from fs_1c.cards.claims_file import CLAIM_SECONDS, FILE_WAIT, MAX_WAITING, SWEEP
from fs_1c.settings import RedisSettings, SettingsError
from tests.support import unhurried

if TYPE_CHECKING:
    from tests.directory.test_shared import Server

SOON = 10.0
"""Seconds that a test waits for what must happen."""
CALL = "6c3f1f4e-5a3c-4b0e-9a52-0d1f7e6f2a11"
PAIRS = [(f"call-{i}", "244") for i in range(500)]

Open = Callable[..., Claims]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "claims.db"


@pytest.fixture
def opened(caplog: pytest.LogCaptureFixture) -> Iterator[Open]:
    caplog.set_level(logging.INFO)
    all_of_them: list[Claims] = []

    def opened(file: Path | None = None, redis: RedisSettings | None = None) -> Claims:
        all_of_them.append(Claims(file, redis))
        return all_of_them[-1]

    yield opened
    for one in all_of_them:
        one.close(SOON)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of who wins: a busy machine is not a failure."""
    _be_patient(monkeypatch.setattr)


@pytest.fixture
def awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what fails: it may take its time to."""
    monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)


def _be_patient(put: Callable[[Any, str, float], None] = setattr) -> None:
    for where, wait in (
        (claims_file, "FILE_WAIT"),
        (claims, "REDIS_WAIT"),
        (claims_file, "BUSY_WAIT"),
        (claims_file, "BUSY_ASIDE"),
    ):
        put(where, wait, SOON)


def until(true: Callable[[], Any]) -> None:
    ends = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.005)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def written(file: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(file)
    try:
        return set(connection.execute("SELECT call, extension FROM claims"))
    finally:
        connection.close()


# Memory.


def test_without_file_and_redis_it_is_the_process_that_remembers(opened: Open) -> None:
    one = opened()
    assert one.claim(CALL, "244") and not one.claim(CALL, "244") and one.claim(CALL, "245")
    assert one.confirm(CALL, "244")
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


# The file.


def test_of_two_over_one_file_one_wins(opened: Open, file: Path, patient: None) -> None:
    one, other = opened(file), opened(file)
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda i: (one, other)[i % 2].confirm(*PAIRS[i // 2]), range(400)))
    assert [won[i] + won[i + 1] for i in range(0, 400, 2)] == [1] * 200
    assert written(file) == set(PAIRS[:200])


def test_asked_again_the_first_answer_stands_in_the_way(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    one = opened(file)
    assert [one.confirm(CALL, "244") for _ in range(3)] == [True, False, False]
    assert caplog.messages == [f"call={CALL} pop extension=244 is another's, says {file}"] * 2


def _race(folder: Path, together: Barrier, told: Any) -> None:
    _be_patient()
    one = Claims(folder / "claims.db")
    together.wait(30)
    won = [pair for pair in PAIRS if one.claim(*pair) and one.confirm(*pair)]
    one.close(SOON)
    for i in range(20):  # to make the file is a race as well
        one = Claims(folder / f"{i}.db")
        together.wait(30)
        won += [(str(i), "244")] * one.confirm(str(i), "244")
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
    _be_patient()
    one = Claims(file)
    while True:
        told.put(one.confirm(*asked.get()))


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
    assert not after.confirm(CALL, "244")
    assert after.confirm(CALL, "245")


def test_of_two_processes_one_wins_also_when_the_file_was_deleted(
    opened: Open, file: Path, patient: None, process: Any, caplog: pytest.LogCaptureFixture
) -> None:
    confirm, _ = process
    assert confirm(CALL)
    file.unlink()  # but what SQLite keeps beside it is still there, and in use
    one = opened(file)
    assert one.confirm("call-1", "244") and not confirm("call-1")
    assert confirm("call-2") and not one.confirm("call-2", "244")
    assert warnings(caplog) == []


@pytest.mark.parametrize("wrong", [CLAIM_SECONDS + 1, -CLAIM_SECONDS - 1], ids=["old", "from the future"])
def test_a_claim_in_the_file_ends_after_a_day(opened: Open, file: Path, patient: None, wrong: float) -> None:
    with freeze_time("2026-01-01") as clock:
        one = opened(file)
        assert one.confirm(CALL, "244")
        clock.tick(wrong - (1 if wrong > 0 else -1))
        assert not one.confirm(CALL, "244")
        clock.tick(1 if wrong > 0 else -1)
        assert one.confirm(CALL, "244")
        assert not one.confirm(CALL, "244")


def test_old_claims_leave_the_file_a_few_at_a_time(opened: Open, file: Path, patient: None) -> None:
    with freeze_time("2026-01-01") as clock:
        one = opened(file)
        for pair in PAIRS[:25]:
            assert one.confirm(*pair)
        clock.tick(CLAIM_SECONDS + 1)
        left = []
        for i in range(4):
            assert one.confirm("new", str(i))
            left.append(len(written(file)))
    assert left == [25 - SWEEP + 1, 25 - 2 * SWEEP + 2, 3, 4]


def test_the_file_is_not_for_everybody(opened: Open, file: Path, patient: None) -> None:
    before = os.umask(0)
    try:
        assert opened(file).confirm(CALL, "244")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in file.parent.glob("claims.db*")} == {0o640}


def test_a_mode_that_somebody_has_chosen_is_kept(opened: Open, file: Path, patient: None) -> None:
    file.touch()
    file.chmod(0o660)
    assert opened(file).confirm(CALL, "244")
    assert file.stat().st_mode & 0o777 == 0o660


# The file fails: the card opens, and two lines are in the log, however many claims there are.


def fails_and_comes_back(
    one: Claims, file: Path, mend: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> str:
    """What was said about the failure."""
    assert [one.confirm(*pair) for pair in PAIRS[:5]] == [True] * 5
    mend()
    assert one.confirm(CALL, "244")
    assert not one.confirm(CALL, "244")
    failed, back = warnings(caplog)
    assert back == f"claims: {file} is back"
    assert failed.startswith(f"claims: {file}: ") and failed.endswith("; going on without it")
    return failed.split(": ", 2)[2].removesuffix("; going on without it")


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_locked_file(
    opened: Open, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(claims_file, "FILE_WAIT", 3600.0)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute(f"PRAGMA journal_mode = {mode}")
    for command in claims_file._TABLE:
        other.execute(command)
    other.execute("BEGIN EXCLUSIVE")
    one = opened(file)
    assert one.confirm("the first waits", "244")
    monkeypatch.setattr(claims_file, "BUSY_WAIT", 3600.0)  # nobody waits any more
    said = fails_and_comes_back(one, file, lambda: other.execute("ROLLBACK"), caplog)
    other.close()
    assert said == "database is locked"


def test_a_missing_folder(
    opened: Open, tmp_path: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "not yet"
    said = fails_and_comes_back(opened(folder / "c.db"), folder / "c.db", folder.mkdir, caplog)
    assert said == "No such file or directory"


def test_a_folder_in_the_file_s_place(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    file.mkdir()
    said = fails_and_comes_back(opened(file), file, file.rmdir, caplog)
    assert said == "unable to open database file"


def test_a_pipe_in_the_file_s_place(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(file)
    assert fails_and_comes_back(opened(file), file, file.unlink, caplog)


def test_a_file_that_is_another_s(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE claims (call TEXT, sum REAL)")
    other.close()
    assert "at" in fails_and_comes_back(opened(file), file, file.unlink, caplog)


@pytest.fixture
def powerless() -> Iterator[None]:
    """Nobody who may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can get at, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_read_only_file(
    opened: Open, open_folder: Path, powerless: None, awaited: None, caplog: pytest.LogCaptureFixture
) -> None:
    file = open_folder / "claims.db"
    before = Claims(file)
    assert before.confirm("before", "244")
    before.close(SOON)
    file.chmod(0o440)
    said = fails_and_comes_back(opened(file), file, lambda: file.chmod(0o640), caplog)
    assert said == "read-only"


def test_a_full_disk(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def small(*given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **named)
        connection.execute("PRAGMA max_page_count = 8")
        return connection

    one = opened(file)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        i = 0
        while not warnings(caplog):
            i += 1
            assert i < 10_000 and one.confirm(f"before-{i}", "244")
        assert [one.confirm(*pair) for pair in PAIRS[:5]] == [True] * 5
    assert one.confirm(CALL, "244") and not one.confirm(CALL, "244") and not one.confirm("before-1", "244")
    assert warnings(caplog) == [
        f"claims: {file}: database or disk is full; going on without it",
        f"claims: {file} is back",
    ]


def _spoil_a_page(file: Path) -> None:
    one = Claims(file)
    for pair in PAIRS:
        one.confirm(*pair)
    one.close(SOON)
    octets = bytearray(file.read_bytes())
    octets[4096:] = b"\xa5" * (len(octets) - 4096)
    file.write_bytes(octets)


@pytest.mark.parametrize(
    "spoil",
    [lambda file: file.write_bytes(b"not a database at all " * 500), _spoil_a_page],
    ids=["no database", "spoilt pages"],
)
def test_a_corrupt_file_is_set_aside(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    spoil(file)
    spoilt = file.read_bytes()
    one = opened(file)
    assert one.confirm(CALL, "244") and not one.confirm(CALL, "244")
    assert not opened(file).confirm(CALL, "244")
    aside = file.with_name("claims.db.corrupt")
    assert aside.read_bytes() == spoilt
    (said,) = warnings(caplog)
    assert said.startswith(f"claims: {file}: ") and said.endswith(f"; set aside as {aside} and begun anew")


def test_whoever_has_a_file_open_that_was_set_aside_goes_on_with_the_new_one(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = opened(file), opened(file)
    assert one.confirm(*PAIRS[0]) and not other.confirm(*PAIRS[0])
    clean = sqlite3.connect(file)
    clean.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    clean.close()
    with file.open("r+b") as spoilt:
        spoilt.write(b"\xa5" * 4096)
    third = opened(file)
    for pair in PAIRS[1:20]:
        assert [each.confirm(*pair) for each in (third, one, other)] == [True, False, False]
    assert written(file) == set(PAIRS[1:20])
    assert len(warnings(caplog)) == 1 and file.with_name("claims.db.corrupt").exists()


def test_the_new_file_is_not_set_aside_by_another_who_had_met_the_old_one(
    opened: Open, file: Path, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(b"not a database at all " * 500)
    one, other, set_aside = opened(file), opened(file), claims_file.ClaimsFile._set_aside

    def late(self: claims_file.ClaimsFile, error: sqlite3.Error) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)
        assert other.confirm(*PAIRS[0])
        set_aside(self, error)

    monkeypatch.setattr(claims_file.ClaimsFile, "_set_aside", late)
    assert one.confirm(*PAIRS[1])
    assert written(file) == {PAIRS[0], PAIRS[1]}


def test_a_file_that_was_deleted_is_made_anew(
    opened: Open, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = opened(file), opened(file)
    assert one.confirm(*PAIRS[0]) and not other.confirm(*PAIRS[0])
    file.unlink()
    third = opened(file)
    for pair in PAIRS[:20]:
        assert [each.confirm(*pair) for each in (third, one, other)] == [True, False, False]
    assert warnings(caplog) == []


def test_a_disk_that_always_spoils_is_told_once(
    opened: Open, file: Path, awaited: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def spoiling(path: Path, *given: Any, **named: Any) -> sqlite3.Connection:
        path.write_bytes(b"\xa5" * 4096)
        connection: sqlite3.Connection = connect(path, *given, **named)
        return connection

    monkeypatch.setattr(sqlite3, "connect", spoiling)
    one = opened(file)
    assert [one.confirm(*pair) for pair in PAIRS[:5]] == [True] * 5
    aside, away = warnings(caplog)
    assert "begun anew" in aside and "going on without it" in away


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that hangs until the event is set."""
    goes_on = threading.Event()
    connect = sqlite3.connect

    def hang(*given: Any, **named: Any) -> sqlite3.Connection:
        goes_on.wait()
        connection: sqlite3.Connection = connect(*given, **named)
        return connection

    monkeypatch.setattr(sqlite3, "connect", hang)
    yield goes_on
    goes_on.set()


def test_a_hung_disk_is_waited_for_once(
    opened: Open,
    file: Path,
    hanging: threading.Event,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = opened(file)
    assert one.confirm(*PAIRS[0])
    monkeypatch.setattr(claims_file, "FILE_WAIT", 3600.0)  # nobody waits any more
    assert [one.confirm(*pair) for pair in PAIRS[1:5]] == [True] * 4
    assert [one.confirm("too many", str(i)) for i in range(MAX_WAITING)] == [True] * MAX_WAITING
    hanging.set()
    until(lambda: file.exists() and not one._file._hung)  # type: ignore[union-attr]
    assert one.confirm(CALL, "244") and not one.confirm(CALL, "244")
    # What was said meanwhile was written down, as far as there was room.
    assert [opened(file).confirm(*pair) for pair in PAIRS[:5]] == [False] * 5
    assert opened(file).confirm("too many", str(MAX_WAITING - 1))
    assert warnings(caplog) == [
        f"claims: {file}: no answer within 500 ms; going on without it",
        f"claims: {file} is back",
    ]


def test_who_opens_the_file_waits_for_another_who_does(
    opened: Open, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    one = opened(file)
    assert one.confirm(CALL, "244") and not file.exists()
    os.close(other)
    monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)
    until(lambda: not one.confirm(CALL, "244"))
    assert len(warnings(caplog)) == 2


def test_close_does_not_wait_for_a_hung_disk(file: Path, hanging: threading.Event) -> None:
    one = Claims(file)
    assert one.confirm(CALL, "244")
    one.close(0.05)
    assert one.confirm(CALL, "244")


def test_closed_it_waits_for_nothing(
    opened: Open, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_file, "FILE_WAIT", 3600.0)
    one = opened(file)
    assert one.confirm(CALL, "244")
    one.close(SOON)
    assert one.confirm(CALL, "244") and one.confirm(CALL, "245")
    assert warnings(caplog) == []


def test_closed_it_opens_nothing_and_close_may_be_called_twice(opened: Open, file: Path) -> None:
    one = opened(file)
    one.close(SOON)
    assert one.claim(CALL, "244") and one.confirm(CALL, "244")
    assert not file.exists()


def test_close_writes_down_what_waits(file: Path, patient: None) -> None:
    one = Claims(file)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda pair: one.confirm(*pair), PAIRS[:50]))
    one.close(SOON)
    assert written(file) == set(PAIRS[:50])
    assert [path.name for path in file.parent.iterdir()] == ["claims.db"]


def test_the_service_without_a_thread_for_it(
    opened: Open, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    one = opened(file)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        assert one.claim(CALL, "244") and one.confirm(CALL, "244")
    monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)
    assert one.confirm(CALL, "245")
    assert written(file) == {(CALL, "244"), (CALL, "245")}


# Any text.

anything = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.text("a:#-\0\n/'\"\ud800", max_size=4),
    st.integers(1, 100_000).map(lambda length: "x" * length),
    st.sampled_from([claims._word(""), claims._word("a:b"), "", "a:b", "+79235292926"]),
)


@given(st.lists(st.tuples(anything, anything), max_size=20))
@settings(unhurried, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_is_taken_for_another(folder_of_all: tuple[Claims, set[Any]], pairs: list[Any]) -> None:
    one, seen = folder_of_all
    for pair in pairs:
        first = pair not in seen
        seen.add(pair)
        assert one.claim(*pair) is first
        assert one.confirm(*pair) is first


@pytest.fixture
def folder_of_all(opened: Open, file: Path, patient: None) -> tuple[Claims, set[Any]]:
    return opened(file), set()


@given(anything, anything)
@settings(unhurried)
def test_what_is_kept_is_short_and_plain(call: str, extension: str) -> None:
    kept = claims._pair(call, extension)
    assert all(0 < len(word) <= 65 and word.isascii() and word.isprintable() for word in kept)
    assert not any(sign in word for word in kept for sign in ":+ ")


def test_a_real_call_can_be_read_in_the_file(opened: Open, file: Path, patient: None) -> None:
    assert opened(file).confirm(CALL, "244")
    assert written(file) == {(CALL, "244")}


# Redis.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    pytest.importorskip("redis", reason="the redis package is missing: pip install 'fs-1c[redis]'")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not on PATH")
    from tests.directory.test_shared import Server

    server = Server(tmp_path)
    yield server
    server.kill()


def at(server: Server, **given: Any) -> RedisSettings:
    return RedisSettings(**{"url": f"redis://127.0.0.1:{server.port}/0", "timeout": SOON, **given})


def test_of_two_machines_one_wins(opened: Open, server: Server, tmp_path: Path, patient: None) -> None:
    here = opened(tmp_path / "here.db", at(server))
    there = opened(tmp_path / "there.db", at(server))
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda i: (here, there)[i % 2].confirm(*PAIRS[i // 2]), range(400)))
    assert [won[i] + won[i + 1] for i in range(0, 400, 2)] == [1] * 200


def test_a_claim_in_redis_ends_after_a_day(opened: Open, server: Server, patient: None) -> None:
    assert opened(None, at(server, prefix="ours:")).confirm(CALL, "244")
    assert server.client.keys("*") == [f"ours:claim:{CALL}:244".encode()]
    assert CLAIM_SECONDS - 60 < server.client.ttl(f"ours:claim:{CALL}:244") <= CLAIM_SECONDS


def test_what_the_file_has_given_to_another_is_not_taken_in_redis(
    opened: Open, server: Server, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert opened(file).confirm(CALL, "244")
    assert not opened(file, at(server)).confirm(CALL, "244")
    assert server.client.keys("*") == []


def test_what_redis_has_given_to_another_is_his(
    opened: Open, server: Server, file: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert opened(None, at(server)).confirm(CALL, "244")
    assert not opened(file, at(server)).confirm(CALL, "244")
    assert caplog.messages[-1].endswith(f"another's, says Redis at 127.0.0.1:{server.port}")


def test_what_was_claimed_stays_so_when_its_machine_is_gone(
    opened: Open, server: Server, patient: None
) -> None:
    gone = Claims(None, at(server))
    assert gone.confirm(CALL, "244")
    gone.close(SOON)
    until(lambda: len(server.client.client_list()) == 1)  # that is the test's own
    assert not opened(None, at(server)).confirm(CALL, "244")


@pytest.mark.parametrize("how", ["hung", "dead"])
def test_without_redis_the_file_decides(
    opened: Open,
    server: Server,
    file: Path,
    how: str,
    awaited: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 3600.0)  # asked once, and nobody waits any more
    one = opened(file, at(server, timeout=3600.0))  # which a claim does not wait for
    if how == "hung":
        server.process.send_signal(signal.SIGSTOP)
    else:
        server.kill()
    assert [one.confirm(*pair) for pair in PAIRS[:20]] == [True] * 20
    assert [one.confirm(*pair) for pair in PAIRS[:20]] == [False] * 20
    (said,) = warnings(caplog)
    assert said.startswith(f"Redis at 127.0.0.1:{server.port} is away")


def test_redis_comes_back(
    opened: Open, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(redis_client, "MAX_PAUSE", 0.05)
    monkeypatch.setattr(claims, "REDIS_WAIT", 1.0)
    one = opened(None, at(server))
    server.kill()
    assert [one.confirm(CALL, "244") for _ in range(5)] == [True] * 5
    server.start()
    after = itertools.count()
    until(lambda: one.confirm(f"after-{next(after)}", "244") and server.client.keys("*"))
    assert one.confirm(CALL, "244") and not one.confirm(CALL, "244")
    assert [said.split(" (")[0].split()[-1] for said in warnings(caplog)] == ["away", "back"]


def test_what_is_no_claim_in_redis_does_not_stand_in_the_way(
    opened: Open, server: Server, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    server.client.lpush(f"fs-1c:claim:{CALL}:244", "a list")
    one = opened(None, at(server))
    assert one.confirm(CALL, "244") and not one.confirm(CALL, "244")
    assert warnings(caplog) == []


@pytest.mark.parametrize("lie", [None, b"OK", [], [1], 2, "1"], ids=repr)
def test_a_redis_that_lies(
    opened: Open,
    server: Server,
    patient: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    lie: Any,
) -> None:
    one = opened(None, at(server))
    with monkeypatch.context() as patch:
        patch.setattr(redis_client.BoundedRedis, "send", lambda *_: lie)
        assert [one.confirm(*pair) for pair in PAIRS[:5]] == [True] * 5
    assert one.confirm(CALL, "244") and not one.confirm(CALL, "244")
    where = f"claims: Redis at 127.0.0.1:{server.port}"
    assert warnings(caplog) == [
        f"{where}: a claim is answered with {type(lie).__name__}; going on without it",
        f"{where} is back",
    ]


def test_with_all_hung_the_card_opens(
    opened: Open, server: Server, file: Path, hanging: threading.Event
) -> None:
    server.process.send_signal(signal.SIGSTOP)
    one = opened(file, at(server, timeout=3600.0))
    assert one.claim(CALL, "244") and one.confirm(CALL, "244")
    assert FILE_WAIT + REDIS_WAIT < 1


def test_a_url_that_is_none_is_said_at_once() -> None:
    pytest.importorskip("redis")
    with pytest.raises(SettingsError, match=r"^redis\.url: "):
        Claims(None, RedisSettings(url="http://:s3cret@127.0.0.1"))
