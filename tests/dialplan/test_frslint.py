"""The dialplans to copy, seen by frslint: a linter and interpreter of FreeSWITCH's configuration by others.

It installs modules with the names `log` and `debug`, so it lives in an environment of its own, which is made
once and kept in pytest's cache.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.dialplan.files import (
    CONFIGURATIONS,
    DIALPLANS,
    DIRECTORY,
    FOLDER,
    NUMBER,
    SECOND_NUMBER,
    extensions,
)
from tests.dialplan.lint import actions

VERSION = "0.1.0"

_SWITCH = """<?xml version="1.0"?>
<document type="freeswitch/xml">
  <X-PRE-PROCESS cmd="set" data="domain=pbx.example"/>
  <X-PRE-PROCESS cmd="set" data="hold_music=local_stream://moh"/>
  <section name="configuration">
    <X-PRE-PROCESS cmd="include" data="autoload_configs/*.xml"/>
  </section>
  <section name="dialplan">
    <context name="public">
      <X-PRE-PROCESS cmd="include" data="dialplan/public/*.xml"/>
    </context>
  </section>
  <section name="directory">
    <X-PRE-PROCESS cmd="include" data="directory/*.xml"/>
  </section>
</document>
"""


def run(*command: str | Path, within: float = 20.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=within, check=False)


@pytest.fixture(scope="module")
def frslint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in its environment. Skips the tests where that cannot be made, as without a network."""
    cache = request.config.cache
    kept = Path(cache.mkdir("frslint")) if cache else tmp_path_factory.mktemp("frslint")
    folder = kept / f"{VERSION}-{sys.version_info.minor}"
    command = folder / "bin" / "frslint"
    if not command.exists():
        fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
        venv.create(fresh, with_pip=False, clear=True)
        python = fresh / "bin" / "python"
        options = "--disable-pip-version-check --retries 1 --timeout 10 --quiet --no-deps".split()
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", *options]
        try:
            made = run(*pip, f"frslint=={VERSION}", within=50)
            told = made.stderr.strip().splitlines()[-1:]
        except subprocess.TimeoutExpired:
            told = ["it took too long"]
        if not (fresh / "bin" / "frslint").exists():
            shutil.rmtree(fresh)
            pytest.skip(f"frslint cannot be installed: {''.join(told)}")
        # Its script names the interpreter by the path at which it was made.
        script = (fresh / "bin" / "frslint").read_text().replace(str(fresh), str(folder))
        (fresh / "bin" / "frslint").write_text(script)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return command


def switch(folder: Path, *dialplans: Path) -> Path:
    """A configuration with those dialplans in it and all else that we ship; its main file."""
    places = {
        "dialplan/public": dialplans,
        "autoload_configs": CONFIGURATIONS,
        "directory": DIRECTORY,
    }
    for place, files in places.items():
        (folder / place).mkdir(parents=True)
        for file in files:
            shutil.copy(file, folder / place)
    main = folder / "freeswitch.xml"
    main.write_text(_SWITCH)
    return main


@pytest.mark.parametrize("command", ["lint", "analyze"])
def test_frslint_finds_nothing(frslint: Path, tmp_path: Path, command: str) -> None:
    checked = run(frslint, command, "--format", "json", switch(tmp_path, *DIALPLANS))
    assert (checked.returncode, json.loads(checked.stdout)["summary"]["total"]) == (0, 0), checked.stdout


def test_frslint_would_find_something(frslint: Path, tmp_path: Path) -> None:
    main = switch(tmp_path, FOLDER / "sync.xml")
    wrong = (FOLDER / "sync.xml").read_text().replace('"bridge"', '"brigde"').replace("^(\\", "^((\\")
    (tmp_path / "dialplan" / "public" / "sync.xml").write_text(wrong)
    checked = run(frslint, "analyze", "--format", "json", main)
    assert checked.returncode == 1
    assert {issue["type"] for issue in json.loads(checked.stdout)["issues"]} == {
        "unknown-application",
        "invalid-regex",
    }


@pytest.mark.parametrize("path", DIALPLANS, ids=lambda path: path.stem)
def test_frslint_runs_the_same_applications(frslint: Path, tmp_path: Path, path: Path) -> None:
    """Its own reading of the dialplan: which extension a number finds, and which actions it has."""
    main = switch(tmp_path, path)
    for extension, number in zip(extensions(path.read_text()), (NUMBER, SECOND_NUMBER), strict=False):
        if (
            extension.get("name", "").endswith(("-vip", "-category", "-known", "-name"))
            and number == SECOND_NUMBER
        ):
            continue  # a subroutine: no number finds it
        traced = run(frslint, "debug", main, number).stdout.rpartition("-" * 60)[2]
        ran = re.findall(r"^(\w+)(?:: .*)?$", traced, re.MULTILINE)
        assert ran == [application for application, _ in actions(extension)], traced
