"""What the tests of `fs-1c check` share: a chain that is well, to be broken at one place each."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from rich.console import Console

from fs_1c.check import chain, report
from fs_1c.check.finding import Finding, Level
from fs_1c.check.steps import load_step
from fs_1c.service import Service
from fs_1c.settings import Settings
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests import ROOT
from tests.language.leftover import english
from tests.world import CLIENTS, settings_for

APPLICATIONS = ("answer", "bridge", "multiset", "set", "socket")


@pytest.fixture(autouse=True)
def in_russian(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test has found, it can be said in Russian."""
    walk = chain.walk

    def walked(*given: Any) -> list[Finding]:
        found = walk(*given)
        for one in found:
            for text in (one.where, one.what, one.why, one.remedy):
                assert not english(text), (english(text), text)
        return found

    monkeypatch.setattr(chain, "walk", walked)


EXAMPLE = (ROOT / "dialplan/sync.xml").read_text("utf-8")


def asked_by(*files: str, port: int = 8084) -> str:
    """What `xml_locate dialplan` says where these files are in the context public."""
    extensions = [one for file in files for one in etree.fromstring(file)]
    inner = "".join(etree.tostring(one, encoding="unicode") for one in extensions)
    inner = inner.replace("127.0.0.1:8084", f"127.0.0.1:{port}")
    return f'<section name="dialplan">\n<context name="public">\n{inner}</context>\n</section>\n'


class Unwatched:
    """Nobody looks on."""

    def begun(self, where: str, step: str) -> None:
        pass

    def finished(self, where: str, findings: Sequence[Finding]) -> None:
        pass


class FullSwitch(SimulatedSwitch):
    """A simulated FreeSWITCH that also tells what it has loaded."""

    applications: tuple[str, ...] = APPLICATIONS
    modules: tuple[str, ...] = ("mod_event_socket", "mod_dptools", "mod_commands")
    dialplan: str | None = None
    users: tuple[str, ...] = ()
    unregistered: tuple[str, ...] = ()

    def api(self, name: str, argument: str) -> str | None:
        if (name, argument) == ("show", "application as json"):
            return json.dumps({"rows": [{"name": one} for one in self.applications]})
        if name == "module_exists":
            return "true" if argument in self.modules else "false"
        if (name, argument) == ("global_getvar", "domain"):
            return "127.0.0.1"
        if (name, argument) == ("xml_locate", "dialplan"):
            return self.dialplan
        if name == "user_exists" and self.users:
            return "true" if argument.split()[1] in self.users else "false"
        if name == "sofia_contact" and argument.partition("@")[0].removeprefix("*/") in self.unregistered:
            return "error/user_not_registered"
        return super().api(name, argument)


class Background:
    """An event loop in a thread of its own, for what must run while the check looks at it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def switch(
    settings: SwitchSettings | None = None, kind: type[FullSwitch] = FullSwitch
) -> Iterator[FullSwitch]:
    background = Background()
    one = kind(settings or SwitchSettings(port=0))
    background.do(one.start())
    try:
        yield one
    finally:
        background.do(one.stop())
        background.end()


@contextmanager
def serving(settings: Settings) -> Iterator[Service]:
    background = Background()
    service = Service(settings)
    background.do(service.start())
    try:
        yield service
    finally:
        background.do(service.stop())
        background.end()


def simulator(**given: Any) -> OneCSimulator:
    given = {"username": "SOAP", "password": "s3cret", "clients": CLIENTS, **given}
    return OneCSimulator(OneCSimulatorSettings(port=0, **given))


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a TLS greeting to one who does not speak it nor many samples of a fast base are waited for."""
    monkeypatch.setattr(load_step, "SAMPLES", 2)
    monkeypatch.setattr("fs_1c.check.network.TLS_WITHIN", 0.3)


def closed() -> dict[str, Any]:
    """Sections of settings that leave service and switch out."""
    return {"esl": {"outbound": {"enabled": False}}, "http": {"enabled": False}}


def check(settings: Settings, *numbers: str, path: Path = Path("/nowhere")) -> list[Finding]:
    return chain.walk(settings, path, numbers, Unwatched())


def base_alone(url: str, *numbers: str, lookup: str = "5s", more: Any = (), **onec: Any) -> list[Finding]:
    """The findings about one base, without a service and a switch."""
    settings = settings_for(url, onec=onec, lookup={"deadline": lookup}, **closed(), **dict(more))
    return [one for one in check(settings, *numbers) if one.where.startswith("base")]


PASSWORD, KEY = "s3cret", "KEY-of-244-gW3cyUJAtl50PhF"
OFF = "[esl.outbound]\nenabled = false\n[http]\nenabled = false\n"


def settings_file(folder: Path, url: str, more: str = "") -> Path:
    path = folder / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "{url}"\nusername = "SOAP"\npassword = "{PASSWORD}"\n[state]\nfolder = "{folder}"\n'
        f'[subscribers.keys]\n"244" = "{KEY}"\n[lookup]\ndeadline = "5s"\n' + (more or OFF)
    )
    path.chmod(0o600)
    return path


def shown(path: Path, *numbers: str, as_json: bool = False, **console: Any) -> tuple[int, str]:
    """The exit code, and what is on the screen."""
    screen = StringIO()
    options: dict[str, Any] = {"highlight": False, "soft_wrap": True, **console}
    code = report.run(path, numbers, as_json=as_json, console=Console(file=screen, **options))
    return code, screen.getvalue()


def bad(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.level in (Level.PROBLEM, Level.WARNING)]


def told(found: list[Finding], step: str, level: Level) -> str:
    """All that it says at that step and level."""
    chosen = [one for one in found if (one.step, one.level) == (step, level)]
    return " ".join(f"{one.what} {one.why} {one.remedy}" for one in chosen)


def the_one(findings: Sequence[Finding], level: Level, step: str, *words: str) -> Finding:
    """The only finding that is not ok; it has these words."""
    wrong = bad(findings)
    assert [(one.level, one.step) for one in wrong] == [(level, step)], wrong
    text = f"{wrong[0].what} {wrong[0].why} {wrong[0].remedy}"
    for word in words:
        assert word in text
    assert wrong[0].why and wrong[0].remedy
    return wrong[0]
