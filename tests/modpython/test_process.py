"""The process inside FreeSWITCH: it starts, reads settings, logs and stops without hurting the switch."""

from __future__ import annotations

import importlib.util
import logging
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fs_1c import modpython
from fs_1c.call import Conversation
from fs_1c.channel import plain
from fs_1c.integration import Integration
from fs_1c.modpython import process, switch
from fs_1c.modpython.process import Process
from fs_1c.modpython.switch import whole
from tests import ROOT
from tests.modpython.conftest import FakeFreeSwitch, command, session
from tests.world import CLIENT

DIALPLAN = ROOT / "dialplan/mod_python"


@given(st.text(st.characters(exclude_categories=[])))
def test_whatever_is_given_to_freeswitch_is_one_line_of_utf8(text: str) -> None:
    line = plain(text)
    line.encode()
    assert "\0" not in line
    assert len(f"{line}.".splitlines()) == 1
    if text.isprintable():
        assert line == text


@given(st.binary())
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


@pytest.mark.parametrize("hangs", ["_looks", "settings_file"])
def test_on_a_disk_that_hangs_one_call_waits_and_the_others_do_not(
    settings: Path, here: Process, monkeypatch: pytest.MonkeyPatch, hangs: str
) -> None:
    back, asked = threading.Event(), threading.Event()
    real = getattr(process, hangs)

    def hanging(*given: Path) -> object:
        asked.set()
        assert threading.current_thread().name == "fs-1c", "a call's own thread waits for the disk"
        back.wait(10.0)
        return real(*given)

    waits: list[float] = []
    wait = here._idle.wait

    def noted(within: float) -> bool:
        waits.append(within)
        return wait(within)

    with monkeypatch.context() as patched:
        patched.setattr(process, hangs, hanging)
        patched.setattr(modpython, "STARTS_WITHIN", 0.05)
        patched.setattr(here._idle, "wait", noted)
        for _ in range(5):
            calling = session()
            modpython.handler(calling, "bridge")
            assert calling.executed == [("bridge", "${fs_1c_default_target}")]
        assert asked.is_set()
        assert sum(waits) <= 0.05 + 1e-6 and waits[-1] == 0.0
    back.set()
    assert here.integration(5.0) is not None


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
