"""A call from the status page, or by `fs-1c call`: behind the token, and from the session's own page only."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fs_1c.calls import Step, What
from fs_1c.cli.commands import app
from tests.calls.test_desk import Line
from tests.web.http_client import HTTP, SHOWN, TOKEN, ask
from tests.world import World, world

CALLS = {"dial": "sofia/gateway/trunk/{number}"}
CLICK = {"number": "89235292926", "extension": "244"}


def switched(here: World, line: Line | None = None) -> Line:
    line = line or Line()
    line.desk = here.service.desk
    here.service.desk.lines = [line]
    return line


def test_only_the_sessions_own_page_has_somebody_called() -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP, calls=CALLS) as here:
            line = switched(here)
            signed = [
                (await ask(here, "POST", "/login", data={"token": TOKEN})).cookies.get_dict()
                for _ in range(2)
            ]
            pages = [(await ask(here, "GET", "/state", cookies=one)).json()["page"] for one in signed]
            assert all(pages) and pages[0] != pages[1]
            refused: tuple[dict[str, str], ...] = (
                {},
                {"X-FS-1C-Page": ""},
                {"X-FS-1C-Page": pages[1]},
                {"X-FS-1C-Page": pages[0], "Sec-Fetch-Site": "cross-site"},
            )
            for headers in refused:
                said = await ask(here, "POST", "/call", json=CLICK, cookies=signed[0], headers=headers)
                assert said.status_code in (401, 403), headers
            # A form of a foreign page has no header of ours, whatever else it has.
            form = await ask(here, "POST", "/call", data=CLICK, cookies=signed[0])
            assert form.status_code == 401
            # Nor does that open anything else.
            own = {"X-FS-1C-Page": pages[0]}
            forgotten = await ask(here, "POST", "/forget", json={"all": True}, cookies=signed[0], headers=own)
            assert forgotten.status_code == 401
            assert not line.told
            made = await ask(here, "POST", "/call", json=CLICK, cookies=signed[0], headers=own)
            assert made.status_code == 200 and made.json()["made"] and len(line.told) == 1
            await ask(here, "POST", "/logout", cookies=signed[0])
            late = await ask(here, "POST", "/call", json=CLICK, cookies=signed[0], headers=own)
            assert late.status_code == 401
            assert (await ask(here, "GET", "/state", headers=SHOWN)).json()["page"] == ""

    asyncio.run(story())


def test_without_a_token_nobody_is_called_by_the_page() -> None:
    async def story() -> None:
        async with world(listen=False, calls=CALLS) as here:
            line = switched(here)
            assert (await ask(here, "POST", "/call", json=CLICK)).status_code == 403
            assert (await ask(here, "GET", "/state")).json()["page"] == ""
            assert not line.told

    asyncio.run(story())


def test_a_client_who_is_erased_is_not_known_of_calls_that_are_over() -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP, calls=CALLS) as here:
            switched(here)
            call = (await ask(here, "POST", "/call", json=CLICK, headers=SHOWN)).json()["call"]
            here.service.desk.step(call["id"], Step(What.GONE, "NORMAL_CLEARING"))
            await ask(here, "POST", "/erase", json={"number": "+7 923 529-29-26"}, headers=SHOWN)
            assert here.service.desk.find(call["id"]) is None

    asyncio.run(story())


class Unregistered(Line):
    def place(self, call_id: str, command: str) -> bool:
        assert self.desk is not None
        self.told.append((call_id, command))
        self.desk.step(call_id, Step(What.GONE, "USER_NOT_REGISTERED"))
        return True


def test_the_command(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    asked: list[tuple[int, str]] = []

    async def story() -> None:
        async with world(listen=False, http=HTTP, calls=CALLS) as here:
            assert here.service.http is not None
            file = tmp_path / "fs-1c.toml"
            file.write_text(
                f'[onec]\nurl = "http://127.0.0.1:1"\n[http]\nlisten = "{here.service.http.address}"\n'
                f'token = "{TOKEN}"\n[calls]\ndial = "sofia/gateway/trunk/{{number}}"\n'
            )

            async def call(*words: str, language: str = "en") -> None:
                command = ["--lang", language, "call", *words, "--config", str(file)]
                done = await asyncio.to_thread(CliRunner().invoke, app, command)
                asked.append((done.exit_code, done.output))

            line = switched(here)
            await call("8 923 529-29-26", "--extension", "244")
            (told,) = line.told
            await call("+5351234567", "--extension", "244")
            switched(here, Unregistered())
            await call("89235292926", "--extension", "245")
            assert asked[0] == (0, f"{told[0]} the subscriber's telephone rings\n")
            switched(here)
            for language in ("en", "ru"):
                await call("89235292926", "--extension", "246", language=language)

    asyncio.run(story())
    assert asked[1] == (2, "call: not-allowed: that number may not be called (calls.allow)\n")
    assert asked[2] == (4, "call: not-registered: the subscriber's telephone is not registered\n")
    assert asked[3][1].endswith(" the subscriber's telephone rings\n")
    assert asked[4][1].endswith(" телефон абонента звонит\n")
    assert TOKEN not in caplog.text
