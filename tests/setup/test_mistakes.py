"""Mistakes in the answers: each is said at once, by its name, and nothing is half written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fs_1c.check import network
from fs_1c.check import switch as switch_step
from fs_1c.settings import load
from fs_1c.simulator.freeswitch import SwitchSettings
from fs_1c.simulator.onec import Fault
from tests.certificates import certificate, tls
from tests.check.conftest import simulator, switch
from tests.processes import free_port
from tests.setup.conftest import SECRET, SOCKET_SECRET, SWITCH, World
from tests.setup.support import CLIENT, NUMBER, TARGET
from tests.support import RawServer, http_answer, inner, says, soap_answer


def test_without_mistakes(world: World) -> None:
    said = world.place.setup({**world.given, "keys": "244,K-of-244\n", "history": "no"})
    assert said.code == 0, said.text
    for words in ("1C lets SOAP in", "Dialect mobilon-2", "Фэйковый чиж", "FreeSWITCH knows 1000@127.0.0.1"):
        assert words in said.text
    assert world.place.files() == [
        "00_fs-1c.xml", "event-socket", "fs-1c", "fs-1c.toml", "password", "subscribers.csv",
    ]  # fmt: skip
    settings = load(world.place.folder / "fs-1c.toml")
    (listened,) = settings.esl.inbound
    assert (listened.address.port, listened.secret()) == (world.switch.event_socket_port, SOCKET_SECRET)
    assert settings.onec["default"].secret() == SECRET
    assert settings.history.enabled is False
    for path in world.place.folder.iterdir():
        assert path.stat().st_mode & 0o7 == 0, path
    assert SECRET not in said.text
    assert SOCKET_SECRET not in said.text
    user = "runuser -u fs-1c -- " if os.geteuid() == 0 else ""
    remain = [line for line in said.text.splitlines() if "fs_cli" in line or "fs-1c.toml" in line][-3:]
    assert remain == [
        "  fs_cli -x reloadxml",
        f"  {user}fs-1c serve -c {world.place.folder}/fs-1c.toml",
        f"  {user}fs-1c check -c {world.place.folder}/fs-1c.toml --number {CLIENT}",
    ]


def test_dry_run_shows_all_of_it_but_secrets(world: World) -> None:
    before = world.place.files()
    said = world.place.setup({**world.given, "keys": "244,K-of-244\n"}, dry=True)
    assert said.code == 0
    assert world.place.files() == before
    for words in (f'url = "{world.onec.url}"', "user/1000@${domain}", "event-socket", "fs_cli -x reloadxml"):
        assert words in said.text
    for secret in (SECRET, SOCKET_SECRET, "K-of-244"):
        assert secret not in said.text


Planted = Callable[[World], dict[str, str]]


def answers(**wrong: str) -> Planted:
    return lambda world: {name.replace("_", "-"): text for name, text in wrong.items()}


def path(ends: str) -> Planted:
    return lambda world: {"url": world.onec.url.replace("/telephony/ws/VATS", ends)}


def https(world: World) -> dict[str, str]:
    return {"url": world.onec.url.replace("http:", "https:")}


def fault(name: str) -> Planted:
    def planted(world: World) -> dict[str, str]:
        world.onec.fault = Fault(name)
        return {}

    return planted


def wrong_socket(world: World) -> dict[str, str]:
    world.place.event_socket(world.switch.event_socket_port, "old")
    return {}


def no_socket(world: World) -> dict[str, str]:
    return {"event-socket": f"127.0.0.1:{free_port()}"}


def onec_as_socket(world: World) -> dict[str, str]:
    return {"event-socket": world.onec.url.split("/")[2], "event-socket-password": SOCKET_SECRET}


def taken_number(world: World) -> dict[str, str]:
    field = 'field="destination_number" expression="^(\\+?74951234567)$"'
    taking = f'<condition {field}><action application="answer"/></condition>'
    text = f'<include><extension name="office">{taking}</extension></include>'
    (world.place.public / "00_did.xml").write_text(text)
    return {}


def there(name: str) -> Planted:
    def planted(world: World) -> dict[str, str]:
        folder = world.place.public if name.endswith("xml") else world.place.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("somebody's")
        return {}

    return planted


def no_folder(world: World) -> dict[str, str]:
    world.place.folder.parent.write_text("a file")
    return {}


# What is planted, the code, and what is said of it.
MISTAKES: dict[str, tuple[Planted, str]] = {
    "an address without http": (answers(url="1c.example/ws/VATS"), "--url: onec.url: allowed: http://HOST"),
    "a password in the address": (answers(url="http://a:s3@h/ws/VATS"), "as settings of their own"),
    "a host that is none": (answers(url="http://no-such-host.invalid/ws/VATS"), "no-such-host.invalid"),
    "a closed port": (answers(url="http://127.0.0.1:1/telephony/ws/VATS"), "127.0.0.1:1: refused"),
    "https for http": (https, "speaks plain HTTP, and onec.url says https"),
    "a path that is not published": (path("/telephony/ws/VATSS"), "Compare onec.url with the publication"),
    "a wrong password": (answers(password="guessed"), "PROBLEM authentication"),
    "an unknown user": (answers(username="SOUP"), "PROBLEM authentication"),
    "no user": (answers(username="none"), "PROBLEM authentication"),
    "a user with a colon": (answers(username="SO:AP"), "--username: 1C's user must have"),
    "an empty password file": (answers(password="\n"), "--password: the file is empty"),
    "a password file of two lines": (answers(password="a\nb"), "--password: it must be one line"),
    "another dialect": (answers(dialect="mobilon-3"), 'Set onec.dialect = "mobilon-2"'),
    "a dialect that is none": (answers(dialect="mobilon"), "--dialect: mobilon: there is no such dialect"),
    "itoolabs at a web service": (answers(dialect="itoolabs", crm_token="t"), "itoolabs is an HTTP service"),
    "a web server that lets nobody in": (fault("web-server-refuses"), "Let this machine in"),
    "no Basic authentication": (fault("no-basic"), "Switch Basic authentication on"),
    "a base that is down": (fault("base-down"), "Look at 1C's server"),
    "no licence": (fault("no-licence"), "Free a licence"),
    "a client in words": (answers(client="Ivanov"), "--client: Ivanov: is no client's telephone number"),
    "a number in words": (answers(number="seven four"), "--number: seven four: is no telephone number"),
    "no number": (answers(number=""), "--number: is missing"),
    "a number that another extension has": (taken_number, "has this number already, in the extension office"),
    "a target that is not there": (answers(target="1999"), "directory has no 1999@127.0.0.1"),
    "a gateway that is not there": (answers(target="sofia/gateway/nobodys/8"), "no gateway nobodys"),
    "a target in words": (answers(target="reception"), "--target: reception: allowed: an extension"),
    "a target that runs something": (answers(target="${system(id)}"), "without quotes, spaces"),
    "an old password of the event socket": (wrong_socket, "the event socket's password is wrong"),
    "nobody at the event socket": (no_socket, "nobody answers at 127.0.0.1:"),
    "1C for an event socket": (onec_as_socket, "PROBLEM event-socket"),
    "an event socket without its port": (answers(event_socket="127.0.0.1"), "--event-socket: 127.0.0.1: "),
    "keys that are none": (answers(keys="244"), "--keys: line 1: allowed is extension,key"),
    "history where there is none": (answers(history="perhaps"), "--history: perhaps: allowed: yes or no"),
    "history of calls that nobody hears": (
        answers(history="yes", event_socket="none"),
        "--history: without an event socket",
    ),
    "settings that are there": (there("fs-1c.toml"), "fs-1c.toml is there already, and nothing"),
    "a password that is there": (there("password"), "password is there already"),
    "a dialplan that is there": (there("00_fs-1c.xml"), "00_fs-1c.xml is there already"),
    "a folder that is a file": (no_folder, "etc is no folder"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_each_is_said_and_nothing_is_written(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "TLS_WITHIN", 0.3)
    monkeypatch.setattr(switch_step, "TALK_WITHIN", 0.5)
    planted, words = MISTAKES[name]
    given = {**world.given, **planted(world)}
    before = world.place.files()
    asked = len(world.onec.requests)
    said = world.place.setup(given)
    assert said.code == (2 if "\n--" in f"\n{said.text}" else 1), said.text
    assert words in said.text
    assert world.place.files() == before
    for secret in (SECRET, SOCKET_SECRET):
        assert secret not in said.text
    if "is there already" in words or "is no folder" in words or words.startswith("--"):
        # Before anything is tried, and so before the first question.
        assert len(world.onec.requests) == asked or "without an event socket" in words


def test_several_at_once_are_all_said(world: World) -> None:
    said = world.place.setup({**world.given, "password": "guessed", "target": "1999"})
    assert "PROBLEM authentication" in said.text
    assert "directory has no 1999" in said.text
    said = world.place.setup({"number": "x", "dialect": "y", "target": "z"})
    for option in ("number", "dialect", "target"):
        assert f"--{option}: " in said.text


def test_what_is_missing_is_said(world: World) -> None:
    said = world.place.setup({})
    assert said.code == 2
    assert "--url: is missing" in said.text
    assert "--number: is missing" in said.text


def test_settings_of_the_environment_would_win(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FS_1C_ONEC__URL", "http://other/ws/VATS")
    monkeypatch.setenv("FS_1C_CONFIG", "/etc/fs-1c/fs-1c.toml")
    said = world.place.setup(world.given)
    assert said.code == 1
    assert said.text.splitlines() == [
        "FS_1C_ONEC__URL is set in this environment, and would win over what is written"
    ]


def test_untried_answers_are_written_as_they_are(world: World) -> None:
    said = world.place.setup(
        {**world.given, "url": "http://127.0.0.1:1/ws/VATS", "target": "1999"}, tries=False
    )
    assert said.code == 0, said.text
    assert "user/1999@" in (world.place.public / "00_fs-1c.xml").read_text()


def test_http_for_https(world: World, tmp_path: Path) -> None:
    answer = says(http_answer(soap_answer(inner())))
    with RawServer(answer, tls(certificate(tmp_path))) as server:
        said = world.place.setup({**world.given, "url": server.url.replace("https:", "http:")})
    assert said.code == 1
    assert "speaks TLS, and onec.url says http" in said.text
    assert world.place.files() == []


def test_1c_finds_numbers_in_another_form(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that compares whole numbers, as they stand in it."""
    find = world.onec.clients.find
    monkeypatch.setattr(world.onec.clients, "find", lambda number: find(number) if "+" in number else None)
    said = world.place.setup(world.given)
    assert said.code == 0, said.text
    assert f"1C finds {CLIENT} in the form +7, so it is asked in that." in said.text
    assert load(world.place.folder / "fs-1c.toml").onec["default"].number_format == "+7"


def test_a_base_that_fails_for_whom_it_does_not_know(world: World) -> None:
    """Without a client's number it looks as if it always failed."""
    world.onec.fault = Fault("fails-for-unknown")
    alone = world.place.setup({**world.given, "client": "none"})
    said = world.place.setup(world.given)
    assert (alone.code, said.code) == (1, 0), said.text
    assert "PROBLEM service" in alone.text
    assert f"SayName works for {CLIENT}" in said.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "--crm-token: is missing"),
        ({"crm-token": "a wrong one"}, "--crm-token: onec"),
        ({"crm-token": "guessed"}, "Set onec.crm_token_file to the key"),
        ({"crm-token": "t0ken"}, ""),
    ],
)
def test_1c_unf(world: World, given: dict[str, str], words: str) -> None:
    with simulator(dialect="itoolabs", crm_token="t0ken", username=None) as onec:
        mine = {"url": "/".join(onec.url.split("/")[:3]), "number": NUMBER, "target": TARGET, **given}
        said = world.place.setup(mine)
    assert "t0ken" not in said.text
    if words:
        assert said.code == (2 if words.startswith("--") else 1)
        assert words in said.text
        assert world.place.files() == []
    else:
        assert said.code == 0, said.text
        settings = load(world.place.folder / "fs-1c.toml")
        assert settings.onec["default"].crm_secret() == "t0ken"
        assert settings.history.enabled


def test_a_dialplan_that_only_the_switch_knows_of_is_not_overwritten(world: World, tmp_path: Path) -> None:
    """Its configuration is elsewhere than where it was looked for: that is known when the switch is asked."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "dialplan" / "default").mkdir(parents=True)
    theirs = elsewhere / "dialplan" / "default" / "00_fs-1c.xml"
    asked = SwitchSettings(
        answers={"global_getvar conf_dir": str(elsewhere).encode()}, directory=SWITCH.directory
    )
    with switch(asked) as other:
        given = {**world.given, "event-socket": f"127.0.0.1:{other.event_socket_port}"}
        given["event-socket-password"] = "ClueCon"
        theirs.write_text("theirs")
        refused = world.place.setup(given)
        theirs.unlink()
        said = world.place.setup(given)
    assert refused.code == 1
    assert f"{theirs} is there already" in refused.text
    assert said.code == 0, said.text
    assert "user/1000@" in theirs.read_text()
