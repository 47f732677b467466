"""A service at a switch that has a name: what it says there, what it claims there, and what if it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.cards import duty, post
from fs_1c.cards.duty import Word
from fs_1c.esl.listening import SERVICE, Heard, Listening
from fs_1c.esl.wire import Message
from fs_1c.numbers import NumberPlan
from fs_1c.service import Service
from fs_1c.settings import Role
from fs_1c.simulator.freeswitch import SimulatedSwitch
from fs_1c.simulator.freeswitch.wire import Event
from fs_1c.talk import Conversations
from tests.esl.test_contract import transport
from tests.world import CLIENT, World, settings_for, until, world

__all__ = ["transport"]

CARD = [(CLIENT, "KEY244")]


def run(story: Callable[[World], Awaitable[None]], role: str = "own", **more: Any) -> None:
    async def whole() -> None:
        async with world(at_switch={"name": "sw3", "role": role}, **more) as here:
            await story(here)

    asyncio.run(whole())


def words(switch: SimulatedSwitch, monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What services say at the switch from now on."""
    said: list[Event] = []
    fire = switch.fire

    def listens(event: Event) -> None:
        if event.get("Event-Subclass") == SERVICE:
            said.append(event)
        fire(event)

    monkeypatch.setattr(switch, "fire", listens)
    return said


def test_a_card_is_claimed_at_the_switch_and_let_go_after_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "KEPT_FOR", 0.1)

    async def story(here: World) -> None:
        call = asyncio.create_task(here.switch.call(here.script(talk=0.5)))
        assert await here.carded(1) == CARD
        ((key, holder),) = here.switch.hash.items()
        assert key.startswith("fs_1c.sw3_") and key.endswith(":244")
        (door,) = here.service.inbound
        assert door.post and holder == door.post.token
        await call
        await until(lambda: not here.switch.hash)

    run(story)


def test_what_another_has_claimed_is_left_to_him(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "fs_1c")

    async def story(here: World) -> None:
        insert = here.switch._hash
        here.switch._hash = lambda what, realm, key, *value: insert(  # type: ignore[method-assign]
            what, realm, key, *("pbx2:7:x" for _ in value)
        )
        call = asyncio.create_task(here.switch.call(here.script(talk=0.5)))
        await until(lambda: "outcome=elsewhere by=pbx2 switch=sw3" in caplog.text)
        await call
        assert here.cards() == []

    run(story)


def test_a_switch_without_mod_hash_is_said_once_and_the_cards_open(caplog: pytest.LogCaptureFixture) -> None:
    async def story(here: World) -> None:
        here.switch._hash = lambda *_: "-ERR hash Command not found!\n"  # type: ignore[method-assign]
        for _ in range(2):
            await here.switch.call(here.script())
        assert await here.carded(2) == CARD * 2
        assert here.service.integration.claims().unshared == 2

    run(story)
    assert caplog.text.count("it keeps no claims (is mod_hash loaded?)") == 1


def test_a_switch_that_hands_no_words_on_is_said_once_and_the_own_service_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "EVERY", 0.02)
    monkeypatch.setattr(duty, "PATIENCE", 0.05)
    monkeypatch.setattr(SimulatedSwitch, "sent", lambda *_: "nobody hears of it")

    async def story(here: World) -> None:
        await until(lambda: "does not hand on what services say" in caplog.text)
        await here.switch.call(here.script())
        assert await here.carded(1) == CARD

    run(story)
    assert caplog.text.count("does not hand on what services say") == 1


def test_an_own_service_says_that_it_is_there_and_says_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "EVERY", 0.02)

    async def story(here: World) -> None:
        said = words(here.switch, monkeypatch)
        await until(lambda: len(said) >= 3)
        await here.service.stop()
        await until(lambda: said[-1].get("FS-1C-Number") == "0")
        assert {one.get("FS-1C-Role") for one in said} == {"own"}

    run(story)


def test_a_reserve_takes_over_from_nobody_and_gives_way(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "EVERY", 0.05)

    async def story(here: World) -> None:
        assert "inbound" not in " ".join(here.service.doors())  # a reserve makes nobody unready
        call = asyncio.create_task(here.switch.call(here.script(talk=5.0)))
        assert await here.carded(1) == CARD
        (state,) = here.service.posts()
        assert (state.switch, state.role, state.owner, state.connected) == ("sw3", Role.RESERVE, "gone", True)
        own = Service(
            settings_for(
                here.onec.url,
                esl={
                    "outbound": {"enabled": False},
                    "inbound": [{"address": f"127.0.0.1:{here.switch.event_socket_port}", "name": "sw3"}],
                },
            )
        )
        await own.start()
        await until(lambda: "the reserve stands by" in caplog.text)
        assert here.service.posts()[0].owner == "present"
        another = asyncio.create_task(here.switch.call(here.script(talk=5.0)))
        assert await here.carded(2) == CARD * 2
        await until(lambda: here.service.posts()[0].held >= 1)
        await own.stop()
        await until(lambda: here.service.posts()[0].owner == "gone")
        for task in (call, another):
            task.cancel()

    run(story, "reserve")
    assert "its own service is gone; the reserve takes over" in caplog.text


def test_a_service_that_gives_the_switch_another_name_is_no_neighbour(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "EVERY", 0.02)

    async def story(here: World) -> None:
        stranger = {
            "address": f"127.0.0.1:{here.switch.event_socket_port}",
            "name": "test",
            "role": "reserve",
        }
        esl = {"outbound": {"enabled": False}, "inbound": [stranger]}
        other = Service(settings_for(here.onec.url, esl=esl))
        await other.start()
        await until(lambda: other.posts()[0].owner == "gone")
        await here.switch.call(here.script(talk=0.5))
        assert await here.carded(2) == CARD * 2
        await other.stop()

    run(story)
    assert caplog.text.count("another service calls this switch 'test'") == 1


def test_what_is_asked_while_the_line_is_down_is_to_be_asked_again() -> None:
    async def story(here: World) -> None:
        (door,) = here.service.inbound
        assert door.post
        await here.switch.stop()
        await until(lambda: not door.ready.is_set())
        found = await asyncio.wrap_future(door.post.take("call:244", "leg"))
        assert found.lost

    run(story)


plain = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=120)


@given(plain | st.sampled_from(list(Role)), plain, plain | st.from_regex("[0-9]{1,20}", fullmatch=True))
def test_any_words_of_others_are_words_or_nothing(role: str, who: str, number: str) -> None:
    head = f"Event-Name: CUSTOM\nEvent-Subclass: {SERVICE}\nFS-1C-Role: {role}\nFS-1C-Service: {who}\n"
    head += "FS-1C-Switch: sw3\n"
    body = f"{head}FS-1C-Number: {number}\n\n".encode()
    listening = Listening("", Conversations(NumberPlan()), "sw3", "us:1:x")
    heard = listening.received(Message(b"Content-Type: text/event-plain", body))
    assert heard == Heard() or isinstance(heard.word, Word)
    assert heard.word is None or len(heard.word.who) <= 100
