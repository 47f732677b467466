"""`fs-1c check` and FreeSWITCH: event sockets that are away, closed, no switch at all, or lack something."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from fs_1c.check import switch as switch_step
from fs_1c.check.finding import Finding, Level
from fs_1c.settings import Settings, build
from fs_1c.simulator.freeswitch import SwitchSettings
from fs_1c.simulator.onec import Client
from tests.check.conftest import FullSwitch, bad, check, simulator, switch, the_one
from tests.processes import free_port
from tests.world import CLIENT, settings_for

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
GREETING = b"Content-Type: auth/request\n\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch_step, "TALK_WITHIN", 0.25)


def listening(port: int, password: str = "ClueCon") -> Settings:
    """Settings of a service that listens to one switch and does little else."""
    return settings_for("http://127.0.0.1:9/ws/x", **_sections(port, password))


def _sections(port: int, password: str = "ClueCon") -> dict[str, Any]:
    switches = [{"address": f"127.0.0.1:{port}", "password": password}]
    return {"esl": {"outbound": {"listen": "127.0.0.1:0"}, "inbound": switches}, "http": {"enabled": False}}


def seen(settings: Settings, *numbers: str) -> list[Finding]:
    return [one for one in check(settings, *numbers) if one.where.startswith("switch")]


@pytest.mark.parametrize(
    ("loaded", "level"), [(b"true", Level.OK), (b"false", PROBLEM), (b"", Level.SKIPPED)]
)
def test_a_switch_with_a_name_keeps_claims(loaded: bytes, level: Level) -> None:
    answers = {"module_exists mod_hash": loaded}
    with switch(SwitchSettings(port=0, answers=answers)) as one:
        port = one.event_socket_port
        sections = _sections(port)
        sections["esl"]["inbound"][0] |= {"name": "sw3", "role": "reserve"}
        found = seen(settings_for("http://127.0.0.1:9/ws/x", **sections))
        assert [each.level for each in found if each.step == "claims"] == [level]
        assert not [each for each in seen(listening(port)) if each.step == "claims"]


@contextmanager
def scripted(*turns: bytes, then: str = "mute") -> Iterator[int]:
    """A server that answers each thing it hears by the next of `turns`, the first at once; then is mute or
    closes.
    """
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            for turn, octets in enumerate(turns):
                if turn and not connection.recv(65536):
                    return
                connection.sendall(octets)
            if then == "mute":
                ended.wait(10)

    def accept() -> None:
        while not ended.is_set():
            try:
                connection = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=_quietly, args=(serve, connection), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        ended.set()
        server.shutdown(socket.SHUT_RDWR)


def _quietly(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    try:
        serve(connection)
    except OSError:
        return


def later(findings: Sequence[Finding]) -> set[Level]:
    return {one.level for one in findings if one.step in ("modules", "directory")}


def test_a_switch_that_is_off() -> None:
    found = seen(listening(free_port()))
    the_one(found, PROBLEM, "event-socket", "refused", "Start FreeSWITCH", "event_socket.conf.xml")
    assert later(found) == {Level.SKIPPED}


def test_a_wrong_password() -> None:
    with switch(SwitchSettings(port=0, password="other")) as freeswitch:
        found = seen(listening(freeswitch.event_socket_port, "s3cret-of-the-switch"))
    the_one(found, PROBLEM, "password", "password is wrong", "esl.inbound.password")
    assert later(found) == {Level.SKIPPED}


def test_an_access_list_that_turns_us_away() -> None:
    rude = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"
    with scripted(rude, then="close") as port:
        the_one(
            seen(listening(port)), PROBLEM, "event-socket", "turns this machine away", "apply-inbound-acl"
        )


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("turns", "then", "step", "words"),
    [
        ((), "mute", "event-socket", ("no greeting", "Restart FreeSWITCH")),
        ((), "close", "event-socket", ("no greeting",)),
        (
            (b"SSH-2.0-OpenSSH_9.2\r\n\n\n",),
            "mute",
            "event-socket",
            ("no event socket", "esl.inbound.address"),
        ),
        ((b"Content-Type: text/html\n\n",), "mute", "event-socket", ("no event socket",)),
        ((b"X" * 300_000,), "mute", "event-socket", ("no event socket",)),
        ((GREETING,), "mute", "password", ("no answer", "fs_cli")),
        ((GREETING, b"Content-Type: command/reply\nReply-Text: +OK\n\n"), "mute", "password", ("no answer",)),
        ((GREETING, b"nonsense\n\n"), "mute", "password", ("nonsense", "fs_cli")),
        ((GREETING,), "close", "password", ("hung up", "fs_cli")),
    ],
)
def test_what_listens_there_and_is_no_switch_or_a_sick_one(
    turns: tuple[bytes, ...], then: str, step: str, words: tuple[str, ...]
) -> None:
    with scripted(*turns, then=then) as port:
        the_one(seen(listening(port)), PROBLEM, step, *words)


def test_the_default_password_on_an_address_that_others_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with switch() as freeswitch:
        assert bad(seen(listening(freeswitch.event_socket_port))) == []
        monkeypatch.setattr(switch_step, "is_loopback", lambda host: False)
        found = seen(listening(freeswitch.event_socket_port))
        the_one(found, WARNING, "password", "default password", "event_socket.conf.xml")


class WithoutDptools(FullSwitch):
    applications = ("socket",)
    modules = ("mod_event_socket",)


class JustStarted(FullSwitch):
    """`show application` fills slowly; a module that is loaded is there all the same."""

    applications = ("answer",)


class WithUsers(FullSwitch):
    """As FreeSWITCH has it, whose users without variables are users, too."""

    def api(self, name: str, argument: str) -> str | None:
        if name == "user_exists":
            return "true" if argument.split()[1] in DIRECTORY else "false"
        return super().api(name, argument)


class Taciturn(FullSwitch):
    """A FreeSWITCH whose console is restricted."""

    def api(self, name: str, argument: str) -> str | None:
        return None if name in ("show", "module_exists") else super().api(name, argument)


def test_a_module_that_is_not_loaded() -> None:
    with switch(kind=WithoutDptools) as freeswitch:
        found = seen(listening(freeswitch.event_socket_port))
    the_one(found, PROBLEM, "modules", "mod_dptools", "bridge", "load mod_dptools", "modules.conf.xml")


@pytest.mark.parametrize(("kind", "level"), [(JustStarted, Level.OK), (Taciturn, Level.SKIPPED)])
def test_a_switch_that_tells_little_is_no_fault(kind: type[FullSwitch], level: Level) -> None:
    with switch(kind=kind) as freeswitch:
        found = seen(listening(freeswitch.event_socket_port))
    assert bad(found) == []
    assert [one.level for one in found if one.step == "modules"] == [level]


# Keys in the switch's directory.

DIRECTORY = {"244": {"fs_1c_key": "KEY-of-the-directory"}, "245": {"user_context": "default"}}


@pytest.mark.parametrize(
    ("manager", "keys", "expected"),
    [
        ("244", {}, None),
        ("244", {"244": "KEY-of-the-directory"}, None),
        ("245", {"245": "KEY245"}, None),
        ("245", {}, ("245@127.0.0.1 has no fs_1c_key", "reloadxml")),
        ("246", {}, ("directory has no 246@127.0.0.1", "routing.domain")),
        ("244", {"244": "another-KEY"}, ("another key", "one key")),
    ],
)
def test_the_managers_keys_are_looked_for_in_the_directory(
    manager: str, keys: dict[str, str], expected: tuple[str, ...] | None
) -> None:
    with (
        simulator(clients=(Client(CLIENT, "Чиж", "0", manager),)) as onec,
        switch(SwitchSettings(port=0, directory=DIRECTORY), WithUsers) as freeswitch,
    ):
        data: dict[str, Any] = {
            "onec": {"url": onec.url, "username": "SOAP", "password": "s3cret"},
            "lookup": {"deadline": "5s"},
        }
        data |= {"subscribers": {"directory": True, "keys": keys}, **_sections(freeswitch.event_socket_port)}
        settings = build(data)
        found = seen(settings, CLIENT)
    told = [one for one in found if one.step == "directory"]
    if expected is None:
        assert [one.level for one in told] == [Level.OK]
        assert bad(found) == []
    else:
        the_one(found, PROBLEM, "directory", *expected)
    assert "KEY-of-the-directory" not in str(found)
    assert "another-KEY" not in str(found)


@pytest.mark.parametrize(
    "told",
    [
        b"-ERR SQL disabled, no data available!\n",
        b"-ERR Database error!\n",
        b"",
        b"[1]",
        '{"а'.encode("cp1251"),
    ],
)
def test_a_switch_that_cannot_tell_what_is_up(told: bytes) -> None:
    class Odd(FullSwitch):
        def api(self, name: str, argument: str) -> str | None:
            odd = (name, argument) == ("show", "channels as json")
            return told.decode("utf-8", "surrogateescape") if odd else super().api(name, argument)

    with switch(kind=Odd) as here:
        found = seen(listening(here.event_socket_port))
    the_one(found, WARNING, "database", "not for conversations that begin while the service is away")
