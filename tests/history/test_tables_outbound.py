"""What 1C is told of each recorded call where the service has no other ear than the outbound door.

A synchronous socket is closed before anybody talks, so there is nothing to tell. An asynchronous one hears of
who talks, and not of a call that reaches nobody: that takes the inbound door.
"""

from __future__ import annotations

import pytest

from fs_1c.history.tables import itoolabs, mobilon
from tests.esl.test_dialogue import KNOWN, talk
from tests.history.test_tables import shown, told
from tests.recordings import NAMES

SAID: dict[str, tuple[str, str]] = {
    "outbound_async_bridge": (
        "START socket; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "outbound_async_cancel": ("", ""),
    "outbound_async_resume": ("", ""),
    "outbound_sync_bridge": ("", ""),
    "outbound_sync_cancel": ("", ""),
    "outbound_sync_route": ("", ""),
}


def test_every_recording_is_here() -> None:
    assert sorted(SAID) == [name for name in NAMES if name.startswith("outbound")]


@pytest.mark.parametrize("name", SAID)
def test_a_recorded_call(name: str) -> None:
    heard = [event for step in talk(name, **KNOWN)[1] for event in step.happened]
    assert (shown(told(heard, mobilon)), shown(told(heard, itoolabs))) == SAID[name]
