"""The calls door: who is let in, by which form, and what nobody gets to see. The switch is the test's own."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from fs_1c.call import PresenceState
from fs_1c.calls import Step, What
from fs_1c.web import access
from fs_1c.web.calling.keeper import Keeper
from tests.calls.test_desk import Line
from tests.certificates import certificate
from tests.world import World, world

TOKEN = "t0ken-of-the-base"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
NUMBER = "89235292926"
SETTINGS = {
    "listen": "127.0.0.1:0",
    "token": TOKEN,
    "dial": "sofia/gateway/trunk/{number}",
    "at_once": 100,
    "per_minute": 1000,
}
GETS = {
    "subscriber": "/api/call/CallToSubscriber?key={key}&outboundNumber=89235292926",
    "key": "/call/{key}/89235292926",
    "simple-calls": "/simple-calls/call/?event=1&password={token}&src_num=244&dst_num=89235292926",
}
MAKE = {"cmd": "makeCall", "phone": NUMBER, "user": "244"}


@pytest.fixture(autouse=True)
def slow_is_the_same_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long this machine takes from one request to the next."""
    monkeypatch.setattr("fs_1c.calls.desk.SAME", 600.0)


@asynccontextmanager
async def calling(
    line: Line | None = None, state: dict[str, str] | None = None, **calls: Any
) -> AsyncIterator[tuple[World, Line]]:
    async with world(listen=False, calls=SETTINGS | calls, state=state or {}) as here:
        line = line or Line()
        line.desk = here.service.desk
        here.service.desk.lines = [line]
        yield here, line


async def ask(here: World, method: str, path: str, scheme: str = "http", **more: Any) -> requests.Response:
    assert here.service.calling is not None
    url = f"{scheme}://{here.service.calling.address}{path}"
    return await asyncio.to_thread(requests.request, method, url, timeout=30, allow_redirects=False, **more)


def test_who_is_not_let_in_has_nobody_called_and_is_told_so_in_his_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        async with calling() as (here, line):
            for path in (GETS["subscriber"], GETS["key"]):
                said = await ask(here, "GET", path.format(key="KEY9999"))
                assert said.status_code == 200
                assert (said.json()["result"], said.json()["code"]) == ("FAIL", "2")
            # A base's token is no subscriber's key, nor is a key a token.
            assert (await ask(here, "GET", GETS["key"].format(key=TOKEN))).json()["code"] == "2"
            wrong = GETS["simple-calls"].format(token="KEY244")
            assert (await ask(here, "GET", wrong)).status_code == 401
            for given in ({}, {"token": ""}, {"token": "KEY244"}):
                assert (await ask(here, "POST", "/", data=MAKE | given)).status_code == 401
                accounts = {"cmd": "accounts"} | given
                assert (await ask(here, "POST", "/", data=accounts)).status_code == 401
            for method, path in (
                ("POST", "/calls"),
                ("GET", "/calls/x"),
                ("DELETE", "/calls/x"),
                ("GET", "/calls/openapi.json"),
            ):
                for headers in ({}, {"Authorization": "Bearer wrong"}):
                    said = await ask(here, method, path, headers=headers, json={"number": NUMBER})
                    assert (said.status_code, said.json()["error"]) == (401, "token"), (method, path)
            assert not line.told

    monkeypatch.setattr(access, "STEP", 0.0)  # as many wrong ones take half a minute otherwise
    asyncio.run(story())


def test_wrong_keys_become_slow_and_are_in_the_log_without_themselves(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    pause_of = access.Tries.pause

    def pause(self: access.Tries, client: str, *, program: bool) -> float:
        pauses.append(pause_of(self, client, program=program))
        return 0.0

    monkeypatch.setattr(access.Tries, "pause", pause)

    async def story() -> None:
        async with calling() as (here, line):
            for n in range(8):
                await ask(here, "GET", f"/call/guess-{n}/{NUMBER}")
            await ask(here, "GET", GETS["key"].format(key="KEY244"))
            await ask(here, "GET", GETS["simple-calls"].format(token=TOKEN))
            await ask(here, "POST", "/calls", json={"number": "1" * 30, "extension": "244"}, headers=SHOWN)
            assert len(line.told) == 1

    with caplog.at_level(logging.DEBUG):
        asyncio.run(story())
    assert pauses[0] == 0.0 and pauses[7] > 0.0
    # But for what the test's own client writes.
    logged = "\n".join(one.getMessage() for one in caplog.records if not one.name.startswith("urllib3"))
    assert "showed no token or key" in logged
    for secret in (TOKEN, "KEY244", "guess-"):
        assert secret not in logged


def test_an_error_of_ours_tells_the_log_no_key(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with calling() as (here, _):
            monkeypatch.setattr(here.service.desk, "ask", None)
            said = await ask(here, "GET", GETS["key"].format(key="KEY244"))
            assert said.status_code == 500 and "KEY244" not in said.text

    asyncio.run(story())
    assert "a request failed" in caplog.text and "KEY244" not in caplog.text.replace("'KEY244'", "")


def test_a_subscriber_calls_by_his_own_telephone_only() -> None:
    async def story() -> None:
        async with calling() as (here, line):
            own = {"Authorization": "Bearer KEY244"}
            other = await ask(
                here, "POST", "/calls", json={"number": NUMBER, "extension": "245"}, headers=own
            )
            assert (other.status_code, other.json()["error"]) == (403, "not-allowed")
            made = await ask(here, "POST", "/calls", json={"number": NUMBER}, headers=own)
            assert made.status_code == 201 and made.json()["extension"] == "244"
            where = made.headers["Location"]
            assert (await ask(here, "GET", where, headers=own)).status_code == 200
            for headers in ({"Authorization": "Bearer KEY245"}, {}):
                assert (await ask(here, "GET", where, headers=headers)).status_code in (401, 404)
                assert (await ask(here, "DELETE", where, headers=headers)).status_code in (401, 404)
            assert not line.ended
            assert (await ask(here, "DELETE", where, headers=own)).status_code == 202
            assert line.ended == [made.json()["id"]]

    asyncio.run(story())


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Purpose": "prefetch"}])
def test_a_browser_that_was_lured_has_nobody_called(headers: dict[str, str]) -> None:
    """Even if the page knew a key: nor does a form without our token do anything."""

    async def story() -> None:
        async with calling() as (here, line):
            for path in GETS.values():
                whole = path.format(key="KEY244", token=TOKEN)
                said = await ask(here, "GET", whole, headers=headers)
                assert said.status_code == 400 or said.json()["result"] == "FAIL"
            asked = MAKE | {"token": TOKEN}
            assert (await ask(here, "POST", "/", data=asked, headers=headers)).status_code == 400
            told = {"number": NUMBER, "extension": "244"}
            assert (await ask(here, "POST", "/calls", json=told, headers=SHOWN | headers)).status_code == 400
            assert (await ask(here, "POST", "/calls", data=told)).status_code == 401
            assert not line.told

    asyncio.run(story())


def test_to_look_is_not_to_call() -> None:
    async def story() -> None:
        async with calling() as (here, line):
            for path in GETS.values():
                for method in ("HEAD", "OPTIONS", "PUT"):
                    said = await ask(here, method, path.format(key="KEY244", token=TOKEN))
                    assert (said.status_code, said.headers["Allow"]) == (405, "GET")
            said = await ask(here, "OPTIONS", "/calls/x")
            assert set(said.headers["Allow"].split(", ")) == {"GET", "DELETE"}
            assert not line.told

    asyncio.run(story())


@pytest.mark.parametrize("off", [*GETS, "itoolabs"])
def test_each_form_can_be_switched_off(off: str) -> None:
    forms = [form for form in (*GETS, "itoolabs") if form != off]

    async def story() -> None:
        async with calling(forms=forms) as (here, line):
            for form, path in GETS.items():
                said = await ask(here, "GET", path.format(key="KEY244", token=TOKEN))
                assert said.status_code == (404 if form == off else 200), form
            for path in ("/", "/itoolabs"):
                said = await ask(here, "POST", path, data=MAKE | {"token": TOKEN})
                assert said.status_code == (404 if off == "itoolabs" else 200)
            assert len(line.told) == 1  # the same click

    asyncio.run(story())


def test_what_1c_asks_wrongly() -> None:
    async def story() -> None:
        async with calling(Line()) as (here, line):
            get = "/api/call/CallToSubscriber?key=KEY244&outboundNumber="
            assert (await ask(here, "GET", f"{get}${{system(id)}}")).json()["code"] == "3"
            assert (await ask(here, "GET", f"{get}{'8' * 5000}")).json()["code"] == "3"
            assert (await ask(here, "GET", f"{get}%2B5351234567")).json()["code"] == "4"
            no_event = GETS["simple-calls"].replace("event=1", "event=2").format(token=TOKEN)
            assert (await ask(here, "GET", no_event)).status_code == 400
            for wrong in ({"cmd": "rating"}, {"phone": "112"}, {"phone": ""}):
                said = await ask(here, "POST", "/", data=MAKE | {"token": TOKEN} | wrong)
                assert said.status_code == 400, wrong
            cuba = MAKE | {"token": TOKEN, "phone": "+5351234567"}
            assert (await ask(here, "POST", "/", data=cuba)).status_code == 403
            twice = f"cmd=makeCall&phone={NUMBER}&phone=1&user=244&token={TOKEN}"
            assert (await ask(here, "POST", "/", data=twice)).status_code == 400
            assert (await ask(here, "POST", "/", data="x" * 5000)).status_code == 413
            assert not line.told
            # As 1C writes an extension of four digits, and as a plus comes that nobody has encoded.
            fine = f"cmd=makeCall&phone=+79235292926&user=1%C2%A0244&token={TOKEN}"
            assert (await ask(here, "POST", "/", data=fine)).status_code == 200
            assert "user/1244@" in line.told[0][1]

    asyncio.run(story())


def test_accounts_are_those_of_the_switch_and_those_with_a_key() -> None:
    table = (
        "userid|context|domain|group|contact|callgroup|effective_caller_id_name|effective_caller_id_number\n"
        '244|default|pbx|default|sofia/x|sales|Иванов "Иван"|244\n'
        '244|default|pbx|sales|sofia/x|sales|Иванов "Иван"|244\n'
        "300|default|pbx|default|error/user_not_registered|||\n"
        "ivanov|default|pbx|default|x|||\nbroken|line\n\n+OK"
    )

    class Listing(Line):
        def users(self) -> Any:
            found = super().users()
            found.set_result(table)
            return found

    async def story() -> None:
        async with calling(Listing()) as (here, _):
            said = await ask(here, "POST", "/itoolabs", data={"cmd": "accounts", "token": TOKEN})
            assert said.status_code == 200
            found = {one["ext"]: one["name"] for one in said.json()}
            assert found["244"] == "Иванов «Иван»" and found["300"] == "300" and found["241"] == "241"
            assert "ivanov" not in found

    asyncio.run(story())


def test_a_call_that_fails_while_its_form_waits() -> None:
    class Busy(Line):
        def place(self, call_id: str, command: str) -> bool:
            assert self.desk is not None
            self.told.append((call_id, command))
            self.desk.step(call_id, Step(What.PLACED))
            self.desk.step(call_id, Step(What.GONE, "USER_NOT_REGISTERED"))
            return True

    async def story() -> None:
        async with calling(Busy()) as (here, _):
            assert (await ask(here, "GET", GETS["subscriber"].format(key="KEY244"))).json()["code"] == "1"
            said = await ask(here, "POST", "/", data=MAKE | {"token": TOKEN})
            assert said.status_code == 409 and "не зарегистрирован" in said.text

    asyncio.run(story())


def test_who_is_away_is_refused_at_once_in_each_forms_words() -> None:
    """And a subscriber of whom nothing is known is rung, though the same switch says of another that he is
    away.
    """

    async def story() -> None:
        line = Line()
        line.states = {"244": PresenceState.AWAY}
        own = {"number": NUMBER, "extension": "244"}
        async with calling(line) as (here, _):
            for form in ("subscriber", "key"):
                said = await ask(here, "GET", GETS[form].format(key="KEY244"))
                told = said.json()
                assert (said.status_code, told["result"], told["code"]) == (200, "FAIL", "1")
                assert told["message"] == "Телефон абонента не зарегистрирован"
            simple = await ask(here, "GET", GETS["simple-calls"].format(token=TOKEN))
            stock = await ask(here, "POST", "/", data=MAKE | {"token": TOKEN})
            for said in (simple, stock):
                assert (said.status_code, said.text.strip()) == (409, "Телефон абонента не зарегистрирован")
            for headers in (SHOWN, {"Authorization": "Bearer KEY244"}):
                said = await ask(here, "POST", "/calls", json=own, headers=headers)
                assert (said.status_code, said.json()["error"]) == (409, "not-registered")
                assert "id" not in said.json(), "there was no call"
            assert not line.told
            said = await ask(here, "POST", "/calls", json=own | {"extension": "245"}, headers=SHOWN)
            assert said.status_code == 201 and len(line.told) == 1

    asyncio.run(story())


def test_https_by_its_own_certificate(tmp_path: Path) -> None:
    made = certificate(tmp_path)

    async def story() -> None:
        async with calling(cert_file=str(made), key_file=str(made.parent / "key.pem")) as (here, line):
            told = {"number": NUMBER, "extension": "244"}
            said = await ask(here, "POST", "/calls", "https", json=told, headers=SHOWN, verify=str(made))
            assert said.status_code == 201 and len(line.told) == 1
            with pytest.raises(requests.ConnectionError):
                await ask(here, "POST", "/calls", json=told, headers=SHOWN)

    asyncio.run(story())


def test_fifty_at_once_are_looked_at_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that comes in meanwhile has its turn of the loop after each of them, and not after all; and the
    limits hold.
    """

    async def story() -> None:
        async with calling(at_once=3) as (here, line):
            assert here.service.calling is not None
            turns, looks = 0, []
            loop = asyncio.get_running_loop()
            look_at = Keeper.look_at

            def turn() -> None:
                nonlocal turns
                turns += 1
                loop.call_soon(turn)

            async def look(self: Keeper, *asked: Any, **more: Any) -> Any:
                looks.append(turns)
                return await look_at(self, *asked, **more)

            monkeypatch.setattr(Keeper, "look_at", look)
            loop.call_soon(turn)
            sockets = []
            for n in range(50):  # the loop does nothing meanwhile: all of them are there at once
                body = json.dumps({"number": f"892352929{n:02}", "extension": "244"})
                one = socket.create_connection(here.service.calling.address)
                head = f"POST /calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
                one.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                one.setblocking(False)
                sockets.append(one)
            said = [(await loop.sock_recv(one, 65536))[9:12] for one in sockets]
            assert (said.count(b"201"), said.count(b"429")) == (3, 47)
            assert len(line.told) == 3
            assert len(looks) == 50 and max(Counter(looks).values()) == 1, Counter(looks).most_common(3)
            for one in sockets:
                one.close()

    asyncio.run(story())
