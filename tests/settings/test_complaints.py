"""What is written wrongly into a settings file again and again, told in the words of whoever wrote it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fs_1c.settings import SettingsError, build, inline_secrets, load
from fs_1c.settings.types import parse_duration
from tests import ROOT
from tests.support import as_nobody

ONEC = '[onec]\nurl = "http://1c.example/ws"\n'
SECRET = "s3kr1t"


def the_line(toml: str) -> str:
    with pytest.raises(SettingsError) as caught:
        build(tomllib.loads(toml), "fs-1c.toml")
    (line,) = caught.value.problems
    assert SECRET not in line
    assert "Input should" not in line
    return line


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("", 'onec: is missing; write three lines: [onec], url = "http://HOST/BASE/ws/NAME"'),
        ('[onec]\nusername = "SOAP"', 'onec.url: is missing; write url = "http://HOST/BASE/ws/NAME"'),
        (f'{ONEC}[esl.inbound]\naddress = "127.0.0.1:8021"', "esl.inbound: there may be several: write [["),
        (f'{ONEC}[esl]\ninbound = "127.0.0.1:8021"', "esl.inbound: there may be several: write [["),
        (f'{ONEC}[esl]\ninbound = ["127.0.0.1:8021"]', "esl.inbound.0: is a section: write [["),
        (f'{ONEC}[routing.category]\nis = "VIP"', "routing.category: there may be several: write [["),
        (f'{ONEC}[routing]\nthen = "user/100"', 'routing.then: allowed: a list in brackets, such as'),
        (f"{ONEC}[[lookup]]\ndeadline = 1", "lookup: there is only one: write [lookup], with one bracket"),
        (f"lookup = 5\n{ONEC}", "lookup: is a section: write [lookup] in a line of its own"),
        (f"{ONEC}lookup = 5", "onec.lookup: there is no such setting here, but a section of its own"),
        ('[[onec]]\nurl = "http://a/"', "onec: is a section: write [onec], with one bracket, or"),
        (f'{ONEC}[subscribers]\nkeys = ["{SECRET}"]', "subscribers.keys: is a section: write"),
        (f'{ONEC}sessions = "four"', "onec.sessions: allowed: a whole number in digits, such as 4"),
        (f'{ONEC}[breaker]\nshare = "half"', "breaker.share: allowed: a number in digits, such as 0.5"),
        (f'{ONEC}[journal]\ntitles = "да"', "journal.titles: allowed: true or false, without quotes"),
        (f"{ONEC}password = 123456", 'onec.password: allowed: text, which stands in quotes: "…"'),
        (f"{ONEC}deadline = 1", "onec.deadline: there is no such setting here, but in another section"),
        (f'{ONEC}pasword = "{SECRET}"', "onec.pasword: there is no such setting; perhaps password is meant"),
        (f'{ONEC}[onec.sales]\nurl = "http://a/"', "onec.sales: allowed: [onec] for one base, or"),
        (f'{ONEC}[calls]\nring_for = "5m"', "calls.ring_for: allowed: at most 120 s"),
        (f'{ONEC}[lookup]\ndeadline = "800s"', "lookup.deadline: allowed: at most 60 s"),
    ],
)  # fmt: skip
def test_a_common_mistake_is_told_with_what_to_write(toml: str, line: str) -> None:
    assert the_line(toml).startswith(f"fs-1c.toml: {line}")


# Seconds that were meant as milliseconds.


@pytest.mark.parametrize(
    "toml",
    [
        "[lookup]\ndeadline = 800",
        '[lookup]\ndeadline = "800"',
        "[breaker]\npause = 5000",
        "[screenpop]\nuseful_for = 30000",
        "[routing]\ndead_after = 3000",
        "[routing]\nring_for = 20000",
        "[calls]\nring_for = 20000",
        '[redis]\nurl = "redis://127.0.0.1"\ntimeout = 100',
    ],
)
def test_a_wait_without_a_unit_is_no_longer_than_a_minute(toml: str) -> None:
    line = the_line(f"{ONEC}{toml}\n")
    assert ": without a unit it is seconds, and " in line
    assert '"800ms" (0.8 s)' in line


@pytest.mark.parametrize(
    "toml",
    [
        "keep_warm = 15",
        "[lookup]\nstale_for = 24",
        "[journal]\nkeep_for = 90",
        '[history]\nenabled = true\nkeep_for = "7"',
        '[routing]\nlast_talker = 7\n[state]\nfolder = "/var/lib/fs-1c"',
        "[recordings]\nvalid_for = 90",
    ],
)
def test_what_is_kept_for_days_is_not_kept_for_as_many_seconds(toml: str) -> None:
    assert " s is too short here; allowed: a number and its unit, such as " in the_line(f"{ONEC}{toml}\n")


def test_what_is_kept_for_days_may_be_written_in_seconds() -> None:
    toml = f"{ONEC}keep_warm = 1800\n[lookup]\nfresh_for = 300\nstale_for = 86400\n"
    toml += "[journal]\nkeep_for = 7776000\n"
    given = build(tomllib.loads(toml))
    assert (given.lookup.fresh_for, given.lookup.stale_for) == (300.0, 86400.0)
    assert (given.journal.keep_for, given.onec["default"].keep_warm) == (7776000.0, 1800.0)


def test_a_unit_says_what_is_meant() -> None:
    assert [parse_duration(text) for text in ("60", 60, "61s", "2m")] == [60.0, 60.0, 61.0, 120.0]


# What an editor has made of the file.


def test_notepads_mark_and_line_ends_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "fs-1c.toml"
    file.write_bytes(b"\xef\xbb\xbf" + f'{ONEC}password = "{SECRET}"\n'.replace("\n", "\r\n").encode())
    assert load(file).onec["default"].secret() == SECRET
    assert inline_secrets(file) == ["password"]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (
            f"{ONEC}# Звонок".encode("cp1251"),
            "is not UTF-8, but perhaps windows-1251 (line 3): save it as UTF-8",
        ),
        (ONEC.encode("utf-16"), 'is not UTF-8, but UTF-16 ("Unicode"): save it as UTF-8'),
        ("[onec]\nurl = «http://1c»".encode(), "(at line 2, column 7); text stands in straight quotes"),
        (f"{ONEC}{ONEC}".encode(), "; a section has one head: its settings stand below the first"),
        (f'{ONEC}url = "http://1c"\n'.encode(), "; a setting stands there twice"),
        (
            f'{ONEC}password_file = "C:\\users"\n'.encode(),
            "; a backslash is doubled, or the text stands in single quotes",
        ),
        (
            f'{ONEC}password_file = "C:\\1c"\n'.encode(),
            "; a backslash is doubled, or the text stands in single quotes",
        ),
    ],
)
def test_another_encoding_and_other_quotes_are_told(tmp_path: Path, octets: bytes, said: str) -> None:
    file = tmp_path / "fs-1c.toml"
    file.write_bytes(octets)
    with pytest.raises(SettingsError) as caught:
        load(file)
    (line,) = caught.value.problems
    assert line.startswith(f"{file}: is not ")
    assert line.endswith(said)


# Files that may not be read.


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("file", "Permission denied to nobody: chgrp nogroup {file}; chmod 640 {file}"),
        (
            "folder",
            "Permission denied: nobody may not enter {folder}: chgrp nogroup {folder}; chmod g+x {folder}",
        ),
        ("missing", "No such file or directory"),
        ("far", "No such file or directory: {folder}"),
        ("is-folder", "it is a folder"),
    ],
)
@pytest.mark.parametrize("setting", ["onec.password_file", "http.token_file", "subscribers.file", "itself"])
def test_why_a_file_cannot_be_read_and_its_mend(everybodys: Path, what: str, said: str, setting: str) -> None:
    if os.geteuid():
        pytest.skip("needs root, to become somebody else")
    folder = everybodys / "secrets"
    file = folder / "password"
    if what != "far":
        folder.mkdir()
    if what == "is-folder":
        file.mkdir()
    elif what in ("file", "folder"):
        file.write_text(f"{SECRET}-of-sixteen\n" if setting != "itself" else ONEC)
        file.chmod(0o600)
    if what == "folder":
        folder.chmod(0o700)
    section, _, name = setting.partition(".")
    toml = f'{ONEC}{name} = "{file}"\n' if section == "onec" else f'{ONEC}[{section}]\n{name} = "{file}"\n'
    with as_nobody(), pytest.raises(SettingsError) as caught:
        load(file) if setting == "itself" else build(tomllib.loads(toml))
    (line,) = caught.value.problems
    assert f"cannot be read: {said.format(file=file, folder=folder)}" in line
    assert str(file) in line
    assert SECRET not in line


def test_a_command_whose_settings_may_not_be_read_says_the_same(everybodys: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root, to become somebody else")
    file = everybodys / "fs-1c.toml"
    file.write_text(ONEC)
    file.chmod(0o600)
    code = "import os, fs_1c.cli.ask, fs_1c.cli as cli; os.setgid(65534); os.setuid(65534); cli.main()"
    command = [sys.executable, "-c", code, "lookup", "89235292926", "-c", str(file)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"chgrp nogroup {file}; chmod 640 {file}" in ran.stderr
