"""The door inside FreeSWITCH, outside of it: a stand-in plays FreeSWITCH's Python module. For the real one
see tests/freeswitch/doors/test_modpython.py.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fs_1c import modpython
from fs_1c.modpython import console, process, switch
from fs_1c.modpython.process import Process
from tests.world import CLIENT, DEFAULT, onec_simulator

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
