"""A call that 1C asks for, at a softphone that has registered: what it shows, and what its owner hears."""

from __future__ import annotations

import pytest
import requests

from fs_1c.calls import Result, Stage
from tests.freeswitch.calling.test_calling import SHOWN, TOKEN, WAITS, all_the_time_in_the_world, calls, url
from tests.freeswitch.conftest import CHIZH
from tests.freeswitch.presence.test_phones import Desks, desks, office, pytestmark
from tests.freeswitch.sip import Manner

__all__ = ["all_the_time_in_the_world", "desks", "office", "pytestmark"]


def click(desks: Desks, extension: str = "244") -> requests.Response:
    told = {"number": CHIZH.number, "extension": extension}
    return requests.post(f"{url(desks)}/calls", json=told, headers=SHOWN, timeout=WAITS)


def opened(desks: Desks) -> None:
    desks.open(
        screenpop={"outgoing": True},
        routing={"domain": "127.0.0.1"},
        calls={
            "listen": "127.0.0.1:0",
            "token": TOKEN,
            "dial": f"sofia/internal/sip:{{number}}@127.0.0.1:{desks.agents_port}",
            "caller_id": "73832745000",
        },
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_softphone_shows_the_client(desks: Desks, transport: str) -> None:
    opened(desks)
    desk, client = desks.softphone("244", transport), desks.phone(CHIZH.number, Manner.RINGS)
    assert click(desks).status_code == 201
    assert desk.answer() == CHIZH.title
    leg = client.rings(within=WAITS)
    leg.answer()
    (call,) = calls(desks)
    desks.until(lambda: call.progress.stage is Stage.TALKING, "they do not talk", WAITS)
    desks.card_opens()
    # And goes on showing him.
    assert desks.switch.api(f"uuid_getvar {_leg(desks)} callee_id_name") == CHIZH.title
    desk.hang_up()
    desks.until(lambda: call.progress.result is Result.TALKED, "it does not end", WAITS)
    assert desks.all_cards() == [(CHIZH.number, "KEY244")]


def _leg(desks: Desks) -> str:
    """The subscriber's channel of the one call that there is."""
    legs = [e for e in desks.watcher.events if e.get("variable_fs_1c_call")]
    return legs[-1].get("Unique-ID") or ""


def test_who_has_picked_up_hears_that_the_client_is_rung(desks: Desks) -> None:
    opened(desks)
    desk, client = desks.phone("245", Manner.RINGS), desks.phone(CHIZH.number, Manner.RINGS)
    assert click(desks, "245").status_code == 201
    desk.rings(within=WAITS).answer()
    client.rings(within=WAITS)
    desks.hears()


def test_who_is_not_registered_is_told_of(desks: Desks) -> None:
    opened(desks)
    said = click(desks, "243")
    assert (said.status_code, said.json()["error"]) == (409, "not-registered")
