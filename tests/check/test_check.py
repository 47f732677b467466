"""`fs-1c check` on a chain that is well, and on bases of 1C with one fault each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fs_1c.check.finding import Level, exit_code
from fs_1c.settings import build
from fs_1c.simulator.onec import Fault, OneCSimulator
from tests.check.conftest import (
    EXAMPLE,
    asked_by,
    bad,
    base_alone,
    check,
    closed,
    serving,
    simulator,
    switch,
    the_one,
)
from tests.processes import free_port
from tests.support import RawServer, http_answer, inner, says, soap_answer, until
from tests.world import CLIENT, settings_for

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
pytestmark = pytest.mark.usefixtures("quick")


# All is well.


@pytest.mark.parametrize("sessions", ["dontuse", "use", "autouse"])
def test_a_chain_that_is_well_has_nothing_wrong_and_nothing_changes(tmp_path: Path, sessions: Any) -> None:
    with simulator(sessions=sessions) as onec, switch() as freeswitch:
        settings = settings_for(
            onec.url,
            lookup={"deadline": "5s"},
            esl={
                "outbound": {"listen": f"127.0.0.1:{free_port()}"},
                "inbound": [{"address": f"127.0.0.1:{freeswitch.event_socket_port}"}],
            },
            http={"listen": f"127.0.0.1:{free_port()}"},
            state={"folder": str(tmp_path)},
        )
        port = settings.esl.outbound.listen.port
        freeswitch.dialplan = asked_by(EXAMPLE.replace("74951234567", "74957654321"), port=port)
        freeswitch.users = ("100", "241", "244")
        with serving(settings) as service:
            until(lambda: all(service.doors().values()) and len(onec.requests) > 0)
            found = check(settings, CLIENT, "+7 495 123-45-67")
        assert bad(found) == []
        assert exit_code(found) == 0
        levels = {(one.where.partition(" ")[0], one.step): one.level for one in found}
        assert levels.pop(("base", "tls")) is Level.SKIPPED
        assert set(levels.values()) == {Level.OK}
        assert {where for where, _ in levels} == {"settings", "base", "switch", "service"}
        assert {step for _, step in levels} == {
            *(
                "settings",
                "routing",
                "state",
                "dns",
                "tcp",
                "http",
                "authentication",
                "service",
                "sessions",
                "number",
            ),
            *("history", "manager", "latency", "event-socket", "password", "version", "modules", "database"),
            "dialplan",
            *("outbound", "http-door", "breaker"),
        }
        assert onec.cards == ()
        assert {request.operation for request in onec.requests} == {"SayName"}
        assert onec.stats.sessions_now == 0
        kept = any("keeps sessions" in one.what for one in found)
        assert kept is (sessions != "dontuse")


@pytest.mark.parametrize("dialect", ["mobilon-1", "mobilon-2", "mobilon-3"])
def test_each_dialect_is_well_by_itself(dialect: Any) -> None:
    with simulator(dialect=dialect) as onec:
        found = base_alone(onec.url, CLIENT, dialect=dialect)
    assert bad(found) == []
    assert any(one.step == "number" and one.level is Level.OK for one in found)


def test_several_bases_are_told_apart() -> None:
    with simulator() as sales, simulator(password="other") as support:
        one = {"username": "SOAP", "password": "s3cret"}
        bases = {"sales": {"url": sales.url, **one}, "support": {"url": support.url, **one}}
        everything = check(build({"onec": bases, "lookup": {"deadline": "5s"}, **closed()}))
        found = [one for one in bad(everything) if one.where.startswith("base")]
    assert [(one.where, one.step) for one in found] == [("base support", "authentication")]
    assert "onec.support.password_file" in found[0].remedy


# One fault each: 1C refuses, fails or is something else.

GATES = [
    (Fault("unauthorized"), "authentication", ("HTTP 401", "onec.username", "onec.password_file")),
    (Fault("maintenance"), "http", ("запрещено", "Wait")),
    (Fault("not-published"), "http", ("HTTP 404", "default.vrd", "onec.url")),
    (Fault("base-down"), "http", ("Ошибка 1С", "1C's server")),
    (Fault("application-error"), "http", ("application error", "1C's server")),
    (Fault("bad-gateway"), "http", ("502", "web server's log")),
    (Fault("gateway-timeout"), "http", ("504", "web server's log")),
    (Fault("redirect"), "http", ("HTTP 301", "browser", "https")),
    (Fault("no-licence"), "sessions", ("свободной лицензии", "licence")),
    (Fault("pool-timeout"), "sessions", ("Истекло время", "poolSize")),
    (Fault("no-session-header"), "sessions", ("заголовок управления", "onec.session_mode", '"auto"')),
    (Fault("html-200"), "service", ("no SayNameResponse", "browser", "login page")),
    (Fault("empty-200"), "service", ("no SayNameResponse", "browser")),
    (Fault("garbage"), "http", ("no HTTP",)),
    (Fault("huge-body"), "http", ("262144 octets",)),
    (Fault("cut-after-receipt"), "http", ("breaks off",)),
]


@pytest.mark.parametrize(("fault", "step", "words"), GATES, ids=lambda one: getattr(one, "name", ""))
def test_what_stands_between_us_and_1cs_code_is_named_in_1cs_words(
    onec: OneCSimulator, fault: Fault, step: str, words: tuple[str, ...]
) -> None:
    onec.fault = fault
    found = base_alone(onec.url, CLIENT, timeout="2s")
    the_one(found, PROBLEM, step, *words)
    later = {one.step: one for one in found}
    assert later["latency"].level is later["number"].level is Level.SKIPPED
    assert "1C gave no answer" in later["latency"].what


def test_a_wrong_password_is_named(onec: OneCSimulator) -> None:
    found = base_alone(onec.url, password="n0t-it")
    the_one(found, PROBLEM, "authentication", "wrong user name or password", "onec.password_file")


def test_an_address_where_nothing_is_published(onec: OneCSimulator) -> None:
    the_one(base_alone(f"{onec.address}/base/ws/Other"), PROBLEM, "http", "404", "default.vrd")


def test_a_service_that_insists_on_sessions_is_not_asked_without() -> None:
    with simulator(sessions="use") as onec:
        found = base_alone(onec.url, session_mode="per-request")
        the_one(found, PROBLEM, "sessions", "onec.session_mode", '"auto"')


def test_a_base_that_is_mute_ends_in_time(onec: OneCSimulator) -> None:
    onec.fault = Fault("mute-after-request")
    found = base_alone(onec.url, CLIENT, timeout="200ms")
    the_one(found, PROBLEM, "http", "no answer within 0.2 s", "overloaded")


def test_an_answer_that_drips_ends_in_time(onec: OneCSimulator) -> None:
    onec.fault = Fault("drip", seconds=0.05)
    the_one(base_alone(onec.url, timeout="200ms"), PROBLEM, "http", "no answer within")


# Another web service than the settings say.


@pytest.mark.parametrize(
    ("simulated", "onec", "words"),
    [
        (
            {"namespace": "http://Other"},
            {},
            ('onec.namespace = "http://Other"', "the settings say http://VATS"),
        ),
        (
            {"dialect": "mobilon-1"},
            {},
            (
                'onec.dialect = "mobilon-1"',
                "calls the parameter of SayName `number`, the settings say `Number`",
            ),
        ),
        ({"dialect": "mobilon-3"}, {}, ('onec.dialect = "mobilon-3"', "no operation IncomingCall")),
        (
            {},
            {"names": {"say_name": "sayName"}},
            ("`SayName`, the settings say `sayName`", "onec.names.say_name"),
        ),
        ({}, {"names": {"number": "number"}}, ("`Number`, the settings say `number`", "onec.names.number")),
        (
            {},
            {"names": {"number": "Phone"}},
            ("`Number`, the settings say `Phone`", 'names.number = "Number"'),
        ),
        ({}, {"names": {"say_name": "WhoIs"}}, ("no operation WhoIs; it has SayName", "onec.url")),
        (
            {},
            {"names": {"key": "KEY"}},
            ("`Key`, the settings say `KEY`", 'onec.names.key = "Key"', "no card"),
        ),
        ({}, {"names": {"incoming_call": "Ring"}}, ("no operation Ring", "no card opens")),
    ],
)
def test_a_name_that_differs_is_named_letter_by_letter(
    simulated: dict[str, Any], onec: dict[str, Any], words: tuple[str, ...]
) -> None:
    with simulator(path="/telephony/ws/VATS", **simulated) as running:
        the_one(base_alone(running.url, **onec), PROBLEM, "service", *words)


def test_1cs_own_words_stand_beside_the_name_that_differs(onec: OneCSimulator) -> None:
    found = the_one(base_alone(onec.url, names={"number": "number"}), PROBLEM, "service")
    assert "HTTP 500" in found.why


def test_a_fault_of_1cs_code_is_given_with_module_and_line(onec: OneCSimulator) -> None:
    onec.fault = Fault("code-error")
    found = base_alone(onec.url)
    the_one(found, PROBLEM, "service", "Модуль(42)", "Деление на 0", "module and line")
    assert {one.step for one in found if one.level is Level.OK} >= {"http", "authentication"}


def test_a_failure_that_1c_reports_itself(onec: OneCSimulator) -> None:
    onec.fault = Fault("error", text="Нет прав на чтение")
    the_one(base_alone(onec.url), PROBLEM, "service", "Нет прав на чтение")


def test_a_base_without_a_description_is_well_if_it_answers() -> None:
    with RawServer(says(http_answer(soap_answer(inner())))) as server:
        found = base_alone(server.url, sessions=1)
    assert bad(found) == []
    assert [one.level for one in found if one.step == "service"] == [Level.OK, Level.SKIPPED]
