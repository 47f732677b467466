"""`fs-1c check` as it is met: text, JSON and exit codes; whatever hangs, it ends; no secret is ever in it."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from fs_1c.check import report
from fs_1c.check.steps import reach_step
from fs_1c.language import language
from fs_1c.simulator.onec import Fault, OneCSimulator
from tests.check.conftest import KEY, PASSWORD, settings_file, shown, simulator
from tests.check.conftest import switch as running_switch
from tests.processes import free_port
from tests.world import CLIENT

TOKEN, ESL = "t0ken-of-1C", "esl-passw0rd"


def test_all_is_well(onec: OneCSimulator, tmp_path: Path) -> None:
    code, text = shown(settings_file(tmp_path, onec.url), CLIENT)
    assert code == 0
    assert text.endswith("All is well.\n")
    assert "Фэйковый чиж" in text
    lines = text.splitlines()
    assert lines[0] == "settings"
    assert all(line.startswith(("  ok ", "  skipped ")) for line in lines if line.startswith("  "))


def test_what_is_broken_is_told_with_why_and_remedy(onec: OneCSimulator, tmp_path: Path) -> None:
    onec.fault = Fault("unauthorized")
    code, text = shown(settings_file(tmp_path, onec.url))
    assert code == 1
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if "PROBLEM" in line)
    assert lines[at].split()[:2] == ["PROBLEM", "authentication"]
    assert "calls go on" in lines[at + 1]
    assert lines[at + 2].lstrip().startswith("→ Set onec.username")
    assert lines[-1] == "1 problem"


def test_json_is_one_object_with_everything_in_it(onec: OneCSimulator, tmp_path: Path) -> None:
    onec.fault = Fault("unescaped-title")
    code, text = shown(settings_file(tmp_path, onec.url), CLIENT, as_json=True)
    assert code == 0
    assert text.count("\n") == 1
    told = json.loads(text)
    assert (told["ok"], told["problems"], told["warnings"]) == (True, 0, 1)
    assert told["took_ms"] > 0
    assert all(
        set(one) == {"where", "step", "level", "what", "why", "remedy", "took_ms"} for one in told["findings"]
    )
    [warning] = [one for one in told["findings"] if one["level"] == "warning"]
    assert (warning["where"], warning["step"]) == ("base default", "answer")


@pytest.mark.parametrize("as_json", [False, True])
def test_settings_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[onec]\nurl = "ftp://h/"\n[lookup]\ndeadline = "fast"\n')
    code, text = shown(path, as_json=as_json)
    assert code == 2
    if as_json:
        told = json.loads(text)
        assert (told["ok"], told["problems"]) == (False, 2)
        lines = [one["what"] for one in told["findings"]]
    else:
        assert text == ""
        lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"{path}: ") for line in lines] == [True, True]


def test_a_settings_file_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "LOAD_WITHIN", 0.2)
    os.mkfifo(tmp_path / "x.toml")
    assert shown(tmp_path / "x.toml")[0] == 2
    assert "could not be read within 0.2 s" in capsys.readouterr().err


def test_on_a_terminal_lines_are_folded_and_1cs_words_are_just_words(
    onec: OneCSimulator, tmp_path: Path
) -> None:
    onec.fault = Fault("error", text="[bold]плохо[/bold] " + "слово " * 40 + ":skull:")
    path = settings_file(tmp_path, onec.url)
    code, text = shown(path, force_terminal=True, width=80, color_system=None)
    assert code == 1
    assert "[bold]плохо[/bold]" in text
    lines = [re.split(r"\x1b\[[0-9;?]*[A-Za-z]|\r", line)[-1] for line in text.splitlines()]
    told = [line for line in lines if "слово" in line]
    assert len(told) > 2
    assert all(len(line) <= 80 for line in told)


def test_in_russian_headings_are_too_and_each_column_stands_apart(
    onec: OneCSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """«внимание» is the longest word that stands before a step."""
    monkeypatch.setattr(language, "_spoken", language._catalogue("ru"))
    door = f'[http]\nlisten = "127.0.0.1:{free_port()}"\n[esl.outbound]\nenabled = false\n'
    _code, text = shown(settings_file(tmp_path, onec.url, door), "89990000000")
    headings = [line for line in text.splitlines()[:-1] if not line.startswith(" ")]
    assert headings == ["настройки", "база default", "служба"]
    lines = [line for line in text.splitlines() if re.match("  [^ ]", line)]
    told = [re.match("  ([а-яА-Я]+) +([a-z-]+)", line) for line in lines]
    assert "внимание" in {one[1] for one in told if one}
    assert len({one and one.start(2) for one in told}) == 1, text


# Secrets.


def test_no_secret_is_ever_shown_whoever_repeats_it(tmp_path: Path) -> None:
    coded = b64encode(f"SOAP:{PASSWORD}".encode()).decode()
    words = f"пароль {PASSWORD}, ключ {KEY}, токен {TOKEN}, esl {ESL}, Basic {coded}, redis r3dis-pass"
    with simulator() as onec, running_switch() as freeswitch:
        more = (
            f'[esl.outbound]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[[esl.inbound]]\naddress = "127.0.0.1:{freeswitch.event_socket_port}"\npassword = "{ESL}"\n'
            f'[http]\nlisten = "127.0.0.1:{free_port()}"\ntoken = "{TOKEN}"\n'
            f'[redis]\nurl = "redis://:r3dis-pass@127.0.0.1:{free_port()}/0"\n'
        )
        path = settings_file(tmp_path, onec.url, more)
        path.chmod(0o644)
        for fault in (Fault("code-error", text=words), Fault("error", text=words), Fault("unauthorized")):
            onec.fault = fault
            for as_json in (False, True):
                code, text = shown(path, CLIENT, as_json=as_json)
                assert code == 1
                assert fault.name == "unauthorized" or "***" in text
                for secret in (PASSWORD, KEY, TOKEN, ESL, coded, "r3dis-pass"):
                    assert secret not in text


def test_an_error_of_the_checks_own_shows_no_more_than_its_kind(
    onec: OneCSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: Any) -> Any:
        raise RuntimeError(f"the password is {PASSWORD}")

    monkeypatch.setattr(reach_step, "tcp", fails)
    code, text = shown(settings_file(tmp_path, onec.url))
    assert code == 1
    assert "the check itself has failed: RuntimeError" in text
    assert PASSWORD not in text
    assert "skipped tls, http, service, history, sessions, latency: tcp failed" in text
