"""A card opens once, at the subscriber who talks; what became of it is told honestly, and no key is."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fs_1c.call import Conversation, Failure, Outcome, ScreenPop
from fs_1c.cards.claims import Claims
from fs_1c.cards.screenpop import ScreenPops, outcome
from fs_1c.cards.subscribers import Subscribers
from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.pool import WorkerPool
from fs_1c.onec.queue import Urgency
from fs_1c.settings import ScreenPopSettings, SubscribersSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.support import KEY, SEED, SOON, Part, RawServer, base, http_answer, mute, says, soap_answer

OTHER_KEY = "k3y-of-245"
SUBSCRIBERS = Subscribers(
    SubscribersSettings(keys={"244": SecretStr(KEY), "245": SecretStr(OTHER_KEY), "246": SecretStr(KEY)})
)
Pops = Callable[..., ScreenPops]


def over(pool: WorkerPool, claims: Claims, useful_for: float = SOON, **more: Any) -> ScreenPops:
    subscribers = more.pop("subscribers", SUBSCRIBERS)
    settings = ScreenPopSettings(useful_for=useful_for, **more)
    return ScreenPops(lambda _: (pool, NumberFormat.EIGHT), subscribers, NumberPlan(), claims, settings)


@pytest.fixture
def pops() -> Iterator[Pops]:
    pools: list[WorkerPool] = []

    def at(
        url: str,
        *,
        timeout: float = SOON,
        claims: Claims | None = None,
        useful_for: float = SOON,
        **more: Any,
    ) -> ScreenPops:
        pool = WorkerPool("test", base(url, timeout=timeout))
        pools.append(pool)
        return over(pool, claims or Claims(), useful_for, **more)

    yield at
    for pool in pools:
        pool.close(0.1)


def talk(
    extension: str = "244",
    call: str = "call-1",
    number: str = SEED,
    leg: str = "leg-1",
    key: str = "",
    **more: Any,
) -> Conversation:
    return Conversation(call, leg, number, extension, key, **more)


def ended(told: Future[ScreenPop] | None) -> ScreenPop:
    assert told is not None
    return told.result(SOON)


def test_a_card_opens_with_the_number_in_the_bases_form_and_the_subscribers_key(
    onec: OneCSimulator, pops: Pops
) -> None:
    pop = ended(pops(onec.url).conversation(talk(number="+7 (923) 529-29-26")))
    assert (pop.outcome, pop.error) == (Outcome.ACCEPTED, None)
    assert [(card.num_from, card.key) for card in onec.cards] == [(SEED, KEY)]


def test_one_conversation_reported_by_fifty_threads_is_one_card(onec: OneCSimulator, pops: Pops) -> None:
    here = pops(onec.url)
    together = threading.Barrier(50)

    def report(door: int) -> Future[ScreenPop] | None:
        together.wait(SOON)
        return here.conversation(talk(leg=f"leg-{door}"))

    with ThreadPoolExecutor(50) as pool:
        told = [one for one in pool.map(report, range(50)) if one is not None]
    assert [ended(one).outcome for one in told] == [Outcome.ACCEPTED]
    assert len(onec.cards) == 1


def test_every_subscriber_and_every_call_has_a_card_of_its_own(onec: OneCSimulator, pops: Pops) -> None:
    here = pops(onec.url)
    told = [
        here.conversation(conversation)
        for conversation in (talk(), talk("245"), talk(), talk(call="call-2"), talk("245"), talk("246"))
    ]
    assert [one is None for one in told] == [False, False, True, False, True, False]
    assert {ended(one).outcome for one in told if one} == {Outcome.ACCEPTED}
    assert sorted(card.key for card in onec.cards) == sorted([KEY, OTHER_KEY, KEY, KEY])


def test_claims_outlive_the_settings(onec: OneCSimulator, pops: Pops) -> None:
    claims = Claims()
    assert ended(pops(onec.url, claims=claims).conversation(talk())).outcome is Outcome.ACCEPTED
    assert pops(onec.url, claims=claims).conversation(talk()) is None
    assert len(onec.cards) == 1


def test_the_settings_key_wins_over_the_legs_and_the_legs_over_none(onec: OneCSimulator, pops: Pops) -> None:
    here = pops(onec.url)
    assert ended(here.conversation(talk("244", key="on-the-leg"))).outcome is Outcome.ACCEPTED
    assert ended(here.conversation(talk("999", key="on-the-leg"))).outcome is Outcome.ACCEPTED
    assert [card.key for card in onec.cards] == [KEY, "on-the-leg"]


def test_a_subscriber_without_a_key_is_told_about_once(onec: OneCSimulator, pops: Pops) -> None:
    here = pops(onec.url)
    pop = ended(here.conversation(talk("999")))
    assert pop.outcome is Outcome.NO_KEY
    assert pop.error == Failure("no-key", "extension 999 has no key")
    assert here.conversation(talk("999")) is None
    assert not onec.requests


@pytest.mark.parametrize(
    ("number", "reason"),
    [("anonymous", "withheld"), ("", "withheld"), ("245", "an extension"), ("x", "malformed")],
)
def test_no_card_is_asked_for_a_client_without_a_number(
    onec: OneCSimulator, pops: Pops, number: str, reason: str
) -> None:
    pop = ended(pops(onec.url).conversation(talk(number=number)))
    assert (pop.outcome, pop.error) == (Outcome.SKIPPED, Failure("skipped", reason))
    assert not onec.requests


def told_by(part: Part, pops: Pops, useful_for: float = SOON) -> tuple[ScreenPop, int]:
    """What became of a pop at such a server, reported twice; and how many requests came."""
    with RawServer(part) as server:
        here = pops(server.url, timeout=1.0 if part is mute else SOON, useful_for=useful_for)
        pop = ended(here.conversation(talk()))
        assert here.conversation(talk()) is None  # whatever became of it, it is never sent again
        return pop, len(server.requests)


@pytest.mark.parametrize("returned", ["0", "", "false", "11"])
def test_any_answer_but_1_is_a_rejection(pops: Pops, returned: str) -> None:
    pop, requests = told_by(says(http_answer(soap_answer(returned, "IncomingCall"))), pops)
    assert (pop.outcome, requests) == (Outcome.REJECTED, 1)
    assert pop.error is not None
    assert pop.error.kind == "rejected"


def test_a_refusal_before_any_code_of_1c_ran_is_a_failure_in_1cs_own_words(pops: Pops) -> None:
    pop, _ = told_by(
        says(http_answer("<h1>Не обнаружено свободной лицензии!</h1>".encode(), "402 X")), pops, 0.5
    )
    assert pop.outcome is Outcome.FAILED
    assert pop.error is not None
    assert "Не обнаружено свободной лицензии!" in pop.error.message


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<soap"


@pytest.mark.parametrize("part", [mute, says(b""), says(CUT)], ids=["mute", "closes", "is cut short"])
def test_a_pop_whose_answer_is_missing_is_unknown_and_never_sent_again(pops: Pops, part: Part) -> None:
    pop, requests = told_by(part, pops)
    assert (pop.outcome, requests) == (Outcome.UNKNOWN, 1)
    assert pop.error is not None


def test_a_pop_that_surely_did_not_arrive_has_failed(onec: OneCSimulator, pops: Pops) -> None:
    onec.stop()
    pop = ended(pops(onec.url, useful_for=0.5).conversation(talk()))
    assert pop.outcome is Outcome.FAILED
    assert pop.error is not None
    assert pop.error.kind == "unreachable"


@pytest.mark.parametrize(
    ("error", "became"),
    [
        (OneCError("x", "m", Reached.NO, base_down=True), Outcome.FAILED),
        (OneCError("x", "m", Reached.MAYBE, base_down=True), Outcome.UNKNOWN),
        (OneCError("x", "m", Reached.YES, base_down=False), Outcome.REJECTED),
        (ZeroDivisionError("s3kr1t"), Outcome.UNKNOWN),
    ],
)
def test_an_outcome_follows_from_whether_the_request_arrived(error: Exception, became: Outcome) -> None:
    accepted: Future[bool] = Future()
    accepted.set_exception(error)
    pop = outcome(accepted, 1.5)
    assert (pop.outcome, pop.took) == (became, 1.5)
    assert pop.error is not None
    assert "s3kr1t" not in pop.error.message


def test_a_conversation_waits_for_nobody(pops: Pops) -> None:
    gate = threading.Event()

    def part(connection: socket.socket, ending: threading.Event) -> None:
        gate.wait(SOON)
        connection.sendall(http_answer(soap_answer("1", "IncomingCall")))

    with RawServer(part) as server:
        told = pops(server.url).conversation(talk())
        assert told is not None
        assert server.arrived.wait(SOON)
        assert not told.done()
        gate.set()
        assert ended(told).outcome is Outcome.ACCEPTED


def test_a_caller_who_waits_goes_before_a_card(onec: OneCSimulator) -> None:
    pool = WorkerPool("one", base(onec.url, sessions=1))
    busy, free = threading.Event(), threading.Event()

    def work(client: object) -> None:
        busy.set()
        free.wait(SOON)

    pool.submit(Urgency.CALLER, work)
    assert busy.wait(SOON)
    here = over(pool, Claims())
    told = here.conversation(talk())
    lookup = pool.submit(Urgency.CALLER, lambda client: client.lookup(SEED))
    free.set()
    lookup.result(SOON)
    ended(told)
    pool.close()
    assert [request.operation for request in onec.requests] == ["SayName", "IncomingCall"]


class Lines(logging.Handler):
    """Keeps log lines: a pop's own may come a moment after its outcome, and to other handlers later still."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._more = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._more:
            self.lines.append(record.getMessage())
            self._more.notify_all()

    def wait_for(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.lines) >= count, SOON)


def test_a_card_that_waited_too_long_for_a_worker_is_not_opened(onec: OneCSimulator) -> None:
    pool = WorkerPool("one", base(onec.url, sessions=1))
    free = threading.Event()
    busy = pool.submit(Urgency.CALLER, lambda _: free.wait(SOON))
    told = over(pool, Claims(), useful_for=0.05).conversation(talk())
    assert not free.wait(0.1)
    free.set()
    assert busy.result(SOON)
    pop = ended(told)
    pool.close()
    assert pop.outcome is Outcome.TOO_LATE
    assert not onec.requests


def test_a_card_whose_conversation_has_ended_is_not_opened(onec: OneCSimulator) -> None:
    pool = WorkerPool("one", base(onec.url, sessions=1))
    for call, leg_that_ends in (("call-1", "call-1"), ("call-2", "leg-1")):
        free = threading.Event()
        wait = partial(free.wait, SOON)
        pool.submit(Urgency.CALLER, lambda _: wait())  # noqa: B023
        here = over(pool, Claims())
        told, other = (
            here.conversation(talk(call=call)),
            here.conversation(talk("245", "call-9", leg="leg-9")),
        )
        here.hung_up("somebody-else")
        here.hung_up(leg_that_ends)
        free.set()
        pop = ended(told)
        assert (pop.outcome, pop.error) == (Outcome.TOO_LATE, Failure("over", "the conversation had ended"))
        assert ended(other).outcome is Outcome.ACCEPTED
        assert not here._open  # nothing is remembered of what is over
    pool.close()
    assert [card.key for card in onec.cards] == [OTHER_KEY, OTHER_KEY]


def test_who_rang_in_vain_may_still_have_his_card_when_he_talks(onec: OneCSimulator) -> None:
    pool = WorkerPool("one", base(onec.url, sessions=1))
    free = threading.Event()
    pool.submit(Urgency.CALLER, lambda _: free.wait(SOON))
    here = over(pool, Claims(), when="ring")
    told = here.conversation(talk(ringing=True))
    here.hung_up("leg-1")
    free.set()
    assert ended(told).outcome is Outcome.TOO_LATE
    assert ended(here.conversation(talk(leg="leg-2"))).outcome is Outcome.ACCEPTED
    pool.close()


def test_a_conversation_learnt_late_has_the_rest_of_its_time(onec: OneCSimulator, pops: Pops) -> None:
    here = pops(onec.url, useful_for=30.0)
    assert ended(here.conversation(talk(age=29.0))).outcome is Outcome.ACCEPTED
    late = ended(here.conversation(talk("245", age=31.0)))
    assert (late.outcome, late.error and late.error.kind) == (Outcome.TOO_LATE, "too-late")


def test_what_another_service_has_told_is_not_told_again(
    onec: OneCSimulator, pops: Pops, tmp_path: Path
) -> None:
    # Each has a memory of its own, as two processes on one machine, or one before and after a restart.
    first, second = (pops(onec.url, claims=Claims(tmp_path / "claims.db")) for _ in range(2))
    assert ended(first.conversation(talk())).outcome is Outcome.ACCEPTED
    pop = ended(second.conversation(talk(age=100.0)))  # not too late: done
    assert (pop.outcome, pop.error and pop.error.kind) == (Outcome.ELSEWHERE, "elsewhere")
    assert len(onec.cards) == 1


@pytest.mark.parametrize("when", ["answer", "ring"])
def test_a_card_opens_when_it_is_wanted(onec: OneCSimulator, pops: Pops, when: str) -> None:
    here = pops(onec.url, when=when)
    told = [here.conversation(talk(extension, ringing=ringing)) for extension, ringing in RINGS]
    assert [one is not None for one in told] == (
        [True, True, False] if when == "ring" else [False, False, True]
    )
    for one in told:
        assert one is None or ended(one).outcome is Outcome.ACCEPTED


RINGS = (("244", True), ("245", True), ("245", False))


def test_an_outgoing_call_opens_a_card_only_if_that_is_wanted(onec: OneCSimulator, pops: Pops) -> None:
    assert pops(onec.url).conversation(talk(outgoing=True)) is None
    assert ended(pops(onec.url, outgoing=True).conversation(talk(outgoing=True))).outcome is Outcome.ACCEPTED


def test_the_switchs_directory_is_asked_last(onec: OneCSimulator, pops: Pops) -> None:
    asked: list[tuple[str, str]] = []

    def ask(user: str, domain: str, what: str = "") -> Future[str]:
        asked.append((user, domain))
        answer: Future[str] = Future()
        answer.set_result("from-the-directory" if user == "301" else "")
        return answer

    here = pops(onec.url, subscribers=Subscribers(SubscribersSettings(keys={"244": KEY}, directory=True)))
    known = ended(here.conversation(talk("244", domain="pbx"), ask))
    found = ended(here.conversation(talk("301", domain="pbx"), ask))
    nobody = ended(here.conversation(talk("302", domain="pbx"), ask))
    assert [pop.outcome for pop in (known, found, nobody)] == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.NO_KEY,
    ]
    assert asked == [("301", "pbx"), ("302", "pbx")]
    assert [card.key for card in onec.cards] == [KEY, "from-the-directory"]


def test_keys_are_in_no_log_line_and_no_text(
    onec: OneCSimulator, pops: Pops, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = Lines()
    logging.getLogger("fs_1c.cards.screenpop").addHandler(told)
    repeats = f"<Fault><faultstring>Ключ {KEY} не найден</faultstring></Fault>".encode()
    shown = [told_by(says(http_answer(repeats, "500 Internal Server Error")), pops)[0]]
    shown += [told_by(mute, pops)[0], told_by(says(b""), pops)[0]]
    shown.append(ended(pops(onec.url).conversation(talk(key="on-the-leg"))))
    onec.stop()
    shown.append(ended(pops(onec.url, useful_for=0.5).conversation(talk(key="on-the-leg"))))
    told.wait_for(5)
    assert [pop.outcome for pop in shown] == [
        Outcome.REJECTED,
        Outcome.UNKNOWN,
        Outcome.UNKNOWN,
        Outcome.ACCEPTED,
        Outcome.FAILED,
    ]
    lines = told.lines
    assert all("call=call-1 pop extension=244 outcome=" in line for line in lines)
    for secret in (KEY, "on-the-leg"):
        assert secret not in f"{caplog.text}{shown}{talk(key='on-the-leg')}"
