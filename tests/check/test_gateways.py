"""`fs-1c check` and trunks: has the switch the gateways by which people outside are called."""

from __future__ import annotations

from typing import Any

import pytest

from fs_1c.check.finding import Finding, Level
from fs_1c.check.steps import gateways_step
from fs_1c.simulator.freeswitch import SwitchSettings
from tests.check.conftest import EXAMPLE, FullSwitch, asked_by, check, switch
from tests.world import settings_for

UP = "=====\nName    \ttrunk\nProfile \texternal\nState   \tREGED\nStatus  \tUP\n====="
TOLD = {
    "trunk": UP,
    "external::trunk": UP,
    "dead": UP.replace("UP", "DOWN"),
    "hidden": "-ERR sofia Command not found!",
}
DIALLED = "sofia/gateway/{gateway}/{{number}}"


class Trunks(FullSwitch):
    def api(self, name: str, argument: str) -> str | None:
        if name == "sofia" and argument.startswith("status gateway "):
            return TOLD.get(argument.split()[-1], "Invalid Gateway!\n")
        return super().api(name, argument)


def seen(more: dict[str, Any], dialplan: str | None = None) -> list[Finding]:
    with switch(SwitchSettings(port=0), Trunks) as one:
        one.dialplan = dialplan
        esl = {
            "outbound": {"listen": "127.0.0.1:8084", "enabled": dialplan is not None},
            "inbound": [{"address": f"127.0.0.1:{one.event_socket_port}"}],
        }
        found = check(settings_for("http://127.0.0.1:9/ws/x", esl=esl, http={"enabled": False}, **more))
    return [each for each in found if "gateway" in f"{each.step} {each.what}"]


@pytest.mark.parametrize(
    ("gateway", "level", "what"),
    [
        ("trunk", Level.OK, "the gateway trunk, by which {where} calls, is there"),
        ("external::trunk", Level.OK, "the gateway external::trunk, by which {where} calls, is there"),
        ("nobodys", Level.PROBLEM, "{where} calls by the gateway nobodys, which this switch does not have"),
        ("dead", Level.WARNING, "{where} calls by the gateway dead, which is down"),
        ("hidden", Level.SKIPPED, "the switch does not tell of the gateway hidden"),
    ],
)
@pytest.mark.parametrize("where", ["calls.dial", "routing.external"])
def test_gateways_of_the_settings(where: str, gateway: str, level: Level, what: str) -> None:
    section, _, name = where.partition(".")
    (found,) = seen({section: {name: DIALLED.format(gateway=gateway)}})
    assert (found.level, found.what) == (level, what.format(where=where))
    assert found.step == "gateways"


def test_a_default_target_behind_a_gateway_that_is_not_there() -> None:
    own = EXAMPLE.replace("74951234567", "74957654321")
    own = own.replace("user/100@${domain}", "sofia/gateway/nobodys/89161234567")
    (found,) = seen({}, asked_by(own))
    assert (found.step, found.level) == ("dialplan", Level.PROBLEM)
    assert found.what.startswith("the dialplan's default target calls by the gateway nobodys, which")


def test_each_gateway_is_looked_for_once_and_none_where_none_is_named() -> None:
    mobile = (
        "sofia/gateway/trunk/8916|[leg_timeout=9]sofia/gateway/second/8916,user/244@x,sofia/gateway/${own}/1"
    )
    assert gateways_step.named([mobile, mobile]) == ["trunk", "second"]
    assert seen({}) == []
