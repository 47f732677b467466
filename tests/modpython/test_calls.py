"""A client rings: whatever happens, his call goes on."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fs_1c import modpython
from fs_1c.call import Call, Decision
from fs_1c.integration import Integration
from fs_1c.modpython.process import Process
from tests.modpython.conftest import FakeFreeSwitch, session
from tests.support import SOON

MANAGER = "[progress_timeout=3,leg_timeout=20]user/244@${domain}"


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
    assert hidden.variables["effective_caller_id_name"] == "\ufffd‹x›\ufffd"


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
        begun.wait(SOON)
        return load(self, before)

    monkeypatch.setattr(Process, "_take_over", slowly)
    monkeypatch.setattr(modpython, "STARTS_WITHIN", 0.1)
    first = session()
    modpython.handler(first, "")
    assert "fs_1c_result" not in first.variables

    monkeypatch.setattr(modpython, "STARTS_WITHIN", SOON)
    granted: list[float | None] = []
    decide = Integration.decide

    def notes(self: Integration, call: Call) -> Decision:
        granted.append(call.deadline)
        return decide(self, call)

    monkeypatch.setattr(Integration, "decide", notes)
    waits = Process.integration

    def waited_for(self: Process, within: float) -> Integration | None:
        threading.Timer(0.2, begun.set).start()
        return waits(self, within)

    with monkeypatch.context() as starting:
        starting.setattr(Process, "integration", waited_for)
        modpython.handler(session(), "")
    monkeypatch.setattr(modpython, "time", SimpleNamespace(monotonic=lambda: 0.0))  # nobody waits now
    modpython.handler(session(variables={"fs_1c_deadline": "600ms"}), "")
    assert granted[0] is not None and granted[0] < 0.7
    assert granted[1] == 0.6
