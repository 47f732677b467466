"""The command line as a user meets it: processes, exit codes, one clear line for each mistake."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.cli.demo import play
from tests import ROOT
from tests.cli.support import write
from tests.processes import free_port, fs_1c, serving, wait_for
from tests.world import CLIENT, onec_simulator


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Settings for a simulated 1C that runs."""
    with onec_simulator() as onec:
        yield write(tmp_path, onec.url)


def test_lookup_found(config: Path) -> None:
    ran = fs_1c("lookup", "+7 923 529-29-26", "-c", str(config), "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told.pop("took_ms") > 0
    assert told == {
        "number": "+79235292926",
        "asked_as": CLIENT,
        "result": "found",
        "title": "Фэйковый чиж",
        "category": "0",
        "manager": "244",
        "source": "1c",
        "error": None,
    }


def test_a_password_that_is_not_written_yet_is_told_with_the_command_that_writes_it(config: Path) -> None:
    password = config.parent / "password"
    password.write_text("\n")
    for command in (("lookup", CLIENT), ("pop", CLIENT, "--extension", "244")):
        ran = fs_1c(*command, "-c", str(config))
        assert (ran.returncode, "wrong user name or password" in ran.stdout) == (4, True)
        assert ran.stderr.startswith(f"{password} is empty; to write it: read -rs SECRET; ")
    password.write_text("another\n")
    assert fs_1c("lookup", CLIENT, "-c", str(config)).stderr == ""


def test_lookup_for_people(config: Path) -> None:
    ran = fs_1c("lookup", CLIENT, "-c", str(config))
    assert ran.returncode == 0
    assert "Фэйковый чиж" in ran.stdout
    assert "manager 244" in ran.stdout


@pytest.mark.parametrize(
    ("number", "code", "result"),
    [
        ("84950000001", 3, "unknown"),
        ("anonymous", 3, "skipped"),
        ("244", 3, "skipped"),
        ("8923 nonsense", 2, "skipped"),
    ],
)
def test_lookup_of_others(config: Path, number: str, code: int, result: str) -> None:
    ran = fs_1c("lookup", number, "-c", str(config), "--json")
    assert (ran.returncode, json.loads(ran.stdout)["result"]) == (code, result)


def test_lookup_when_1c_refuses_the_password(config: Path) -> None:
    ran = fs_1c("lookup", CLIENT, "-c", str(config), "--json", FS_1C_ONEC__USERNAME="nobody")
    assert ran.returncode == 4
    assert json.loads(ran.stdout)["error"]["kind"] == "unauthorized"
    assert "s3cret" not in ran.stdout + ran.stderr


def test_lookup_when_1c_is_away(tmp_path: Path) -> None:
    ran = fs_1c("lookup", CLIENT, "-c", str(write(tmp_path, "http://127.0.0.1:9/ws")))
    assert ran.returncode == 4
    assert "refused" in ran.stdout
    assert "Traceback" not in ran.stderr


def test_pop(config: Path) -> None:
    ran = fs_1c("pop", CLIENT, "--extension", "244", "-c", str(config), "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outcome"] == "accepted"
    assert fs_1c("pop", CLIENT, "--key", "any", "-c", str(config)).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (CLIENT,),
        (CLIENT, "--extension", "244", "--key", "x"),
        (CLIENT, "--extension", "999"),
        ("anonymous", "--key", "x"),
        (CLIENT, "--key", "x", "--base", "other"),
    ],
)
def test_pop_wrong_input(config: Path, arguments: tuple[str, ...]) -> None:
    assert fs_1c("pop", *arguments, "-c", str(config)).returncode == 2


def test_pop_when_1c_is_away(tmp_path: Path) -> None:
    config = write(tmp_path, "http://127.0.0.1:9/ws")
    ran = fs_1c("pop", CLIENT, "--extension", "244", "-c", str(config), "--json")
    assert (ran.returncode, json.loads(ran.stdout)["outcome"]) == (4, "failed")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[onec]\nurl = "http://h/"\n[lookup]\ndeadline = "fast"\n',
            "lookup.deadline: allowed: a number and ms",
        ),
        ('[onec]\nurl = "http://h/"\n[onecc]\n', "onecc: there is no such setting"),
        ('[onec]\nurl = "ftp://h/"\n', "onec.url: allowed: http://HOST"),
        ("[lookup]\n", "onec: is missing"),
        ("[onec\n", "is not TOML"),
    ],
)
def test_serve_a_wrong_setting_is_one_clear_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    ran = fs_1c("serve", "-c", str(path))
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"{path}: {line}")
    assert ran.stderr.count("\n") == 1


def test_serve_without_a_settings_file(tmp_path: Path) -> None:
    ran = fs_1c("serve", "-c", str(tmp_path / "none.toml"))
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)


def test_serve_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = fs_1c("serve", "-c", str(write(tmp_path, "http://127.0.0.1:9/", listen=listen)))
    assert ran.returncode == 1
    assert f"esl.outbound.listen: {listen}: " in ran.stderr
    assert "in use" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_serve_an_unreachable_1c_is_one_line_and_stops_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving(write(tmp_path, "http://127.0.0.1:9/ws"), log) as process:
        text = wait_for(log, "calls go on without it")
        assert text.count("127.0.0.1:9") == 1
        assert "listening on 127.0.0.1:" in wait_for(log, "outbound door")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text("utf-8")


def test_serve_reads_the_settings_again_on_sighup(tmp_path: Path) -> None:
    log = tmp_path / "log"
    config = write(tmp_path, "http://127.0.0.1:9/ws")
    with serving(config, log) as process:
        wait_for(log, "outbound door")
        config.write_text("nonsense")
        process.send_signal(signal.SIGHUP)
        wait_for(log, "settings not read again: ")
        write(tmp_path, "http://127.0.0.1:9/other")
        process.send_signal(signal.SIGHUP)
        wait_for(log, "settings: read again")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_the_whole_of_it_as_processes(tmp_path: Path) -> None:
    """The README's three terminals: simulator 1c, serve, simulator call."""
    door, events = free_port(), free_port()
    log = tmp_path / "log"
    more = f'[[esl.inbound]]\naddress = "127.0.0.1:{events}"\n'
    with onec_simulator() as onec:
        config = write(tmp_path, onec.url, more, listen=f"127.0.0.1:{door}")
        with serving(config, log):
            wait_for(log, "outbound door: listening")
            ran = fs_1c(
                *("simulator", "call", "--service", f"127.0.0.1:{door}"),
                *("--event-socket", f"127.0.0.1:{events}", "--talk", "0.5", "--json"),
            )
            assert ran.returncode == 0, ran.stderr
            told = json.loads(ran.stdout)
            assert (told["answered_by"], told["display_name"]) == ("244", "Фэйковый чиж")
            wait_for(log, "outcome=accepted")
        assert [(card.num_from, card.key) for card in onec.cards] == [(CLIENT, "KEY244")]


def test_the_demo_tells_its_story_and_all_is_well() -> None:
    ran = fs_1c("demo")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("✓") == 9
    assert "✗" not in ran.stdout
    assert "Фэйковый чиж" in ran.stdout
    assert "of 89235292926 at 244, once" in ran.stdout
    _, _, documents = ran.stdout.partition("The calls as 1C now has them")
    rows = [line.split() for line in documents.splitlines() if ":" in line and "74951234567" in line]
    assert len(rows) == 8 and [row[1] for row in rows].count("89235292926") == 3
    [missed] = [row for row in rows if "missed," in row]
    assert (missed[1], missed[-1]) == ("87071234567", "245")
    assert "words about calls had waited for it on the disk" in documents
    assert "What next" in ran.stdout
    assert ran.stderr == ""


def test_what_comes_next_can_be_typed_after_make_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path.cwd() / ".venv/bin/fs-1c"), "demo"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert play._command() == ".venv/bin/fs-1c"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/local/bin/{name}")
    assert play._command() == "fs-1c"


def test_version_and_help() -> None:
    assert fs_1c("--version").stdout == "0.1.0\n"
    assert "simulator" in fs_1c("--help").stdout


def loaded(*arguments: str) -> set[str]:
    """The modules that `fs-1c ARGUMENTS` loads."""
    command = [sys.executable, "-X", "importtime", "-m", "fs_1c", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=50)
    lines = [line for line in ran.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_a_command_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    more = f'token = "t0ken"\n[state]\nfolder = "{tmp_path}"\n'
    config = str(write(tmp_path, "http://127.0.0.1:9/ws", more))
    heavy = {"lxml", "prometheus_client", "uvicorn"}
    told = loaded("--help")
    assert "typer" in told
    assert not told & {*heavy, "asyncio", "fs_1c.settings", "fs_1c.simulator", "requests"}
    told = loaded("journal", "-c", config)
    assert "fs_1c.journal.report" in told and not told & {*heavy, "requests"}
    told = loaded("forget", CLIENT, "-c", config)
    assert "requests" in told and not told & {*heavy, "sqlite3"}


def test_what_only_building_the_rooms_brings_to_light_is_one_clear_line(tmp_path: Path) -> None:
    more = '[redis]\nurl = "http://:s3cret@127.0.0.1"\n'
    ran = fs_1c("lookup", CLIENT, "-c", str(write(tmp_path, "http://127.0.0.1:9/ws", more)))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("redis.url: allowed: redis://") and ran.stderr.count("\n") == 1


def test_what_is_typed_after_simulator_is_its_own() -> None:
    ran = fs_1c("simulator", "--help")
    assert ran.returncode == 0
    assert "Usage: fs-1c simulator [OPTIONS] COMMAND" in ran.stdout
    assert "A 1C and a FreeSWITCH" in ran.stdout and "completion" not in ran.stdout
    assert "fs-1c simulator call [OPTIONS]" in fs_1c("simulator", "call", "--help").stdout
    for wrong in ("--nix", "nix"):
        ran = fs_1c("simulator", wrong)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert wrong in ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("1c", "--listen", "nowhere"),
        ("1c", "--clients", "/nonexistent.csv"),
        ("1c", "--latency", "-1"),
        ("call", "--service", "x"),
        ("call", "--variable", "novalue"),
    ],
)
def test_simulator_wrong_input_is_one_line(arguments: tuple[str, ...]) -> None:
    ran = fs_1c("simulator", *arguments)
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr
