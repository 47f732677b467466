"""`fs-1c check` and the dialplan: does a call come to the service, and is there anybody to ring."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.check.finding import Finding, Level
from fs_1c.dialplan import asking, users
from fs_1c.settings import Address
from fs_1c.setup.answers import Answers
from fs_1c.setup.texts import dialplan
from fs_1c.simulator.freeswitch import SwitchSettings
from fs_1c.simulator.onec import Client
from tests import ROOT
from tests.check.conftest import EXAMPLE, FullSwitch, asked_by, bad, check, simulator, switch
from tests.world import CLIENT, settings_for

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
OWN = EXAMPLE.replace("74951234567", "74957654321")
HERE = Address("127.0.0.1", 8084)
USERS: dict[str, Any] = {"users": ("100", "244", "101", "200")}


def seen(*numbers: str, manager: str = "244", role: str = "", **told: Any) -> list[Finding]:
    """The findings of a switch that says that."""
    kind = type("Told", (FullSwitch,), told)
    with simulator(clients=(Client(CLIENT, "Чиж", "0", manager),)) as onec, switch(kind=kind) as one:
        inbound = {"address": f"127.0.0.1:{one.event_socket_port}"} | (
            {"name": "sw", "role": role} if role else {}
        )
        esl = {"outbound": {"listen": "127.0.0.1:8084"}, "inbound": [inbound]}
        settings = settings_for(onec.url, esl=esl, http={"enabled": False}, lookup={"deadline": "5s"})
        return [one for one in check(settings, *numbers) if one.step == "dialplan"]


def words(found: list[Finding]) -> list[tuple[Level, str]]:
    return [(one.level, one.what) for one in bad(found)]


def test_an_extension_of_ours_and_somebody_to_ring_is_well() -> None:
    found = seen(CLIENT, dialplan=asked_by(OWN), **USERS)
    assert bad(found) == []
    told = " ".join(one.what for one in found)
    for what in ("for 74957654321", "target, 100@127.0.0.1, is there", "1C names, 244@127.0.0.1, is there"):
        assert what in told


def test_no_dialplan_of_ours_is_told_and_whom_it_asks_instead() -> None:
    ((level, what),) = words(seen(dialplan=asked_by(), **USERS))
    assert (level, what) == (
        PROBLEM,
        "no extension of the dialplan asks this service: there is no `socket 127.0.0.1:8084`",
    )
    ((_, what),) = words(seen(dialplan=asked_by(OWN, port=8085), **USERS))
    assert what.endswith(", but there is 127.0.0.1:8085")


@pytest.mark.parametrize("command", ["module_exists", "xml_locate"])
def test_a_dialplan_that_comes_from_a_program_cannot_be_judged(command: str) -> None:
    class Programmed(FullSwitch):
        def api(self, name: str, argument: str) -> str | None:
            if name == command == "module_exists":
                return "true"
            if name == command and "lua.conf" in argument:
                return '<configuration name="lua.conf"><param name="xml-handler-bindings" value="dialplan"/>'
            return super().api(name, argument)

    with switch(SwitchSettings(port=0), Programmed) as one:
        one.dialplan = asked_by()
        esl = {
            "outbound": {"listen": "127.0.0.1:8084"},
            "inbound": [{"address": f"127.0.0.1:{one.event_socket_port}"}],
        }
        found = check(settings_for("http://127.0.0.1:9/ws/x", esl=esl, http={"enabled": False}))
    assert [each.level for each in found if each.step == "dialplan"] == [Level.SKIPPED]


def test_a_reserves_switch_asks_its_own_service() -> None:
    assert [one.level for one in seen(role="reserve", dialplan=asked_by())] == [Level.SKIPPED]


def test_of_two_files_with_one_number_the_second_never_gets_a_call() -> None:
    vip = (ROOT / "dialplan/vip.xml").read_text("utf-8").replace("74951234567", "74957654321")
    ((level, what),) = words(seen(dialplan=asked_by(OWN, vip), **USERS))
    assert level is PROBLEM
    assert what == (
        "extension fs-1c-vip in the context public never gets a call: fs-1c takes 74957654321 before it"
    )


def test_the_examples_number_is_not_yours() -> None:
    ((level, what),) = words(seen(dialplan=asked_by(EXAMPLE), **USERS))
    assert level is WARNING
    assert "still takes the example's number, 74951234567" in what


def test_whoever_really_has_the_examples_number_has_given_it_to_setup() -> None:
    """`fs-1c setup` writes a number in every form in which a trunk may bring it, the examples in one."""
    own = dialplan(Answers(url="http://1c/x", numbers=("74951234567",), target="100"), EXAMPLE)
    found = seen(dialplan=asked_by(own), **USERS)
    assert bad(found) == []
    assert any("asks this service for 74951234567" in one.what for one in found)


def test_every_examples_number_is_known_as_one() -> None:
    for path in (ROOT / "dialplan").glob("*.xml"):
        for one in asking(asked_by(path.read_text("utf-8")), HERE) or ():
            assert one.example or one.number != "74951234567", path.name


def test_a_default_target_that_does_not_exist_loses_callers() -> None:
    ((level, what),) = words(seen(dialplan=asked_by(OWN), users=("244",)))
    assert (level, what) == (
        PROBLEM,
        "the dialplan's default target, 100@127.0.0.1, is no user of this switch",
    )


def test_a_manager_who_does_not_exist() -> None:
    ((level, what),) = words(seen(CLIENT, manager="277", dialplan=asked_by(OWN), **USERS))
    assert (level, what) == (PROBLEM, "the manager that 1C names, 277@127.0.0.1, is no user of this switch")


def test_who_is_not_registered_cannot_ring() -> None:
    found = words(seen(CLIENT, dialplan=asked_by(OWN), unregistered=("100", "244"), **USERS))
    assert [(level, what.partition(",")[0]) for level, what in found] == [
        (WARNING, "the dialplan's default target"),
        (WARNING, "the manager that 1C names"),
    ]


def test_nobody_rings_after_the_manager() -> None:
    last = '<action application="bridge" data="${fs_1c_default_target}"/>'
    ((level, what),) = words(seen(dialplan=asked_by(OWN.replace(last, "")), **USERS))
    assert level is PROBLEM
    assert "has nobody to ring after the manager" in what


SHIPPED = sorted(path.name for path in (ROOT / "dialplan").glob("*.xml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_each_dialplan_that_is_shipped_is_understood(name: str) -> None:
    text = (ROOT / "dialplan" / name).read_text("utf-8")
    if name == "listener.xml":
        assert asking(asked_by(text), HERE) == []
        return
    found = asking(asked_by(text), HERE)
    assert found
    for one in found:
        assert one.ours
        assert one.number in ("74951234567", "74957654321")
        assert not one.before
        assert users(one.rings, "pbx.example") or one.rings == ("transfer",)


@given(st.text(max_size=200))
def test_whatever_a_switch_says_is_read_or_not(text: str) -> None:
    asking(text, HERE)
    asking(f'<section><context name="a"><extension>{text}</extension></context></section>', HERE)
    users((text,), text)


@pytest.mark.parametrize(
    ("written", "listen", "ours"),
    [
        ("127.0.0.1:8084 full", "127.0.0.1", True),
        ("localhost:8084 async full", "127.0.0.1", True),
        ("127.0.0.1:8084|192.0.2.12:8084 full", "192.0.2.12", True),
        ("10.0.0.5:8084 full", "0.0.0.0", True),
        ("10.0.0.5:8084 full", "10.0.0.6", False),
        ("127.0.0.1:8085 full", "127.0.0.1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_whom_a_socket_asks(written: str, listen: str, ours: bool) -> None:
    action = f'<condition><action application="socket" data="{written}"/></condition>'
    xml = f'<context name="public"><extension name="x">{action}</extension></context>'
    found = asking(xml, Address(listen, 8084))
    assert found is not None
    assert [one.ours for one in found] == [ours]


def test_a_switch_that_has_no_dialplan_in_xml() -> None:
    assert asking("-ERR can't find", HERE) is None


class Companies(FullSwitch):
    """A domain each, as domains.xml has them, and users of the domain that every FreeSWITCH has."""

    dialplan = asked_by((ROOT / "dialplan/domains.xml").read_text("utf-8"))

    def api(self, name: str, argument: str) -> str | None:
        if name == "user_exists":
            return str(argument in ("id 244 first.example", "id 300 second.example")).lower()
        if name == "user_data":
            return {"244@first.example var fs_1c_key": "KEY244"}.get(argument, "")
        return super().api(name, argument)


@pytest.mark.parametrize(
    ("manager", "of_the_dialplan", "of_the_directory"),
    [
        ("244", "manager that 1C names, 244@first.example, is there", "244@first.example has a key"),
        ("300", "manager that 1C names, 300@second.example, is there", "300@second.example has no fs_1c_key"),
        ("301", "301@first.example, is no user of this switch", "directory has no 301@first.example"),
    ],
)
def test_a_manager_is_looked_for_in_the_companies_domains(
    manager: str, of_the_dialplan: str, of_the_directory: str
) -> None:
    found: dict[str, list[str]] = {}
    with simulator(clients=(Client(CLIENT, "Чиж", "0", manager),)) as onec, switch(kind=Companies) as one:
        inbound = [{"address": f"127.0.0.1:{one.event_socket_port}"}]
        sections: dict[str, Any] = {"esl": {"outbound": {"listen": "127.0.0.1:8084"}, "inbound": inbound}}
        sections |= {"http": {"enabled": False}, "lookup": {"deadline": "5s"}}
        settings = settings_for(onec.url, subscribers={"directory": True}, **sections)
        for each in check(settings, CLIENT):
            found.setdefault(each.step, []).append(each.what)
    (named,) = [what for what in found["dialplan"] if manager in what]
    assert of_the_dialplan in named
    (of_his_key,) = found["directory"]
    assert of_the_directory in of_his_key
