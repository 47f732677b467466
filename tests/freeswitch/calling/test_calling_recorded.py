"""A call that 1C has asked for is recorded from the client's answer on, and 1C is told the address."""

from __future__ import annotations

import wave

import pytest
import requests

from fs_1c.calls import Stage
from tests.freeswitch.calling.test_calling import TOKEN, WAITS, all_the_time_in_the_world, calls
from tests.freeswitch.calling.test_calling_softphone import click
from tests.freeswitch.conftest import CHIZH
from tests.freeswitch.presence.test_phones import Desks, desks, office, pytestmark
from tests.freeswitch.sip import Manner

__all__ = ["all_the_time_in_the_world", "desks", "office", "pytestmark"]


def test_1c_has_the_address_of_the_recording(desks: Desks) -> None:
    if desks.switch.api("module_exists mod_sndfile") != "true":
        pytest.skip("this FreeSWITCH has no mod_sndfile")
    state, folder = desks.switch.folder / "state-clicked", desks.switch.folder / "recordings"
    state.mkdir()
    desks.open(
        screenpop={"outgoing": True},
        routing={"domain": "127.0.0.1"},
        state={"folder": str(state)},
        history={"enabled": True},
        recordings={
            "folder": str(folder),
            "link": "http://pbx.example/recordings",
            "listen": "127.0.0.1:0",
        },
        calls={
            "listen": "127.0.0.1:0",
            "token": TOKEN,
            "dial": f"sofia/internal/sip:{{number}}@127.0.0.1:{desks.agents_port}",
            "record": f"{folder}/clicked/{{date}}/{{call}}.wav",
        },
    )
    desk, client = desks.softphone("244"), desks.phone(CHIZH.number, Manner.RINGS)
    assert click(desks).status_code == 201
    desk.answer()
    called = client.rings(within=WAITS)
    assert not list((folder / "clicked").rglob("*.wav"))
    called.answer()
    (call,) = calls(desks)
    desks.until(lambda: call.progress.stage is Stage.TALKING, "they do not talk", WAITS)
    desks.until(
        lambda: any(one.stat().st_size > 40_000 for one in folder.rglob(f"{call.id}.wav")),
        "no recording grows",
        WAITS,
    )
    desk.hang_up()
    onec, running = desks.onec, desks.running
    assert onec is not None and running is not None and running.service.recordings is not None
    desks.until(lambda: bool(onec.calls) and bool(onec.calls[0].link), "1C has no link", WAITS)
    (file,) = (folder / "clicked").rglob("*.wav")
    assert file.stem == call.id
    here = f"http://{running.service.recordings.address}"
    heard = requests.get(onec.calls[0].link.replace("http://pbx.example", here), timeout=WAITS)
    assert heard.status_code == 200 and heard.content == file.read_bytes()
    with wave.open(str(file)) as recording:
        assert recording.getnchannels() == 2
        assert recording.getnframes() > 8000
