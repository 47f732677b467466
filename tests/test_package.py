"""The Debian package: what its man page and bash's completion say, and what its scripts refuse. All of it
together is tried by `make debtest`.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from fs_1c import __version__
from fs_1c.cli import app
from fs_1c.cli.simulator import app as simulator
from fs_1c.history.kept import VERSION as HISTORY
from fs_1c.journal.tables import VERSION as JOURNAL
from tests import ROOT

DEBIAN = ROOT / "debian"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("debian_commands", DEBIAN / "commands.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


commands = _generator()


def typed() -> Iterator[tuple[str, list[str]]]:
    """Each command as it is typed, with its options; without the generator's help."""
    for before, group in (("", app), ("simulator ", simulator)):
        found: Any = typer.main.get_command(group)
        for name, command in found.commands.items():
            if name != "simulator":
                words = [word for one in command.params for word in (*one.opts, *one.secondary_opts)]
                yield before + name, [word for word in words if word.startswith("-")]


def test_the_man_page_has_every_command_with_its_options_and_no_other() -> None:
    page = commands.man(0.0).replace("\\-", "-").replace("\\&", "")
    sections = dict(part.split("\n", 1) for part in page.split("\n.SS fs-1c ")[1:])
    names = {" ".join(re.findall(r"(?<!\S)[a-z0-9]+(?!\S)", title)): body for title, body in sections.items()}
    assert set(names) == {name for name, _ in typed()}
    for name, options in typed():
        written = " ".join(re.findall(r"^\.B (.+)$", names[name].split("\n.SH ")[0], re.M))
        assert set(re.findall(r"(?<![\w-])--?[\w-]+", written)) == set(options), name


def test_the_man_page_is_good_roff() -> None:
    if not shutil.which("groff"):
        pytest.skip("there is no groff")
    told = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-Kutf8", "-P-c"],
        input=commands.man(0.0).encode(),
        capture_output=True,
        check=True,
    )
    assert told.stderr == b"" and "fs-1c journal" in re.sub(".\b", "", told.stdout.decode())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fs-1c jou", ["journal"]),
        ("fs-1c simulator ", ["1c", "call", "--help"]),
        ("fs-1c lookup --r", ["--raw"]),
        ("fs-1c simulator 1c --fau", ["--fault", "--faults"]),
        ("fs-1c check -c setup.", ["setup.cfg"]),
        ("fs-1c setup --password-file setup.", ["setup.cfg"]),
        ("fs-1c nonsense --", []),
    ],
)
def test_bash_completes(line: str, offered: list[str]) -> None:
    words = line.split(" ")
    script = (
        f"{commands.completion()}\n"
        f"COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}') COMP_CWORD={len(words) - 1}\n"
        'complete -p fs-1c >&2\n_fs_1c 2>/dev/null\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    told = subprocess.run(
        ["bash", "--norc", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == offered
    assert told.stderr == "complete -F _fs_1c fs-1c\n"


def test_bash_knows_every_command_with_its_options() -> None:
    script = commands.completion()
    for name, options in typed():
        assert name.split()[0] in re.findall(r"[\w-]+", script.split("words='")[1].split("'")[0])
        (words,) = re.findall(rf"^ +'?{name}'?\) words='?([^')]*?)'? files=", script, re.M)
        assert set(words.split()) == {*options, "--help"}, name


def test_the_package_has_the_version_of_the_program() -> None:
    assert (DEBIAN / "changelog").read_text("utf-8").startswith(f"fs-1c ({__version__}) ")


def preinst(folder: Path, *arguments: str, language: str = "C") -> subprocess.CompletedProcess[str]:
    """As it is in a package of this version, for state that lies there and may be read by us."""
    script = (DEBIAN / "fs-1c.preinst").read_text("utf-8").replace("#DEBHELPER#", "")
    values = {"VERSION": __version__, "JOURNAL": JOURNAL, "HISTORY": HISTORY}
    for name, value in values.items():
        script = script.replace(f"#{name}#", str(value))
    script = script.replace("STATE=/var/lib/fs-1c", f"STATE={folder}").replace("runuser -u fs-1c -- ", "")
    script = script.replace("/run/fs-1c.installed", f"{folder}/installed")
    return subprocess.run(
        ["sh", "-c", script, "preinst", *arguments],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": language},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(("file", "known"), [("journal.db", JOURNAL), ("history.db", HISTORY)])
def test_a_package_that_cannot_read_the_state_is_not_unpacked(tmp_path: Path, file: str, known: int) -> None:
    with closing(sqlite3.connect(tmp_path / file, isolation_level=None)) as running:
        running.execute("PRAGMA journal_mode = WAL")
        for version, told in ((known, 0), (known + 1, 1)):
            running.execute(f"PRAGMA user_version = {version}")  # and that stands in the log beside the file
            done = preinst(tmp_path, "upgrade", "9.9.9")
            assert done.returncode == told, done.stderr
    assert f"{tmp_path / file} is of version {known + 1}, this one knows {known}" in done.stderr
    assert "Nothing was changed" in done.stderr
    russian = preinst(tmp_path, "upgrade", "9.9.9", language="ru_RU.UTF-8")
    assert russian.returncode == 1 and "Ничего не изменено" in russian.stderr


def test_a_package_is_unpacked_where_there_is_no_state_or_an_old_one(tmp_path: Path) -> None:
    assert preinst(tmp_path, "install").returncode == 0
    (tmp_path / "journal.db").touch()
    with closing(sqlite3.connect(tmp_path / "history.db")) as old:
        old.execute("PRAGMA user_version = 1")
    assert preinst(tmp_path, "upgrade", "0.0.9").returncode == 0
