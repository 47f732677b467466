"""Files with secrets and with clients' names: nobody else on the machine may read them, or he is told of."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.cards import Claims
from fs_1c.settings import build, files, readable_by_all
from fs_1c.settings.files import close_to_others
from tests import ROOT
from tests.journal.conftest import decision, writing
from tests.processes import serving, wait_for
from tests.support import until


def modes(folder: Path, name: str) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.glob(f"{name}*")}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture(autouse=True)
def untold() -> Iterator[None]:
    files._told.clear()
    yield
    files._told.clear()


def test_a_journal_that_was_open_to_everybody_is_closed(state: Path) -> None:
    file = state / "journal.db"
    with writing(file) as journal:
        journal.decided(decision())
    for end in ("", "-wal", "-shm"):
        Path(f"{file}{end}").touch()
        Path(f"{file}{end}").chmod(0o666)
    state.chmod(0o777)
    with writing(file) as journal:
        journal.decided(decision("call-2"))
        until(lambda: modes(state, "journal.db") == {0o640})
        assert len(list(state.glob("journal.db*"))) == 3
    assert state.stat().st_mode & 0o777 == 0o770


def test_claims_that_were_open_to_everybody_are_closed(state: Path) -> None:
    (state / "claims.db").touch()
    (state / "claims.db").chmod(0o666)
    claims = Claims(state / "claims.db")
    assert claims.claim("call", "244") and claims.confirm("call", "244")
    assert modes(state, "claims.db") == {0o660}  # a group may have been let in, as for mod_python3
    assert state.stat().st_mode & 0o777 == 0o770
    claims.close(5)


def test_a_narrower_mode_stays(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.touch()
    file.chmod(0o600)
    close_to_others(file, 0o640)
    close_to_others(tmp_path / "missing", 0o640)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_others_use_is_not_closed(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody has named /tmp, or /var/lib."""
    (state / "somebody-elses").touch()
    for _ in range(2):
        close_to_others(state, 0o770)
    assert state.stat().st_mode & 0o777 == 0o777
    assert [record.getMessage() for record in caplog.records] == [
        f"{state} is open to everybody on this machine, and not ours to close: chmod o-rwx {state}"
    ]
    files._told.clear()
    state.chmod(0o755)  # as such folders are
    close_to_others(state, 0o770)
    assert len(caplog.records) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have another's file to try it with")
def test_anothers_file_is_told_of_once() -> None:
    script = """
import logging, os, sys
from pathlib import Path
from fs_1c.settings import close_to_others
logging.basicConfig(stream=sys.stdout, format="%(message)s")
os.setgid(65534)
os.setuid(65534)
for _ in range(3):
    close_to_others(Path(sys.argv[1]) / "journal.db", 0o640)
"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "journal.db"
        file.touch()
        file.chmod(0o666)
        done = subprocess.run(
            [sys.executable, "-c", script, folder], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        assert file.stat().st_mode & 0o777 == 0o666
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{file} is open to everybody on this machine, and not ours to close: chmod o-rwx {file}"
    ]


def written(folder: Path, more: str = "", mode: int = 0o644) -> Path:
    path = folder / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "http://127.0.0.1:9/ws/x"\n{more}[esl.outbound]\nlisten = "127.0.0.1:0"\n'
        '[http]\nlisten = "127.0.0.1:0"\n'
    )
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ('password = "s3cret"\n', "password"),
        ('proxy = "http://user:s3cret@proxy:3128"\n', "the password in proxy"),
        ('[redis]\nurl = "redis://:s3cret@127.0.0.1/0"\n', "the password in url"),
        ('[subscribers.keys]\n"244" = "s3cret"\n', "keys"),
    ],
)
def test_settings_with_secrets_that_everybody_reads(tmp_path: Path, more: str, what: str) -> None:
    path = written(tmp_path, more)
    (line,) = readable_by_all(build({"onec": {"url": "http://127.0.0.1:9/ws/x"}}), path)
    assert line == f"{path} (with {what}) can be read by everybody on this machine: chmod 640 {path}"
    path.chmod(0o640)
    assert not readable_by_all(build({"onec": {"url": "http://127.0.0.1:9/ws/x"}}), path)


def test_settings_without_secrets_may_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, 'username = "SOAP"\n[redis]\nurl = "redis://127.0.0.1/0"\n')
    assert not readable_by_all(build({"onec": {"url": "http://127.0.0.1:9/ws/x"}}), path)


def test_serve_says_which_secrets_everybody_reads(tmp_path: Path) -> None:
    password, log = tmp_path / "password", tmp_path / "log"
    password.write_text("s3cret-of-mine\n")
    password.chmod(0o644)
    config = written(tmp_path, f'password_file = "{password}"\n', 0o640)
    with serving(config, log):
        text = wait_for(log, "http door: listening on")
    told = [line for line in text.splitlines() if "can be read by everybody" in line]
    assert len(told) == 1 and "onec.password_file" in told[0] and told[0].endswith(f"chmod 640 {password}")
    assert "s3cret" not in log.read_text("utf-8")


@pytest.mark.parametrize(
    ("url", "username", "told"),
    [
        ("http://1c.example/ws/x", "SOAP", True),
        ("http://1c.example/ws/x", "", False),
        ("https://1c.example/ws/x", "SOAP", False),
        ("http://127.0.0.1:8080/ws/x", "SOAP", False),
        ("http://localhost/ws/x", "SOAP", False),
        ("http://[::1]/ws/x", "SOAP", False),
        ("http://10.0.0.7/ws/x", "SOAP", True),
    ],
)
def test_check_says_when_a_password_goes_over_a_network_as_it_is(url: str, username: str, told: bool) -> None:
    from fs_1c.check.steps.settings_step import plain_http

    settings = build({"onec": {"url": url, "username": username, "password": "s3cret"}})
    found = plain_http(settings)
    assert bool(found) is told
    assert "s3cret" not in str(found)
    assert all("onec.url is plain http" in one.what for one in found)
