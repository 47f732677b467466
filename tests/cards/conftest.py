"""What tests of cards share: a 1C, claims that are closed in the end, and disks that hang."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fs_1c.cards import claims, claims_file
from fs_1c.cards.claims import Claims
from fs_1c.settings import RedisSettings
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.support import SOON

CALL = "6c3f1f4e-5a3c-4b0e-9a52-0d1f7e6f2a11"
PAIRS = [(f"call-{i}", "244") for i in range(500)]
Open = Callable[..., Claims]


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0)) as running:
        yield running


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
    be_patient(monkeypatch.setattr)


@pytest.fixture
def awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what fails: it may take its time to."""
    monkeypatch.setattr(claims_file, "FILE_WAIT", SOON)


def be_patient(put: Callable[[Any, str, float], None] = setattr) -> None:
    for where, wait in (
        (claims_file, "FILE_WAIT"),
        (claims, "REDIS_WAIT"),
        (claims_file, "BUSY_WAIT"),
        (claims_file, "BUSY_ASIDE"),
    ):
        put(where, wait, SOON)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """But for those about a card: one of a test before may end only now."""
    found = [record for record in caplog.records if record.name != "fs_1c.cards.screenpop"]
    return [record.getMessage() for record in found if record.levelno >= logging.WARNING]


def written(file: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(file)
    try:
        return set(connection.execute("SELECT call, extension FROM claims"))
    finally:
        connection.close()


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
