"""A call's recording in the journal: its file is kept, its address is made when somebody asks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fs_1c.call import Recorded
from fs_1c.journal import calls, of_json, story, to_json, with_addresses
from tests.journal.conftest import E164, writing
from tests.journal.test_ends import answered, hear, missed

pytestmark = pytest.mark.usefixtures("quick")
FILE = "/var/lib/freeswitch/recordings/2026-11-28/89235292926.wav"
LINK = "https://pbx.example/recordings/69c1f900.QXh0/call.wav"


def recorded(file: Path, *paths: str) -> None:
    with writing(file) as journal:
        began, talk, *rest = answered("call-1")
        hear(journal, began, talk, *(Recorded("call-1", path) for path in paths), *rest)


def test_the_latest_file_is_kept_and_half_a_path_is_none(file: Path) -> None:
    recorded(file, "/first.wav", FILE, "/" + "x" * 900, "/nul\0.wav")
    [entry] = calls(file)
    assert [end.recording for end in entry.ends] == [FILE]


def test_who_asks_is_given_the_address_and_no_program_the_file(file: Path) -> None:
    recorded(file, FILE)
    [entry] = calls(file)
    asked: list[tuple[str, str]] = []

    def address(path: str, switch: str) -> str:
        asked.append((path, switch))
        return LINK

    assert json.loads(to_json([entry]))[0]["ends"][0]["recording"] is None
    linked = with_addresses(entry, address)
    assert asked == [(FILE, "sw")]
    told = json.loads(to_json([linked]))[0]
    assert told["ends"][0]["recording"] == LINK
    assert of_json(told).ends[0].recording == LINK
    assert f"1:05 in all. Recorded: {LINK}" in "\n".join(story(linked))


def test_a_file_of_version_5_is_read_and_goes_on(file: Path) -> None:
    recorded(file, FILE)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript("ALTER TABLE ends DROP COLUMN recording; PRAGMA user_version = 5")
    [old] = calls(file)
    assert [(end.talked, end.recording) for end in old.ends] == [("244", "")]
    with writing(file) as journal:
        hear(journal, *missed("call-2"), Recorded("call-2", FILE))
    recorded(file, FILE)
    found = {entry.call: [end.recording for end in entry.ends] for entry in calls(file)}
    assert found == {"call-1": ["", FILE], "call-2": [""]}


def test_erasing_names_the_files_that_stay(file: Path) -> None:
    recorded(file, FILE)
    with writing(file) as journal:
        erased = journal.erase(E164, 30)
    assert (erased.recordings, erased.left) == ((FILE,), "")
    assert calls(file) == []
