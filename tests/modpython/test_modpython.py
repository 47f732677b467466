"""The door inside FreeSWITCH, outside of it: a stand-in plays FreeSWITCH's Python module. For the real one
see tests/freeswitch/test_modpython.py.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fs_1c import modpython
from fs_1c.call import Call, Conversation, Decision
from fs_1c.channel import plain
from fs_1c.integration import Integration
from fs_1c.modpython import answered, console, process, switch
from fs_1c.modpython.process import Process
from fs_1c.modpython.switch import whole
from fs_1c.numbers import NumberPlan
from fs_1c.talk import People
from tests import ROOT
from tests.support import unhurried
from tests.world import CLIENT, DEFAULT, onec_simulator

DIALPLAN = ROOT / "dialplan/mod_python"
MANAGER = "[leg_progress_timeout=3,leg_timeout=20]user/244@${domain}"
CALLER, MANAGERS, COLLEAGUES = "caller", "manager", "colleague"
TALKING = {"Answer-State": "answered"}


class FakeFreeSwitch(ModuleType):
    """FreeSWITCH's Python module, with channels that a test makes up.

    Attributes:
        channels: uuid → what `uuid_dump` has.
        before: Called before each API command: the world moves on.
        log: (level, text).
    """

    def __init__(self) -> None:
        super().__init__("freeswitch")
        self.channels: dict[str, dict[str, Any]] = {}
        self.before: Callable[[], None] = lambda: None
        self.log: list[tuple[str, str]] = []
        self.is_running = True

    def running(self) -> bool:
        return self.is_running

    def consoleLog(self, level: str, text: str) -> None:
        text.encode()  # the real one dies here
        self.log.append((level, text))

    def API(self) -> FakeFreeSwitch:
        return self

    def execute(self, command: str, argument: str) -> str:
        self.before()
        uuid, what = argument.encode().decode().split(" ")
        if uuid not in self.channels:
            return "-ERR No such channel!\n"
        if command == "uuid_getvar":
            return str(self.channels[uuid].get(f"variable_{what}", "_undef_"))
        assert (command, what) == ("uuid_dump", "json")
        return json.dumps({"Event-Name": "CHANNEL_DATA", "Unique-ID": uuid} | self.channels[uuid])

    def bridge(self, one: str, two: str) -> None:
        self.channels[one]["variable_bridge_to"] = two
        self.channels[two]["variable_bridge_to"] = one


@dataclass
class FakeSession:
    """A channel; each bridge ends with `disposition`, and after `gone` of them the caller hangs up."""

    variables: dict[str, str] = field(default_factory=dict)
    disposition: str = "USER_BUSY"
    gone: int = 9
    executed: list[tuple[str, str]] = field(default_factory=list)

    def getVariable(self, name: str, /) -> str | None:
        return self.variables.get(name)

    def setVariable(self, name: str, value: str, /) -> None:
        value.encode()
        self.variables[name] = value

    def execute(self, application: str, argument: str, /) -> None:
        argument.encode()
        if application == "set":
            name, _, value = argument.partition("=")
            self.variables[name] = value
            return
        self.executed.append((application, argument))
        self.variables["originate_disposition"] = self.disposition

    def ready(self) -> bool:
        return len(self.executed) < self.gone


@dataclass
class FakeStream:
    written: str = ""

    def write(self, text: str, /) -> None:
        text.encode()
        self.written += text


def session(**more: Any) -> FakeSession:
    variables = {"uuid": "u", "caller_id_number": CLIENT, "fs_1c_default_target": DEFAULT}
    return FakeSession(variables | more.pop("variables", {}), **more)


def command(words: str) -> str:
    stream = FakeStream()
    modpython.fsapi("na", stream, None, words)
    return stream.written.rstrip("\n")


@pytest.fixture
def freeswitch(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFreeSwitch]:
    made = FakeFreeSwitch()
    monkeypatch.setitem(sys.modules, "freeswitch", made)
    monkeypatch.setattr(process, "LOOK_EVERY", 0.01)
    ours, stack = logging.getLogger("fs_1c"), threading.stack_size()
    yield made
    made.is_running = False
    for thread in threading.enumerate():
        if thread.name == "fs-1c":
            thread.join(5.0)
    ours.handlers = [one for one in ours.handlers if not isinstance(one, switch.FreeSwitchLog)]
    ours.propagate = True
    ours.setLevel(logging.NOTSET)
    threading.stack_size(stack)


@pytest.fixture
def here(freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch) -> Process:
    """A process that has just started."""
    fresh = Process()
    for module in (modpython, console):
        monkeypatch.setattr(module, "PROCESS", fresh)
    return fresh


@pytest.fixture
def settings(here: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its settings file; a simulated 1C answers."""
    file = tmp_path / "fs-1c.toml"
    monkeypatch.setenv("FS_1C_CONFIG", str(file))
    with onec_simulator() as onec:
        who = 'username = "SOAP"\npassword = "s3cret"\n'
        file.write_text(f'[onec]\nurl = "{onec.url}"\n{who}[subscribers.keys]\n244 = "K"\n')
        yield file
        made = here.integration(5.0)
        if made is not None:
            made.close()


# Texts.


@given(st.text(st.characters(exclude_categories=[])))
@unhurried
def test_whatever_is_given_to_freeswitch_is_one_line_of_utf8(text: str) -> None:
    line = plain(text)
    line.encode()
    assert "\0" not in line
    assert len(f"{line}.".splitlines()) == 1
    if text.isprintable():
        assert line == text


@given(st.binary())
@unhurried
def test_whatever_comes_from_freeswitch_can_be_written_down(octets: bytes) -> None:
    assert whole(octets.decode("utf-8", "surrogateescape")) == octets.decode("utf-8", "replace")


def test_the_log_gets_levels_and_whole_lines(freeswitch: FakeFreeSwitch) -> None:
    switch.log_to_freeswitch()
    switch.log_to_freeswitch()
    log = logging.getLogger("fs_1c.anything")

    log.warning("call=%s 100%% %%s\nforged=%s", "u\udcff", "\x1b[31m")
    log.debug("never")
    try:
        raise ValueError("half a \ud800")
    except ValueError:
        log.exception("call=u lookup failed")
    freeswitch.is_running = False
    log.error("its log is taken down now")
    (warned, line), (failed, traceback) = freeswitch.log
    assert (warned, line) == ("WARNING", "call=u\\udcff 100% %s\\nforged=\\x1b[31m\n")
    assert failed == "ERR"
    assert traceback.startswith("call=u lookup failed\nTraceback")
    assert "half a \\ud800" in traceback


# The process.


def test_loading_the_door_costs_next_to_nothing() -> None:
    """A call that comes before the rooms are loaded must not wait for them."""
    heavy = "{'pydantic', 'requests', 'lxml', 'phonenumbers', 'freeswitch'}"
    program = f"import sys, fs_1c.modpython; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_module_that_is_loaded_anew_keeps_nothing(settings: Path, here: Process) -> None:
    before = here.integration(5.0)
    for name in ("fs_1c_dialplan", "fs_1c_dialplan"):
        spec = importlib.util.spec_from_file_location(name, DIALPLAN / "fs_1c_dialplan.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for function in ("handler", "runtime", "fsapi", "startup"):
            assert getattr(module, function) is getattr(modpython, function)
    assert here.integration(0.0) is before is not None


def test_one_integration_for_all_who_need_the_first(
    settings: Path, here: Process, freeswitch: FakeFreeSwitch
) -> None:
    found: list[Integration | None] = []
    modpython.startup()
    threads = [threading.Thread(target=lambda: found.append(here.integration(5.0))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20 and len(set(found)) == 1 and found[0] is not None
    assert [line for _, line in freeswitch.log if line.startswith("settings: ")] == [
        f"settings: {settings}: read\n"
    ]


def test_a_stack_that_the_rooms_fit_into(settings: Path, here: Process) -> None:
    here.integration(5.0)
    assert threading.stack_size() == process.STACK


def test_wrong_settings_are_told_once_and_read_again_when_they_change(
    settings: Path, here: Process, freeswitch: FakeFreeSwitch
) -> None:
    right = settings.read_text()
    settings.write_text(
        right.replace("[subscribers.keys]", "[lookup]\ndeadline = 'soon'\n[subscribers.keys]")
    )
    problem = f"{settings}: lookup.deadline: allowed: a number and ms, s, m, h or d, such as 800ms"

    for _ in range(3):
        assert here.integration(5.0) is None
    assert freeswitch.log == [("ERR", f"settings: {problem}\n")]
    assert command("status") == f"-ERR {problem}"
    assert command(f"lookup {CLIENT}") == f"-ERR {problem}"
    calling = session()
    modpython.handler(calling, "bridge")
    assert calling.executed == [("bridge", "${fs_1c_default_target}")]
    assert freeswitch.log[-1] == ("WARNING", f"call=u goes on without 1C: {problem}\n")

    settings.write_text(right)
    assert here.integration(5.0) is not None
    assert command("status").startswith("+OK")


def test_a_library_that_does_not_load_costs_each_call_nothing(
    settings: Path, here: Process, freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fs_1c.integration", None)
    for _ in range(3):
        assert here.integration(5.0) is None
    assert [level for level, _ in freeswitch.log] == ["ERR"]
    assert command("status").startswith("-ERR it cannot start: ModuleNotFoundError")


def test_reload_takes_what_is_right_and_leaves_what_is_wrong(settings: Path, here: Process) -> None:
    before = here.integration(5.0)
    talk = Conversation("call", "leg", CLIENT, "244")
    assert before is not None and before.conversation(talk) is not None
    right = settings.read_text()

    settings.write_text("[onec]\n")
    assert command("status").splitlines()[0] == f"+OK {settings} has changed: reload"
    assert command("reload") == f"-ERR {settings}: onec: allowed is at least one base, [onec] with a url"
    assert here.integration(0.0) is before
    assert "not read again: " in command("status")

    settings.write_text(right + '245 = "L"\n')
    assert command("reload") == f"+OK {settings} read"
    after = here.integration(0.0)
    assert after is not None and after is not before
    assert after.subscribers.key("245") == "L"
    assert after.conversation(talk) is None, "what was told stays told"
    assert command("status").splitlines()[0] == f"+OK {settings}"


def test_a_switch_that_stops_gives_the_sessions_back(
    settings: Path, here: Process, freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()
    monkeypatch.setattr(Integration, "close", lambda *_: closed.set())
    assert here.integration(5.0)
    freeswitch.is_running = False
    assert closed.wait(5.0)


def test_what_freeswitch_is_told_is_there() -> None:
    named: list[tuple[str, str]] = []
    for file, tag in (("mod_python.xml", "action"), ("python.conf.xml", "param")):
        for element in etree.parse(DIALPLAN / file).iter(tag):
            named += re.findall(
                r"\b(python|pyrun|startup-script) (fs_1c_dialplan\S*)",
                " ".join(map(str, element.attrib.values())),
            )
    assert sorted(named) == [
        ("pyrun", "fs_1c_dialplan"),
        ("python", "fs_1c_dialplan"),
        ("startup-script", "fs_1c_dialplan::startup"),
    ]


# A client rings.


def test_a_decision_reaches_the_channel(settings: Path, here: Process) -> None:
    here.integration(5.0)
    calling = session(variables={"caller_id_name": "x", "privacy_hide_number": "false"})
    modpython.handler(calling, "")
    assert calling.variables["fs_1c_result"] == "found"
    assert calling.variables["effective_caller_id_name"] == "Фэйковый чиж"
    assert calling.variables["fs_1c_target"] == MANAGER
    assert calling.executed == []
    hidden = session(variables={"privacy_hide_number": "true", "caller_id_name": "\udcff${x}\udcc8"})
    modpython.handler(hidden, "")
    assert hidden.variables["fs_1c_result"] == "skipped"
    assert hidden.variables["effective_caller_id_name"] == "\ufffd(x)\ufffd"


@pytest.mark.parametrize(
    ("more", "bridges"),
    [
        ({}, [MANAGER, "${fs_1c_default_target}"]),
        ({"disposition": "SUCCESS"}, [MANAGER]),
        ({"gone": 1}, [MANAGER]),
        ({"variables": {"fs_1c_default_target": ""}}, [MANAGER]),
        ({"variables": {"caller_id_number": "89991112233"}}, ["${fs_1c_default_target}"]),
        ({"variables": {"caller_id_number": "244", "fs_1c_default_target": ""}}, []),
    ],
    ids=["busy", "talked", "caller gone", "no default", "stranger", "nowhere to go"],
)
def test_a_bridge(settings: Path, here: Process, more: dict[str, Any], bridges: list[str]) -> None:
    here.integration(5.0)
    calling = session(**more)
    modpython.handler(calling, "bridge")
    assert calling.executed == [("bridge", target) for target in bridges]
    assert calling.variables["continue_on_fail"] == calling.variables["hangup_after_bridge"] == "true"


def test_a_bridge_leaves_the_wishes_of_the_dialplan(settings: Path) -> None:
    wishes = {"continue_on_fail": "USER_BUSY", "hangup_after_bridge": "false"}
    calling = session(variables=wishes)
    modpython.handler(calling, "bridge")
    assert wishes.items() <= calling.variables.items()


def test_whatever_breaks_the_call_goes_on(
    settings: Path, here: Process, freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here.integration(5.0)
    monkeypatch.setattr(Integration, "decide", lambda *_: 1 / 0)
    calling = session()
    modpython.handler(calling, "bridge")
    assert calling.executed == [("bridge", "${fs_1c_default_target}")]
    (told,) = [line for level, line in freeswitch.log if level == "ERR"]
    assert told.startswith("call=u lookup failed\n") and "ZeroDivisionError" in told


def test_no_thread_to_be_had(settings: Path, here: Process) -> None:
    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", no_more)
        calling = session()
        modpython.startup()
        modpython.handler(calling, "bridge")
        assert calling.executed == [("bridge", "${fs_1c_default_target}")]
    assert here.integration(5.0) is not None


def test_the_first_call_does_not_wait_for_ever_and_what_it_waits_is_of_its_deadline(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, load = threading.Event(), Process._take_over

    def slowly(self: Process, before: Integration | None) -> list[str]:
        begun.wait(5.0)
        return load(self, before)

    monkeypatch.setattr(Process, "_take_over", slowly)
    monkeypatch.setattr(modpython, "STARTS_WITHIN", 0.1)
    first = session()
    modpython.handler(first, "")
    assert "fs_1c_result" not in first.variables

    monkeypatch.setattr(modpython, "STARTS_WITHIN", 5.0)
    granted: list[float | None] = []
    decide = Integration.decide

    def notes(self: Integration, call: Call) -> Decision:
        granted.append(call.deadline)
        return decide(self, call)

    monkeypatch.setattr(Integration, "decide", notes)
    threading.Timer(0.2, begun.set).start()
    modpython.handler(session(), "")
    modpython.handler(session(variables={"fs_1c_deadline": "600ms"}), "")
    assert granted[0] is not None and granted[0] < 0.7
    assert granted[1] == 0.6


# Somebody answers.


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


def test_the_card_opens_once_and_nothing_leaves(settings: Path, freeswitch: FakeFreeSwitch) -> None:
    freeswitch.channels = {CALLER: inbound(**TALKING), MANAGERS: outbound("244", **TALKING)}
    freeswitch.bridge(CALLER, MANAGERS)
    for _ in range(3):
        modpython.runtime(f" {CALLER} ")
    modpython.runtime("")
    modpython.runtime("nobody")
    freeswitch.channels[CALLER] = {"variable_bridge_to": "1 2 3"}
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


# An engineer asks.


def test_an_engineer_asks(settings: Path) -> None:
    assert command(f"lookup {CLIENT}").endswith("category=0 manager=244 title=Фэйковый чиж")
    assert command("lookup 89991112233").startswith("+OK unknown asked_as=89991112233 ")
    assert command("lookup 244") == "-ERR skipped: an extension"
    assert command(f"pop {CLIENT} 244").startswith("+OK accepted ")
    assert command(f"pop {CLIENT} 299").startswith("-ERR no key: ")
    assert command(f"forget {CLIENT}") == "+OK forgotten: 1"
    assert command("forget all base=default") == "+OK forgotten: 1"
    assert command("forget 244").startswith("-ERR not a number")
    assert command("forget all base=sales") == "-ERR there is no base sales; allowed: default"
    for words in ("", "lookup", "pop 1", "lookup 1 2", "check", "base=default"):
        assert command(words).startswith("-USAGE: ")


def test_nothing_that_an_engineer_types_leaves_as_an_exception(
    settings: Path, freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    modpython.fsapi()
    modpython.fsapi("status")
    monkeypatch.setattr(Integration, "lookup", lambda *_: 1 / 0)
    assert command(f"lookup {CLIENT}") == "-ERR it failed; FreeSWITCH's log says why"
    assert "ZeroDivisionError" in freeswitch.log[-1][1]
