"""Sessions that end in every way seen, cookies that proxies mangle, cards that must not open twice."""

from __future__ import annotations

import itertools

import pytest

from fs_1c.call import Outcome
from fs_1c.cards.screenpop import open_card
from fs_1c.check.finding import Level
from fs_1c.integration import Integration
from fs_1c.onec import Card, Reached, Urgency, WorkerPool
from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError
from fs_1c.settings import SessionMode, SoapVersion
from tests.check.conftest import base_alone, told
from tests.onec.pretend import Asked, PretendOneC, Sessions, fault, http, name_of, page
from tests.support import KEY, base
from tests.world import settings_for

NUMBER = "89235292926"

ENDED = {
    "400 with words": page("400 Bad Request", "Сеанс отсутствует или удален"),
    "400 without": http(b"", "400 Bad Request"),
    "404 without": http(b"", "404 Not Found"),
    "401": http(b"", "401 Unauthorized"),
    "403": page("403 Forbidden", "Сеанс завершен"),
    "410": page("410 Gone", "Gone"),
    "500 page": page("500 Internal Server Error", "Сеанс работы завершен администратором"),
    "500 fault": http(fault("Сеанс отсутствует или удален"), "500 Internal Server Error"),
    "500 fault with a place": http(fault("{Модуль(7)}: Сеанс работы завершен администратором"), "500 X"),
    "500 fault in UTF-16": http(fault("Сеанс отсутствует или удален").decode().encode("utf-16"), "500 X"),
}
WORDS = {"400 with words", "400 without", "404 without", "403", "500 page"}
"""Where a card may be sent once more: 1C's words are about the session, and there is no Fault."""


@pytest.mark.parametrize("how", ENDED)
def test_dead_session(how: str) -> None:
    onec = Sessions(ENDED[how])
    with PretendOneC(onec) as server:
        client = Client(base(server.url, timeout="2s"))
        for turn in range(3):
            assert client.lookup("89230000001").title == name_of("89230000001")
            assert client.lookup("89230000002").title == name_of("89230000002")
            assert onec.started == turn + 1
            onec.live.clear()  # the administrator has ended it
        if how in WORDS:
            assert client.open_card(Card(NUMBER, KEY))
        else:
            with pytest.raises(OneCError) as caught:
                client.open_card(Card(NUMBER, KEY))
            assert ("fault" in how) is (caught.value.reached is not Reached.NO)
            assert client.open_card(Card(NUMBER, KEY))  # the next one opens
        client.close()
    assert onec.cards == 1
    assert not onec.live


def test_the_service_gets_over_a_session_that_ended() -> None:
    onec = Sessions(ENDED["500 page"])
    with (
        PretendOneC(onec) as server,
        Integration(settings_for(server.url, onec={"sessions": 1})) as integration,
    ):
        for turn in range(6):
            caller = integration.lookup(f"892300000{turn:02}")
            assert caller.title == name_of(f"892300000{turn:02}")
            if turn % 2:
                onec.live.clear()


COOKIES = {
    "plain": ("; path=/base", "ibsession"),
    "a flag that is new": ("; Path=/; Secure; HttpOnly; SameSite=None; Partitioned", "ibsession"),
    "a path mangled by nginx": ("; path=/; HTTPOnly; Securebase/ws", "ibsession"),
    "priority": ("; path=/; Priority=High", "ibsession"),
    "upper case": ("; path=/base", "IBSESSION"),
    "no space": ("; path=/base;httponly", "ibsession"),
    "quoted": ('; path="/base"', "ibsession"),
    "folded": (", route=a1; path=/", "ibsession"),
    "folded behind": ("; path=/base", "route=a1; path=/, ibsession"),
    "with a date": ("; expires=Thu, 01 Jan 2099 00:00:00 GMT; path=/", "ibsession"),
}


@pytest.mark.parametrize("how", COOKIES)
def test_cookie_and_leaks(how: str) -> None:
    onec = Sessions(ENDED["400 without"], *COOKIES[how])
    with PretendOneC(onec) as server:
        client = Client(base(server.url))
        for number in range(3):
            client.lookup(f"8923000000{number}")
        client.close()
        assert (onec.started, len(onec.live)) == (1, 0)
        said = told(base_alone(server.url, sessions=1), "sessions", Level.OK)
    assert "1C keeps sessions" in said
    assert not onec.live


def test_a_balancer_gets_its_own_cookie_back() -> None:
    nodes, turn = (Sessions(ENDED["400 with words"]), Sessions(ENDED["400 with words"])), itertools.count()

    def balancer(asked: Asked) -> bytes:
        route = asked.cookie("route") or str(next(turn) % 2)
        answer = nodes[int(route)](asked)
        return answer.replace(b"\r\n", f"\r\nSet-Cookie: route={route}; path=/\r\n".encode(), 1)

    with PretendOneC(balancer) as server:
        client = Client(base(server.url))
        for number in range(10):
            client.lookup(f"8923000000{number}")
        client.close()
    assert sum(node.started for node in nodes) == 1
    assert not any(node.live for node in nodes)


def test_sessions_that_are_lost_at_once_are_done_without(caplog: pytest.LogCaptureFixture) -> None:
    onec = Sessions(ENDED["400 with words"])

    def forgets(asked: Asked) -> bytes:
        if asked.operation:
            onec.live.clear()
        return onec(asked)

    with PretendOneC(forgets) as server:
        client = Client(base(server.url))
        for number in range(20):
            assert client.lookup(f"892300000{number:02}").title == name_of(f"892300000{number:02}")
        client.close()
    assert onec.started == 4
    assert sum("going on without" in record.message for record in caplog.records) == 1


def test_a_base_that_fails_now_and_then_keeps_its_sessions() -> None:
    """What fails in a new session, too, was not for the session."""
    onec = Sessions(ENDED["400 with words"])

    def fails(asked: Asked) -> bytes:
        answer = onec(asked)
        return answer if not asked.operation or asked.number.endswith("1") else page("500 X", "Ошибка СУБД")

    with PretendOneC(fails) as server:
        client = Client(base(server.url))
        for number in itertools.islice(itertools.cycle(["89230000001", "89230000002"]), 12):
            if number.endswith("1"):
                client.lookup(number)
            else:
                with pytest.raises(OneCError, match="Ошибка СУБД"):
                    client.lookup(number)
        assert client._session._policy.mode is not SessionMode.PER_REQUEST
        client.close()


def test_a_proxy_whose_1c_is_away_tells_nothing_about_sessions() -> None:
    onec, away = Sessions(ENDED["400 with words"]), [True]
    with PretendOneC(lambda asked: page("500 X", "away") if away[0] else onec(asked)) as server:
        client = Client(base(server.url))
        with pytest.raises(OneCError):
            client.lookup(NUMBER)
        away.clear()
        away.append(False)
        for _ in range(3):
            client.lookup(NUMBER)
        client.close()
    assert onec.started == 1


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("status", ["400 Bad Request", "500 Internal Server Error", "404 Not Found"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
@pytest.mark.parametrize(
    "text",
    [
        "{ОбщийМодуль.ВАТС.Модуль(77)}: Деление на 0",
        "{ОбщийМодуль.ВАТС.Модуль(77)}: Не обнаружено свободной лицензии!",
        "Не обнаружено свободной лицензии!",
        "Сеанс отсутствует или удален",
    ],
)
def test_pop_twice_400_fault(soap: SoapVersion, status: str, encoding: str, text: str) -> None:
    """1C has opened the card and fails then: nothing is sent again, not even by the patient one."""
    onec = Sessions(ENDED["400 with words"])
    body = fault(text, soap).decode().encode(encoding)

    def fails(asked: Asked) -> bytes:
        answer = onec(asked)
        return http(body, status) if asked.operation == "IncomingCall" else answer

    with PretendOneC(fails) as server:
        pool = WorkerPool("twice", base(server.url, soap=soap, sessions=1))
        pool.submit(Urgency.CALLER, lambda client: client.lookup(NUMBER)).result(30)
        ended = open_card(pool, Card(NUMBER, KEY), 1.0).result(30)
        pool.close()
    assert onec.cards == 1
    assert ended.outcome in (Outcome.REJECTED, Outcome.UNKNOWN)
    assert not onec.live


def test_a_session_is_finished_where_the_description_is_forbidden() -> None:
    onec = Sessions(ENDED["400 with words"])
    with PretendOneC(lambda asked: page("403 F", "no") if "wsdl" in asked.line else onec(asked)) as server:
        client = Client(base(server.url))
        client.lookup(NUMBER)
        client.close()
    assert not onec.live
