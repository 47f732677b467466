"""1C's sessions, over HTTP: default.vrd's three modes, the cookie, the pool, the licences."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
import requests
from lxml import etree

from fs_1c.simulator.onec import Fault, OneCSimulator
from tests.simulator.support import SEED_REQUEST, TEXT_XML, pop, post, returned, simulator, until
from tests.support import SOON

START = {"IBSession": "start"}
FINISH = {"IBSession": "finish"}
DESCR = "{http://v8.1c.ru/8.1/data/core}descr"


def said(answer: requests.Response) -> tuple[int, str]:
    """The status and 1C's own words."""
    root = etree.fromstring(answer.content)
    assert root.get("reason") == str(answer.status_code)
    return answer.status_code, root.findtext(DESCR) or ""


def start(onec: OneCSimulator) -> requests.Session:
    """Somebody with a session."""
    http = requests.Session()
    assert post(onec, session=http, headers=START).status_code == 200
    return http


def test_without_reuse_each_request_is_a_session() -> None:
    with simulator() as onec, requests.Session() as http:
        everything: list[dict[str, str]] = [{}, START, FINISH, {"Cookie": "ibsession=1"}]
        for headers in everything:
            answer = post(onec, session=http, headers=headers)
            assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
        stats = onec.stats
        assert (stats.sessions_started, stats.sessions_finished, stats.sessions_now) == (4, 4, 0)
        assert stats.sessions_peak == 1


def test_use_wants_a_header_or_a_cookie() -> None:
    with simulator(sessions="use") as onec:
        nothing: list[dict[str, str]] = [{}, FINISH, {"IBSession": "begin"}]
        for headers in nothing:
            assert said(post(onec, headers=headers)) == (
                400,
                "Не указан заголовок управления сеансами или куки с идентификатором сеанса",
            )
        assert (onec.requests, onec.stats.sessions_started) == ((), 0)


def test_use_starts_reuses_and_finishes() -> None:
    with simulator(sessions="use") as onec, requests.Session() as http:
        answer = post(onec, session=http, headers=START)
        cookie = answer.headers["Set-Cookie"]
        assert cookie == f"ibsession={http.cookies['ibsession']}; path=/telephony"
        for _ in range(3):
            answer = post(onec, session=http)
            assert "чиж" in returned(answer.content)
            assert "Set-Cookie" not in answer.headers
        assert (onec.stats.sessions_started, onec.stats.sessions_now) == (1, 1)
        last = post(onec, pop(), session=http, headers=FINISH)
        assert returned(last.content) == "1"
        stats = onec.stats
        assert (stats.sessions_finished, stats.sessions_now, stats.cards) == (1, 0, 1)
        assert said(post(onec, session=http)) == (400, "Сеанс отсутствует или удален")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_session_is_finished_with_an_empty_body_too(method: str) -> None:
    with simulator(sessions="use") as onec, start(onec) as http:
        answer = http.request(method, onec.url, data=b"", headers=FINISH, timeout=SOON)
        assert (answer.status_code, answer.content) == (200, b"")
        assert (onec.stats.sessions_finished, len(onec.requests)) == (1, 1)


def test_a_session_ages() -> None:
    with simulator(sessions="use", session_max_age=0.2) as onec:
        with start(onec) as http:
            until(lambda: onec.stats.sessions_expired == 1)
            assert said(post(onec, session=http)) == (400, "Сеанс отсутствует или удален")
            assert post(onec, session=http, headers=START).status_code == 200
        assert (onec.stats.sessions_started, onec.stats.sessions_now) == (2, 1)


def test_a_session_of_nobody_is_lost() -> None:
    with simulator(sessions="use") as onec:
        assert said(post(onec, headers={"Cookie": "a=b; ibsession=nobody"}))[0] == 400


def test_a_full_pool_makes_wait_and_then_refuses() -> None:
    with simulator(sessions="use", pool_size=1, pool_timeout=0.2) as onec:
        first = start(onec)
        began = time.monotonic()
        assert said(post(onec, headers=START)) == (406, "Истекло время ожидания сеанса")
        assert time.monotonic() - began >= 0.2
        post(onec, b"", session=first, headers=FINISH)
        start(onec)
        stats = onec.stats
        assert (stats.pool_timeouts, stats.sessions_started, stats.sessions_peak) == (1, 2, 1)


@pytest.mark.parametrize("leaves", [True, False])
def test_whoever_waits_for_the_pool_gets_the_place_of_who_leaves_or_ages(leaves: bool) -> None:
    max_age = 60 if leaves else 0.3
    with simulator(sessions="use", pool_size=1, pool_timeout=9, session_max_age=max_age) as onec:
        first = start(onec)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(post, onec, headers=START)
            if leaves:
                until(lambda: onec.stats.requests_now == 1)
                post(onec, b"", session=first, headers=FINISH)
            assert waiting.result().status_code == 200
        stats = onec.stats
        assert (stats.sessions_finished, stats.sessions_expired) == ((1, 0) if leaves else (0, 1))


def test_licences_run_out_at_once() -> None:
    with simulator(sessions="use", licences=2) as onec:
        mine, _ = start(onec), start(onec)
        status, text = said(post(onec, headers=START))
        assert status == 402
        assert text.startswith("Не обнаружено свободной лицензии!")
        post(onec, b"", session=mine, headers=FINISH)
        start(onec)
        assert (onec.stats.licences_refused, onec.stats.sessions_peak) == (1, 2)


def test_no_licences_without_reuse_either() -> None:
    with simulator(licences=0) as onec:
        assert said(post(onec))[0] == 402
        assert onec.stats.by_operation == {"SayName": {"402": 1}}


def test_autouse_reuses_for_those_who_do_not_ask() -> None:
    with simulator(sessions="autouse", pool_size=2) as onec:
        for _ in range(5):
            assert "Set-Cookie" not in post(onec).headers
        assert onec.stats.sessions_started == 1
        with start(onec) as http:
            assert (onec.stats.sessions_started, onec.stats.sessions_now) == (2, 2)
            with start(onec):  # the free one has to make room
                assert (onec.stats.sessions_finished, onec.stats.sessions_now) == (1, 2)
            assert post(onec, session=http).status_code == 200


def test_the_requests_of_one_session_are_served_one_after_another() -> None:
    with simulator(sessions="use", latency=0.05) as onec, start(onec) as http:
        headers = {"Cookie": f"ibsession={http.cookies['ibsession']}"}
        began = time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: post(onec, headers=headers), range(6)))
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - began >= 6 * 0.05


def test_a_busy_session_is_not_waited_for_without_end() -> None:
    with simulator(sessions="use", pool_timeout=0.2) as onec, start(onec) as http:
        cookie = {"Cookie": f"ibsession={http.cookies['ibsession']}"}
        onec.fault = Fault("slow-answer", seconds=1.0, times=1)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(post, onec, headers=cookie)
            until(lambda: onec.stats.faults == {"slow-answer": 1})
            assert said(post(onec, headers=cookie))[0] == 406
            assert slow.result().status_code == 200


def test_the_first_session_is_cold_and_others_wait_with_it() -> None:
    with simulator(sessions="use", cold_start=0.3) as onec:
        began = time.monotonic()
        with ThreadPoolExecutor(3) as pool:
            assert {a.status_code for a in pool.map(lambda _: post(onec, headers=START), range(3))} == {200}
        assert time.monotonic() - began >= 0.3


def test_a_stop_loses_sessions_and_wakes_who_waits() -> None:
    with simulator(sessions="use", pool_size=1, pool_timeout=3600) as onec, start(onec) as http:
        failures: list[Exception] = []

        def wait() -> None:
            try:
                post(onec, timeout=3600, headers=START)
            except requests.ConnectionError as failure:
                failures.append(failure)

        waiting = threading.Thread(target=wait)
        waiting.start()
        until(lambda: onec.stats.requests_now == 1)
        onec.stop()
        waiting.join(SOON)
        assert len(failures) == 1
        onec.start()
        assert said(post(onec, session=http))[0] == 400
        stats = onec.stats
        assert (stats.sessions_lost, stats.sessions_now, stats.requests_now) == (1, 0, 0)


def test_a_thousand_lookups_from_fifty_threads_through_two_sessions() -> None:
    def lookups(headers: dict[str, str]) -> list[bool]:
        with contextlib.closing(HTTPConnection("127.0.0.1", onec.port, timeout=30)) as http:
            found = []
            for _ in range(20):
                http.request("POST", "/telephony/ws/VATS", SEED_REQUEST.encode(), {**TEXT_XML, **headers})
                found.append("чиж" in http.getresponse().read().decode())
            return found

    with simulator(sessions="use", licences=2) as onec:
        cookies = [{"Cookie": f"ibsession={start(onec).cookies['ibsession']}"} for _ in range(2)]
        with ThreadPoolExecutor(50) as pool:
            results = list(pool.map(lookups, (cookies[n % 2] for n in range(50))))
        assert sum(map(sum, results)) == 1000
        stats = onec.stats
        assert (stats.sessions_started, stats.sessions_peak, stats.sessions_now) == (2, 2, 2)
        assert (stats.requests, stats.requests_now) == (1002, 0)
        assert stats.by_operation == {"SayName": {"200": 1002}}
