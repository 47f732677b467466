"""The HTTP door: is the service well, and 1C tells that its answer has changed; real requests on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.web import metrics
from fs_1c.web.door import Forget, read_forget
from fs_1c.web.exchange import Refusal
from tests.web.http_client import HTTP, SHOWN, TOKEN, ask, forget
from tests.world import CLIENT, World, settings_for, world


def test_health_of_a_service_that_is_well() -> None:
    async def story() -> None:
        async with world() as here:
            live = await ask(here, "GET", "/health/live")
            assert (live.status_code, live.text) == (200, "ok\n")
            assert not {"Server", "X-Powered-By"} & live.headers.keys()
            ready = await ask(here, "GET", "/health/ready")
            doors = {"outbound": True, f"inbound 127.0.0.1:{here.switch.event_socket_port}": True}
            assert (ready.status_code, ready.json()) == (200, {"ready": True, "doors": doors})
            health = (await ask(here, "GET", "/health")).json()
            assert (health["live"], health["ready"], health["doors"]) == (True, True, doors)
            assert health["bases"]["default"]["breaker"] == "closed"
            assert (await ask(here, "HEAD", "/health/ready")).status_code == 200

    asyncio.run(story())


def test_health_without_the_switch() -> None:
    async def story() -> None:
        esl = {"outbound": {"listen": "127.0.0.1:0"}, "inbound": [{"address": "127.0.0.1:9"}]}
        async with world(listen=False, esl=esl) as here:
            ready = await ask(here, "GET", "/health/ready")
            doors = {"outbound": True, "inbound 127.0.0.1:9": False}
            assert (ready.status_code, ready.json()) == (503, {"ready": False, "doors": doors})
            assert (await ask(here, "GET", "/health/live")).status_code == 200
            assert (await ask(here, "GET", "/health")).json()["ready"] is False

    asyncio.run(story())


@pytest.mark.parametrize(
    "body",
    [
        '{"number": "89235292926"}',
        '\ufeff{"number": "+7 (923) 529-29-26", "all": false, "base": ""}\r\n',
        "number=%2B79235292926",
        "number=+79235292926",
        "number=89235292926&base=default",
        '{"all": true}',
        "all=true&base=default",
    ],
)
def test_1c_tells_that_its_answer_has_changed(body: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            for _ in range(2):
                await here.switch.call(here.script())
            assert here.lookups() == [CLIENT]
            told = await forget(here, body.encode())
            assert (told.status_code, told.json()) == (200, {"forgotten": 1})
            assert (await forget(here, body.encode())).json() == {"forgotten": 0}
            await here.switch.call(here.script())
            assert here.lookups() == [CLIENT, CLIENT]

    caplog.set_level(logging.DEBUG)
    asyncio.run(story())
    assert "1 forgotten" in caplog.text
    assert TOKEN not in caplog.text


BAD = {
    "": "allowed: number, or all = true",
    "{}": "allowed: number, or all = true",
    '{"all": false}': "allowed: number, or all = true",
    '{"number": "1", "all": true}': "not both",
    '{"number": 89235292926}': "number: allowed: a string",
    '{"all": "yes"}': "all: allowed: true or false",
    '{"all": 1}': "all: allowed: true or false",
    "all=yes": "all: allowed: true or false",
    '{"all": true, "base": 1}': "base: allowed",
    '{"all": true, "base": "no\\nsuch \\ud800"}': "allowed: default",
    '{"al": true}': "'al': there is no such field",
    '{"number": "nobody"}': "number",
    '{"number": "\\ud800\\u0000"}': "number",
    "number=244": "number",
    "number=1&number=2": "the body",
    '{"number": "1", "number": "2"}': "the body",
    '{"number": ': "the body",
    '["89235292926"]': "the body",
    '{"number":' + "[" * 3000: "the body",
    "nonsense": "the body",
}


def test_what_cannot_be_understood_is_one_clear_line() -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            for body, text in BAD.items():
                told = await forget(here, body)
                assert (told.status_code, text in told.text) == (400, True), (body, told.text)
                assert told.text.count("\n") == 1
            assert (await forget(here, b'{"number": "\xff"}')).status_code == 400
            assert (await forget(here, b"number=%FF")).status_code == 400

    asyncio.run(story())


@given(st.binary(max_size=200) | st.text().map(lambda t: json.dumps({"number": t, "base": t}).encode()))
def test_any_body_is_understood_or_refused(body: bytes) -> None:
    try:
        assert isinstance(read_forget(body), Forget)
    except Refusal as refusal:
        assert refusal.response.status_code == 400


def test_who_shows_no_token_is_refused_and_the_log_keeps_what_he_showed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guess = "guessed-t0ken"
    wrong: list[dict[str, Any]] = [
        {},
        {"headers": {"Authorization": f"Bearer {guess}"}},
        {"headers": {"Authorization": f"Bearer {TOKEN}{guess}"}},
        {"headers": {"Authorization": TOKEN}},
        {"headers": {"Authorization": "Bearer"}},
        {"headers": {"Authorization": b"Bearer \xff\xfe"}},
        {"auth": ("bearer", TOKEN)},
        {"params": {"token": TOKEN, "access_token": TOKEN}},
    ]

    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            await here.switch.call(here.script())
            for request in wrong:
                told = await ask(here, "POST", "/forget", data='{"all": true}', **request)
                assert (told.status_code, told.headers["WWW-Authenticate"]) == (401, "Bearer"), request
                assert TOKEN not in told.text
            assert (await forget(here, "all=true")).json() == {"forgotten": 1}

    caplog.set_level(logging.DEBUG, "fs_1c")
    asyncio.run(story())
    assert caplog.text.count("showed no token, or a wrong one") == len(wrong)
    assert TOKEN not in caplog.text
    assert guess not in caplog.text


def test_without_a_token_in_the_settings_the_door_is_closed_and_sighup_opens_it() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            for headers in ({}, SHOWN, {"Authorization": "Bearer "}):
                told = await ask(here, "POST", "/forget", data="all=true", headers=headers)
                assert (told.status_code, "http.token" in told.text) == (403, True)
            await here.service.reload(settings_for(here.onec.url, http=HTTP))
            assert (await forget(here, "all=true")).status_code == 200

    asyncio.run(story())


def test_other_paths_and_methods() -> None:
    async def story() -> None:
        async with world(listen=False, http=HTTP) as here:
            for path in ("/forget/", "/health/", "/docs", "/health/live/../../etc"):
                assert (await ask(here, "GET", path, headers=SHOWN)).status_code == 404
            for method, path, allowed in (
                ("GET", "/forget", "POST"),
                ("DELETE", "/forget", "POST"),
                ("POST", "/health", "GET"),
            ):
                told = await ask(here, method, path, headers=SHOWN)
                assert (told.status_code, allowed in told.headers["Allow"]) == (405, True)

    asyncio.run(story())


def test_an_error_of_ours_is_logged_and_tells_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")

    async def story() -> None:
        async with world(listen=False, http={"token_file": str(token)}) as here:
            assert (await forget(here, "all=true")).status_code == 200
            token.unlink()
            told = await forget(here, "all=true")
            assert (told.status_code, "token" in told.text) == (500, False)
            assert (await here.switch.call(here.script())).answered_by == "244"

    asyncio.run(story())
    assert caplog.text.count("http door: /forget failed") == 1
    assert caplog.text.count("Traceback") == 1


def test_metrics_say_how_the_bases_are_and_what_was_counted() -> None:
    async def story() -> tuple[str, str]:
        async with world(breaker={"at_least": 2, "window": 2, "pause": "1h"}) as here:
            await here.switch.call(here.script())
            await here.switch.call(here.script())
            await here.settle()
            well = await scrape(here)
            here.onec.stop()
            for i in range(4):
                await here.switch.call(here.script(f"8495700000{i}"))
            return well, await scrape(here)

    well, ill = asyncio.run(story())
    for line in (
        'fs_1c_decisions_total{base="default",result="found",source="1c"} 1.0',
        'fs_1c_decisions_total{base="default",result="found",source="cache"} 1.0',
        "fs_1c_decision_seconds_count 2.0",
        'fs_1c_onec_request_seconds_count{base="default",operation="IncomingCall"} 2.0',
        'fs_1c_pops_total{outcome="accepted"} 2.0',
        'fs_1c_breaker{base="default",state="closed"} 1.0',
        'fs_1c_breaker{base="default",state="open"} 0.0',
        'fs_1c_answers_remembered{base="default"} 1.0',
        'fs_1c_sessions_allowed{base="default"} 4.0',
        'fs_1c_door_up{door="outbound"} 1.0',
        "fs_1c_journal_rows_lost 0.0",
    ):
        assert line in well.splitlines(), line
    assert 'fs_1c_breaker{base="default",state="open"} 1.0' in ill.splitlines()
    assert 'fs_1c_onec_failures_total{base="default",kind="unreachable",operation="SayName"}' in ill
    for secret in ("KEY244", "s3cret", "495700000", CLIENT[1:], "Фэйковый"):
        assert secret not in well + ill


async def scrape(here: World) -> str:
    answer = await ask(here, "GET", "/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, metrics.CONTENT_TYPE)
    return answer.text


def test_metrics_for_other_machines_are_shown_for_the_token_only() -> None:
    async def story() -> list[int]:
        async with world(http={"listen": "0.0.0.0:0", "token": TOKEN}) as here:
            answers = [await ask(here, "GET", "/metrics"), await ask(here, "GET", "/metrics", headers=SHOWN)]
            return [answer.status_code for answer in answers]

    assert asyncio.run(story()) == [401, 200]
