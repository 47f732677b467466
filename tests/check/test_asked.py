"""`fs-1c check` on a base that answers: sessions, numbers, managers and time."""

from __future__ import annotations

import itertools
import socket
import threading
from typing import Any

import pytest

from fs_1c.check import base as bases
from fs_1c.check.finding import Level
from fs_1c.check.keys import Keys
from fs_1c.check.steps import load_step
from fs_1c.onec import NOBODY
from fs_1c.simulator.onec import Client, Fault, OneCSimulator
from tests.check.conftest import (
    bad,
    base_alone,
    check,
    serving,
    simulator,
    the_one,
)
from tests.processes import free_port
from tests.support import RawServer, http_answer, soap_answer, until
from tests.world import CLIENT, settings_for

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
pytestmark = pytest.mark.usefixtures("quick")


# Sessions and licences.


@pytest.mark.parametrize("sessions", ["use", "dontuse"])
def test_licences_for_half_of_the_sessions(sessions: Any) -> None:
    with simulator(sessions=sessions, licences=2, latency=0.08) as onec:
        found = the_one(base_alone(onec.url, sessions=4), PROBLEM, "sessions", "granted 2 of 4", "licence")
        assert "Set onec.sessions = 2" in found.remedy
        assert onec.stats.sessions_now == 0


def test_a_pool_that_is_too_small() -> None:
    with simulator(sessions="use", pool_size=3, pool_timeout=0.1) as onec:
        found = the_one(
            base_alone(onec.url, sessions=4), PROBLEM, "sessions", "granted 3 of 4", "Истекло время"
        )
        assert "poolSize" in found.remedy
        assert onec.stats.sessions_now == 0


def test_sessions_that_a_running_service_holds_are_taken_into_account() -> None:
    with simulator(sessions="use", licences=2) as onec:
        door = {"listen": f"127.0.0.1:{free_port()}"}
        settings = settings_for(
            onec.url,
            onec={"sessions": 2},
            lookup={"deadline": "5s"},
            esl={"outbound": door},
            http={"enabled": False},
        )
        with serving(settings):
            until(lambda: onec.stats.sessions_now == 1)
            found = [one for one in check(settings) if one.where.startswith("base")]
        the_one(found, WARNING, "sessions", "granted 1 of 2", "while the service is stopped")


def test_sessions_that_are_asked_for_and_never_kept(onec: OneCSimulator) -> None:
    found = base_alone(onec.url, session_mode="ibsession")
    the_one(found, WARNING, "sessions", "keeps no session", "reuseSessions", "onec.session_mode")


def test_requests_that_fail_only_when_they_are_many() -> None:
    count, together = itertools.count(1), threading.Barrier(3)

    def no_more_than_one(connection: socket.socket, ended: threading.Event) -> None:
        turn = next(count)
        if 3 <= turn <= 5:  # after the first question and ?wsdl
            together.wait(10)
        well = turn not in (4, 5)
        connection.sendall(http_answer(soap_answer("")) if well else http_answer(b"", "503 Unavailable"))

    with RawServer(no_more_than_one) as server:
        found = base_alone(server.url, sessions=3)
    the_one(found, WARNING, "sessions", "of 3 requests", "2 failed", "503", "onec.sessions = 1")


# Numbers.


def test_a_base_that_drops_the_first_character_wants_its_numbers_with_8() -> None:
    with simulator(search="drop-first-substring") as onec:
        assert bad(base_alone(onec.url, CLIENT)) == []
        for form in ("+7", "national"):
            found = base_alone(onec.url, CLIENT, number_format=form)
            the_one(found, PROBLEM, "number", 'onec.number_format = "8"', "drop the first character")


def test_a_client_that_1c_does_not_know_in_any_form(onec: OneCSimulator) -> None:
    found = the_one(base_alone(onec.url, "84950000001"), WARNING, "number", "knows nobody")
    for form in ("84950000001", "+74950000001", "74950000001", "4950000001"):
        assert form in found.what


def test_what_is_no_number_and_what_1c_is_never_asked(onec: OneCSimulator) -> None:
    the_one(base_alone(onec.url, "8923 nonsense"), PROBLEM, "number", "no telephone number", "--number")
    found = base_alone(onec.url, "244", "anonymous")
    assert bad(found) == []
    assert [one.level for one in found if one.step == "number"] == [Level.SKIPPED, Level.SKIPPED]
    assert {request.parameters["Number"] for request in onec.requests} == {NOBODY}


def test_two_clients_by_one_number() -> None:
    clients = (Client("+79235292926", "Первый", "", "241"), Client("8 923 529-29-26", "Второй", "", "244"))
    with simulator(clients=clients[::-1], search="drop-first-substring") as onec:
        found = base_alone(onec.url, CLIENT, number_format="+7")
    the_one(found, WARNING, "number", "different clients", "whole numbers", CLIENT)


def test_an_answer_without_escaping_is_read_and_told(onec: OneCSimulator) -> None:
    onec.fault = Fault("unescaped-title")
    found = base_alone(onec.url, CLIENT)
    the_one(found, WARNING, "answer", "no XML", "ЗаписьXML")
    assert any("Рога & Копыта" in one.what for one in found)


@pytest.mark.parametrize(
    "fault", [Fault("entity-bomb"), Fault("external-entity", location="file:///etc/hostname")]
)
def test_entities_are_told_and_not_resolved(onec: OneCSimulator, fault: Fault) -> None:
    onec.fault = fault
    found = base_alone(onec.url, CLIENT)
    nameless = [one for one in found if "nobody can have" not in one.what]  # the entity is everybody's name
    the_one(nameless, WARNING, "answer", "<!DOCTYPE", "ЗаписьXML")
    assert any("is &e9;" in one.what or "is &x;" in one.what for one in found)


@pytest.mark.parametrize(
    "name", ["cdata", "bom", "crlf", "leading-line-break", "false-encoding", "title-line-breaks"]
)
def test_an_answer_that_is_merely_unusual_is_no_fault(onec: OneCSimulator, name: str) -> None:
    onec.fault = Fault(name)
    assert bad(base_alone(onec.url, CLIENT)) == []


MANAGERS: list[tuple[str, dict[str, Any], Level, tuple[str, ...]]] = [
    ("999", {}, PROBLEM, ("999, which has no key", '"999" = ')),
    ("1\u00a0999", {}, PROBLEM, ("1999, which has no key",)),
    ("89161234567", {}, WARNING, ("outside", "routing.external")),
    ("Иванова!!!", {}, WARNING, ("cannot be dialled", "extension")),
]


@pytest.mark.parametrize(("phone", "more", "level", "words"), MANAGERS)
def test_a_manager_who_cannot_be_reached_or_shown_a_card(
    phone: str, more: dict[str, Any], level: Level, words: tuple[str, ...]
) -> None:
    with simulator(clients=(Client(CLIENT, "Чиж", "0", phone),)) as onec:
        the_one(base_alone(onec.url, CLIENT, more=more), level, "manager", *words)


@pytest.mark.parametrize("phone", ["", "0", "241, 242", "+7 923 111-22-33"])
def test_a_manager_who_can_be_reached_is_no_fault(phone: str) -> None:
    routing = {"routing": {"external": "sofia/gateway/trunk/{number}"}}
    with simulator(clients=(Client(CLIENT, "Чиж", "0", phone),)) as onec:
        assert bad(base_alone(onec.url, CLIENT, more=routing)) == []


# Time.


def test_a_base_slower_than_callers_wait() -> None:
    with simulator(latency=0.05) as onec:
        found = base_alone(onec.url, lookup="20ms", sessions=1)
        the_one(
            found, PROBLEM, "latency", "lookup.deadline is 20 ms", "raise lookup.deadline", "reuseSessions"
        )


@pytest.mark.parametrize(
    ("median", "kept", "level", "words"),
    [
        (0.4, True, Level.OK, ()),
        (0.5, True, WARNING, ("index",)),
        (0.5, False, WARNING, ("index", "reuseSessions")),
        (0.9, True, PROBLEM, ("raise lookup.deadline",)),
    ],
)
def test_latency_is_judged_by_the_deadline(
    median: float, kept: bool, level: Level, words: tuple[str, ...]
) -> None:
    settings = settings_for("http://127.0.0.1:9/", lookup={"deadline": "800ms"})
    base = bases.of("default", settings, Keys({}))
    base.kept = kept
    found = load_step.judge(base, median)
    assert found.level is level
    assert f"{median * 1000:.0f} ms; lookup.deadline is 800 ms" in found.what
    for word in words:
        assert word in found.remedy
    assert ("reuseSessions" in found.remedy) is ("reuseSessions" in words)


@pytest.mark.parametrize(("deadline", "level"), [("5s", Level.OK), ("6s", WARNING), ("60s", WARNING)])
def test_a_deadline_in_which_callers_would_hang_up(deadline: str, level: Level) -> None:
    settings = settings_for("http://127.0.0.1:9/", lookup={"deadline": deadline})
    found = load_step.judge(bases.of("default", settings, Keys({})), 0.1)
    assert (found.level, "silence" in found.why) == (level, level is WARNING)


@pytest.mark.parametrize(("keep_warm", "wrong"), [("off", 1), ("15m", 0)])
def test_a_base_that_sleeps_is_to_be_kept_awake(keep_warm: str, wrong: int) -> None:
    with simulator(sessions="use", cold_start=0.5) as onec:
        found = base_alone(onec.url, lookup="450ms", keep_warm=keep_warm, sessions=1)
        assert len(bad(found)) == wrong
        told = [one for one in found if one.step == "latency"][-1]
        assert "the first request took " in told.what
        assert ("onec.keep_warm" in told.remedy) is bool(wrong)


def test_a_base_that_wakes_up_after_its_time_out_is_not_taken_for_dead(onec: OneCSimulator) -> None:
    onec.fault = Fault("slow-answer", seconds=30.0, times=1)
    found = base_alone(onec.url, keep_warm="off", timeout="1s", lookup="800ms")
    the_one(found, WARNING, "latency", "at least 1000 ms", "onec.keep_warm")


def test_a_base_that_fails_after_it_had_answered() -> None:
    count = itertools.count(1)

    def four_times(connection: socket.socket, ended: threading.Event) -> None:
        well = next(count) <= 4  # the first question, ?wsdl, one session, one to begin with
        connection.sendall(http_answer(soap_answer("")) if well else http_answer(b"", "502 Bad Gateway"))

    with RawServer(four_times) as server:
        found = base_alone(server.url, sessions=1)
    the_one(found, PROBLEM, "latency", "answered before", "502")
