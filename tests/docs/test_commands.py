"""Every command in the documents is tried: run, as far as it can be without systemd and downloads.

A command of a kind that is not known here fails: say who runs it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fs_1c.cli import app
from fs_1c.simulator.onec import OneCSimulator
from tests import ROOT
from tests.cli.support import write
from tests.docs.markdown import PAGES, shell
from tests.processes import free_port, serving, wait_for
from tests.world import onec_simulator

COMMANDS = sorted({command for page in PAGES for command in shell(page)})
OWN = r"(?:runuser -u fs-1c -- |\.venv/bin/)?fs-1c "
ELSEWHERE = {
    rf"{OWN}(?:serve|simulator)\b": "tests/cli/test_cli.py",
    rf"{OWN}setup\b": "tests/setup/test_terminal.py",
    r"fs_cli (?:-p \S+ )?-x '": "tests/freeswitch/test_dialplan.py",
    r"(?s)curl .*http://1c\.example": "tests/docs/test_1c.py",
    r"curl .*https://calls\.pbx\.example": "tests/docs/test_call_guide.py",
    r"(?:PATH=\S+ )?/opt/fs-1c/bin/pip install ": "tests/test_supply.py",  # but for the download
    r"apt-get install (?:--allow-downgrades )?\./": "tests/debian/__main__.py",  # make debtest
    r"apt-get (?:remove|purge) fs-1c": "tests/debian/__main__.py",
    r"(?:mkdir|mv) /var/lib/fs-1c/": "tests/debian/__main__.py",
    r"docker compose .* exec phones fs_cli ": "tests/freeswitch/test_compose.py",  # what is executed there
}
"""Commands, by how they begin, that another test runs."""
BY_HAND = (
    r"apt-get (?:update|install -y (?:build-essential .*)?python3-venv)$",
    r"(?:sudo )?systemctl ",
    r"journalctl -u fs-1c ",
    r"sudo \./webinst ",
    r"umask 022",
    r"(?:/usr/bin/)?python3 -m venv /opt/fs-1c",
    r"python3 -m pip --python /opt/fs-1c/bin/python3 install opentelemetry",  # a download
)
"""What needs an administrator's machine, or 1C's."""
UNTRIED = (r"docker compose \S+ \S+ (?:up|down|exec fs-1c) ",)
"""What needs Docker: nobody has run it, and its page says so."""
MAKE = [command for command in COMMANDS if command.startswith("make ")]
ASKS = [one for one in COMMANDS if re.match(rf"{OWN}(?!serve|simulator|setup)", one)]
OURS = [one for one in COMMANDS if ".venv/bin/python -m " in one]
CURL = [one for one in COMMANDS if one.startswith("curl ") and "127.0.0.1:8080" in one]
PLACES = [one for one in COMMANDS if re.match(r"install |ln |cp |openssl |useradd ", one)]


def test_every_command_is_tried_by_somebody() -> None:
    assert len(COMMANDS) > 80
    here = {*MAKE, *ASKS, *OURS, *CURL, *PLACES}
    others = [
        one for one in COMMANDS if any(re.match(kind, one) for kind in (*ELSEWHERE, *BY_HAND, *UNTRIED))
    ]
    assert sorted(set(COMMANDS) - here - set(others)) == []
    for kind in (*ELSEWHERE, *BY_HAND, *UNTRIED):
        assert any(re.match(kind, one) for one in COMMANDS), f"{kind}: there is none any more"
    assert all((ROOT / file).is_file() for file in ELSEWHERE.values())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, OneCSimulator]]:
    """The settings of a service that runs, with a simulated 1C behind it, and a neighbour: itself."""
    folder, port = tmp_path_factory.mktemp("commands"), free_port()
    (folder / "token").write_text("0123456789abcdef")
    with onec_simulator() as onec:
        more = (
            f'token_file = "{folder}/token"\n[state]\nfolder = "{folder}"\n[history]\nenabled = true\n'
            f'[[esl.inbound]]\naddress = "127.0.0.1:1"\n[cluster]\nservices = ["http://127.0.0.1:{port}"]\n'
        )
        config = write(folder, onec.url, more)
        text = config.read_text().replace(
            '[http]\nlisten = "127.0.0.1:0"', f'[http]\nlisten = "127.0.0.1:{port}"'
        )
        config.write_text(text)
        with serving(config, folder / "log"):
            wait_for(folder / "log", "outbound door: listening")
            yield config, onec


@pytest.mark.parametrize("command", ASKS)
def test_a_command_of_fs_1c(
    running: tuple[Path, OneCSimulator], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, _ = running
    monkeypatch.setenv("FS_1C_CONFIG", str(config))
    arguments = shlex.split(re.sub(f"^{OWN}", "", command).replace("606dfbfe-…", "606dfbfe"))
    done = CliRunner().invoke(app, arguments)
    # There is no FreeSWITCH here, and `check` says so.
    assert done.exit_code == (1 if "check" in arguments else 0), done.output
    assert done.output.strip() and "Usage" not in done.output


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_commands_of_the_simulators(running: tuple[Path, OneCSimulator]) -> None:
    _, onec = running
    assert len(CURL) == 2
    address = re.sub(r"^http://([^/]+)/.*", r"\1", onec.url)
    for command in reversed(CURL):  # the fault is switched on, then off
        local = command.replace("127.0.0.1:8080", address).replace("curl ", "curl --fail --noproxy '*' ", 1)
        subprocess.run(["sh", "-c", local], capture_output=True, timeout=60, check=True)
        assert bool(onec.fault) == ("POST" in command)


def test_targets_of_make() -> None:
    targets = {word for command in MAKE for word in command.split()[1:] if "=" not in word}
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


@pytest.mark.parametrize("command", OURS)
def test_tools_and_tests_are_there(command: str) -> None:
    """They are run by who works on it; none of their names is wrong."""
    module, *rest = shlex.split(command.partition(".venv/bin/python -m ")[2])
    assert find_spec(module)
    source = "" if module == "pytest" else _source(module)
    for word in rest:
        if word.startswith("tests/"):
            assert (ROOT / word).exists(), word
        elif word.startswith("--") and source:
            assert f'"{word}"' in source, word


def _source(module: str) -> str:
    folder = ROOT / module.replace(".", "/")
    files = [folder / "__main__.py"] if folder.is_dir() else [folder.with_suffix(".py")]
    return "".join(file.read_text("utf-8") for file in files)


@pytest.mark.parametrize("command", PLACES)
def test_files_and_users_in_their_places(tmp_path: Path, command: str) -> None:
    """Below another root, and without the owners, whom only root can give."""
    for folder in ("etc/fs-1c", "etc/systemd/system", "usr/local/bin", "opt/fs-1c/bin"):
        (tmp_path / folder).mkdir(parents=True)
    if command.startswith("useradd "):
        if os.geteuid() or not shutil.which("useradd"):
            pytest.skip("root alone adds users")
        for name in ("passwd", "group", "shadow", "gshadow"):
            (tmp_path / "etc" / name).touch()
    local = re.sub(r" -[og] \S+", "", command).replace("sudo ", "")
    local = re.sub(r"(?<=\s)/(etc|usr/local|opt)/", rf"{tmp_path}/\1/", local)
    local = local.replace("useradd ", f"useradd --prefix {tmp_path} ", 1)
    subprocess.run(["sh", "-c", local], cwd=ROOT, check=True, capture_output=True, timeout=60)
    if mode := re.search(r"-m (\d+)", command):
        place = tmp_path / command.rsplit(None, 1)[1].lstrip("/")
        assert f"{place.stat().st_mode & 0o777:o}" == mode[1]
    if command.startswith("useradd "):
        assert (tmp_path / "etc/passwd").read_text().startswith("fs-1c:")
