"""Faults before 1C and in it: what is answered, what has arrived, which card has opened."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fs_1c.simulator.onec import FAULT_KINDS, Fault, OneCSimulator, fault_of, one_line
from fs_1c.simulator.onec.fault_table import Stage
from tests.simulator.support import (
    POST,
    SOAP_1_1,
    SOAP_1_2,
    envelope,
    pop,
    post,
    returned,
    simulator,
    until,
)
from tests.support import SOON

GATES = {
    "no-session-header": (400, "xml", "Не указан заголовок управления сеансами или куки"),
    "session-expired": (400, "xml", "Сеанс отсутствует или удален"),
    "unauthorized": (401, "html", "Идентификация пользователя не выполнена"),
    "no-licence": (402, "xml", "Не обнаружено свободной лицензии!"),
    "maintenance": (403, "json", "Ведутся технические работы"),
    "not-published": (404, "html", "ничего не опубликовано"),
    "pool-timeout": (406, "xml", "Истекло время ожидания сеанса"),
    "base-down": (500, "html", "Ошибка 1С:Предприятия"),
    "application-error": (500, "html", "1C:Enterprise 8 application error"),
    "bad-gateway": (502, "html", "<center><h1>502 Bad Gateway</h1></center>"),
    "unavailable": (503, "html", "nginx"),
    "gateway-timeout": (504, "html", "504 Gateway Time"),
    "redirect": (301, "html", ""),
    "session-ended": (500, "html", "Сеанс работы завершен администратором"),
    "session-fault": (500, "xml", "Сеанс отсутствует или удален"),
    "no-basic": (401, "html", "Не санкционировано"),
    "proxys-password": (401, "html", ""),
    "web-server-refuses": (403, "html", "403 Forbidden"),
    "admins-words": (403, "json", "Обновление до 20:00"),
    "versions": (409, "xml", "Различаются версии"),
    "throttled": (429, "html", "429 Too Many Requests"),
    "empty-200": (200, "xml", ""),
    "html-200": (200, "html", "Вход в систему"),
}


LET_SOME_THROUGH = {"session-forgotten", "wsdl-forbidden"}


def test_every_gate_is_tested() -> None:
    assert GATES.keys() | LET_SOME_THROUGH == {
        name for name, kind in FAULT_KINDS.items() if kind.stage is Stage.GATE
    }


@pytest.mark.parametrize("name", GATES)
def test_before_1c_nothing_is_recorded(onec: OneCSimulator, name: str) -> None:
    status, kind, text = GATES[name]
    onec.fault = Fault(name, times=2)
    for body in (envelope("SayName", Number="1"), pop()):
        answer = post(onec, body)
        answer.encoding = "utf-8"
        assert answer.status_code == status
        assert kind in answer.headers["Content-Type"]
        assert text in answer.text
    assert (onec.requests, onec.cards) == ((), ())
    assert onec.stats.by_operation == {op: {str(status): 1} for op in ("IncomingCall", "SayName")}
    assert onec.stats.faults == {name: 2}
    assert post(onec).status_code == 200


def test_the_shapes_that_programs_look_for(onec: OneCSimulator) -> None:
    onec.fault = Fault("pool-timeout")
    assert etree.fromstring(post(onec).content).get("reason") == "406"
    onec.fault = Fault("maintenance")
    maintenance = post(onec).content
    assert maintenance.startswith(b"\xef\xbb\xbf{")
    told = json.loads(maintenance.decode("utf-8-sig"))
    assert told["exception"]["inner"]["descr"].startswith("Начало сеанса")
    onec.fault = Fault("redirect", status=302, location="/elsewhere")
    assert post(onec).headers["Location"] == "/elsewhere"
    onec.fault = Fault("unauthorized")
    assert "Basic" in post(onec).headers["WWW-Authenticate"]
    onec.fault = Fault("no-licence", status=500)
    assert post(onec).status_code == 500


def test_an_expired_session_is_gone_indeed() -> None:
    with simulator(sessions="use", licences=1) as onec, requests.Session() as http:
        post(onec, session=http, headers={"IBSession": "start"})
        onec.fault = Fault("session-expired", status=404, times=1)
        assert post(onec, session=http).status_code == 404
        assert (onec.stats.sessions_expired, onec.stats.sessions_now) == (1, 0)
        assert post(onec, session=http, headers={"IBSession": "start"}).status_code == 200


def test_the_wsdl_is_no_better_off_and_the_switch_is(onec: OneCSimulator) -> None:
    onec.fault = Fault("bad-gateway")
    assert requests.get(onec.url + "?wsdl", timeout=SOON).status_code == 502
    assert requests.get(onec.address + "/simulator/fault", timeout=SOON).status_code == 200
    onec.fault = Fault("bad-gateway", operation="SayName")
    assert requests.get(onec.url + "?wsdl", timeout=SOON).status_code == 200


def test_a_fault_befalls_only_its_operation(onec: OneCSimulator) -> None:
    onec.fault = Fault("bad-gateway", operation="IncomingCall", times=1)
    assert post(onec).status_code == 200
    assert post(onec, pop()).status_code == 502
    assert post(onec, pop()).status_code == 200


@pytest.mark.parametrize("version", [SOAP_1_1, SOAP_1_2])
def test_an_error_in_1cs_code_is_a_soap_fault_with_module_and_line(onec: OneCSimulator, version: str) -> None:
    onec.fault = Fault("code-error")
    answer = post(onec, envelope("IncomingCall", version, NumFrom="1", Key="2"))
    assert answer.status_code == 500
    assert "{ОбщийМодуль.Телефония.Модуль(42)}: Деление на 0" in answer.text
    assert ":Server<" in answer.text or ":Receiver<" in answer.text
    assert (len(onec.requests), onec.cards) == (1, ())
    onec.fault = Fault("code-error", card=True, text="a & b")
    assert "a &amp; b" in post(onec, pop()).text
    assert len(onec.cards) == 1


def test_a_proxy_that_fails_after_1c_did_its_work(onec: OneCSimulator) -> None:
    onec.fault = Fault("bad-gateway-after-receipt", status=504)
    assert post(onec, pop()).status_code == 504
    assert (len(onec.requests), len(onec.cards)) == (1, 1)


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("operation", [None, "IncomingCall"])
def test_a_cut_before_receipt_leaves_no_trace(onec: OneCSimulator, how: str, operation: str | None) -> None:
    onec.fault = Fault("cut-before-receipt", how=how, times=1, operation=operation)
    with pytest.raises(requests.ConnectionError):
        post(onec, pop())
    assert (onec.requests, onec.cards) == ((), ())
    assert post(onec, pop()).status_code == 200


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_cut_after_receipt_has_opened_the_card(onec: OneCSimulator, how: str) -> None:
    onec.fault = Fault("cut-after-receipt", how=how)
    with pytest.raises(requests.ConnectionError, match="reset" if how == "reset" else "closed"):
        post(onec, pop())
    assert (len(onec.requests), len(onec.cards)) == (1, 1)
    assert onec.stats.by_operation == {"IncomingCall": {"none": 1}}
    onec.fault = Fault("cut-after-receipt", how=how, card=False)
    with pytest.raises(requests.ConnectionError):
        post(onec, pop())
    assert (len(onec.requests), len(onec.cards)) == (2, 1)


def test_mute_after_the_request_holds_its_session_until_the_client_leaves() -> None:
    with simulator(sessions="autouse", pool_size=1, pool_timeout=0.1) as onec:
        onec.fault = Fault("mute-after-request", times=1)
        with socket.create_connection(("127.0.0.1", onec.port), timeout=SOON) as muted:
            muted.sendall(POST + b"Content-Length: %d\r\n\r\n%s" % (len(pop()), pop()))
            until(lambda: len(onec.cards) == 1)
            assert post(onec).status_code == 406
        until(lambda: onec.stats.requests_now == 0)
        assert post(onec).status_code == 200
        assert onec.stats.by_operation["IncomingCall"] == {"none": 1}


def test_a_slow_answer_comes_late_and_so_does_the_card(onec: OneCSimulator) -> None:
    onec.fault = Fault("slow-answer", seconds=0.3)
    began = time.monotonic()
    assert returned(post(onec, pop()).content) == "1"
    assert time.monotonic() - began >= 0.3
    onec.fault = Fault("slow-answer", seconds=60.0)
    with pytest.raises(requests.ReadTimeout):
        post(onec, pop(), timeout=0.1)
    until(lambda: len(onec.requests) == 2)
    assert len(onec.cards) == 1


def test_exactly_so_many_times_from_many_threads(onec: OneCSimulator) -> None:
    onec.fault = Fault("unavailable", times=17)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(post(onec).status_code for _ in range(5)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert (statuses.count(503), statuses.count(200)) == (17, 23)


# --- The switch itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "fault: not a JSON object"),
        ({"fault": "nonsense"}, "fault: 'nonsense' is unknown; known: refuse, mute, "),
        ({"fault": "mute", "times": 0}, "times: Input should be greater"),
        ({"fault": "mute", "times": True}, "times: Input should be a valid integer"),
        ({"fault": "mute", "operation": "SayName"}, "operation: 'SayName' is not known yet"),
        ({"fault": "nil", "operation": "IncomingCall"}, "operation: 'IncomingCall' is not one of SayName"),
        ({"fault": "drip", "operation": "sayname"}, "operation: 'sayname' is not one of CallEvent, "),
        ({"fault": "drip", "rate": 1}, "rate: Unexpected keyword argument"),
        ({"fault": "drip", "size": 1}, "size: drip takes seconds, part"),
        ({"fault": "garbage", "seconds": 1}, "seconds: garbage takes no parameters"),
        ({"fault": "drip", "seconds": "1"}, "seconds: Input should be a valid number"),
        ({"fault": "drip", "seconds": -1}, "seconds: Input should be greater than or equal to 0"),
        ({"fault": "drip", "seconds": float("nan")}, "seconds: Input should be a finite number"),
        ({"fault": "drip", "part": "tail"}, "part: 'tail' is not one of headers, body, both"),
        ({"fault": "huge-body", "size": -1}, "size: -1 is not zero or more"),
        ({"fault": "huge-body", "size": 10**12}, "size: Input should be less than or equal to"),
        ({"fault": "redirect", "location": "a\r\nb"}, "location: String should match pattern"),
        ({"fault": "plain-text", "text": "\x00"}, "text: String should match pattern"),
        ({"fault": "cut-after-receipt", "card": 1}, "card: Input should be a valid boolean"),
    ],
)
def test_a_wrong_fault_is_one_clear_line(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError) as refused:
        fault_of(wrong)
    assert one_line(refused.value).startswith(says)


@given(st.sampled_from(sorted(FAULT_KINDS)), st.none() | st.integers(1, 9))
def test_a_fault_survives_its_json(name: str, times: int | None) -> None:
    fault = Fault(name, times=times)
    assert fault_of(json.loads(json.dumps(fault.as_json()))) == fault


@given(
    st.dictionaries(
        st.sampled_from(["fault", "times", "operation", "seconds", "size", "part", "how", "text", "name"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["drip", "SayName", "x"]),
    )
)
def test_any_description_is_a_fault_or_a_value_error(described: dict[str, object]) -> None:
    try:
        assert fault_of(described).name in FAULT_KINDS
    except ValueError as error:
        assert "\n" not in one_line(error)
