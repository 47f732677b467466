"""The status page: real requests on loopback, and callers, clients and readers who mean harm."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Call, Caller, Decision, Failure, Outcome, Result, ScreenPop
from fs_1c.journal.writer import journal_file
from fs_1c.numbers import Number
from fs_1c.web.server import MAX_CONNECTIONS
from fs_1c.web.status import page
from fs_1c.web.status.stream import MAX_STREAMS
from tests.web.http_client import SHOWN, TOKEN, ask, journal, raw
from tests.world import CLIENT, KEYS, World, conversation, settings_for, until, world

HOSTILE = "<script>alert(1)</script></script>${system(rm)}\u2028\u202e\x07\x00\ud800\"'&"
KEPT = HOSTILE.replace("\x00\ud800", "\ufffd\ufffd")
"""As the journal keeps it, which cannot keep NUL, nor half of a pair."""
ELSEWHERE = {"listen": "0.0.0.0:0", "token": TOKEN}
COOKIE = "fs_1c_status"


async def events(here: World, path: str = "/events", count: int = 1, **headers: str) -> list[dict[str, Any]]:
    """The data of the next `count` events, their ids under `id`."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    reader, writer = await raw(here, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"200 OK" in head, head
        assert b"content-type: text/event-stream" in head.lower()
        last = ""
        while len(told) < count:
            line = (await reader.readline()).decode().strip()
            if line.startswith("id: "):
                last = line[4:]
            if line.startswith("data: ") and line != "data: {}":  # not that all of before is told
                told.append({"id": last, **json.loads(line[6:])})
    writer.close()
    return told


def remove(folder: Path) -> None:
    for file in folder.glob("journal.db*"):
        file.unlink()


def decide(here: World, uuid: str = "call-1", **caller: Any) -> None:
    """A call is decided without anybody calling."""
    caller = {"number": Number("+79235292926", CLIENT), "result": Result.FOUND, "base": "default", **caller}
    decision = Decision(Call(uuid, CLIENT), Caller(**caller), (), "user/244@127.0.0.1")
    here.service.integration.decided(decision)


def test_a_call_is_told_as_it_comes_in_with_its_card(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world() as here:
            listening = asyncio.create_task(events(here, count=2))
            await here.switch.call(here.script())
            decided, popped = sorted(await listening, key=lambda told: len(told["pops"]))
            assert (decided["call"], decided["number"]) == (popped["call"], "+79235292926")
            (decision,), (pop,) = decided["decisions"], popped["pops"]
            assert (decision["result"], decision["title"]) == ("found", "Фэйковый чиж")
            assert decision["took_ms"] >= decision["onec_took_ms"] > 0
            assert (pop["extension"], pop["outcome"], pop["number"]) == ("244", "accepted", "+79235292926")
            assert KEYS["244"] not in json.dumps([decided, popped])

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_who_comes_again_gets_what_he_missed_and_nothing_twice() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            for i in range(5):
                decide(here, f"call-{i}")
            first = await events(here, count=3)
            assert [told["call"] for told in first] == ["call-0", "call-1", "call-2"]
            for again in (
                await events(here, count=2, Last_Event_ID=first[-1]["id"]),
                await events(here, f"/events?after={first[-1]['id']}", count=2),
            ):
                assert [told["call"] for told in again] == ["call-3", "call-4"]
            elsewhere = await events(here, count=5, Last_Event_ID="ffffffffffff-3")
            assert elsewhere[0]["call"] == "call-0"

    asyncio.run(story())


def test_calls_are_told_after_a_change_of_settings_too() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            decide(here, "before")
            await here.service.reload(settings_for(here.onec.url, journal={"titles": False}))
            decide(here, "after", title="Secret client")
            told = await events(here, count=2)
            assert [one["call"] for one in told] == ["before", "after"]
            assert [one["decisions"][0]["title"] for one in told] == [None, None]

    asyncio.run(story())


def test_state() -> None:
    async def story() -> None:
        async with world(lookup={"deadline": "700ms"}) as here:
            await here.switch.call(here.script())
            answer = await ask(here, "GET", "/state")
            state = answer.json()
            assert (state["ready"], state["deadline_ms"], state["closable"]) == (True, 700, False)
            base = state["bases"]["default"]
            assert (base["breaker"], base["since"], base["remembered"]) == ("closed", None, 1)
            assert (base["sessions"] <= base["sessions_allowed"], base["sessions_allowed"]) == (True, 4)
            assert state["journal"] == {"kept": False, "rows_lost": 0}
            for secret in (*KEYS.values(), "s3cret"):
                assert secret not in answer.text

    asyncio.run(story())


def test_the_journal_is_searched(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(state={"folder": str(tmp_path)}) as here:
            result = await here.switch.call(here.script())
            await here.switch.call(here.script("84951234567"))

            async def found(query: str) -> Any:
                return (await ask(here, "GET", f"/journal?{query}")).json()

            told = await journal(here, "number=%2B7(923)529-29-26", lambda told: told and told[0]["pops"])
            assert len(told) == 1
            assert told[0]["number"] == "+79235292926"
            assert await found(f"call={told[0]['call']}") == told
            assert len(await journal(here, "", lambda told: len(told) >= 2)) == 2
            assert len(await found("limit=1")) == 1
            assert await found("number=nobody") == []
            masked = (await ask(here, "GET", "/journal?mask=1")).text
            assert "+7923\\u2022\\u2022\\u20222926" in masked
            assert "5292926" not in masked
            for wrong in ("limit=0", "limit=x", "limit=201", "limit=%C2%B2", f"number={'1' * 513}"):
                refused = await ask(here, "GET", f"/journal?{wrong}")
                assert (refused.status_code, "allowed" in refused.text) == (400, True)
            assert result.answered_by == "244"

    asyncio.run(story())


def test_a_journal_that_is_not_kept_has_vanished_is_broken_or_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            told = await ask(here, "GET", "/journal")
            assert (told.status_code, "state.folder" in told.text) == (404, True)
        async with world(listen=False, state={"folder": str(tmp_path)}) as here:
            file = journal_file(here.service.integration.settings)
            assert file is not None
            assert await journal(here, "", lambda told: True) == []  # it has been made
            remove(tmp_path)
            told = await ask(here, "GET", "/journal")
            assert (told.status_code, "there is no journal" in told.text) == (503, True)
            file.write_bytes(b"no database" * 1000)
            told = await ask(here, "GET", "/journal")
            assert (told.status_code, "cannot be read" in told.text) == (503, True)

            released = asyncio.Event()
            loop = asyncio.get_running_loop()

            def hangs(*given: object, **more: object) -> list[object]:
                asyncio.run_coroutine_threadsafe(released.wait(), loop).result(30)
                return []

            monkeypatch.setattr(page, "calls", hangs)
            monkeypatch.setattr(page, "JOURNAL_WITHIN", 0.3)
            hung = [await ask(here, "GET", "/journal") for _ in range(2)]
            assert [answer.status_code for answer in hung] == [503, 503]
            assert (await here.switch.call(here.script())).answered_by == "244"
            assert (await ask(here, "GET", "/health")).status_code == 200
            released.set()
            assert await journal(here, "", lambda told: True) == []

    asyncio.run(story())


def test_hostile_names_come_as_data(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(listen=False, state={"folder": str(tmp_path)}) as here:
            why = Failure(HOSTILE, HOSTILE)
            decide(here, HOSTILE, title=HOSTILE, category=HOSTILE, manager=HOSTILE, error=why)
            pop = ScreenPop(Outcome.FAILED, error=why)
            here.service.integration._popped(conversation(HOSTILE, HOSTILE, HOSTILE), pop)
            told = await events(here, count=2)
            assert told[0]["decisions"][0]["title"] == KEPT
            assert told[1]["pops"][0]["error"] == {"kind": KEPT, "message": KEPT}
            assert "<script>" in json.dumps(await journal(here, ""))
            answer = await ask(here, "GET", "/journal")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Type"] == "application/json"

    asyncio.run(story())


def test_numbers_are_masked_before_they_leave() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            why = Failure("fault", f"no {CLIENT} here")
            decide(here, "1234567-89", error=why, asked_as=CLIENT, title="Tel. +7 (923) 529-29-26")
            (told,) = await events(here, "/events?mask=1")
            assert "5292926" not in json.dumps(told).replace("-", "")
            assert (told["call"], told["number"]) == ("1234567-89", "+7923•••2926")
            (whole,) = await events(here, "/events?mask=0")
            assert whole["number"] == "+79235292926"

    asyncio.run(story())


def test_on_loopback_only_its_own_names_and_pages_are_answered() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            for path in ("/", "/state", "/journal", "/events"):
                told = await ask(here, "GET", path, headers={"Host": "evil.example:9184"})
                assert (told.status_code, "localhost" in told.text) == (421, True)
            for path in ("/state", "/journal", "/events"):
                told = await ask(here, "GET", path, headers={"Sec-Fetch-Site": "cross-site"})
                assert told.status_code == 403
            assert (await ask(here, "GET", "/", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200
            assert (await ask(here, "POST", "/login")).headers["Location"] == "/"
            for method in ("HEAD", "GET"):
                answer = await ask(here, method, "/", headers={"Accept-Language": "ru"})
                assert answer.status_code == 200
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; script-src 'sha256-")
                assert answer.headers["X-Frame-Options"] == "DENY"
            assert '<html lang="ru">' in answer.text
            head = await ask(here, "HEAD", "/events")
            assert (head.status_code, head.text) == (200, "")

    asyncio.run(story())


def test_elsewhere_the_token_opens_it_to_programs_and_a_cookie_to_browsers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story() -> None:
        async with world(listen=False, http=ELSEWHERE) as here:
            for path in ("/", "/state", "/journal", "/events"):
                assert (await ask(here, "GET", path)).status_code == 401
                assert (await ask(here, "GET", path, cookies={COOKIE: TOKEN})).status_code == 401
            for path in ("/", "/state"):
                assert (await ask(here, "GET", path, headers=SHOWN)).status_code == 200
            form = await ask(here, "GET", "/", headers={"Accept-Language": "ru"})
            assert 'action="/login"' in form.text
            assert "Токен" in form.text
            for given in (
                {},
                {"token": ""},
                {"token": TOKEN + "x"},
                {"token": "\u20ac\x00"},
                {"toke": TOKEN},
            ):
                wrong = await ask(here, "POST", "/login", data=given)
                assert (wrong.status_code, "Set-Cookie" in wrong.headers) == (401, False)
                assert "That is not the token." in wrong.text
            entered = await ask(here, "POST", "/login", data={"token": TOKEN})
            assert (entered.status_code, entered.headers["Location"]) == (303, "/")
            cookie = entered.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert TOKEN not in cookie
            shown = {COOKIE: entered.cookies[COOKIE]}
            page_itself = await ask(here, "GET", "/", cookies=shown)
            assert (page_itself.status_code, 'id="calls"' in page_itself.text) == (200, True)
            state = (await ask(here, "GET", "/state", cookies=shown)).json()
            assert state["closable"] is True
            decide(here)
            assert await events(here, Cookie=f"{COOKIE}={shown[COOKIE]}")
            left = await ask(here, "POST", "/logout", cookies=shown)
            assert 'fs_1c_status=""; ' in left.headers["Set-Cookie"]
            changed = settings_for(here.onec.url, http={**ELSEWHERE, "token": "another-t0ken-of-1C"})
            await here.service.reload(changed)
            assert (await ask(here, "GET", "/state", cookies=shown)).status_code == 401
            big = await ask(here, "POST", "/login", data=b"token=" + b"x" * 5000)
            assert big.status_code == 413

    caplog.set_level(logging.DEBUG, "fs_1c")
    asyncio.run(story())
    assert caplog.text.count("tried to sign in with a wrong token") == 5
    assert TOKEN not in caplog.text


def test_calls_go_on_whoever_watches_and_does_not_read(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            for i in range(300):
                decide(here, f"call-{i}", title="Щ" * 500)
            asks = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
            pages = [await raw(here, asks) for _ in range(MAX_CONNECTIONS - 4)]
            for _ in range(10):
                result = await here.switch.call(here.script())
                assert (result.answered_by, result.variables["fs_1c_result"]) == ("244", "found")
            assert (await ask(here, "GET", "/health/ready")).status_code == 200
            assert here.service.http is not None
            streams = here.service.http._status._streams
            assert streams._open == MAX_STREAMS
            for _, writer in pages:
                writer.transport.abort()
            await until(lambda: streams._open == 0)

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_open_pages_do_not_hold_up_a_stop(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            decide(here)
            asks = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
            pages = [await raw(here, asks) for _ in range(5)]
            for reader, _ in pages:
                await asyncio.wait_for(reader.readuntil(b"data: "), 30)
            await here.service.stop()
            for reader, writer in pages:
                assert (await asyncio.wait_for(reader.read(), 1)).endswith(b"0\r\n\r\n")  # whole to its end
                writer.close()

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING and r.name.startswith("uvicorn")]


def test_a_connection_ends_whatever_is_not_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fs_1c.web.server.LIFE", 0.3)
    monkeypatch.setattr("fs_1c.web.server.GRACE", 0.3)

    async def story() -> None:
        async with world(listen=False) as here:
            for i in range(500):
                decide(here, f"call-{i}", title="Щ" * 500, category="Щ" * 500)
            assert here.service.http is not None
            _, writer = await raw(here, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            streams = here.service.http._status._streams
            await until(lambda: streams._open == 1)
            await until(lambda: streams._open == 0)
            writer.close()
            assert (await ask(here, "GET", "/health/live")).status_code == 200

    asyncio.run(story())
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
