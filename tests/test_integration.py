"""A phone call from the first ring to the card, through the one object that every door holds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fs_1c import channel
from fs_1c.call import Call, Conversation, Decision, Outcome, Result, Source
from fs_1c.esl import commands
from fs_1c.integration import Integration
from fs_1c.routing.decision import _ways
from fs_1c.settings import SettingsError, build
from fs_1c.simulator.onec import REHEARSAL, Client, OneCSimulator, OneCSimulatorSettings
from tests.support import KEY, SEED, SOON, RawServer, mute

PASSWORD = "пароль-s3kr1t"
Make = Callable[..., Integration]


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0, username="SOAP", password=PASSWORD)) as running:
        yield running


@pytest.fixture
def other() -> Iterator[OneCSimulator]:
    """The base of another department, which keeps its numbers in another form."""
    client = Client(SEED, "Чиж из сервиса", "VIP", "300")
    with OneCSimulator(OneCSimulatorSettings(port=0, clients=(client,))) as running:
        yield running


@pytest.fixture
def integration(tmp_path: Path) -> Iterator[Make]:
    made: list[Integration] = []

    def make(url: str, before: Integration | None = None, **sections: Any) -> Integration:
        onec = {"url": url, "username": "SOAP", "password": PASSWORD}
        settings = {
            "onec": onec,
            "lookup": {"deadline": SOON},
            "subscribers": {"keys": {"244": KEY}},
            **sections,
        }
        made.append(Integration(build(settings), before))
        return made[-1]

    yield make
    for one in made:
        one.close(0.1)


def several(onec: OneCSimulator, other: OneCSimulator) -> dict[str, Any]:
    sales = {"url": onec.url, "username": "SOAP", "password": PASSWORD, "destinations": ["74957390000"]}
    service = {"url": other.url, "number_format": "+7", "destinations": ["74957390001"]}
    return {"sales": sales, "service": service}


def call(number: str = SEED, **given: Any) -> Call:
    return Call("call-1", number, domain="pbx.example", **given)


def talk(extension: str = "244", **given: Any) -> Conversation:
    return Conversation("call-1", "leg-1", SEED, extension, **given)


def variables(decision: Decision) -> dict[str, str]:
    return dict(decision.variables)


def test_a_call_is_routed_named_and_its_card_opened(onec: OneCSimulator, integration: Make) -> None:
    here = integration(onec.url)
    decision = here.decide(call())
    assert decision.target == "[progress_timeout=3,leg_timeout=20]user/244@pbx.example"
    assert variables(decision)["effective_caller_id_name"] == "Фэйковый чиж"
    told = here.conversation(talk())
    assert told is not None
    assert told.result(SOON).outcome is Outcome.ACCEPTED
    assert here.conversation(talk()) is None
    assert [request.operation for request in onec.requests] == ["SayName", "IncomingCall"]


def test_an_event_loop_gets_the_same_decision(onec: OneCSimulator, integration: Make) -> None:
    here = integration(onec.url)
    assert asyncio.run(here.decide_async(call())).variables == here.decide(call()).variables


def test_a_decision_is_had_at_once_only_where_1c_need_not_be_asked(
    onec: OneCSimulator, integration: Make
) -> None:
    here = integration(onec.url)
    assert here.decide_now(call()) is None
    assert not onec.requests
    for number, private in (("244", False), ("anonymous", False), (SEED, True)):
        skipped = here.decide_now(call(number, private=private))
        assert skipped is not None
        assert variables(skipped) == {"fs_1c_result": "skipped"}
    here.decide(call())
    here.close()  # all that was under way has ended
    known = here.decide_now(call())
    assert known is not None
    assert (known.caller.source, known.target) == (
        Source.CACHE,
        "[progress_timeout=3,leg_timeout=20]user/244@pbx.example",
    )


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ({}, "Фэйковый чиж"),
        ({"destination": "74957390001"}, "Чиж из сервиса"),
        ({"base": "service", "destination": "74957390000"}, "Чиж из сервиса"),
        ({"base": "no such base", "destination": "74957390001"}, "Чиж из сервиса"),
    ],
)
def test_a_call_and_its_card_go_to_the_same_base(
    onec: OneCSimulator, other: OneCSimulator, integration: Make, given: dict[str, str], title: str
) -> None:
    here = integration(onec.url, onec=several(onec, other))
    assert here.decide(call(**given)).caller.title == title
    told = here.conversation(talk(**given))
    assert told is not None
    assert told.result(SOON).outcome is Outcome.ACCEPTED
    asked, silent, form = (onec, other, SEED) if title == "Фэйковый чиж" else (other, onec, "+79235292926")
    assert [next(iter(request.parameters.values())) for request in asked.requests] == [form, form]
    assert not silent.requests


def test_one_bases_answers_are_not_the_others(
    onec: OneCSimulator, other: OneCSimulator, integration: Make
) -> None:
    here = integration(onec.url, onec=several(onec, other))
    titles = [here.decide(call(base=base)).caller.title for base in ("sales", "service", "sales", "service")]
    assert titles == ["Фэйковый чиж", "Чиж из сервиса"] * 2


def test_no_failure_of_1c_loses_a_call(onec: OneCSimulator, integration: Make) -> None:
    onec.stop()
    here = integration(onec.url)
    decision = here.decide(call(name='ООО "Ромашка"', default_target="user/100"))
    assert decision.target is None  # the dialplan's own default stays
    assert variables(decision)["fs_1c_result"] == "failed"
    assert asyncio.run(here.decide_async(call())).caller.result is Result.FAILED


def test_the_dialplans_deadline_wins_over_the_setting_within_reason(integration: Make) -> None:
    with RawServer(mute) as server:
        here = integration(server.url, lookup={"deadline": "300ms"})
        for deadline, waits in ((None, 300), (0.05, 50), (0.0, 0), (-5.0, -5000)):
            for decision in (
                here.decide(call(deadline=deadline)),
                asyncio.run(here.decide_async(call(deadline=deadline))),
            ):
                assert decision.caller.result is Result.LATE
                assert decision.caller.error is not None
                assert decision.caller.error.message == f"no answer within {waits} ms"


def test_a_dialplan_cannot_grant_more_than_the_longest_deadline(
    integration: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs_1c.integration.deciding.MAX_DEADLINE", 0.1)
    with RawServer(mute) as server:
        here = integration(server.url)
        caller = here.decide(call(deadline=1e9)).caller
        assert caller.error is not None
        assert (caller.result, caller.error.message) == (Result.LATE, "no answer within 100 ms")


def test_asking_by_hand_goes_past_the_cache_of_the_chosen_base(
    onec: OneCSimulator, other: OneCSimulator, integration: Make
) -> None:
    here = integration(onec.url, onec=several(onec, other))
    for _ in range(2):
        assert here.lookup(SEED).source is Source.ONEC
        assert here.lookup(SEED, "service").title == "Чиж из сервиса"
    assert (len(onec.requests), len(other.requests)) == (2, 2)
    assert here.lookup("244").result is Result.SKIPPED
    assert here.lookup("89990000000").result is Result.UNKNOWN


def test_a_card_by_hand_is_sent_each_time_and_its_outcome_awaited(
    onec: OneCSimulator, integration: Make
) -> None:
    here = integration(onec.url)
    assert here.pop(SEED, extension="244").outcome is Outcome.ACCEPTED
    assert here.pop(SEED, extension="244").outcome is Outcome.ACCEPTED
    assert here.pop("+7 923 529-29-26", key="another").outcome is Outcome.ACCEPTED
    assert [(card.num_from, card.key) for card in onec.cards] == [(SEED, KEY), (SEED, KEY), (SEED, "another")]
    assert here.pop(SEED, extension="999").outcome is Outcome.NO_KEY
    assert here.pop("anonymous", extension="244").outcome is Outcome.SKIPPED
    assert len(onec.cards) == 3
    onec.stop()
    assert here.pop(SEED, extension="244").outcome is Outcome.FAILED


def test_a_stock_unf_names_clients_and_shows_cards_without_a_key(integration: Make) -> None:
    unf = OneCSimulatorSettings(port=0, dialect="itoolabs", username="SOAP", password=PASSWORD)
    with OneCSimulator(unf) as onec:
        more = {"dialect": "itoolabs", "crm_token": REHEARSAL, "username": "SOAP", "password": PASSWORD}
        here = integration(onec.url, onec={"url": onec.url, **more}, subscribers={"keys": {}})
        caller = here.lookup("8 (923) 529-29-26")
        assert (caller.title, caller.manager, caller.asked_as) == ("Фэйковый чиж", "244", "79235292926")
        assert here.lookup("89990000000").result is Result.UNKNOWN
        assert here.pop(SEED, extension="244").outcome is Outcome.ACCEPTED
        assert [(card.num_from, card.extension) for card in onec.cards] == [("79235292926", "244")]
        (call,) = onec.calls  # it opens cards only of calls that it knows
        assert (call.states, call.seconds, call.missed) == (
            ["INCOMING", "ACCEPTED", "COMPLETED", "history"],
            0,
            False,
        )
        assert here.pop(SEED, key="of-nobody").outcome is Outcome.NO_KEY
        told = here.conversation(Conversation("call-1", "leg-1", SEED, "245", destination="74951234567"))
        assert told is not None and told.result(30).outcome is Outcome.ACCEPTED
        last = onec.requests[-1].parameters
        assert (last["type"], last["ext"], last["diversion"]) == ("ACCEPTED", "245", "74951234567")


def test_nothing_made_of_a_clients_name_outlives_a_forget(onec: OneCSimulator, integration: Make) -> None:
    shouted = []

    @channel.remembered(8)
    def shout(name: str) -> str:
        shouted.append(name)
        return name.upper()

    here = integration(onec.url)
    memories = (channel.text, _ways, commands.multiset)
    commands.multiset(here.decide(call()).variables)
    assert shout("Чиж") == shout("Чиж") == "ЧИЖ"
    assert shouted == ["Чиж"]
    assert all(_remembers(memory) for memory in memories)
    assert here.forget(None).count == 1
    assert not any(_remembers(memory) for memory in memories)
    assert shout("Чиж") == "ЧИЖ"
    assert shouted == ["Чиж", "Чиж"]


def _remembers(memory: Any) -> int:
    return int(memory.cache_info().currsize)


def test_new_settings_do_not_open_a_card_twice(onec: OneCSimulator, integration: Make) -> None:
    before = integration(onec.url)
    told = before.conversation(talk())
    assert told is not None
    told.result(SOON)
    after = integration(onec.url, before, subscribers={"keys": {"244": "a-new-key", "245": KEY}})
    before.close()
    assert after.conversation(talk()) is None
    assert after.conversation(talk("245")) is not None


def test_fifty_calls_at_once_each_get_their_own_answer(integration: Make) -> None:
    clients = tuple(Client(f"892352900{i:02}", f"Клиент {i}", "0", str(200 + i)) for i in range(50))
    with OneCSimulator(OneCSimulatorSettings(port=0, latency=0.02, clients=clients)) as crowd:
        here = integration(crowd.url)
        with ThreadPoolExecutor(50) as pool:
            decisions = list(pool.map(lambda client: here.decide(call(client.number)), clients))
    assert [decision.caller.title for decision in decisions] == [client.title for client in clients]
    assert [decision.target for decision in decisions] == [
        f"[progress_timeout=3,leg_timeout=20]user/{client.manager}@pbx.example" for client in clients
    ]


def test_closing_finishes_what_is_under_way(onec: OneCSimulator, integration: Make) -> None:
    here = integration(onec.url)
    told = [here.conversation(Conversation(f"call-{i}", "leg", SEED, "244")) for i in range(20)]
    here.close(SOON)
    assert [one is not None and one.done() for one in told] == [True] * 20
    assert len(onec.cards) == 20
    assert here.decide(call("89990000001")).caller.result is Result.FAILED


def test_closing_does_not_wait_for_a_mute_1c(integration: Make) -> None:
    with RawServer(mute) as server:
        here = integration(server.url, onec={"url": server.url, "timeout": SOON})
        told = here.conversation(talk())
        assert server.arrived.wait(SOON)
        here.close(0.1)
        assert told is not None and not told.done()


def test_it_is_made_from_a_file_and_closed_by_with(onec: OneCSimulator, tmp_path: Path) -> None:
    file = tmp_path / "fs-1c.toml"
    file.write_text(f'[onec]\nurl = "{onec.url}"\nusername = "SOAP"\npassword = "{PASSWORD}"\n', "utf-8")
    before = set(threading.enumerate())
    with Integration.from_file(file) as here:
        assert here.lookup(SEED).title == "Фэйковый чиж"
        workers = {thread for thread in set(threading.enumerate()) - before if "1c-default" in thread.name}
        assert workers
    assert not workers & set(threading.enumerate())
    with pytest.raises(SettingsError, match=r"none\.toml"):
        Integration.from_file(tmp_path / "none.toml")


def test_the_log_tells_each_calls_story_and_no_secret(
    onec: OneCSimulator, integration: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    here = integration(onec.url)
    here.decide(call())
    told = here.conversation(talk(key="on-the-leg"))
    assert told is not None
    told.result(SOON)
    onec.stop()
    here.decide(call("89990000000"))
    here.close()  # the last lines are out
    lines = [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name[:5] == "fs_1c"
    ]
    story = [line for line in lines if line[1].startswith("call=call-1 ")]
    assert [level for level, _ in story] == ["INFO", "INFO", "WARNING"]
    assert "number=+79235292926 result=found source=1c" in story[0][1]
    assert "target=[progress_timeout=3,leg_timeout=20]user/244@pbx.example" in story[0][1]
    assert "pop extension=244 outcome=accepted" in story[1][1]
    assert "number=+79990000000 result=failed" in story[2][1]
    for secret in (KEY, PASSWORD, "on-the-leg"):
        assert secret not in caplog.text


def test_whom_it_does_not_ring_is_said_with_the_calls_uuid(
    integration: Make, caplog: pytest.LogCaptureFixture
) -> None:
    clients = (Client("89235292926", "Фэйковый чиж", "0", "+53 5 123-45-67"),)
    with OneCSimulator(OneCSimulatorSettings(port=0, clients=clients)) as onec:
        here = integration(onec.url, routing={"external": "sofia/gateway/trunk/{number}"})
        assert here.decide(call()).target is None
        here.close()
    (line,) = [one for one in caplog.records if "refused" in one.getMessage()]
    assert line.levelname == "WARNING"
    assert "call=call-1 " in line.getMessage()
    assert "8105351234567 is not dialled" in line.getMessage()
