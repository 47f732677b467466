"""A recording's address wherever a call of the journal is told: 1C's form, the status page, the terminal."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from fs_1c.call import Recorded
from fs_1c.integration import Integration
from fs_1c.talk import Stories
from tests.journal.conftest import writing
from tests.journal.test_ends import answered
from tests.processes import fs_1c
from tests.web.http_client import HTTP, SHOWN, ask
from tests.web.http_client import journal as journal_of
from tests.web.test_calling import SETTINGS, TOKEN
from tests.web.test_calling import ask as ask_for_calls
from tests.world import world

DAY = f"/api/call/journal?token={TOKEN}&format=json&date="
ADDRESS = "https://pbx.example/rec"


def hear_of_a_recording(integration: Integration, file: str) -> None:
    stories = Stories()
    began, talk, *rest = answered("call-1", at=time.time() - 100)
    for event in (began, talk, Recorded("call-1", file), *rest):
        for observer in integration.observers:
            observer.heard(event, stories.heard(event, "sw3"))


def test_the_address_is_told_where_the_call_is_and_leads_to_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "rec"
    folder.mkdir()
    file = folder / "89235292926.wav"
    file.write_bytes(b"RIFF....WAVE")
    given: dict[str, Any] = {
        "recordings": {"folder": str(folder), "link": f"{ADDRESS}/{{switch}}", "listen": "127.0.0.1:0"},
        "state": {"folder": str(tmp_path)},
        "http": HTTP,
        "calls": SETTINGS,
    }

    async def story() -> None:
        async with world(listen=False, **given) as here:
            hear_of_a_recording(here.service.integration, str(file))
            [told] = await journal_of(here, "limit=10", lambda rows: bool(rows and rows[0]["ends"]))
            link = told["ends"][0]["recording"]
            assert link.startswith(f"{ADDRESS}/sw3/") and link.endswith("/89235292926.wav")
            masked = await ask(here, "GET", "/journal?limit=10&mask=1", headers=SHOWN)
            assert [end["recording"] for end in masked.json()[0]["ends"]] == [None]

            today = datetime.now().astimezone().date()
            [row] = (await ask_for_calls(here, "GET", f"{DAY}{today}")).json()
            assert (row["record_url"], row["has_record"], row["status"]) == (link, True, "ANSWER")
            assert here.service.recordings is not None
            served = f"http://{here.service.recordings.address}{urlsplit(link).path}"
            listened = await asyncio.to_thread(requests.get, served, timeout=30)
            assert (listened.status_code, listened.content) == (200, b"RIFF....WAVE")

            ran = await asyncio.to_thread(fs_1c_journal, tmp_path, given)
            assert f"Recorded: {link}" in ran.replace("\n", "")

            with caplog.at_level(logging.INFO):
                erased = await ask(here, "POST", "/erase", json={"number": "89235292926"}, headers=SHOWN)
            assert erased.json()["recordings"] == [str(file)] and file.exists()
            assert "89235292926.wav" not in caplog.text

    asyncio.run(story())


def fs_1c_journal(folder: Path, given: dict[str, Any]) -> str:
    """What `fs-1c journal --call` says, with the settings of the service."""
    config = folder / "fs-1c.toml"
    recordings = "\n".join(f"{name} = {json.dumps(value)}" for name, value in given["recordings"].items())
    config.write_text(
        f'[onec]\nurl = "http://127.0.0.1:9/ws"\n[state]\nfolder = "{folder}"\n[recordings]\n{recordings}\n'
    )
    ran = fs_1c("journal", "--config", str(config), "--call", "call-1")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_who_reads_the_journal_makes_no_key(tmp_path: Path) -> None:
    recordings = {"folder": str(tmp_path), "link": ADDRESS, "listen": "127.0.0.1:0"}
    with writing(tmp_path / "journal.db") as journal:
        stories = Stories()
        began, talk, *rest = answered("call-1")
        for event in (began, talk, Recorded("call-1", f"{tmp_path}/a.wav"), *rest):
            journal.heard(event, stories.heard(event, "sw"))
    assert f"Recorded: {tmp_path}/a.wav" in fs_1c_journal(tmp_path, {"recordings": recordings}).replace(
        "\n", ""
    )
    assert not (tmp_path / "recordings.key").exists()
