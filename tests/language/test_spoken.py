"""The commands in Russian, as they are typed; what programs read, and logs, stay English."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fs_1c.cli.speaking.speaking
from fs_1c.call import Failure, Outcome, ScreenPop
from fs_1c.cli import app
from fs_1c.language import FOLDER, language
from tests import ROOT
from tests.cli.support import write
from tests.journal.conftest import conversation, decision, writing
from tests.processes import fs_1c as run

DEAD = "http://127.0.0.1:9/base/ws/VATS"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path, DEAD, f'[state]\nfolder = "{tmp_path}"\n')


@pytest.fixture
def kept(config: Path, tmp_path: Path) -> Path:
    """Settings with a journal of one call."""
    with writing(tmp_path / "journal.db") as journal:
        journal.decided(decision())
        journal.popped(
            conversation(), ScreenPop(Outcome.NO_KEY, error=Failure("no-key", "user 244 has no key"))
        )
    return config


class Marking(NullTranslations):
    """A language in which each text stands in brackets: what does not was not looked up."""

    def __init__(self) -> None:
        super().__init__()
        with (FOLDER / "ru/LC_MESSAGES/fs_1c.mo").open("rb") as file:
            texts = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        self._catalog = {
            one: f"⟦{one.rpartition(chr(4))[2]}⟧" for one in texts if isinstance(one, str) and one
        }

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    def pgettext(self, context: str, message: str) -> str:
        return f"⟦{message}⟧"


def unmarked(output: str) -> str:
    """Two words that are next to each other and in no brackets."""
    while (less := re.sub(r"⟦[^⟦⟧]*⟧", "¤", output)) != output:
        output = less
    found = re.search(r"[A-Za-z]{3,} +[A-Za-z]{3,}", output)
    return found[0] if found else ""


COMMANDS: dict[tuple[str, ...], int] = {
    ("journal",): 0,
    ("journal", "--call", "call-1"): 0,
    ("journal", "--call", "call-2"): 0,
    ("journal", "--number", "89001112233"): 0,
    ("journal", "--missed"): 0,
    ("journal", "--all"): 2,
    ("journal", "--missed", "--all"): 2,
    ("history",): 2,
    ("presence",): 1,
    ("lookup", "89235292926"): 4,
    ("lookup", "anonymous"): 3,
    ("lookup", "244"): 3,
    ("lookup", "89235292926", "--raw"): 4,
    ("lookup", "89235292926", "--base", "x"): 2,
    ("pop", "89235292926"): 2,
    ("pop", "89235292926", "--extension", "999"): 2,
    ("pop", "89235292926", "--extension", "244"): 4,
    ("call", "89235292926", "--extension", "244"): 2,
    ("forget",): 2,
    ("forget", "--all"): 2,
    ("erase", "89001112233"): 1,
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_all_that_is_said_is_looked_up(
    command: tuple[str, ...], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fs_1c.cli.speaking.speaking, "speak", lambda _: None)
    monkeypatch.setattr(language, "_spoken", Marking())
    ran = CliRunner().invoke(app, [command[0], "-c", str(kept), *command[1:]])
    assert ran.exit_code == COMMANDS[command], ran.output
    output = ran.output.replace(str(kept.parent), "")
    assert "⟦" in output and not unmarked(output), output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_all_that_is_said_is_said_in_russian(command: tuple[str, ...], kept: Path) -> None:
    ran = CliRunner().invoke(app, ["--lang", "ru", command[0], "-c", str(kept), *command[1:]])
    assert ran.exit_code == COMMANDS[command], ran.output
    output = ran.output.replace(str(kept.parent), "").replace("no-key", "")
    assert re.search("[а-я]{2}", output) and not re.search(r"\b(the|is|was|not|with|of|no)\b", output), output


def test_a_call_is_told_in_russian(kept: Path) -> None:
    ran = CliRunner().invoke(app, ["--lang", "ru", "journal", "-c", str(kept), "--call", "call-1"])
    assert "+79235292926 звонит на 83832000000" in ran.output
    assert "1С ответила за 118 мс. Звонящий ждал 125 мс." in ran.output
    assert "Карточки нет: у номера 244 нет ключа." in ran.output


def test_help_is_in_russian() -> None:
    assert "куда и почему ушёл звонок" in CliRunner().invoke(app, ["--lang", "ru", "--help"]).output
    assert "Только пропущенные" in CliRunner().invoke(app, ["--lang=ru", "journal", "--help"]).output
    assert "Why" not in CliRunner().invoke(app, ["--lang", "ru", "journal", "--help"]).output
    assert "Only who was missed" in CliRunner().invoke(app, ["journal", "--help"]).output
    assert CliRunner().invoke(app, ["--lang", "de", "journal"]).exit_code == 2


def test_programs_are_answered_in_english(kept: Path) -> None:
    russian = [
        CliRunner().invoke(app, ["--lang", "ru", *command, "-c", str(kept), "--json"]).output
        for command in (("journal",), ("lookup", "89235292926"), ("pop", "89235292926", "--extension", "999"))
    ]
    for output in russian:
        assert json.loads(output) and "нет" not in output and "спрашивали" not in output


@pytest.mark.parametrize(
    ("encoding", "language", "found"),
    [
        ("koi8-r", "ru", "Нет команды"),
        ("cp1251", "ru", "Нет команды"),
        ("ascii", "ru", "No such command"),
        ("latin-1", "ru", "No such command"),
        ("utf-8", "ru", "Нет команды"),
        ("utf-8", "en", "No such command"),
    ],
)
def test_a_terminal_is_written_to_in_its_letters(encoding: str, language: str, found: str) -> None:
    ran = CliRunner(charset=encoding).invoke(app, ["--lang", language, "nothing"])
    assert found in ran.output_bytes.decode(encoding) and ran.exit_code == 2


@pytest.mark.parametrize("encoding", ["koi8-r", "ascii"])
def test_what_a_terminal_lacks_ends_no_command(encoding: str, kept: Path) -> None:
    """A process of its own: its streams are made by Python, for that terminal."""
    command = [sys.executable, "-m", "fs_1c", "journal", "-c", str(kept), "--call", "call-1"]
    environment = {**os.environ, "LC_ALL": "ru_RU.KOI8-R", "PYTHONIOENCODING": encoding}
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False, timeout=100)
    said = ran.stdout.decode(encoding)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ("Звонок call-1" in said and 'ООО "Рога & Копыта"' in said) is (encoding == "koi8-r")
    assert ("Call call-1" in said) is (encoding == "ascii")


def test_the_service_speaks_english(tmp_path: Path) -> None:
    """What it writes is its log."""
    wrong = tmp_path / "fs-1c.toml"
    wrong.write_text('[onec]\nurl = "x"\n')
    said = [run(command, "-c", str(wrong), LC_ALL="ru_RU.UTF-8") for command in ("serve", "journal")]
    assert [one.returncode for one in said] == [2, 2]
    assert "onec.url: allowed: http://HOST" in said[0].stderr


def test_who_types_nothing_is_told_what_there_is() -> None:
    said = run(LC_ALL="ru_RU.UTF-8").stdout  # a process of its own: typer has its words once and for all
    assert "simulator" in said and "Команды" in said
