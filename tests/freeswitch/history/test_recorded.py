"""A call that the dialplan records: its file is behind the address that 1C is told, after a transfer, too."""

from __future__ import annotations

import wave
from io import BytesIO
from pathlib import Path

import pytest
import requests

from tests.freeswitch.phones import BARESIP
from tests.freeswitch.presence.test_phones import Desks, desks, office
from tests.freeswitch.sip import State

__all__ = ["desks", "office"]
pytestmark = [
    pytest.mark.freeswitch,
    pytest.mark.skipif(BARESIP is None, reason="there is no baresip on PATH"),
]


@pytest.mark.parametrize("transferred", [False, True], ids=["answered", "transferred"])
def test_1c_has_the_address_of_the_recording(desks: Desks, tmp_path: Path, transferred: bool) -> None:
    if desks.switch.api("module_exists mod_sndfile") != "true":
        pytest.skip("this FreeSWITCH has no mod_sndfile")
    state = tmp_path / "state"
    state.mkdir()
    desks.open(
        state={"folder": str(state)},
        history={"enabled": True},
        recordings={
            "folder": str(desks.switch.folder / "recordings"),
            "link": "http://pbx.example/recordings",
            "listen": "127.0.0.1:0",
        },
    )
    manager, colleague = desks.softphone("244"), desks.softphone("243")
    caller = desks.dial("recorded")
    manager.answer()
    caller.to_be(State.TALKING)
    path = desks.switch.folder / "recordings"
    desks.until(lambda: any(one.stat().st_size > 40_000 for one in path.rglob("*.wav")), "no recording grows")
    if transferred:
        manager.transfer("243")
        colleague.answer()
        before = max(one.stat().st_size for one in path.rglob("*.wav"))
        desks.until(
            lambda: max(one.stat().st_size for one in path.rglob("*.wav")) > before + 20_000,
            "the recording does not go on",
        )
    caller.hang_up()
    onec, running = desks.onec, desks.running
    assert onec is not None and running is not None
    desks.until(lambda: bool(onec.calls) and bool(onec.calls[0].link), "1C has no link")
    link = onec.calls[0].link
    assert link.startswith("http://pbx.example/recordings/")
    door = running.service.recordings
    assert door is not None
    heard = requests.get(link.replace("http://pbx.example", f"http://{door.address}"), timeout=30)
    assert (heard.status_code, heard.headers["content-type"]) == (200, "audio/wav")
    with wave.open(BytesIO(heard.content)) as recording:
        assert recording.getnchannels() == 2
        assert recording.getnframes() > 8000
    assert heard.content == next(iter(path.rglob(f"*{Path(link).name}"))).read_bytes()
