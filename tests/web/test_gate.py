"""Who is let in at the HTTP door, at every address of it: strangers, proxies, foreign pages, guessers."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from fs_1c.web import access
from tests.web.http_client import HTTP, SHOWN, TOKEN, ask, raw
from tests.world import World, settings_for, until, world

READ = ("/", "/state", "/journal", "/events", "/metrics", "/health")
HEALTH = ("/health/live", "/health/ready")
COOKIE = "fs_1c_status"
ELSEWHERE = {"listen": "0.0.0.0:0", "token": TOKEN}
PROXIES = (
    {"Forwarded": "for=203.0.113.5"},
    {"X-Forwarded-For": "203.0.113.5"},
    {"X-Forwarded-Host": "pbx.example"},
    {"x-forwarded-anything": ""},
    {"X-Real-IP": "203.0.113.5"},
    {"Via": "1.1 Caddy"},
)


async def enter(here: World, token: str = TOKEN, **headers: str) -> requests.Response:
    return await ask(here, "POST", "/login", data={"token": token}, headers=headers)


async def shown_to(here: World, cookie: dict[str, str]) -> set[int]:
    """By the status; the stream of events would be read for as long as it lasts."""
    paths = [path for path in READ if path != "/journal"]
    return {(await ask(here, "GET", path, cookies=cookie, stream=True)).status_code for path in paths}


@pytest.mark.parametrize("http", [HTTP, ELSEWHERE])
def test_where_a_token_is_set_it_is_asked_for_on_loopback_too(http: dict[str, str], tmp_path: Path) -> None:
    async def story() -> None:
        async with world(listen=False, http=http, state={"folder": str(tmp_path)}) as here:
            for headers in ({}, {"Host": "localhost"}, {"Authorization": "Bearer wrong"}):
                for path in (*READ, "/nowhere", "/forget"):
                    told = await ask(here, "HEAD", path, headers=headers)
                    assert told.status_code == 401, (path, headers)
            for path in READ:
                assert (await ask(here, "HEAD", path, headers=SHOWN)).status_code == 200, path
            assert (await ask(here, "GET", "/nowhere", headers=SHOWN)).status_code == 404
            for method, path, status in (("GET", "/forget", 405), ("POST", "/forget", 400)):
                assert (await ask(here, method, path, headers=SHOWN)).status_code == status
            assert "fs_1c_" in (await ask(here, "GET", "/metrics", headers=SHOWN)).text
            # Yes or no is for anybody; the switches' addresses are not.
            assert (await ask(here, "GET", "/health/live")).text == "ok\n"
            assert (await ask(here, "GET", "/health/ready")).json() == {"ready": True}
            whole = await ask(here, "GET", "/health/ready", headers=SHOWN)
            assert whole.json() == {"ready": True, "doors": {"outbound": True}}

    asyncio.run(story())


def test_a_cookie_reads_and_does_nothing_else() -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            session = {COOKIE: (await enter(here)).cookies[COOKIE]}
            assert await shown_to(here, session) == {200}
            told = await ask(here, "POST", "/forget", data="all=true", cookies=session)
            assert (told.status_code, "Bearer" in told.text) == (401, True)

    asyncio.run(story())


def test_without_a_token_nothing_is_told_through_a_proxy() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            for path in READ:
                for headers in PROXIES:
                    told = await ask(here, "HEAD", path, headers=headers)
                    assert told.status_code == 403, (path, headers)
            told = await ask(here, "GET", "/journal", headers=PROXIES[0])
            assert "http.token_file" in told.text
            assert told.text.count("\n") == 1
            # A load balancer may ask through a proxy; it learns yes or no.
            for headers in PROXIES:
                assert (await ask(here, "GET", "/health/live", headers=headers)).status_code == 200
                assert (await ask(here, "GET", "/health/ready", headers=headers)).json() == {"ready": True}
            assert "doors" in (await ask(here, "GET", "/health/ready")).json()

    asyncio.run(story())


def test_a_proxy_that_says_nothing_of_itself_speaks_http_1_0() -> None:
    """So does nginx with `proxy_pass` and no word more."""

    async def story() -> None:
        async with world(listen=False) as here:
            for path, status in (("/", b" 403 "), ("/state", b" 403 "), ("/health/live", b" 200 ")):
                reader, writer = await raw(
                    here, f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:9184\r\n\r\n".encode()
                )
                assert status in await asyncio.wait_for(reader.readline(), 30), path
                writer.close()

    asyncio.run(story())


def test_without_a_token_no_foreign_name_and_no_foreign_page_is_answered() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            for path in (*READ, *HEALTH, "/nowhere"):
                told = await ask(here, "GET", path, headers={"Host": "evil.example:9184"})
                assert (told.status_code, "localhost" in told.text) == (421, True), path
            for path in ("/state", "/journal", "/events", "/metrics", "/health"):
                told = await ask(here, "GET", path, headers={"Sec-Fetch-Site": "cross-site"})
                assert told.status_code == 403, path
            for path in ("/login", "/logout", "/forget"):
                told = await ask(here, "POST", path, headers={"Sec-Fetch-Site": "cross-site"})
                assert told.status_code == 403, path
            followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
            assert (await ask(here, "GET", "/metrics", headers=followed)).status_code == 200

    asyncio.run(story())


def test_every_answer_says_that_it_is_not_kept_and_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    async def head(here: World, octets: bytes) -> str:
        reader, writer = await raw(here, octets)
        told = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode().lower()
        writer.close()
        return told

    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            answers = [
                await ask(here, "GET", path, headers=SHOWN) for path in (*READ, *HEALTH) if path != "/events"
            ]
            answers += [await ask(here, "HEAD", "/events", headers=SHOWN)]
            answers += [await ask(here, "GET", path) for path in ("/", "/state", "/nowhere")]
            answers += [await ask(here, "GET", path, headers=SHOWN) for path in ("/nowhere", "/forget")]
            answers += [await enter(here), await enter(here, "wrong"), await ask(here, "POST", "/logout")]
            answers += [await ask(here, "POST", "/login", data=b"x" * 5000)]
            with monkeypatch.context() as broken:
                broken.setattr(here.service.integration, "health", lambda: 1 / 0)
                answers += [await ask(here, "GET", "/health", headers=SHOWN)]
            assert {200, 303, 401, 404, 405, 413, 500} <= {answer.status_code for answer in answers}
            for answer in answers:
                for name, value in (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")):
                    assert answer.headers.get(name) == value, (answer.url, answer.status_code)
            for nonsense in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
                told = await head(here, nonsense)
                assert told.startswith("http/1.1 4")
                assert "cache-control: no-store" in told
                assert "x-content-type-options: nosniff" in told

    asyncio.run(story())


def test_who_guesses_becomes_slow_and_keeps_nobody_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All come through one proxy on this machine, which says who they are."""
    monkeypatch.setattr(access, "FORGET_ONE", 3600.0)

    def waits(seconds: float) -> None:
        monkeypatch.setattr(access, "STEP", seconds)
        monkeypatch.setattr(access, "LONGEST", seconds)

    async def story() -> tuple[list[int], float]:
        async with world(listen=False, http=HTTP) as here:
            await ask(here, "GET", "/metrics", headers=SHOWN)
            guesser, engineer = {"X-Forwarded-For": "203.0.113.5"}, {"X-Forwarded-For": "203.0.113.9"}
            waits(0.01)
            for number in range(8):
                await enter(here, f"guess {number}", **guesser)
            waits(4.0)
            told = [asyncio.create_task(enter(here, f"more {number}", **guesser)) for number in range(12)]
            await until(lambda: any(one.done() for one in told))
            answers = [
                await enter(here, **engineer),
                await ask(here, "GET", "/metrics", headers=SHOWN),
                await ask(here, "GET", "/health/live"),
            ]
            assert [answer.status_code for answer in answers] == [303, 200, 200]
            assert [one.done() for one in told].count(False) > 0  # they wait still
            await asyncio.gather(*told)
            late = [one.result().status_code for one in told]
            assert {
                one.result().headers.get("Retry-After") for one in told if one.result().status_code == 429
            } == {"2"}
            waits(1.5)
            # Nor does it help to know the way of programs, or that nobody knows who sends them.
            started = time.monotonic()
            assert (
                await ask(here, "GET", "/state", headers={**guesser, "Authorization": "Bearer x"})
            ).status_code == 401
            return late, time.monotonic() - started

    caplog.set_level(logging.WARNING, "fs_1c")
    late, took = asyncio.run(story())
    assert late.count(429) >= 6
    assert late.count(401) == 12 - late.count(429)
    assert took > 1
    assert "203.0.113.5 tried to sign in with a wrong token" in caplog.text


def test_signed_out_is_signed_out_wherever_the_cookie_is(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world(listen=False, http=ELSEWHERE) as here:
            ours, other = [{COOKIE: (await enter(here)).cookies[COOKIE]} for _ in range(2)]
            assert ours != other
            asks = f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={ours[COOKIE]}\r\n\r\n"
            reader, writer = await raw(here, asks.encode())
            await asyncio.wait_for(reader.readuntil(b"retry: "), 30)
            assert (await ask(here, "POST", "/logout", cookies=ours)).status_code == 303
            await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 20)  # what it had open has ended
            writer.close()
            assert await shown_to(here, ours) == {401}
            assert await shown_to(here, other) == {200}
            assert (await ask(here, "POST", "/logout", cookies={COOKIE: "none of ours"})).status_code == 303

    caplog.set_level(logging.DEBUG, "fs_1c")
    asyncio.run(story())
    assert TOKEN not in caplog.text


def test_another_token_ends_sessions_and_streams_and_none_closes_a_door_that_is_open_elsewhere() -> None:
    async def story() -> None:
        async with world(listen=False, http=ELSEWHERE) as here:
            session = {COOKIE: (await enter(here)).cookies[COOKIE]}
            asks = f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={session[COOKIE]}\r\n\r\n"
            reader, writer = await raw(here, asks.encode())
            await asyncio.wait_for(reader.readuntil(b"retry: "), 30)
            await here.service.reload(
                settings_for(here.onec.url, http={**ELSEWHERE, "token": "an0ther-t0ken-of-1C"})
            )
            await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 20)
            writer.close()
            assert await shown_to(here, session) == {401}
            await here.service.reload(settings_for(here.onec.url))
            assert await shown_to(here, {}) == {403}
            assert (await ask(here, "GET", "/health/ready")).json() == {"ready": True}

    asyncio.run(story())


@pytest.mark.parametrize(("proto", "secure"), [("https", True), ("http", False), ("", False)])
def test_the_cookie_is_secure_where_the_proxy_speaks_https(proto: str, secure: bool) -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            headers: dict[str, Any] = {"Host": "status.pbx.example"} | (
                {"X-Forwarded-Proto": proto} if proto else {}
            )
            entered = await enter(here, **headers)
            assert (entered.status_code, entered.headers["Location"]) == (303, "/")
            assert ("; Secure" in entered.headers["Set-Cookie"]) is secure

    asyncio.run(story())
