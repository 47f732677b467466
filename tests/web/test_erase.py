"""`fs-1c erase`: of one client nothing is left, in the service, in Redis, in the journal's files; and who
could not be told is said.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Conversation, Outcome, ScreenPop
from fs_1c.integration import Integration
from fs_1c.journal import calls
from fs_1c.journal import writer as writer_module
from fs_1c.numbers import Number
from fs_1c.simulator.onec import Client
from tests.journal.conftest import all_octets, decision, uuids, writing
from tests.processes import free_port, fs_1c, serving, wait_for
from tests.redis_server import RedisServer, needs_redis, redis_server
from tests.support import until
from tests.web.http_client import HTTP, SHOWN, TOKEN, ask
from tests.web.http_client import journal as journal_of
from tests.world import CLIENT, onec_simulator, settings_for, world

HIS, ANOTHERS = "+79235292926", "+74951234567"
NAME, ANOTHERS_NAME = "Фэйковый чиж", "Рога"
ERASED = "erased: 3 calls, 3 cards, 3 conversations, 0 remembered answers, 0 words that 1C was to be told\n"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def seen_of(number: str, name: str) -> list[bytes]:
    """What must not be found of him in any file."""
    return [number[1:].encode(), number[2:].encode(), name.encode()]


def fill(file: Path, rows: int = 400) -> None:
    """Calls of two clients, in turns, so that pages of both are split."""
    with writing(file) as journal:
        for i in range(rows):
            his = i % 2 == 0
            e164, name, asked = (HIS, NAME, CLIENT) if his else (ANOTHERS, ANOTHERS_NAME, "84951234567")
            made = decision(f"call-{i}", asked)
            caller = replace(made.caller, number=Number(e164, asked), asked_as=asked, title=name)
            journal.decided(replace(made, caller=caller))
            number = "8 923 529-29-26" if his else ANOTHERS
            told = Conversation(f"call-{i}", f"leg-{i}", number, "244")
            journal.heard(told, None)
            journal.popped(told, ScreenPop(Outcome.ACCEPTED, took=0.1))


def test_nothing_of_him_is_left_in_the_file(state: Path) -> None:
    file = state / "journal.db"
    fill(file)
    before = all_octets(file)
    assert all(text in before for text in seen_of(HIS, NAME))
    with writing(file) as journal:
        erased = journal.erase(HIS, 30)
        assert erased == (200, 200, 200, "", ())
        for text in seen_of(HIS, NAME):
            assert text not in all_octets(file)  # with the write-ahead log, while it is open
        journal.decided(decision("again"))
    after = all_octets(file)
    assert all(text in after for text in seen_of(ANOTHERS, ANOTHERS_NAME))
    assert len(uuids(file, number=ANOTHERS, limit=1000)) == 200
    assert uuids(file, number=HIS) == ["again"]  # what comes afterwards is kept


def test_rows_that_went_by_age_leave_nothing_either(state: Path) -> None:
    """They were deleted, but not overwritten: their octets lie in free pages."""
    file = state / "journal.db"
    fill(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        for table in ("calls", "pops", "talks"):
            connection.execute(f"DELETE FROM {table}")
    assert NAME.encode() in all_octets(file)
    with writing(file) as journal:
        assert journal.erase(HIS, 30) == (0, 0, 0, "", ())
    assert not any(text in all_octets(file) for text in seen_of(HIS, NAME))


def test_his_calls_go_with_all_that_is_told_of_them(state: Path) -> None:
    """A row that could not be read then, one without a number, one of another number in the same call."""
    file = state / "journal.db"
    fill(file, 4)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE calls SET number = '' WHERE call = 'call-0'")
        connection.execute("UPDATE pops SET number = '8 (923) 529 29 26' WHERE call = 'call-2'")
        connection.execute(
            "INSERT INTO talks (at, call, number) VALUES (unixepoch(), 'call-2', '+79990000000')"
        )
        connection.execute("INSERT INTO talks (at, call, number) VALUES (unixepoch(), '', '+79990000001')")
        connection.execute("INSERT INTO talks (at, call, number) VALUES (unixepoch(), '', ?)", (HIS,))
    with writing(file) as journal:
        assert journal.erase(HIS, 30) == (2, 2, 4, "", ())
    assert sorted(uuids(file)) == ["", "call-1", "call-3"]


def test_rows_that_still_wait_for_the_disk_go_as_well(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "GATHER", 0.0)
    file = state / "journal.db"
    with writing(file) as journal:
        for i in range(3000):
            journal.decided(decision(f"call-{i}"))
        assert journal.erase(HIS, 30).calls == 3000
    assert not uuids(file)


def test_a_reader_keeps_the_log_from_being_emptied_and_that_is_said(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs_1c.sqlite_file.file.BUSY", 0.05)
    file = state / "journal.db"
    fill(file, 10)
    with writing(file) as journal:
        with closing(sqlite3.connect(file, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM calls").fetchone()
            assert "somebody reads" in journal.erase(HIS, 30).left
        assert journal.erase(HIS, 30) == (0, 0, 0, "", ())
        assert not any(text in all_octets(file) for text in seen_of(HIS, NAME))


def test_what_was_set_aside_is_said(state: Path) -> None:
    file = state / "journal.db"
    fill(file, 2)
    (state / "journal.db.broken-2026-11-01").write_bytes(b"x")
    with writing(file) as journal:
        erased = journal.erase(HIS, 30)
    assert erased.calls == 1 and "delete" in erased.left and "broken-" in erased.left


def test_a_journal_of_a_newer_version_is_left_alone_and_said(state: Path) -> None:
    file = state / "journal.db"
    fill(file, 2)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    settings = settings_for("http://127.0.0.1:9/ws", state={"folder": str(state)})
    for _ in range(20):  # whether the writer has met the file by then or not
        with Integration(settings) as integration:
            erased = integration.erase(CLIENT)
        assert (erased.calls, erased.left) == (0, ("journal: no journal is kept; the log says why",))


def test_no_journal_is_made_to_erase_from(state: Path) -> None:
    with Integration(settings_for("http://127.0.0.1:9/ws", state={"folder": str(state)})) as integration:
        assert integration.erase(CLIENT).left == ()
        for nobody in ("", " ", "anonymous", "+"):
            with pytest.raises(ValueError, match="no number"):
                integration.erase(nobody)
    assert list(state.iterdir()) == []


# The running service.


def test_the_running_service_erases_what_it_remembers_and_what_it_wrote(state: Path) -> None:
    async def scenario() -> None:
        async with world(http=HTTP, state={"folder": str(state)}) as here:
            await here.switch.call(here.script())
            await here.switch.call(here.script("84951234567"))
            await journal_of(here, "limit=10", lambda rows: len(rows) == 2 and all(r["pops"] for r in rows))
            told = await ask(here, "POST", "/erase", json={"number": "8 923 529-29-26"}, headers=SHOWN)
            assert told.status_code == 200, told.text
            erased = told.json()
            assert (erased["calls"], erased["cards"], erased["answers"], erased["left"]) == (1, 1, 1, [])
            rows = await journal_of(here, "limit=10")
            assert [row["number"] for row in rows] == [ANOTHERS]
            events, missed = here.service.http.feed.since(None)  # type: ignore[union-attr]
            assert missed == 0 and [event.id for event in events] == list(range(1, len(events) + 1))
            assert not any(text.decode() in str(events) for text in seen_of(HIS, NAME))
            assert ANOTHERS in str(events)
            assert not any(text in all_octets(state / "journal.db") for text in seen_of(HIS, NAME))
            # Should he call again, that is kept again.
            await here.switch.call(here.script())
            await journal_of(here, f"number={CLIENT}", lambda rows: len(rows) == 1)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"number": CLIENT}, {}, 401),
        ({"number": CLIENT}, {"Authorization": "Bearer wrong"}, 401),
        ({"all": True}, SHOWN, 400),
        ({"number": CLIENT, "base": "default"}, SHOWN, 400),
        ({"number": "anonymous"}, SHOWN, 400),
        ({}, SHOWN, 400),
    ],
)
def test_who_may_not_and_what_may_not(body: Any, headers: dict[str, str], status: int, state: Path) -> None:
    async def scenario() -> None:
        async with world(http=HTTP, state={"folder": str(state)}) as here:
            await here.switch.call(here.script())
            told = await ask(here, "POST", "/erase", json=body, headers=headers)
            assert told.status_code == status and told.text.count("\n") == 1
            assert here.service.integration.states()["default"].remembered == 1

    asyncio.run(scenario())


@needs_redis
def test_redis_and_the_other_switches_memory(server: RedisServer) -> None:
    pytest.importorskip("redis")
    with onec_simulator(clients=(Client(CLIENT, NAME, "0", "244"),)) as simulator:
        settings = settings_for(simulator.url, redis={"url": server.url, "timeout": "5s"})
        with Integration(settings) as here, Integration(settings) as there:
            until(lambda: server.listeners() == 2)
            for one in (here, there):
                one.lookup(CLIENT)
            until(lambda: there.states()["default"].remembered == 1)
            assert server.client.exists(f"fs-1c:default:{HIS}")
            assert here.erase(CLIENT).left == ()
            until(lambda: there.states()["default"].remembered == 0)
            assert not [key for key in server.client.keys("*") if HIS.encode() in key]
            server.kill()
            assert here.erase(CLIENT).left == ("Redis: away, not erased",)


# The command.


def written(folder: Path, url: str, more: str = "") -> Path:
    path = folder / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "{url}"\nusername = "SOAP"\npassword = "s3cret"\n[state]\nfolder = "{folder}/state"\n'
        f'[subscribers.keys]\n"244" = "KEY244"\n[esl.outbound]\nlisten = "127.0.0.1:0"\n{more}\n'
    )
    path.chmod(0o640)
    return path


def test_the_command_tells_the_running_service(tmp_path: Path, state: Path) -> None:
    fill(state / "journal.db", 6)
    log = tmp_path / "log"
    with onec_simulator() as onec:
        http = f'[http]\nlisten = "127.0.0.1:{free_port()}"\ntoken = "{TOKEN}"'
        config = written(tmp_path, onec.url, http)
        with serving(config, log):
            wait_for(log, "http door: listening on")
            ran = fs_1c("erase", CLIENT, "-c", str(config))
            assert (ran.returncode, ran.stderr) == (0, "")
            assert ran.stdout == ERASED
            ran = fs_1c("erase", "anonymous", "-c", str(config))
            assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
            text = wait_for(log, "told to erase a client")
    assert not any(one.decode() in text for one in seen_of(HIS, NAME))  # the log does not keep him
    assert TOKEN not in text


def test_where_no_service_runs_the_command_does_it(tmp_path: Path, state: Path) -> None:
    fill(state / "journal.db", 6)
    config = written(tmp_path, "http://127.0.0.1:9/ws", f'[http]\nlisten = "127.0.0.1:{free_port()}"')
    ran = fs_1c("erase", "8 (923) 529-29-26", "-c", str(config))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == ERASED
    assert not any(text in all_octets(state / "journal.db") for text in seen_of(HIS, NAME))
    assert len(calls(state / "journal.db")) == 3


def test_a_service_that_cannot_be_told_is_said(tmp_path: Path, state: Path) -> None:
    """No token is set: its memory keeps the answer, and the exit code says that something is left."""
    fill(state / "journal.db", 6)
    log = tmp_path / "log"
    config = written(tmp_path, "http://127.0.0.1:9/ws", f'[http]\nlisten = "127.0.0.1:{free_port()}"')
    with serving(config, log):
        wait_for(log, "http door: listening on")
        ran = fs_1c("erase", CLIENT, "-c", str(config))
    assert ran.returncode == 1
    assert ran.stdout.startswith("erased: 3 calls, 3 cards")
    assert "the service: refused by" in ran.stderr and ran.stderr.count("\n") == 1
    config = written(tmp_path, "http://127.0.0.1:9/ws", "[http]\nenabled = false")
    ran = fs_1c("erase", CLIENT, "-c", str(config))
    assert (ran.returncode, ran.stdout.startswith("erased: 0 calls")) == (1, True)
    assert "http.enabled" in ran.stderr


@needs_redis
def test_redis_that_is_away_is_said(tmp_path: Path, state: Path) -> None:
    pytest.importorskip("redis")
    more = f'[http]\nlisten = "127.0.0.1:{free_port()}"\n[redis]\nurl = "redis://127.0.0.1:{free_port()}/0"'
    ran = fs_1c("erase", CLIENT, "-c", str(written(tmp_path, "http://127.0.0.1:9/ws", more)))
    assert ran.returncode == 1 and "erase: Redis: away, not erased" in ran.stderr
