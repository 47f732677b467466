"""Numbers that 1C is never asked about: the file, its changes, and what a call of theirs gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fs_1c.call import Call, Result
from fs_1c.directory import Blocked
from fs_1c.directory.blocked import parse
from fs_1c.integration import Integration
from fs_1c.numbers import Number, NumberPlan
from fs_1c.settings import SettingsError, build
from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings
from tests.support import until

PLAN = NumberPlan()


def number(e164: str) -> Number:
    return Number(e164, e164)


def test_what_a_file_says() -> None:
    text = "# spam\n8 (923) 529-29-26  # called at night\n\n+7999*\n7 495*\n+*\n244\nнет\n"
    numbers, beginnings, problems = parse(text, PLAN)
    assert numbers == {"+79235292926"}
    assert beginnings == ("+7999",)
    told = "a beginning is written as in +7999*"
    assert problems == [f"line 5: {told}", f"line 6: {told}", "line 7: an extension", "line 8: malformed"]


def test_it_is_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "blocked"
    file.write_text("+7999*\n")
    blocked = Blocked(file, PLAN)
    try:
        assert number("+79990000000") in blocked
        assert number("+79235292926") not in blocked
        other = tmp_path / "other"
        other.write_text("89235292926")
        os.replace(other, file)  # as editors do
        until(lambda: number("+79235292926") in blocked)
        assert number("+79990000000") not in blocked
        file.unlink()
        file.mkdir()
        until(lambda: any("cannot be read" in record.getMessage() for record in caplog.records))
        assert number("+79235292926") in blocked, "all stays as it was"
    finally:
        blocked.close()


def test_such_a_call_is_neither_asked_about_nor_routed(tmp_path: Path) -> None:
    file = tmp_path / "blocked"
    file.write_text("89235292926\n")
    clients = (Client("89235292926", "Спамер", "0", "244"), Client("84951234567", "Клиент", "0", "245"))
    onec = OneCSimulator(OneCSimulatorSettings(port=0, clients=clients))
    onec.start()
    settings = {
        "onec": {"url": onec.url},
        "numbers": {"blocked_file": str(file)},
        "lookup": {"deadline": "30s"},
    }
    try:
        with Integration(build(settings)) as integration:
            now = integration.decide_now(Call("call", "+7 923 529-29-26"))
            assert now is not None, "nobody waits"
            assert (now.caller.result, now.target) == (Result.BLOCKED, None)
            assert now.variables == (("fs_1c_result", "blocked"), ("fs_1c_number", "+79235292926"))
            assert integration.decide(Call("call", "84951234567")).caller.result is Result.FOUND
        asked = [request.parameters["Number"] for request in onec.requests if request.operation == "SayName"]
        assert asked == ["84951234567"]
    finally:
        onec.stop()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"numbers.blocked_file: .*/no cannot be read"):
        build({"onec": {"url": "http://1c/ws"}, "numbers": {"blocked_file": str(tmp_path / "no")}})
