"""Commands in the middle of a sentence: what they name is there. Blocks of them: tests/docs/test_commands.py.

A command of a kind that is not known here fails: say who tries it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from typing import Any

import pytest
from typer.testing import CliRunner

from fs_1c.cli import app
from tests import ROOT
from tests.dialplan.docs import commands_for_fs_cli
from tests.docs.markdown import PAGES, prose
from tests.docs.reference.commands import commands
from tests.docs.test_security import missing

PROGRAMS = (
    "apt|apt-get|chmod|chown|curl|docker|fs-1c|fs_cli|install|journalctl|make|nft|openssl|pip|python|python3|"
    "redis-cli|reload|setfacl|ss|ssh|sudo|systemctl|systemd-analyze"
)
SPANS = {" ".join(one.split()) for page in PAGES for one in re.findall(r"`([^`]+)`", prose(page))}
COMMANDS = sorted(one for one in SPANS if re.match(rf"(?:{PROGRAMS}) \S", one))
OURS = [one for one in COMMANDS if one.startswith("fs-1c ")]
MAKE = [one for one in COMMANDS if one.startswith("make ")]
MODULES = [one for one in COMMANDS if one.startswith("python -m ")]
SWITCHS = [one for one in COMMANDS if one.startswith("fs_cli ")]
PLAIN = {
    "openssl rand -hex 16": "[0-9a-f]{32}\n",
    "install -m 600 /dev/null /etc/fs_cli.conf": "",
}
"""What is done here, below another root, and what it says."""
BY_HAND = (
    r"(systemctl|journalctl|systemd-analyze) ",  # an administrator's machine; make debtest runs most of them
    r"nft ",  # an administrator's firewall; its table is read below
    r"apt-get install g\+\+ python3-dev",  # .ci/run installs them
    r"(ssh -L|ss -ltnp|docker run --restart)",
    r"reload mod_hash",  # typed in fs_cli
    r"pip install 'fs-1c\[otlp\]'",  # a download
    r"curl -s http://127\.0\.0\.1:9184/health/ready",  # tests/web/test_http.py asks there
    r"redis-cli HGETALL fs-1c:presence:",  # tests/presence looks there
)
TAKE_ONE = {
    name
    for _, one in commands()
    for each in one.params
    if not getattr(each, "is_flag", True)
    for name in each.opts
}
"""Options that want a value."""


def test_every_command_is_tried_by_somebody() -> None:
    others = [one for one in COMMANDS if any(re.match(kind, one) for kind in BY_HAND)]
    assert sorted({*COMMANDS} - {*OURS, *MAKE, *MODULES, *SWITCHS, *PLAIN, *others}) == []
    for kind in BY_HAND:
        assert any(re.match(kind, one) for one in COMMANDS), f"{kind}: there is none any more"


@pytest.mark.parametrize("command", OURS)
def test_ours_has_what_is_typed(command: str) -> None:
    """The command, and each of its options, which are read before its page of help is shown."""
    words = [word for word in shlex.split(command)[1:] if word not in ("COMMAND", "КОМАНДА")]
    if words[-1] in TAKE_ONE:  # `journal --call`: of a call
        words.append("606dfbfe")
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    "command", ["journal --nothing", "presnce 244", "simulator 1c --dialekt x", "--lagn ru"]
)
def test_what_is_mistyped_is_found(command: str) -> None:
    with pytest.raises(AssertionError):
        test_ours_has_what_is_typed(f"fs-1c {command}")


@pytest.mark.parametrize("command", MAKE)
def test_a_target_and_its_variables_are_there(command: str) -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    for word in command.split()[1:]:
        name, equals, _ = word.partition("=")
        assert re.search(
            rf"\$\((?:or \$\()?{name}\b|\$\(if \$\({name}\)" if equals else rf"^{name}:", text, re.M
        )


@pytest.mark.parametrize("command", MODULES)
def test_a_tool_is_there(command: str) -> None:
    module, *words = command.removeprefix("python -m ").split()
    assert find_spec(module)
    folder = ROOT / module.replace(".", "/")
    files = (
        [*folder.glob("*.py")]
        if folder.is_dir()
        else [folder.with_suffix(".py"), *folder.parent.glob("*.py")]
    )
    source = "".join(file.read_text("utf-8") for file in files)
    for word in (piece for one in words for piece in one.split("+") if not piece.isdigit()):
        assert word in source, word


def test_a_switch_is_asked_what_it_is_asked_in_the_tests() -> None:
    """tests/freeswitch/test_dialplan.py has a real one asked all of these, but for loading a module."""
    known = {*commands_for_fs_cli(), "reloadxml", "load mod_hash"}
    assert {re.sub(r"^fs_cli -x |['\"]", "", one) for one in SWITCHS} <= known


@pytest.mark.parametrize("command", PLAIN)
def test_what_can_be_done_here_is_done(command: str, tmp_path: Any) -> None:
    (tmp_path / "etc").mkdir()
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"no {command.split()[0]}")
    local = command.replace("/etc/", f"{tmp_path}/etc/")
    done = subprocess.run(["sh", "-c", local], capture_output=True, text=True, check=True, timeout=60)
    assert re.fullmatch(PLAIN[command], done.stdout)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="root alone checks a firewall")
def test_the_firewalls_table_is_one() -> None:
    found = {
        block
        for page in PAGES
        for block in re.findall(r"^```\n(table inet .*?)^```$", page.read_text("utf-8"), re.DOTALL | re.M)
    }
    (table,) = found  # the same in both languages
    told = table.replace("freeswitch", "nobody")  # a user that this machine has
    subprocess.run(["nft", "-c", "-f", "-"], input=told, text=True, check=True, timeout=60)


def test_every_test_that_a_page_names_is_there() -> None:
    """Also in a sentence, and of pages that are no table."""
    assert not {page.name: missing(page) for page in PAGES if missing(page)}


FENCES = {"", "sh", "toml", "xml", "ini", "bsl", "bat", "mermaid"}


def test_no_block_of_commands_is_overlooked() -> None:
    """Those in `sh` are tried (tests/docs/test_commands.py); another word for it would hide them."""
    found = {
        fence
        for page in PAGES
        for fence in re.findall(r"^ *```(\w*)$", page.read_text("utf-8"), re.MULTILINE)
    }
    assert found == FENCES
