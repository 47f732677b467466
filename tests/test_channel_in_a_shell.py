"""A name that a dialplan pastes into a shell command is given to the command whole, and does nothing else."""

from __future__ import annotations

import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fs_1c import channel
from fs_1c.routing.name import latin

SHELLS = sorted({str(Path(shell).resolve()) for shell in ("/bin/sh", "/bin/bash") if Path(shell).exists()})
PIECES = [
    *string.printable,
    *(
        "$(touch PROOF)",
        "`touch PROOF`",
        "& touch PROOF &",
        "; touch PROOF;",
        "|| touch PROOF",
        "\ntouch PROOF\n",
    ),
    *(
        "> PROOF",
        "< found",
        "(touch PROOF)",
        "${IFS}",
        "$0",
        "-n",
        "--",
        "~root",
        "{a,b}",
        "!!",
        "% touch PROOF",
    ),
    *(
        "touch PROOF",
        "found?",
        "f*",
        "[f]ound",
        " #",
        "'&touch PROOF&'",
        '"&touch PROOF&"',
        "＆touch PROOF",
        "；",
        "\u0338",
    ),
]
NAMES = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=12).map("".join)


def given_to_a_command(values: list[str], shell: str, folder: Path) -> list[str]:
    """The arguments that a command gets, one a line: with each value bare, in double quotes and in single
    ones.
    """
    pasted = [f"printf '%s\\n' {value} \"{value}\" '{value}'; echo end" for value in values]
    told = subprocess.run(
        [shell, "-c", "\n".join(pasted)],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert told.stderr == b""
    return told.stdout.decode().split("\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With files in it, for patterns to find."""
    for name in ("found", "f", "a", "A", "я", "0"):
        (tmp_path / name).touch()
    return tmp_path


def unharmed(values: list[str], shell: str, folder: Path) -> None:
    before = sorted(folder.iterdir())
    written = [one for value in values for one in (channel.text(value), latin(value)) if one]
    expected = [line for one in written for line in (*one.split(" "), one, one, "end")]
    assert given_to_a_command(written, shell, folder) == [*expected, ""]
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_no_sign_means_anything(shell: str, folder: Path) -> None:
    for sign in string.printable:
        unharmed([sign, f"a{sign}b", f" {sign}a", f"a {sign} b", f"a{sign}", f"{sign}{sign}a"], shell, folder)


@pytest.mark.parametrize("shell", SHELLS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=NAMES)
def test_no_name_does(shell: str, folder: Path, value: str) -> None:
    unharmed([value], shell, folder)
