"""Each folder of tests/data/cases/1c: what a 1C, or what stands before it, was seen to answer, and what is
right then. Those without a response.http are told by functions here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fs_1c.call import Call, Outcome, Result
from fs_1c.cards.screenpop import open_card
from fs_1c.check.finding import Level
from fs_1c.integration import Integration
from fs_1c.onec import NOBODY, Answer, Card, WorkerPool
from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError, Reached
from tests import ROOT
from tests.check.conftest import base_alone, told
from tests.onec.pretend import Asked, PretendOneC, fault, http, name_of, well
from tests.support import KEY, base, soap_answer
from tests.world import settings_for

FOLDER = ROOT / "tests" / "data" / "cases" / "1c"
NUMBER = "89235292926"
NO, MAYBE, YES = Reached.NO, Reached.MAYBE, Reached.YES
KNOWN = Answer("Тестов Т.Т.", "0", "244")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A failure, as a `OneCError` tells it."""

    kind: str
    reached: Reached
    down: bool
    passing: bool
    words: tuple[str, ...] = ()


def played(name: str) -> PretendOneC:
    octets = (FOLDER / name / "response.http").read_bytes()
    return PretendOneC(lambda asked: octets)


LOOKUPS: dict[str, Answer | Wrong] = {
    "201-soap": KNOWN,
    "202-pop": Wrong("http", MAYBE, True, False, ("HTTP 202",)),
    "302-sso": Wrong("http", NO, True, False, ("leads to https://sso.example/realms/corp",)),
    "401-ntlm": Wrong("no-basic", NO, True, False, ("Negotiate, NTLM only",)),
    "403-web-server": Wrong("web-server", NO, True, False, ("not 1C",)),
    "429": Wrong("throttled", NO, False, True, ("HTTP 429",)),
    "dotnet-result": KNOWN,
    "fault-detail-only": Wrong("fault", YES, False, False, ("{ОбщийМодуль.ВАТС.Модуль(9)}: Деление на 0",)),
    "json-return": KNOWN,
    "maintenance-admins-words": Wrong("maintenance", NO, True, True, ("запрещено", "Обновление до 20:00")),
    "other-tags": Wrong("not-understood", YES, False, False, ("XML with the tags data, Наименование",)),
    "phone-dob-check": Answer("Тестов Т.Т.", "0", "+7 (383) 274-50-00 доб. 244"),
    "phone-float": Answer("Тестов Т.Т.", "0", "244.0"),
    "phone-invisible": Answer("Тестов Т.Т.", "0", "\u200e244"),
    "placeholder-for-all": Answer("Неизвестный клиент", "0", ""),
    "title-object-not-found": Answer(),
}


def test_no_folder_is_forgotten() -> None:
    here = {folder.name for folder in FOLDER.iterdir()}
    told = {
        "cookie-and-leaks",
        "dead-session-500",
        "desync-1xx",
        "nobody-faults",
        "pop-twice-400-fault",
        "url-wsdl",
    }
    assert here == LOOKUPS.keys() | told


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_lookup(name: str) -> None:
    right = LOOKUPS[name]
    with played(name) as onec:
        client = Client(base(onec.url))
        if isinstance(right, Answer):
            assert client.lookup(NUMBER) == right
        else:
            with pytest.raises(OneCError) as caught:
                client.lookup(NUMBER)
            _is(caught.value, right)
        client.close()


def _is(error: OneCError, right: Wrong) -> None:
    seen = (error.kind, error.reached, error.base_down, error.passing)
    assert seen == (right.kind, right.reached, right.down, right.passing)
    for word in right.words:
        assert word in error.message
    assert "Тестов" not in error.message  # no client in an error's text


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_call(name: str) -> None:
    """A known client comes with his name, what is not understood with none; 244 rings where he is meant."""
    right = LOOKUPS[name]
    with played(name) as onec, Integration(settings_for(onec.url)) as integration:
        decision = integration.decide(Call("call", NUMBER))
        variables = dict(decision.variables)
    if not isinstance(right, Answer):
        assert decision.caller.result is Result.FAILED
        assert decision.caller.error is not None
        assert decision.caller.error.kind == right.kind
        assert not variables.keys() & {"fs_1c_title", "effective_caller_id_name", "fs_1c_manager"}
    elif right.known:
        assert variables["effective_caller_id_name"] == right.title
        assert variables.get("fs_1c_manager") == ("244" if right.manager else None)
    else:
        assert decision.caller.result is Result.UNKNOWN
        assert decision.target is None


CARDS = {
    "202-pop": Outcome.UNKNOWN,
    "302-sso": Outcome.FAILED,
    "401-ntlm": Outcome.FAILED,
    "403-web-server": Outcome.FAILED,
    "fault-detail-only": Outcome.REJECTED,
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card(name: str) -> None:
    with played(name) as onec:
        pool = WorkerPool("cases", base(onec.url))
        assert open_card(pool, Card(NUMBER, KEY), 1.0).result(30).outcome is CARDS[name]
        pool.close()
        assert sum(asked.operation == "IncomingCall" for asked in onec.asked) == 1


@pytest.mark.parametrize("name", ["429", "maintenance-admins-words"])
def test_a_card_that_was_refused_for_a_while_comes_later(name: str) -> None:
    octets = (FOLDER / name / "response.http").read_bytes()
    turn = itertools.count()

    def answer(asked: Asked) -> bytes:
        return octets if asked.operation and next(turn) == 0 else http(well(asked))

    with PretendOneC(answer) as onec:
        pool = WorkerPool("cases", base(onec.url))
        assert open_card(pool, Card(NUMBER, KEY), 5.0).result(30).outcome is Outcome.ACCEPTED
        pool.close()


# What `check` says.


CHECKS: dict[str, tuple[str, Level, tuple[str, ...]]] = {
    "201-soap": ("number", Level.OK, ("Тестов",)),
    "202-pop": ("http", Level.PROBLEM, ("HTTP 202",)),
    "302-sso": ("http", Level.PROBLEM, ("leads to https://sso.example/realms/corp",)),
    "401-ntlm": ("authentication", Level.PROBLEM, ("Negotiate, NTLM only", "Switch Basic", "not at fault")),
    "403-web-server": ("authentication", Level.PROBLEM, ("web server refused", "1C has not been asked")),
    "429": ("http", Level.PROBLEM, ("limit",)),
    "dotnet-result": ("number", Level.OK, ("Тестов",)),
    "fault-detail-only": ("service", Level.PROBLEM, ("Деление на 0", "module and line")),
    "json-return": ("number", Level.OK, ("Тестов",)),
    "maintenance-admins-words": ("http", Level.PROBLEM, ("Обновление до 20:00", "allow sessions")),
    "other-tags": ("service", Level.PROBLEM, ("not understood", "Наименование", "lookup --raw")),
    "phone-dob-check": ("manager", Level.OK, ("extension 244, which has a key",)),
    "phone-float": ("manager", Level.OK, ("extension 244, which has a key",)),
    "phone-invisible": ("manager", Level.OK, ("extension 244, which has a key",)),
    "placeholder-for-all": ("answer", Level.WARNING, (NOBODY, "empty tags")),
    "title-object-not-found": ("number", Level.WARNING, ("knows nobody",)),
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_check(name: str) -> None:
    step, level, words = CHECKS[name]
    with played(name) as onec:
        said = told(base_alone(onec.url, NUMBER, sessions=1), step, level)
    for word in words:
        assert word in said


def fails_for_nobody(how: bytes) -> Callable[[Asked], bytes]:
    def answer(asked: Asked) -> bytes:
        if asked.line.startswith("GET"):
            return http(b"<h1>403 Forbidden</h1>", "403 Forbidden")
        return http(well(asked)) if asked.number[1:] == NUMBER[1:] else how

    return answer


FOR_NOBODY = {
    "a fault": http(fault("Клиент не найден"), "500 Internal Server Error"),
    "an error": http(soap_answer("<error>Клиент не найден</error>")),
    "a zero": http(soap_answer("0")),
}


@pytest.mark.parametrize("how", FOR_NOBODY)
def test_nobody_faults(how: str) -> None:
    with PretendOneC(fails_for_nobody(FOR_NOBODY[how])) as onec:
        found = base_alone(onec.url, NUMBER, sessions=2)
        alone = base_alone(onec.url, sessions=1)
    said = told(found, "service", Level.WARNING)
    assert f"works for {NUMBER}" in said
    assert "numbers that it does not know" in said
    assert "does not count as down" in said
    assert {one.step for one in found if one.level is Level.OK} >= {"sessions", "latency", "number"}
    assert not [one for one in found if one.level is Level.PROBLEM and one.step != "manager"]
    assert told(alone, "service", Level.PROBLEM)  # nobody could tell that it works for others


def test_callers_whom_1c_fails_for_do_not_make_the_base_count_as_down() -> None:
    with (
        PretendOneC(fails_for_nobody(FOR_NOBODY["a fault"])) as onec,
        Integration(settings_for(onec.url)) as integration,
    ):
        for number in range(30):
            caller = integration.lookup(f"8495123{number:04}")
            assert (caller.result, caller.error and caller.error.kind) == (Result.FAILED, "fault")
        assert integration.decide(Call("call", NUMBER)).caller.title == name_of(NUMBER)


def test_a_description_that_is_forbidden() -> None:
    with PretendOneC(fails_for_nobody(http(soap_answer("")))) as onec:
        said = told(base_alone(onec.url, sessions=1), "service", Level.SKIPPED)
    assert "?wsdl (HTTP 403: it is forbidden" in said


@pytest.mark.parametrize("ending", ["?wsdl", "?WSDL", "?singleWsdl", "?wsdl="])
def test_url_wsdl(ending: str) -> None:
    def answer(asked: Asked) -> bytes:
        well_asked = asked.line == "POST /base/ws/VATS.1cws HTTP/1.1"
        return http(soap_answer("") if asked.number == NOBODY else well(asked)) if well_asked else http(b"x")

    with PretendOneC(answer, f"/base/ws/VATS.1cws{ending}") as onec:
        client = Client(base(onec.url))
        assert client.lookup(NUMBER).title == name_of(NUMBER)
        client.close()
        assert "ends in ?wsdl" in told(base_alone(onec.url, sessions=1), "http", Level.OK)


def test_an_http_service_is_no_web_service() -> None:
    with PretendOneC(lambda asked: http(b"", "404 Not Found"), "/base/hs/telephony/call") as onec:
        found = base_alone(onec.url, NUMBER)
        said = told(found, "http", Level.PROBLEM)
        assert not onec.asked
    assert "HTTP service (/hs/)" in said
    assert "http://HOST/BASE/ws/NAME" in said
    assert sum(one.level is Level.PROBLEM for one in found) == 1


# Whose answer is it.


@pytest.mark.parametrize("interim", ["102 Processing", "103 Early Hints", "199 Odd", "100 Continue"])
@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_desync_1xx(interim: str, pause: float) -> None:
    def answer(asked: Asked) -> list[bytes | float]:
        return [f"HTTP/1.1 {interim}\r\nLink: </a>\r\n\r\n".encode(), pause, http(well(asked))]

    with PretendOneC(answer) as onec:
        client = Client(base(onec.url, timeout="2s"))
        numbers = [f"8923000000{n}" for n in range(4)]
        assert [client.lookup(number).title for number in numbers] == [name_of(number) for number in numbers]
        client.close()
