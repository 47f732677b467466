"""A caller whom the settings turn away, and what the log says of a manager who cannot take a call."""

from __future__ import annotations

import logging

import pytest

from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.esl.dialogue import Dialogue, State
from fs_1c.integration import Integration
from fs_1c.numbers import Number, NumberPlan
from fs_1c.settings import build
from fs_1c.talk import Conversations, People
from tests.recordings import messages

CALLER = Caller(Number("+79235292926", "89235292926"), Result.FOUND, category="СПАМ", manager="244")


@pytest.mark.parametrize("recording", ["outbound_sync_bridge", "outbound_async_resume"])
def test_the_service_hangs_up_with_the_cause(recording: str) -> None:
    dialogue = Dialogue(5, People(NumberPlan()))
    data = next(one for one in messages(recording) if one.content_type == "command/reply")
    call = dialogue.received(data).decide
    assert call is not None
    assert call.switch == data.get("Core-UUID")
    written = dialogue.decided(
        Decision(call, CALLER, (("fs_1c_reject", "CALL_REJECTED"),), None, reject="CALL_REJECTED")
    )
    assert b"\nexecute-app-name: hangup\n" in written
    assert written.endswith(b"\n\nCALL_REJECTEDexit\n\n")
    assert b"bridge" not in written
    assert dialogue.state is State.LEAVING


def test_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    settings = {"onec": {"url": "http://127.0.0.1:1/ws"}, "routing": {"when_busy": "next"}}
    with Integration(build(settings)) as integration, caplog.at_level(logging.INFO):
        conversations = Conversations(NumberPlan())
        conversations.presence.live = True
        integration.switches.tables["sw1"] = conversations.presence
        answers = {"Event-Name": "CHANNEL_ANSWER", "Unique-ID": "leg", "Call-Direction": "outbound"}
        conversations.feed({**answers, "variable_dialed_user": "244"})
        decision = integration._deciding.decision(Call("call-1", "89235292926"), CALLER)
        integration.decided(decision)
    (line,) = [record.getMessage() for record in caplog.records if "call-1" in record.getMessage()]
    assert line.endswith(f" target=- why={decision.why}")
    assert decision.why.startswith("244 talks since ")
