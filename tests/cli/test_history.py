"""`fs-1c history`: against a running service, through its door; and what it says where there is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import requests

from fs_1c.service import Service
from fs_1c.settings import build
from fs_1c.web.exchange import Refusal
from fs_1c.web.history import Wish, read_wish
from tests.history.conftest import answered, happen, settings
from tests.processes import fs_1c
from tests.support import until
from tests.web.http_client import SHOWN, TOKEN

DEAD = "http://127.0.0.1:9/base"


def written(folder: Path, port: int, more: str = "", enabled: str = "true") -> Path:
    path = folder / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "{DEAD}"\ndialect = "mobilon-3"\n[state]\nfolder = "{folder}"\n'
        f'[history]\nenabled = {enabled}\n[http]\nlisten = "127.0.0.1:{port}"\n{more}'
    )
    return path


def serve(
    folder: Path, story: Callable[[Service, Callable[..., Awaitable[CompletedProcess[str]]]], Any]
) -> None:
    """A service whose 1C is away, with two calls that wait; and the command, for a test."""

    async def played() -> None:
        more: dict[str, Any] = {
            "http": {"listen": "127.0.0.1:0", "token": TOKEN},
            "esl": {"outbound": {"enabled": False}},
            "journal": {"enabled": True},
        }
        service = Service(build(settings(folder, DEAD, **more)))
        await service.start()
        try:
            assert service.http is not None
            happen(service.integration, answered("call-a"), answered("call-b"))
            config = written(folder, service.http.address.port, f'token = "{TOKEN}"\n')

            async def run(*arguments: str) -> CompletedProcess[str]:
                return await asyncio.to_thread(fs_1c, "history", *arguments, "-c", str(config))

            history = service.integration.history
            assert history is not None
            await asyncio.to_thread(until, lambda: history.waiting()["default"].words == 8)
            await asyncio.to_thread(until, lambda: history.desk.calls("", "", 1)[0].error)
            await story(service, run)
        finally:
            await service.stop()

    asyncio.run(played())


@pytest.mark.timeout(120)
def test_what_waits_is_shown_retried_and_dropped(tmp_path: Path) -> None:
    async def story(service: Service, run: Callable[..., Awaitable[CompletedProcess[str]]]) -> None:
        ran = await run()
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "Base default: 8 words of 2 calls waiting, the oldest for" in ran.stdout
        line = next(line for line in ran.stdout.splitlines() if "call-a" in line)
        assert "START ANSWER HANGUP END" in line and "89235292926" in line and "unreachable" in line
        ran = await run("--json", "--call", "call-b")
        told = json.loads(ran.stdout)
        assert [(one["call"], one["words"]) for one in told["calls"]] == [("call-b", 4)]
        assert told["bases"]["default"]["words"] == 8 and told["disk"] == "well"
        ran = await run("--call", "nobody's")
        assert ran.returncode == 0 and "8 words of 2 calls" in ran.stdout and "call-a" not in ran.stdout
        ran = await run("--retry")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "tried at once: 2 calls\n", "")
        for wrong in (
            ("--drop",),
            ("--drop", "--retry", "--all"),
            ("--drop", "--all", "--call", "x"),
            ("--all",),
        ):
            ran = await run(*wrong)
            assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), wrong
        ran = await run("--base", "nobody's")
        assert ran.returncode == 2 and "allowed: default" in ran.stderr
        ran = await run("--drop", "--call", "call-b")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("dropped: ") and " words of 1 call, 1C is not told" in ran.stdout
        ran = await run("--drop", "--all", "--json")
        assert json.loads(ran.stdout)["calls"] == 1
        assert service.http is not None
        door = f"http://{service.http.address}"
        health = (await asyncio.to_thread(requests.get, f"{door}/health", headers=SHOWN, timeout=30)).json()
        assert health["history"]["told"]["default"]["dropped"] > 0

    serve(tmp_path, story)


@pytest.mark.timeout(120)
def test_without_a_token_nobody_drops_anything(tmp_path: Path) -> None:
    async def story(service: Service, run: Callable[..., Awaitable[CompletedProcess[str]]]) -> None:
        assert service.http is not None
        door = f"http://{service.http.address}/history"

        def asked(method: str, **more: Any) -> int:
            return requests.request(method, door, timeout=30, **more).status_code

        for body in ({"do": "drop", "all": True}, {"do": "retry", "all": True}):
            assert await asyncio.to_thread(asked, "POST", json=body) == 401
        assert await asyncio.to_thread(asked, "GET") == 401
        assert await asyncio.to_thread(asked, "GET", headers=SHOWN, params={"limit": "0"}) == 400
        assert await asyncio.to_thread(asked, "GET", headers=SHOWN, params={"base": "x"}) == 400
        wrong = {"do": "drop", "all": True, "base": "x"}
        assert await asyncio.to_thread(asked, "POST", headers=SHOWN, json=wrong) == 400
        assert service.integration.history is not None
        assert service.integration.history.waiting()["default"].words == 8

    serve(tmp_path, story)


def test_where_no_service_runs_the_file_is_read_and_nothing_can_be_done(tmp_path: Path) -> None:
    async def story(service: Service, run: Any) -> None:
        return None

    serve(tmp_path, story)
    config = str(written(tmp_path, 9, f'token = "{TOKEN}"\n'))
    ran = fs_1c("history", "-c", config)
    assert ran.returncode == 0 and "the service does not run" in ran.stderr
    assert "call-a" in ran.stdout and "START" in ran.stdout
    for do in ("--retry", "--drop"):
        ran = fs_1c("history", do, "--call", "call-a", "-c", config)
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
        assert "is it running?" in ran.stderr


def test_settings_that_do_not_allow_it(tmp_path: Path) -> None:
    ran = fs_1c("history", "-c", str(written(tmp_path, 9, enabled="false")))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "history.enabled is off" in ran.stderr
    ran = fs_1c("history", "--retry", "-c", str(written(tmp_path, 9)))
    assert ran.returncode == 2 and "http.token" in ran.stderr


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"do": "drop"}',
        b'{"do": "drop", "all": "yes"}',
        b'{"do": "drop", "all": true, "call": "x"}',
        b'{"do": "die", "all": true}',
        b'{"do": "drop", "call": 1}',
        b'{"do": "drop", "call": "x", "more": 1}',
        b"[" * 4000,
        b'{"do": "drop", "call": "' + b"x" * 600 + b'"}',
    ],
)
def test_a_body_that_is_no_wish(body: bytes) -> None:
    with pytest.raises(Refusal, match="allowed"):
        read_wish(body)


def test_a_wish() -> None:
    assert read_wish(b'\xef\xbb\xbf{"do": "drop", "call": "x"}') == Wish("drop", "x")
    assert read_wish(b'{"do": "retry", "all": true}') == Wish("retry")
