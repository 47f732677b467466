"""What the guides say about calls that 1C asks for: each command is run, against a service's calls door."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess

import pytest

from tests import ROOT
from tests.web.test_calling import TOKEN, calling

GUIDE = (ROOT / "docs" / "ru" / "1c.md").read_text("utf-8")
HOST = "https://calls.pbx.example"
COMMANDS = [line for line in GUIDE.splitlines() if line.startswith("curl") and HOST in line]
KEY = re.findall(r"^\| 244 \| (\w+) \|", GUIDE, re.MULTILINE)[0]
"""The key of the guide's own subscriber."""


def test_the_guide_has_the_forms_of_mobilon_and_our_own() -> None:
    assert len(COMMANDS) == 4
    forms = ("/simple-calls/call/", "/api/call/CallToSubscriber", f"/call/{KEY}/", "/calls")
    assert all(form in command for form, command in zip(forms, COMMANDS, strict=True))


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_guide_calls(command: str) -> None:
    async def story() -> None:
        async with calling() as (here, line):
            assert here.service.calling is not None
            local = command.replace(HOST, f"http://{here.service.calling.address}")
            local = local.replace(KEY, "KEY244").replace("=TOKEN&", f"={TOKEN}&")
            local = local.replace("curl ", "curl --fail --noproxy '*' ", 1)
            done = await asyncio.to_thread(
                subprocess.run, ["sh", "-c", local], capture_output=True, timeout=60, check=True
            )
            said = done.stdout.decode()
            assert '"result": "FAIL"' not in said and '"FAIL"' not in said
            ((_, told),) = line.told
            assert "user/244@" in told and told.endswith("sofia/gateway/trunk/89235292926)")

    asyncio.run(story())
