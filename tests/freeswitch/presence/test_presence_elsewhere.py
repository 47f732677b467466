"""The manager's phone is at another switch, to which another service listens: what the service of the
caller's switch knows of him through Redis, and where the client goes by that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.call import Presence, PresenceState
from tests.freeswitch.configuration import DOMAIN, PASSWORD
from tests.freeswitch.conftest import Company, Running
from tests.freeswitch.office import SECRET, Office
from tests.freeswitch.phones import BARESIP, Softphone
from tests.freeswitch.presence.test_phones import office
from tests.freeswitch.sip import Phone, State
from tests.redis_server import NEEDED, RedisServer, redis_server

__all__ = ["office"]  # a fixture

pytestmark = [
    pytest.mark.freeswitch,
    pytest.mark.skipif(BARESIP is None, reason="there is no baresip on PATH"),
]

FREE, BUSY, AWAY, UNKNOWN = PresenceState


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    pytest.importorskip("redis", reason=NEEDED)
    with redis_server() as server:
        yield server


def test_the_phone_of_another_switch(
    company: Company, office: Office, redis: RedisServer, tmp_path: Path
) -> None:
    """Free, talking, away there; Redis dies; that switch dies."""
    # Whoever is not here is rung through the other switch.
    rung = f"sofia/internal/sip:{{extension}}@{DOMAIN}:{office.sip}"
    routing = {"when_busy": "next", "when_away": "next", "extension": rung, "domain": DOMAIN}
    company.serve(inbound=True, routing=routing, redis={"url": redis.url})
    assert company.running is not None
    default, last, here = (
        company.phone("240"),
        company.phone("243"),
        company.running.service.integration.switches,
    )
    core = company.switch.api("global_getvar core_uuid")
    switch = {"address": f"127.0.0.1:{office.event_socket}", "password": PASSWORD}
    there = Running(
        {
            "onec": {"url": "http://127.0.0.1:9/nobody"},
            "esl": {"outbound": {"enabled": False}, "inbound": [switch]},
            "http": {"enabled": False},
            "redis": {"url": redis.url},
        }
    )

    def knows(state: PresenceState) -> None:
        """Waits until the caller's service does, for a call at its switch."""

        def known() -> PresenceState:
            state_of = here.at(core)
            assert state_of is not None
            return state_of("244", DOMAIN).state

        company.until(lambda: known() is state, f"244 is {known()}, not {state}")

    def goes_to(phone: Phone, state: str) -> None:
        before = len(phone.legs)
        caller = company.call("sync").to_be(State.TALKING)
        assert company.switch.api(f"uuid_getvar {caller.call_id} fs_1c_manager_state") == state
        assert len(phone.legs) == before + 1
        caller.hang_up()
        company.switch.quiet()

    manager = Softphone(tmp_path / "manager", "244", SECRET, office.registrar)
    try:
        manager.start()
        knows(FREE)
        caller = company.call("sync")
        manager.answer()
        caller.to_be(State.TALKING)
        assert company.switch.api(f"uuid_getvar {caller.call_id} fs_1c_manager_state") == "free"
        caller.hang_up()
        company.switch.quiet()
        office.quiet()
        knows(FREE)

        office.api(f"bgapi originate user/244@{DOMAIN} &park")
        manager.answer(2)
        knows(BUSY)
        goes_to(default, "busy")
        assert len(manager.told("CALL_INCOMING")) == 2
        office.api("hupall")
        knows(FREE)

        manager.close()
        knows(AWAY)
        gone = here.at(core)("244", DOMAIN).since  # type: ignore[misc]
        goes_to(default, "away")

        redis.kill()
        knows(UNKNOWN)
        goes_to(last, "unknown")  # he is rung, and is not there
        redis.start()
        (branch,) = here.others().values()
        company.until(lambda: branch.known("244", DOMAIN) == Presence(AWAY, gone), "it is not told again")
        office.kill()
        company.until(lambda: branch.known("244", DOMAIN) == Presence(UNKNOWN), "it is believed")
    finally:
        manager.close()
        there.stop()
