"""`fs-1c check` on a stock 1С:УНФ, and whether a base can be told of whole calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fs_1c import wsdl
from fs_1c.check import base as bases
from fs_1c.check.finding import Level
from fs_1c.check.keys import Keys
from fs_1c.check.steps import answer_step
from fs_1c.simulator.onec import REHEARSAL, Client, Fault
from tests.check.conftest import (
    bad,
    base_alone,
    check,
    closed,
    settings_file,
    shown,
    simulator,
    the_one,
    told,
)
from tests.world import settings_for

OK, WARNING, PROBLEM, SKIPPED = Level.OK, Level.WARNING, Level.PROBLEM, Level.SKIPPED
UNF = {"dialect": "itoolabs", "crm_token": REHEARSAL}
NUMBER = "+7 923 529-29-26"
pytestmark = pytest.mark.usefixtures("quick")


def test_one_that_is_well() -> None:
    with simulator(dialect="itoolabs", sessions="autouse") as onec:
        found = base_alone(onec.url, NUMBER, **UNF)
        assert bad(found) == []
        assert "answers, and knows crm_token" in told(found, "service", OK)
        assert "Система взаимодействия" in told(found, "service", SKIPPED)
        assert "1C opens the card by that" in told(found, "manager", OK)
        assert "documents" in told(found, "history", OK)
        assert onec.stats.sessions_now == 0
        assert (onec.cards, onec.calls) == ((), ())
        asked = {request.parameters.get("phone") for request in onec.requests}
        assert {"79235292926", "89235292926"} <= asked  # in no other form
        assert not any(phone.startswith("+") for phone in asked if phone)


def test_nobody_needs_a_key_there() -> None:
    with simulator(dialect="itoolabs") as onec:
        found = check(settings_for(onec.url, onec=UNF, subscribers={"keys": {}}, **closed()))
        assert "no subscriber has a key" not in told(found, "settings", WARNING)
    with simulator() as onec:
        found = check(settings_for(onec.url, subscribers={"keys": {}}, **closed()))
        assert "no subscriber has a key" in told(found, "settings", WARNING)


@pytest.mark.parametrize(
    ("changed", "step", "words"),
    [
        ({"crm_token": "another-one"}, "authentication", ("HTTP 400", "onec.crm_token_file")),
        ({"password": "wrong"}, "authentication", ("onec.username",)),
        ({"url": "/other/hs/telephony/itoolabs/"}, "http", ("404", "httpServices")),
        ({"url": "/ws/VATS"}, "http", ("a web service (/ws/)", "/hs/telephony/itoolabs/")),
        ({"url": "/hs/telephony"}, "http", ("404", "default.vrd")),
    ],
)
def test_what_is_wrong_with_it(changed: dict[str, Any], step: str, words: tuple[str, ...]) -> None:
    with simulator(dialect="itoolabs") as onec:
        url = onec.address + changed.pop("url", "")
        the_one(base_alone(url, **{**UNF, **changed}), PROBLEM, step, *words)


@pytest.mark.parametrize(
    ("fault", "step", "words"),
    [
        (Fault("html-200"), "service", ("a page", "`ping`")),
        (Fault("code-error"), "service", ("Деление на 0",)),
        (Fault("plain-text"), "service", ("not understood",)),
        (Fault("web-server-refuses", operation="ping"), "authentication", ("403",)),
    ],
)
def test_what_it_says_wrongly(fault: Fault, step: str, words: tuple[str, ...]) -> None:
    with simulator(dialect="itoolabs") as onec:
        onec.fault = fault
        the_one(base_alone(onec.url, **UNF), PROBLEM, step, *words)


def test_a_base_that_keeps_its_numbers_with_8() -> None:
    clients = (Client("89235292926", "Фэйковый чиж", "", "244"),)
    with simulator(dialect="itoolabs", clients=clients, search="drop-first-substring") as onec:
        assert bad(base_alone(onec.url, NUMBER, **UNF)) == []  # both forms are found there


def test_an_soap_base_at_the_address_of_an_http_service() -> None:
    with simulator() as onec:
        found = base_alone(f"{onec.address}/hs/telephony/itoolabs/")
        the_one(found, PROBLEM, "http", "HTTP service (/hs/)")


def test_the_token_is_nowhere_on_the_screen(tmp_path: Path) -> None:
    token = "a-token-that-must-not-be-seen"
    with simulator(dialect="itoolabs", crm_token=token) as onec:
        onec.fault = Fault("code-error", text=f"{{Модуль(1)}}: {token}")
        path = settings_file(tmp_path, onec.url)
        path.write_text(
            path.read_text().replace("[onec]", f'[onec]\ndialect = "itoolabs"\ncrm_token = "{token}"')
        )
        path.chmod(0o644)
        code, text = shown(path, NUMBER)
        assert (code, "***" in text, token in text) == (1, True, False)
        assert "crm_token" in text  # the settings hold it, and everybody can read them


# --- What a base can be told of calls ---------------------------------------------------------------------

CALL_EVENT = {"SayName": ("Number",), "IncomingCall": ("NumFrom", "Key"), "CallEvent": ("Data",)}
TOLD: list[tuple[str, dict[str, tuple[str, ...] | None] | None, Level, str]] = [
    ("mobilon-1", {}, SKIPPED, "told of no calls"),
    ("mobilon-2", {**CALL_EVENT}, OK, "whole calls, by CallEvent"),
    (
        "mobilon-2",
        {"SayName": ("Number",), "IncomingCall": ("NumFrom", "Key")},
        SKIPPED,
        "no operation CallEvent",
    ),
    (
        "mobilon-2",
        {"SayName": ("Number",), "CALLEVENT": ("Data",)},
        WARNING,
        'names.call_event = "CALLEVENT"',
    ),
    ("mobilon-2", {"SayName": ("Number",), "CallEvent": ("data",)}, WARNING, 'names.data = "data"'),
    ("mobilon-2", None, SKIPPED, "only when it is told of a call"),
    ("mobilon-3", {"SayName": ("Number",), "Event": ("Data",)}, OK, "whole calls, by Event"),
    ("mobilon-3", {"SayName": ("Number",)}, SKIPPED, "no operation Event"),
]


@pytest.mark.parametrize(("dialect", "operations", "level", "words"), TOLD)
def test_what_it_can_be_told(
    dialect: str, operations: dict[str, tuple[str, ...] | None] | None, level: Level, words: str
) -> None:
    base = bases.of("default", settings_for("http://1c/ws/x", onec={"dialect": dialect}), Keys({}))
    base.described = None if operations is None else wsdl.Described("http://VATS", operations)
    (found,) = answer_step.history(base)
    assert (found.step, found.level) == ("history", level)
    assert words in f"{found.what} {found.remedy}"


@pytest.mark.parametrize(
    ("dialect", "remedy"), [("mobilon-2", "Load our extension of docs/1c"), ("mobilon-3", "Have Event added")]
)
def test_one_that_is_to_be_told_and_cannot(dialect: str, remedy: str) -> None:
    settings = settings_for("http://1c/ws/x", onec={"dialect": dialect}, history={"enabled": True})
    base = bases.of("default", settings, Keys({}))
    base.described = wsdl.Described("http://VATS", {"SayName": ("Number",)})
    (found,) = answer_step.history(base)
    assert (found.step, found.level) == ("history", WARNING)
    assert "which were missed" in found.why
    assert remedy in found.remedy and "history.enabled = false" in found.remedy


@pytest.mark.parametrize(("call_event", "level"), [(True, OK), (False, WARNING)])
def test_one_of_dialect_2_with_our_extension_and_without(call_event: bool, level: Level) -> None:
    with simulator(call_event=call_event) as onec:
        found = check(settings_for(onec.url, history={"enabled": True}, **closed()))
        assert "CallEvent" in told(found, "history", level)
        assert "CallEvent" not in told(found, "service", PROBLEM)
        assert onec.calls == ()
