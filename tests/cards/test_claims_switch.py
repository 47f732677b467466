"""Claims at a switch that has a name: its word goes before all others, and without it these decide."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from fs_1c.call import Outcome
from fs_1c.cards import claims
from fs_1c.cards.claims import Claim, Standing, Take, Taken, card_key, host_of, our_token
from fs_1c.cards.screenpop import ScreenPops
from fs_1c.settings import RedisSettings
from fs_1c.simulator.onec import OneCSimulator
from tests.cards.conftest import CALL, Open
from tests.cards.test_screenpop import Pops, ended, pops, talk
from tests.redis_server import NEEDED, redis_server

__all__ = ["pops"]


def says(*taken: Taken) -> Take:
    """A switch that answers that, one after the other; then no more."""
    answers = list(taken)

    def take(key: str, leg_uuid: str) -> Future[Taken]:
        assert (key, leg_uuid) in ((f"{CALL}:244", "leg"), ("call-1:244", "leg-1"))
        found: Future[Taken] = Future()
        if answers:
            found.set_result(answers.pop(0))
        return found

    return take


MINE = Taken("pbx1:1:a", mine=True)
HIS = Taken("pbx2:7:b")
NONE_KEPT = Taken("")


@pytest.mark.parametrize(
    ("taken", "claim"),
    [
        (MINE, Claim(Standing.MINE)),
        (HIS, Claim(Standing.ELSEWHERE, "pbx2")),
        (Taken("\x1b[2J/${x}:", mine=False), Claim(Standing.ELSEWHERE, "--2J---x-")),
        (Taken("pbx1:1:a", mine=True, up=False), Claim(Standing.OVER)),
        (Taken(lost=True), Claim(Standing.LATER)),
    ],
)
def test_what_a_switch_says_of_a_claim(opened: Open, file: Path, taken: Taken, claim: Claim) -> None:
    assert opened(file).confirm(CALL, "244", "leg", says(taken)) == claim


def test_a_switch_that_does_not_answer_is_asked_again(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "SWITCH_WAIT", 0.01)
    one = opened()
    assert one.confirm(CALL, "244", "leg", says()) == Claim(Standing.LATER)
    assert one.confirm(CALL, "244", "leg", says(MINE)).mine
    assert one.unshared == 0


def test_what_the_switch_has_told_redis_is_not_asked(opened: Open) -> None:
    pytest.importorskip("redis", reason=NEEDED)
    with redis_server() as server:
        one = opened(None, RedisSettings(url=server.url))
        assert one.confirm(CALL, "244", "leg", says(MINE)).mine
        assert server.client.keys("*") == []
        # One that keeps no claims is passed over, and Redis decides.
        assert one.confirm(CALL, "244", "leg", says(NONE_KEPT)).mine
        assert server.client.keys("*") == [f"fs-1c:claim:{CALL}:244".encode()]
        other = opened(None, RedisSettings(url=server.url)).confirm(CALL, "244", "leg", says(NONE_KEPT))
        assert other == Claim(Standing.ELSEWHERE, host_of(our_token()))
        assert one.unshared == 0 and one.redis_up
        server.kill()
        assert one.confirm("another", "244").mine
        assert one.unshared == 1 and not one.redis_up


def test_a_card_that_nobody_could_tell_of_is_counted(opened: Open, file: Path) -> None:
    one = opened(file)
    assert one.redis_up is None
    assert one.confirm(CALL, "244", "leg", says(NONE_KEPT)).mine
    assert one.unshared == 1
    assert one.confirm("without a switch's name", "244").mine
    assert one.unshared == 1


def test_the_machines_file_goes_on_to_count(opened: Open, file: Path) -> None:
    """mod_python3 beside the service does not ask the switch."""
    assert opened(file).confirm(CALL, "244").mine
    assert opened(file).confirm(CALL, "244", "leg", says(MINE)).standing is Standing.ELSEWHERE


def test_each_process_has_a_token_of_its_own() -> None:
    tokens = {our_token() for _ in range(100)}
    assert len(tokens) == 100 and len({host_of(token) for token in tokens}) == 1
    assert card_key("a/b c", "2 4").isascii() and "/" not in card_key("a/b c", "2 4")


def test_a_card_waits_for_the_switchs_word(onec: OneCSimulator, pops: Pops) -> None:
    here: ScreenPops = pops(onec.url)
    pop = ended(here.conversation(talk(), take=says(Taken(lost=True), Taken(lost=True), MINE)))
    assert (pop.outcome, len(onec.cards)) == (Outcome.ACCEPTED, 1)


@pytest.mark.parametrize(
    ("taken", "outcome", "by"),
    [
        (HIS, Outcome.ELSEWHERE, "pbx2"),
        (Taken("pbx1:1:a", mine=True, up=False), Outcome.TOO_LATE, ""),
    ],
)
def test_what_becomes_of_a_card_that_is_anothers_or_over(
    onec: OneCSimulator, pops: Pops, taken: Taken, outcome: Outcome, by: str
) -> None:
    pop = ended(pops(onec.url).conversation(talk(), take=says(taken)))
    assert (pop.outcome, pop.by, onec.cards) == (outcome, by, ())


def test_a_switch_that_never_tells_costs_the_card_and_not_a_second_one(
    onec: OneCSimulator, pops: Pops
) -> None:
    always = Taken(lost=True)
    pop = ended(pops(onec.url, useful_for=0.6).conversation(talk(), take=says(*[always] * 50)))
    assert (pop.outcome, pop.error and pop.error.kind, onec.cards) == (Outcome.FAILED, "switch", ())


def test_of_a_card_that_another_door_has_the_switch_is_told_as_well(onec: OneCSimulator, pops: Pops) -> None:
    told: list[str] = []

    def take(key: str, leg_uuid: str) -> Future[Taken]:
        told.append(key)
        return Future()

    here = pops(onec.url)
    assert ended(here.conversation(talk())).outcome is Outcome.ACCEPTED
    assert here.conversation(talk(), take=take) is None
    assert told == ["call-1:244"]
