"""What is said on a `socket` connection, against the recordings of a real FreeSWITCH."""

from __future__ import annotations

import pytest

from fs_1c import routing
from fs_1c.call import Call, Caller, Conversation, Decision, Result
from fs_1c.esl import commands
from fs_1c.esl.dialogue import Dialogue, State, Step
from fs_1c.esl.wire import Message, WireError
from fs_1c.numbers import NotANumber, NumberPlan, read
from fs_1c.settings import RoutingSettings
from fs_1c.talk import People, call_from_channel
from fs_1c.talk.incoming import CALL_HEADERS
from tests.recordings import messages, sent

PLAN = NumberPlan()
PEOPLE = People(PLAN)


def decision_for(call: Call, **known: str) -> Decision:
    number = read(call.number, PLAN)
    result = Result.FOUND if known else Result.UNKNOWN
    caller = Caller(None if isinstance(number, NotANumber) else number, result, **known)  # type: ignore[arg-type]
    return routing.decide(call, caller, RoutingSettings(then=("user/100@{domain}",)), PLAN)


def talk(name: str, **known: str) -> tuple[list[bytes], list[Step], Dialogue]:
    """Plays what FreeSWITCH sent in a recording; answers each request for a decision at once."""
    dialogue = Dialogue(5, PEOPLE)
    writes: list[bytes] = []
    steps = []
    for message in messages(name):
        step = dialogue.received(message)
        steps.append(step)
        writes.append(step.write)
        if step.decide is not None:
            writes.append(dialogue.decided(decision_for(step.decide, **known)))
    return [octets for octets in writes if octets], steps, dialogue


KNOWN = {"title": "Фэйковый чиж", "category": "0", "manager": "244"}


def test_sync_one_multiset_and_exit_in_one_write() -> None:
    writes, steps, dialogue = talk("outbound_sync_route", **KNOWN)
    assert [octets.decode() for octets in writes] == [
        "sendmsg\ncall-command: execute\nexecute-app-name: multiset\n"
        "content-type: text/plain\ncontent-length: 253\n\n"
        "^^~fs_1c_result=found~fs_1c_number=+79235292926~fs_1c_title=Фэйковый чиж~fs_1c_category=0"
        "~fs_1c_manager=244~effective_caller_id_name=Фэйковый чиж"
        "~fs_1c_target=[progress_timeout=3,leg_timeout=20]user/244@${domain}|user/100@${domain}"
        "exit\n\n"
    ]
    assert dialogue.state is State.GONE
    assert steps[-1].close


def test_a_call_is_made_of_the_headers_that_are_taken_from_the_channels_data() -> None:
    asked: set[str] = set()

    class Asked(dict[str, str]):
        def get(self, name: str, /, default: object = None) -> str:
            asked.add(name)
            return super().get(name, "")

    for number in ("", "withheld", "89235292926"):
        call_from_channel(Asked({"Call-Direction": "inbound", "Caller-Caller-ID-Number": number}), PEOPLE)
    # Whose key it is, and for whom a subscriber was called, no lookup wants to know.
    assert asked - {"variable_fs_1c_key", "variable_fs_1c_client"} == set(CALL_HEADERS)


def test_a_call_says_who_has_sent_it() -> None:
    call = talk("outbound_sync_route")[2].call
    assert call is not None
    assert call.trunk == "127.0.0.1"


def test_the_recorded_service_spoke_the_same_commands() -> None:
    # The recording is what FreeSWITCH accepted: the same application, then the same exit.
    recorded = sent("outbound_sync_route")
    ours = talk("outbound_sync_route", **KNOWN)[0][0]
    assert recorded.startswith(
        commands.CONNECT + b"sendmsg\ncall-command: execute\nexecute-app-name: multiset\n"
    )
    assert ours.startswith(b"sendmsg\ncall-command: execute\nexecute-app-name: multiset\n")
    assert recorded.endswith(commands.EXIT)
    assert ours.endswith(commands.EXIT)


def test_sync_an_unknown_client_gets_no_target() -> None:
    writes, _, _ = talk("outbound_sync_route")
    assert b"fs_1c_result=unknown" in writes[0]
    assert b"fs_1c_target" not in writes[0]
    assert b"effective_caller_id_name" not in writes[0]


def test_nothing_is_written_after_the_caller_has_gone() -> None:
    dialogue = Dialogue(5, PEOPLE)
    data, goodbye = messages("outbound_sync_cancel")
    call = dialogue.received(data).decide
    assert call is not None
    assert dialogue.received(goodbye) == Step(close=True)
    assert dialogue.decided(decision_for(call, **KNOWN)) == b""


def test_nothing_is_written_after_the_caller_has_gone_async() -> None:
    dialogue = Dialogue(5, PEOPLE)
    call = None
    for message in messages("outbound_async_cancel"):
        step = dialogue.received(message)
        call = step.decide or call
        assert not step.write or step.decide
    assert call is not None
    assert dialogue.decided(decision_for(call, **KNOWN)) == b""


def test_without_a_decision_the_call_is_let_go_all_the_same() -> None:
    dialogue = Dialogue(5, PEOPLE)
    dialogue.received(messages("outbound_sync_route")[0])
    assert dialogue.decided(None) == commands.EXIT
    dialogue = Dialogue(5, PEOPLE)
    dialogue.received(messages("outbound_async_bridge")[0])
    assert dialogue.decided(None) == commands.RESUME + commands.EXIT


def test_a_decision_is_written_once() -> None:
    dialogue = Dialogue(5, PEOPLE)
    call = dialogue.received(messages("outbound_sync_route")[0]).decide
    assert call is not None
    assert dialogue.decided(decision_for(call))
    assert dialogue.decided(decision_for(call)) == b""


def test_async_stays_and_tells_the_conversation_from_the_callers_own_events() -> None:
    writes, steps, dialogue = talk("outbound_async_bridge", **KNOWN)
    assert writes[0] == b"linger 5\n\nmyevents plain\n\n"
    assert writes[1].count(b"sendmsg\n") == 2
    assert b"~hangup_after_bridge=true~continue_on_fail=truesendmsg\n" in writes[1]
    assert (
        b"execute-app-name: bridge\n"
        b"Event-UUID: fs-1c-bridge-30aac3b9-5d62-4cc8-91da-2fd5de9b21e7\n"
        b"content-type: text/plain\ncontent-length: 72\n\n"
        b"[progress_timeout=3,leg_timeout=20]user/244@${domain}|user/100@${domain}"
    ) in writes[1]
    assert len(writes) == 2
    found = [told for step in steps for told in step.happened if isinstance(told, Conversation)]
    assert [(c.extension, c.call_uuid) for c in found] == [("244", "30aac3b9-5d62-4cc8-91da-2fd5de9b21e7")]
    assert dialogue.state is State.GONE
    assert [step.close for step in steps][-2:] == [False, True]  # lingers, then closes


def test_async_no_event_names_a_key() -> None:
    """Whoever reaches the port could; the inbound door's switch has a password."""
    dialogue, found = Dialogue(5, PEOPLE), []
    recorded = messages("outbound_async_bridge")
    (bridged,) = (m.event() for m in recorded if m.event().get("Event-Name") == "CHANNEL_BRIDGE")
    forged = {
        "Event-Name": "CHANNEL_ANSWER",
        "Unique-ID": bridged.get("Bridge-B-Unique-ID") or "",
        "Call-Direction": "outbound",
        "Caller-Destination-Number": "244",
        "variable_fs_1c_key": "FORGED",
    }
    for message in [recorded[0], event(forged), *recorded[1:]]:
        step = dialogue.received(message)
        if step.decide:
            dialogue.decided(decision_for(step.decide, manager="244"))
        found += [told.key for told in step.happened if isinstance(told, Conversation)]
    assert found == [""]


@pytest.mark.parametrize("kind", ["text/event-plain", "api/response", "auth/request", "x"])
def test_before_the_channels_data_comes_nothing_else(kind: str) -> None:
    with pytest.raises(WireError, match=f"before the channel's data came '{kind}'"):
        Dialogue(5, PEOPLE).received(Message(f"Content-Type: {kind}".encode()))


def with_variables(data: Message, **variables: str) -> Message:
    lines = "".join(f"\nvariable_{name}: {value}" for name, value in variables.items())
    return Message(data._lines[1:] + lines.encode())


def test_what_is_too_long_for_one_segment_is_no_body() -> None:
    assert commands.execute("set", "a=" + "ё" * 499).endswith(b"\n\na=" + "ё".encode() * 499)
    long = commands.execute("set", "a=" + "ё" * 500, "u")
    assert long.startswith(
        b"sendmsg\ncall-command: execute\nexecute-app-name: set\nEvent-UUID: u\nexecute-app-arg: a="
    )
    assert long.endswith("ё\n\n".encode())


def test_async_the_dialplans_default_follows_the_manager() -> None:
    data = with_variables(messages("outbound_async_bridge")[0], fs_1c_default_target="user/200@127.0.0.1")
    dialogue = Dialogue(5, PEOPLE)
    call = dialogue.received(data).decide
    assert call is not None
    assert call.default_target == "user/200@127.0.0.1"
    assert dialogue.decided(decision_for(call, **KNOWN)).endswith(
        b"|user/100@${domain}|${fs_1c_default_target}"
    )


def test_async_an_unknown_client_rings_the_dialplans_default() -> None:
    data = with_variables(
        messages("outbound_async_bridge")[0], fs_1c_default_target="{a=b}user/200@127.0.0.1"
    )
    dialogue = Dialogue(5, PEOPLE)
    call = dialogue.received(data).decide
    assert call is not None
    assert dialogue.decided(decision_for(call)).endswith(b"\n\n${fs_1c_default_target}")


@pytest.mark.parametrize("default", ["{a=b}user/1", "<a=b>user/1", "user/1:_:user/2", "user/100@${domain}"])
def test_async_a_default_that_cannot_follow_another_dial_string_is_left_to_the_dialplan(default: str) -> None:
    data = with_variables(messages("outbound_async_bridge")[0], fs_1c_default_target=default)
    dialogue = Dialogue(5, PEOPLE)
    call = dialogue.received(data).decide
    assert call is not None
    assert b"fs_1c_default_target" not in dialogue.decided(decision_for(call, **KNOWN))


def test_async_without_anybody_to_ring_the_dialplan_has_the_call_back() -> None:
    writes, _, _ = talk("outbound_async_resume")
    assert writes[1].endswith(commands.RESUME + commands.EXIT)
    assert b"bridge" not in writes[1]


def event(message_headers: dict[str, str]) -> Message:
    body = "".join(f"{name}: {value}\n" for name, value in message_headers.items()).encode() + b"\n"
    return Message(f"Content-Length: {len(body)}\nContent-Type: text/event-plain".encode(), body)


def following(**variables: str) -> Dialogue:
    dialogue = Dialogue(5, PEOPLE)
    call = dialogue.received(with_variables(messages("outbound_async_resume")[0], **variables)).decide
    assert call is not None
    assert dialogue.decided(decision_for(call, **KNOWN))
    assert dialogue.state is State.FOLLOWING
    return dialogue


def bridge_over(dialogue: Dialogue) -> Message:
    assert dialogue.call is not None
    uuid = dialogue.call.uuid
    return event(
        {
            "Event-Name": "CHANNEL_EXECUTE_COMPLETE",
            "Unique-ID": uuid,
            "Application": "bridge",
            "Application-UUID": f"fs-1c-bridge-{uuid}",
        }
    )


def test_async_the_dialplans_own_wishes_stand() -> None:
    dialogue = Dialogue(5, PEOPLE)
    data = with_variables(
        messages("outbound_async_bridge")[0], hangup_after_bridge="false", continue_on_fail="3"
    )
    call = dialogue.received(data).decide
    assert call is not None
    octets = dialogue.decided(decision_for(call, **KNOWN))
    assert b"hangup_after_bridge" not in octets
    assert b"continue_on_fail" not in octets


def test_async_when_nobody_answered_the_dialplan_has_the_call_back() -> None:
    dialogue = following()
    assert dialogue.received(bridge_over(dialogue)).write == commands.RESUME + commands.EXIT
    assert dialogue.received(bridge_over(dialogue)).write == b""


def test_async_after_a_conversation_the_call_is_left_alone() -> None:
    dialogue = following()
    assert dialogue.call is not None
    dialogue.received(
        event(
            {
                "Event-Name": "CHANNEL_BRIDGE",
                "Unique-ID": dialogue.call.uuid,
                "Bridge-A-Unique-ID": dialogue.call.uuid,
                "Bridge-B-Unique-ID": "b",
                "Other-Type": "originatee",
                "Other-Leg-Destination-Number": "244",
            }
        )
    )
    assert dialogue.received(bridge_over(dialogue)).write == b""
    assert dialogue.state is State.FOLLOWING


def test_connect_answered_by_anything_but_the_channel_is_not_freeswitch() -> None:
    with pytest.raises(WireError, match="connect was answered by"):
        Dialogue(5, PEOPLE).received(Message(b"Content-Type: command/reply\nReply-Text: -ERR who are you"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("0.5", 0.5), ("500ms", 0.5), ("2s", 2.0), ("1m", 60.0)),
        *(("", None), ("soon", None), ("0", None), ("-1", None), ("800", None), ("5m", None)),
    ],
)
def test_the_dialplans_deadline(text: str, seconds: float | None) -> None:
    data = with_variables(messages("outbound_sync_route")[0], fs_1c_deadline=text)
    call = Dialogue(5, PEOPLE).received(data).decide
    assert call is not None
    assert call.deadline == seconds
