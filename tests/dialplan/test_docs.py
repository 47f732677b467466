"""What the documents about FreeSWITCH and systemd say is true: commands, settings, kinds of errors, links,
the unit.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from fs_1c import cli
from fs_1c.cli.watchdog import LIMIT
from fs_1c.onec.errors import by_status
from fs_1c.settings import OneCSettings, Settings, build
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.dialplan.docs import DOCUMENTS, ENGLISH, RUSSIAN, UNIT, blocks, shell

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.stem}"
)


@each_document
def test_a_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    assert links
    for link in links:
        assert (document.parent / link).exists(), link


def test_both_languages_have_the_same_commands_and_settings() -> None:
    """The Russian document is one where the English ones are three."""
    english = {command for document in ENGLISH for command in shell(document)}
    assert set(shell(RUSSIAN)) == english
    (first,) = blocks(ENGLISH[0], "toml")
    (second,) = blocks(RUSSIAN, "toml")
    assert tomllib.loads(first) == tomllib.loads(second)
    names = re.compile(r"`([a-z]+\.[a-z_]+)[ `]")
    told = {name for document in ENGLISH for name in names.findall(document.read_text())}
    assert set(names.findall(RUSSIAN.read_text())) == told - {"moh-sound"}


@each_document
def test_the_settings_that_are_shown_are_good(document: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    for text in blocks(document, "toml"):
        build(tomllib.loads(re.sub(r'(password_file = )".*"', rf'\1"{secret}"', text)))


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel] | None]]:
    for name, field in model.model_fields.items():
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        yield name, next((kind for kind in kinds if issubclass(kind, BaseModel)), None)


@each_document
def test_every_setting_that_is_named_exists(document: Path) -> None:
    sections: dict[str, type[BaseModel]] = {name: kind for name, kind in _fields(Settings) if kind}
    sections["onec"] = OneCSettings
    named = re.findall(rf"`({'|'.join(sections)})\.([a-z_]+)", document.read_text())
    assert named
    for section, name in named:
        assert name in dict(_fields(sections[section])), f"{section}.{name}"


@pytest.mark.parametrize("document", [ENGLISH[2], RUSSIAN], ids=["en", "ru"])
def test_a_status_has_the_kind_that_is_told(document: Path) -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| `([\w-]+)` \|", document.read_text(), re.MULTILINE)
    assert {status for statuses, _ in rows for status in statuses.split(", ")} >= {"400", "401", "402", "406"}
    for statuses, kind in rows:
        for status in statuses.split(", "):
            assert by_status(int(status), b"").kind == kind
    others = {"base-down": (500, ""), "session": (400, "не указан заголовок управления сеансами")}
    for kind, (status, words) in others.items():
        assert f"`{kind}`" in document.read_text()
        assert by_status(status, words.encode()).kind == kind


def test_the_commands_of_fs_1c_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is typed as it is written; the settings are those of step 2, with a simulated 1C in them."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    own = OneCSimulatorSettings(port=0, username="SOAP", password="s3cret")
    with OneCSimulator(own) as onec:
        text = blocks(ENGLISH[0], "toml")[0].replace("http://1c.example:8080/telephony/ws/VATS", onec.url)
        text = re.sub(r'(password_file = )".*"', rf'\1"{secret}"', text).replace(
            "/var/lib/fs-1c", str(tmp_path)
        )
        settings = tmp_path / "fs-1c.toml"
        settings.write_text(
            text.replace("127.0.0.1:8021", "127.0.0.1:1") + '[http]\nlisten = "127.0.0.1:2"\n'
        )
        monkeypatch.setenv("FS_1C_CONFIG", str(settings))
        commands = {c for document in DOCUMENTS for c in shell(document) if re.search(r"(^|-- )fs-1c ", c)}
        told: dict[str, Any] = {}
        for command in commands:
            arguments = command.rpartition("fs-1c ")[2].split()
            told[arguments[0]] = CliRunner().invoke(cli.app, arguments)
    assert set(told) == {"lookup", "pop", "check", "journal"}
    assert {name: result.exit_code for name, result in told.items() if name in ("lookup", "pop")} == {
        "lookup": 0,
        "pop": 0,
    }
    assert told["check"].exit_code == 1, "there is no FreeSWITCH"
    assert told["journal"].exit_code == 1, "there is no journal yet"
    assert "Usage" not in "".join(result.output for result in told.values())


# What a unit must have, so that the service comes back, is reloaded, keeps what it must and can do no more.
_NEEDED = {
    "Type": "notify",
    "NotifyAccess": "main",
    "WatchdogSignal": "SIGKILL",
    "Restart": "always",
    "RestartPreventExitStatus": "2",
    "ExecReload": "/bin/kill -HUP $MAINPID",
    "StateDirectory": "fs-1c",
    "Environment": "FS_1C_STATE__FOLDER=%S/fs-1c",
    "User": "fs-1c",
    "NoNewPrivileges": "true",
    "LimitCORE": "0",
    "MemoryDenyWriteExecute": "true",
    "ProtectSystem": "strict",
    "CapabilityBoundingSet": "",
}


def test_the_unit_has_what_it_must() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    service = dict(unit["Service"])
    assert {name: service.get(name) for name in _NEEDED} == _NEEDED
    assert service["ExecStart"] == "/opt/fs-1c/bin/fs-1c serve"
    assert int(service["TimeoutStopSec"]) > 5, "it takes up to five seconds to stop"
    assert float(service["WatchdogSec"]) == LIMIT, "with systemd or without, the callers wait for as long"
    assert int(service["TimeoutStartSec"]) >= 60, "a slow start is no failure"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze on PATH")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/fs-1c/bin/fs-1c serve", "/bin/true"))
    found = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=30, check=False
    )
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
    # Exposure in tenths, as docs/systemd says it; what is left is what it needs (the network, group fs-1c) or
    # what fails to start in containers (PrivateUsers).
    exposed = ["systemd-analyze", "security", "--offline=true", "--threshold=13", "--no-pager", str(unit)]
    found = subprocess.run(exposed, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 0, found.stdout.splitlines()[-1]
