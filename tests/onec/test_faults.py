"""Everything that the simulated 1C can do wrong, through the real client: what is said, and what may happen
next.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fs_1c.call import Outcome, ScreenPop
from fs_1c.cards.screenpop import open_card
from fs_1c.onec import Card, watched
from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.pool import WorkerPool
from fs_1c.onec.queue import Urgency
from fs_1c.settings import DialectName
from fs_1c.simulator.onec import REHEARSAL, Fault, OneCSimulator, OneCSimulatorSettings
from tests.support import KEY, SEED, SOON, base

NO, MAYBE, YES = Reached.NO, Reached.MAYBE, Reached.YES


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0)) as running:
        yield running


SHORT = "1s"
"""A time-out that is waited for; for all else there is time enough."""


def client(onec: OneCSimulator, **given: Any) -> Client:
    return Client(base(onec.url, **{"timeout": SOON, **given}))


def row(name: str, **given: Any) -> Any:
    """A row of the table: the fault, and what it is taken for."""
    words = given.pop("words", "")
    return pytest.param(Fault(name, **given.pop("fault", {})), *given.values(), words, id=name)


# kind, did it reach 1C's code, is the base down, will it pass by itself; 1C's own words in the message
ERRORS = [
    row(
        "no-session-header",
        kind="session",
        reached=NO,
        down=True,
        passing=False,
        words="заголовок управления",
    ),
    row("unauthorized", kind="unauthorized", reached=NO, down=True, passing=False),
    row("no-licence", kind="no-licence", reached=NO, down=True, passing=True, words="свободной лицензии"),
    row("maintenance", kind="maintenance", reached=NO, down=True, passing=True, words="запрещено"),
    row("not-published", kind="not-published", reached=NO, down=True, passing=False),
    row(
        "pool-timeout", kind="pool-full", reached=NO, down=True, passing=True, words="Истекло время ожидания"
    ),
    row("code-error", kind="fault", reached=YES, down=False, passing=False, words="Деление на 0"),
    row("base-down", kind="base-down", reached=MAYBE, down=True, passing=True, words="Ошибка 1С"),
    row(
        "application-error",
        kind="base-down",
        reached=MAYBE,
        down=True,
        passing=True,
        words="application error",
    ),
    row("bad-gateway", kind="proxy", reached=MAYBE, down=True, passing=True, words="Bad Gateway"),
    row("unavailable", kind="proxy", reached=MAYBE, down=True, passing=True),
    row("gateway-timeout", kind="proxy", reached=MAYBE, down=True, passing=True),
    row("redirect", kind="http", reached=NO, down=True, passing=False),
    row("empty-200", kind="not-soap", reached=MAYBE, down=True, passing=False),
    row("html-200", kind="not-soap", reached=MAYBE, down=True, passing=False),
    row("mute", kind="timeout", reached=MAYBE, down=True, passing=False),
    row("mute-after-request", kind="timeout", reached=MAYBE, down=True, passing=False),
    row("cut-after-receipt", kind="broken", reached=MAYBE, down=True, passing=False),
    row("bad-gateway-after-receipt", kind="proxy", reached=MAYBE, down=True, passing=True),
    row("cut-in-answer", kind="broken", reached=MAYBE, down=True, passing=False),
    row("slow-first-byte", kind="timeout", reached=MAYBE, down=True, passing=False),
    row("slow-answer", kind="timeout", reached=MAYBE, down=True, passing=False),
    row("endless-body", kind="too-large", reached=MAYBE, down=True, passing=False),
    row("huge-body", kind="too-large", reached=MAYBE, down=True, passing=False),
    row("endless-headers", kind="broken", reached=MAYBE, down=True, passing=False),
    row("garbage", kind="broken", reached=MAYBE, down=True, passing=False),
    row("broken-chunk", kind="broken", reached=MAYBE, down=True, passing=False),
    row(
        "drip",
        fault={"seconds": 0.05, "part": "body"},
        kind="timeout",
        reached=MAYBE,
        down=True,
        passing=False,
    ),
]


@pytest.mark.parametrize(("fault", "kind", "reached", "down", "passing", "words"), ERRORS)
def test_each_way_to_fail_is_its_own_kind_with_1cs_words_and_a_verdict(
    onec: OneCSimulator, fault: Fault, kind: str, reached: Reached, down: bool, passing: bool, words: str
) -> None:
    onec.fault = fault
    one = client(onec, timeout=SHORT if kind == "timeout" else SOON)
    with pytest.raises(OneCError) as caught:
        one.lookup(SEED)
    error = caught.value
    assert (error.kind, error.reached, error.base_down, error.passing) == (kind, reached, down, passing), (
        error
    )
    assert words in error.message
    assert "<" not in error.message
    assert "\n" not in error.message
    onec.clear_fault()
    assert one.lookup(SEED).manager == "244"  # the next question finds a base that is well again
    one.close()


@pytest.mark.parametrize("part", ["headers", "body", "both"])
def test_an_answer_that_drips_ends_with_the_time_out(onec: OneCSimulator, part: str) -> None:
    onec.fault = Fault("drip", seconds=0.05, part=part)
    with pytest.raises(OneCError) as caught:
        client(onec, timeout=SHORT).lookup(SEED)
    assert caught.value.kind == "timeout"


READABLE = {
    "cdata": {},
    "unescaped-title": {"text": 'ООО "Рога & Копыта" < Ко'},
    "bom": {"part": "inner"},
    "crlf": {},
    "leading-line-break": {},
    "false-encoding": {"part": "inner"},
    "no-break-space": {},
    "several-phones": {},
    "title-line-breaks": {},
    "close-every-time": {},
    "idle-close": {"seconds": 0.01},
    "wrong-length": {"size": -1, "how": "close"},
}


@pytest.mark.parametrize("name", READABLE)
def test_the_managers_phone_survives_whatever_shape_the_answer_has(onec: OneCSimulator, name: str) -> None:
    onec.fault = Fault(name, **READABLE[name])  # type: ignore[arg-type]
    one = client(onec)
    for _ in range(2):
        answer = one.lookup(SEED)
        assert answer.known
        if name != "wrong-length":  # there the end of the answer itself is missing
            assert answer.manager
    one.close()


@pytest.mark.parametrize("part", ["inner", "outer"])
@pytest.mark.parametrize("name", ["bom", "false-encoding"])
def test_lies_about_the_encoding_change_nothing(onec: OneCSimulator, name: str, part: str) -> None:
    onec.fault = Fault(name, part=part)
    answer = client(onec).lookup(SEED)
    assert (answer.title, answer.manager) == ("Фэйковый чиж", "244")


@pytest.mark.parametrize("name", ["nil", "self-closed", "empty-return"])
def test_an_answer_of_nothing_is_an_unknown_client(onec: OneCSimulator, name: str) -> None:
    onec.fault = Fault(name)
    assert not client(onec).lookup(SEED).known


def test_1cs_own_error_is_told(onec: OneCSimulator) -> None:
    onec.fault = Fault("error", text="Нет прав на чтение")
    with pytest.raises(OneCError, match="Нет прав на чтение") as caught:
        client(onec).lookup(SEED)
    assert (caught.value.kind, caught.value.base_down) == ("reported", False)


@pytest.mark.parametrize("name", ["entity-bomb", "external-entity"])
@pytest.mark.parametrize("part", ["inner", "outer"])
def test_entities_are_never_resolved(onec: OneCSimulator, name: str, part: str) -> None:
    onec.fault = Fault(name, part=part)
    try:
        answer = client(onec).lookup(SEED)
    except OneCError as error:
        assert error.kind == "not-soap"
    else:
        assert len(answer.title) < 1000
        assert "root:" not in answer.title


def test_a_title_of_two_megabytes_costs_nothing_but_itself(onec: OneCSimulator) -> None:
    onec.fault = Fault("huge-title")
    with pytest.raises(OneCError, match="over 262144 octets"):
        client(onec).lookup(SEED)


# Screen pops: what was received is never sent twice, what was not is.

RECEIVED = [
    Fault("cut-after-receipt"),
    Fault("cut-after-receipt", how="close"),
    Fault("mute-after-request"),
    Fault("bad-gateway-after-receipt"),
    Fault("bad-gateway-after-receipt", status=504),
    Fault("cut-in-answer"),
    Fault("slow-first-byte"),
    Fault("drip", seconds=0.05, part="body"),
    Fault("endless-headers"),
    Fault("garbage"),
    Fault("broken-chunk"),
]


def pop(
    onec: OneCSimulator, useful_for: float = 20.0, *, served: bool = False, timeout: str | float = SOON
) -> ScreenPop:
    """One pop, on a fresh connection or on one that has served a lookup before."""
    pool = WorkerPool("pops", base(onec.url, timeout=timeout, sessions=1))
    try:
        if served:
            pool.submit(Urgency.CALLER, lambda one: one.lookup(SEED)).result(30)
        return open_card(pool, Card(SEED, KEY, "244", "call-1"), useful_for).result(30)
    finally:
        pool.close()


@pytest.mark.parametrize("fault", RECEIVED, ids=lambda fault: fault.name)
@pytest.mark.parametrize("served", [False, True])
def test_what_1c_has_received_is_never_sent_again(onec: OneCSimulator, fault: Fault, served: bool) -> None:
    onec.fault = replace(fault, operation="IncomingCall")
    waited_for = fault.name in ("mute-after-request", "slow-first-byte", "drip")
    told = pop(onec, served=served, timeout=SHORT if waited_for else SOON)
    assert told.outcome is Outcome.UNKNOWN, told
    assert len(onec.cards) == 1


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("name", ["cut-before-receipt", "refuse"])
def test_what_was_cut_before_1c_received_it_is_sent_again_and_opens_one_card(
    onec: OneCSimulator, name: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, patience = (
        watched._look_before,
        iter([SOON]),
    )  # who cuts may be late; who takes it need not be waited for
    monkeypatch.setattr(watched, "_look_before", lambda one, seconds: look(one, next(patience, seconds)))
    onec.fault = Fault(name, times=1, **({"how": how} if name != "refuse" else {}))  # type: ignore[arg-type]
    told = pop(onec)
    assert told.outcome is Outcome.ACCEPTED, told
    assert len(onec.cards) == 1


@pytest.mark.parametrize("name", ["no-licence", "maintenance", "pool-timeout"])
def test_what_1c_refused_before_its_code_ran_is_sent_again(onec: OneCSimulator, name: str) -> None:
    onec.fault = Fault(name, times=2)
    told = pop(onec)
    assert told.outcome is Outcome.ACCEPTED, told
    assert len(onec.cards) == 1


def test_a_1c_that_comes_back_opens_the_card_that_waited(onec: OneCSimulator) -> None:
    onec.stop()
    threading.Timer(0.6, onec.start).start()
    told = pop(onec)
    assert told.outcome is Outcome.ACCEPTED, told
    assert told.took > 0.5
    assert len(onec.cards) == 1


def test_a_card_that_would_come_too_late_does_not_come(onec: OneCSimulator) -> None:
    onec.stop()
    told = pop(onec, useful_for=0.6)
    assert told.outcome is Outcome.FAILED
    assert told.error is not None
    assert told.error.kind == "unreachable"


@pytest.mark.parametrize(("name", "outcome"), [("unauthorized", "failed"), ("code-error", "rejected")])
def test_what_will_not_get_better_is_not_tried_again(onec: OneCSimulator, name: str, outcome: str) -> None:
    onec.fault = Fault(name)
    assert pop(onec).outcome == outcome
    assert onec.stats.faults == {name: 1}


@pytest.mark.parametrize("text", ["0", "", "true"])
def test_any_answer_but_1_is_a_rejection(onec: OneCSimulator, text: str) -> None:
    onec.fault = Fault("pop-answer", text=text)
    assert pop(onec).outcome is Outcome.REJECTED


def test_an_idle_connection_that_1c_has_closed_costs_no_card(onec: OneCSimulator) -> None:
    pool = WorkerPool("idle", base(onec.url, sessions=1))
    pool.submit(Urgency.CALLER, lambda one: one.lookup(SEED)).result(30)
    onec.stop()
    onec.start()
    assert open_card(pool, Card(SEED, KEY), 5.0).result(10).outcome is Outcome.ACCEPTED
    assert len(onec.cards) == 1
    pool.close()


# Dialects, and both versions of SOAP.


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("dialect", ["mobilon-2", "mobilon-3"])
def test_a_dialect_is_spoken_in_either_version_of_soap(dialect: Any, version: str) -> None:
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect=dialect)) as onec:
        one = client(onec, dialect=dialect, soap=version)
        assert one.lookup(SEED).manager == "244"
        assert one.open_card(Card(SEED, KEY, "244", "call-1", 1795426355.0))
        assert [(card.num_from, card.key) for card in onec.cards] == [(SEED, KEY)]
        assert {request.soap_version for request in onec.requests} == {version}
        one.close()


def test_the_oldest_dialect_answers_in_plain_text() -> None:
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect="mobilon-1")) as onec:
        one = client(onec, dialect="mobilon-1")
        answer = one.lookup("84951234567")
        assert (answer.category, answer.title) == ("VIP", 'ООО "Рога & Копыта"')
        one.close()


def test_the_path_of_a_dialect_is_known() -> None:
    for dialect in DialectName:
        with OneCSimulator(OneCSimulatorSettings(port=0, dialect=dialect.value)) as onec:
            one = Client(base(onec.address, dialect=dialect, crm_token=REHEARSAL))
            assert one.lookup(SEED).known
            one.close()


def test_names_of_a_bases_own(onec: OneCSimulator) -> None:
    one = client(onec, names={"say_name": "WhoIs"})
    with pytest.raises(OneCError, match="WhoIs"):
        one.lookup(SEED)
    one.close()
    same = client(onec, dialect="mobilon-1", namespace="http://VATS", names={"number": "Number"})
    assert same.lookup(SEED).known
    same.close()
