"""Somebody answers: who talks to whom is learnt from the channels, and his card opens once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from fs_1c import modpython
from fs_1c.modpython import answered
from fs_1c.numbers import NumberPlan
from fs_1c.talk import People
from tests.modpython.conftest import TALKING, FakeFreeSwitch
from tests.world import CLIENT

CALLER, MANAGERS, COLLEAGUES = "caller", "manager", "colleague"


def inbound(number: str = CLIENT, **more: Any) -> dict[str, Any]:
    return {"Call-Direction": "inbound", "Caller-Caller-ID-Number": number, **more}


def outbound(extension: str, **more: Any) -> dict[str, Any]:
    return {
        "Call-Direction": "outbound",
        "variable_dialed_user": extension,
        "variable_list": ["a", "b"],
        **more,
    }


def begun(uuid: str = CALLER) -> tuple[str, str, str, str] | None:
    """Call, leg, number and extension of the conversation."""
    found = answered.conversation(uuid, People(NumberPlan()))
    return (found.call_uuid, found.leg_uuid, found.number, found.extension) if found else None


@pytest.mark.parametrize("uuid", [CALLER, MANAGERS])
def test_who_talks_to_whom(freeswitch: FakeFreeSwitch, uuid: str) -> None:
    freeswitch.channels = {CALLER: inbound(**TALKING), MANAGERS: outbound("244", **TALKING)}
    freeswitch.bridge(CALLER, MANAGERS)
    assert begun(uuid) == (CALLER, MANAGERS, CLIENT, "244")


def test_the_bridge_comes_after_the_answer_and_never_to_who_rings_or_has_gone(
    freeswitch: FakeFreeSwitch,
) -> None:
    """An IVR has answered, the manager rings with early media, and then his colleague answers."""
    freeswitch.channels = {CALLER: inbound(**TALKING, variable_bridge_uuid="gone")}
    looks = iter(range(1000))

    def world() -> None:
        match next(looks):
            case 3:
                freeswitch.channels[MANAGERS] = outbound("244", **{"Answer-State": "early"})
                freeswitch.bridge(CALLER, MANAGERS)
            case 9:
                del freeswitch.channels[MANAGERS]
            case 15:
                freeswitch.channels[COLLEAGUES] = outbound("245", **TALKING)
                freeswitch.bridge(CALLER, COLLEAGUES)

    freeswitch.before = world
    assert begun() == (CALLER, COLLEAGUES, CLIENT, "245")


def test_through_a_loopback_channel(freeswitch: FakeFreeSwitch) -> None:
    a = outbound("244", **TALKING, variable_other_loopback_leg_uuid="loop-b")
    a["Channel-Name"] = "loopback/244-a"
    b = inbound(CLIENT, **TALKING, variable_other_loopback_leg_uuid="loop-a")
    b["Channel-Name"] = "loopback/244-b"
    freeswitch.channels = {CALLER: inbound(**TALKING), "loop-a": a, "loop-b": b}
    freeswitch.channels[MANAGERS] = outbound("244", **TALKING)
    freeswitch.bridge(CALLER, "loop-a")
    looks = iter(range(1000))
    freeswitch.before = lambda: freeswitch.bridge("loop-b", MANAGERS) if next(looks) == 8 else None
    assert begun() == (CALLER, MANAGERS, CLIENT, "244")


@pytest.mark.parametrize("one", ["nobody", "colleague", "never bridged", "stopping"])
def test_nothing_to_tell(freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch, one: str) -> None:
    monkeypatch.setattr(answered, "BRIDGED_WITHIN", 0.3 if one == "never bridged" else 60.0)
    freeswitch.channels = {CALLER: inbound("245" if one == "colleague" else CLIENT, **TALKING)}
    if one == "colleague":
        freeswitch.channels[MANAGERS] = outbound("244", **TALKING)
        freeswitch.bridge(CALLER, MANAGERS)
    if one == "nobody":
        freeswitch.channels.clear()
    freeswitch.is_running = one != "stopping"
    assert begun() is None


def test_a_leg_that_is_no_leg(freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that go round in circles, and values that are none."""
    monkeypatch.setattr(answered, "BRIDGED_WITHIN", 0.1)
    circle = {"variable_bridge_to": CALLER, "variable_other_loopback_leg_uuid": CALLER}
    freeswitch.channels = {CALLER: inbound(**TALKING) | circle | {"Unique-ID": "another"}}
    assert begun() is None
    freeswitch.channels = {CALLER: inbound(**TALKING) | circle}
    assert begun() is None


def test_the_more_a_look_costs_the_seldomer_it_is(
    freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While FreeSWITCH tells of a channel with thousands of headers, all of its Python stands still."""
    clock, looked = [0.0], [0.0]

    def costs(seconds: float) -> None:
        clock[0] += seconds
        looked[0] += seconds

    def slept(seconds: float) -> None:
        clock[0] += seconds

    class Clock:
        monotonic = staticmethod(lambda: clock[0])
        sleep = staticmethod(slept)

    monkeypatch.setattr(answered, "time", Clock)
    ringing = {"Answer-State": "early"}
    freeswitch.channels = {CALLER: inbound(**TALKING), MANAGERS: outbound("244", **ringing)}
    freeswitch.bridge(CALLER, MANAGERS)
    freeswitch.before = lambda: costs(0.1)
    assert begun() is None
    assert answered.BRIDGED_WITHIN <= clock[0] < answered.BRIDGED_WITHIN + 10
    assert looked[0] < clock[0] / 15


@pytest.mark.parametrize(
    "told", ["{" + '"a":[' * 5000, "{", '{"Unique-ID":3}', '{"x":"' + "y" * (1 << 20) + '"}']
)
def test_what_is_no_channels_data_is_no_leg(
    freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setattr(answered, "BRIDGED_WITHIN", 0.05)
    freeswitch.channels = {CALLER: inbound(**TALKING, variable_bridge_to=MANAGERS)}
    execute = freeswitch.execute
    monkeypatch.setattr(
        freeswitch, "execute", lambda command, what: told if "dump" in command else execute(command, what)
    )
    assert begun() is None


def test_the_card_opens_once_and_nothing_leaves(settings: Path, freeswitch: FakeFreeSwitch) -> None:
    freeswitch.channels = {CALLER: inbound(**TALKING), MANAGERS: outbound("244", **TALKING)}
    freeswitch.bridge(CALLER, MANAGERS)
    for _ in range(3):
        modpython.runtime(f" {CALLER} ")
    modpython.runtime("")
    modpython.runtime("nobody")
    freeswitch.before = lambda: next(iter(()))  # it fails
    modpython.runtime(CALLER)

    def told() -> list[str]:
        return [line for _, line in freeswitch.log if " pop extension" in line]

    ends = time.monotonic() + 5.0
    while not told() and time.monotonic() < ends:
        time.sleep(0.01)
    (accepted,) = told()
    assert accepted.startswith(f"call={CALLER} pop extension=244 outcome=accepted")
    errors = [line for level, line in freeswitch.log if level == "ERR"]
    assert errors[0].startswith("api_on_answer: ")
    assert errors[1].startswith(f"call={CALLER} pop failed\nTraceback")


HOSTILE = ["x y", "x\ny", "caller bridge_to", "x\u2028y", "A" * 5000, "", "x\x00", "\u202ex", "x\u00a0y"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_name_of_a_channel_becomes_another_command(
    freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch, hostile: str
) -> None:
    """A channel may be called as its SIP Call-ID is."""
    asked: list[str] = []
    execute = freeswitch.execute

    def overheard(command: str, argument: str) -> str:
        asked.append(f"{command} {argument}")
        return execute(command, argument)

    freeswitch.execute = overheard  # type: ignore[method-assign]
    assert begun(hostile) is None
    assert asked == []
    freeswitch.channels = {CALLER: inbound(**TALKING, variable_bridge_to=hostile or " ")}
    monkeypatch.setattr(answered, "BRIDGED_WITHIN", 0.05)
    assert begun(CALLER) is None
    assert set(asked) <= {f"uuid_getvar {CALLER} bridge_to", f"uuid_dump {CALLER} json"}
