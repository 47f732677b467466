"""The simulated FreeSWITCH as a service meets it behind `socket`: as strict as the recorded one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import pytest

from fs_1c.simulator.freeswitch import (
    CallResult,
    CallScript,
    SimulatedSwitch,
    SwitchSettings,
    recordings,
    wire,
)
from tests.simulator.freeswitch_support import Talk, execute, place, says, service, shapes


def events(stream: bytes) -> int:
    return sum(shape[0].startswith("CHANNEL_") for shape in shapes(stream))


def reenacted(recording: str, done: asyncio.Event, leave: Callable[[], None]) -> tuple[Talk, list[bytes]]:
    """A service that writes what was recorded, each piece after as many events as came before it.

    For replies it does not wait: a park comes some milliseconds after `connect`, and what is asked before it
    must not depend on how fast this machine is. The caller leaves where the recorded one did.
    """
    records, heard = recordings.find(recording), [b""]
    told = shapes(recordings.received(records))
    before_the_end = next(
        n for n, shape in enumerate(told) if {"CHANNEL_HANGUP", "linger", "disconnect"} & {*shape}
    )

    async def listen(reader: asyncio.StreamReader) -> None:
        data = await reader.read(65536)
        assert data, f"closed after {shapes(heard[0])}"
        heard[0] += data

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        before = b""
        for record in records:
            if record.direction == "<<<":
                before += record.data
            elif record.direction == ">>>":
                while events(heard[0]) < events(before):
                    await listen(reader)
                writer.write(record.data)
        while len(shapes(heard[0])) < before_the_end:
            await listen(reader)
        leave()
        # The linger time outlives the call: its 5 s are not worth waiting for.
        while b"Content-Disposition: linger" not in heard[0] and (data := await reader.read(65536)):
            heard[0] += data
        done.set()

    return talk, heard


@pytest.mark.parametrize(
    ("recording", "mode"),
    [
        ("outbound_sync_route", "sync"),
        ("outbound_sync_cancel", "sync"),
        ("outbound_async_bridge", "async"),
        ("outbound_async_cancel", "async"),
    ],
)
def test_same_commands_same_messages_as_the_recorded_switch(
    recording: str, mode: Literal["sync", "async"]
) -> None:
    async def main() -> bytes:
        done = asyncio.Event()
        async with SimulatedSwitch() as switch:

            def leave() -> None:
                for call in [*switch.calls.values()] if "cancel" in recording else []:
                    call.caller_leaves()

            talk, heard = reenacted(recording, done, leave)
            async with service(talk) as address, asyncio.timeout(30):
                await switch.call(CallScript("89235292926", service=address, mode=mode))
                await done.wait()
        return heard[0]

    heard = asyncio.run(main())
    expected = shapes(recordings.received(recordings.find(recording)))
    if mode == "async" and expected[-1][2] == "disconnect":
        expected.pop()  # the last notice, 5 s later
    got = shapes(heard)
    # The dialplan of that recording (and so its variables in CHANNEL_DATA) was another one.
    assert [shape[:5] + shape[6:] for shape in got] == [shape[:5] + shape[6:] for shape in expected]
    assert [shape[5] for shape in got[1:] if len(shape) > 5] == [
        shape[5] for shape in expected[1:] if len(shape) > 5
    ]


def test_channel_data_tells_of_this_call_and_is_encoded_as_freeswitch_does() -> None:
    talk, heard = says()
    name = 'Эй 100%20 "x" a:b'
    asyncio.run(
        place(talk, name=name, variables={"fs_1c_default_target": "user/100@pbx"}, private=True, domain="pbx")
    )
    event = wire.parse_event(heard[0])
    # FreeSWITCH leaves a ready %20 alone.
    assert event.get("Caller-Caller-ID-Name") == name.replace("%20", " ")
    assert event.get("Caller-Caller-ID-Number") == event.get("variable_sip_from_user") == "89235292926"
    assert event.get("Caller-Destination-Number") == "74951234567"
    assert event.get("variable_sip_from_uri") == "89235292926@pbx"
    assert event.get("Caller-Privacy-Hide-Number") == "true"
    assert event.get("variable_fs_1c_default_target") == "user/100@pbx"
    assert event.get("Socket-Mode") == "static"
    assert b"Caller-Caller-ID-Name: %D0%AD%D0%B9%20100%20%20%22x%22%20a%3Ab\n" in heard[0]
    recorded = wire.parse_event(recordings.received(recordings.find("outbound_sync_route")))
    missing = {key for key, _ in recorded.headers} - {key for key, _ in event.headers}
    assert not missing
    assert b"89235292926" not in heard[0].replace(b"89235292926", b"", heard[0].count(b"89235292926"))


def test_sync_sets_variables_and_the_dialplan_bridges_the_target() -> None:
    argument = "^^|fs_1c_title=Чиж|effective_caller_id_name=Чиж, ООО|fs_1c_target=user/244@127.0.0.1|fs_1c_x="
    talk, heard = says(execute("multiset", argument))
    result = asyncio.run(place(talk, variables={"fs_1c_x": "old"}))
    assert (result.bridged_to, result.answered_by) == ("user/244@127.0.0.1", "244")
    assert result.display_name == "Чиж, ООО"
    assert "fs_1c_x" not in result.variables
    assert result.variables["fs_1c_title"] == "Чиж"
    assert result.service_outcome == "exited"
    assert result.executed_code == []
    assert [name for name, _ in result.applications] == ["multiset", "bridge"]
    assert [raw.split(b"\n")[0] for raw in result.commands] == [b"connect", b"sendmsg", b"exit"]
    assert result.lookup_ms is not None and result.held_ms > result.lookup_ms
    assert heard[1].startswith(
        b"Content-Type: command/reply\nReply-Text: +OK\n\nContent-Type: command/reply\n"
    )
    assert heard[1].endswith(wire.GOODBYE.encode())


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(0)


async def _stays_mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _says_something_else_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"linger 5\n\nconnect\n\n")
    first = await reader.readuntil(b"\n\n")
    assert first.startswith(b"Event-Name: CHANNEL_DATA")  # no reply to a first command that is not connect
    writer.write(b"exit\n\n")
    await reader.read()


@pytest.mark.parametrize(
    ("talk", "outcome"), [(_closes, "closed"), (_stays_mute, "mute"), (_says_something_else_first, "exited")]
)
def test_sync_fails_open(talk: Talk, outcome: str) -> None:
    async def main() -> CallResult:
        async with service(talk) as address, SimulatedSwitch(SwitchSettings(first_command=0.2)) as switch:
            return await switch.call(
                CallScript("89235292926", service=address, default_target="user/100@h", ring=0.02, talk=0.02)
            )

    result = asyncio.run(main())
    assert (result.service_outcome, result.answered_by) == (outcome, "100")


def test_nobody_listens() -> None:
    modes: tuple[Literal["sync", "async"], ...] = ("sync", "async")

    async def main() -> list[CallResult]:
        async with service(_closes) as address:
            pass
        async with SimulatedSwitch() as switch:
            return [
                await switch.call(CallScript("1", service=address, mode=mode, ring=0.02, talk=0.02))
                for mode in modes
            ]

    for result in asyncio.run(main()):
        assert (result.service_outcome, result.answered_by, result.lookup_ms) == ("unreachable", "100", None)


def test_async_mute_leaves_the_caller_in_silence_and_exit_needs_resume() -> None:
    async def main() -> CallResult:
        async with (
            service(_stays_mute) as address,
            SimulatedSwitch(SwitchSettings(first_command=0.1)) as switch,
        ):
            return await switch.call(CallScript("1", service=address, mode="async", patience=0.4))

    result = asyncio.run(main())
    assert (result.service_outcome, result.bridged_to, result.hangup_cause) == (
        "mute",
        None,
        "ORIGINATOR_CANCEL",
    )
    setting = execute("set", "fs_1c_target=user/244@h")
    left = asyncio.run(place(says(setting)[0], mode="async"))
    assert (left.service_outcome, left.bridged_to, left.hangup_cause) == ("exited", None, "NORMAL_CLEARING")
    resumed = asyncio.run(place(says(b"resume\n\n", setting)[0], mode="async"))
    assert (resumed.service_outcome, resumed.answered_by) == ("exited", "244")


def test_async_unanswered_bridge_leaves_the_channel_parked_for_the_next() -> None:
    heard = b""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(
            b"connect\n\nlinger 1\n\nmyevents plain\n\n" + execute("bridge", "user/244@h", "Event-UUID: one")
        )
        while heard.count(b"Application-UUID: one") < 2:
            heard += await reader.read(65536)
        assert b"Event-Name: CHANNEL_BRIDGE" not in heard
        writer.write(execute("bridge", "user/245@h", "Event-UUID: two"))
        while b"Content-Disposition: linger" not in heard:
            heard += await reader.read(65536)
        writer.write(b"exit\n\n")
        heard += await reader.read()

    result = asyncio.run(place(talk, mode="async", answered_by="245"))
    assert (result.answered_by, result.service_outcome) == ("245", "hung up")
    assert heard.count(b"Event-Name: CHANNEL_BRIDGE") == 1
    assert heard.count(b"Application-UUID: two") == 2
    assert heard.endswith(wire.disconnect_notice(result.uuid))


def test_sync_bridge_answers_when_it_is_over_and_events_come_after() -> None:
    talk, heard = says(b"myevents plain\n\n", execute("bridge", "user/244@h"), then=b"")
    result = asyncio.run(place(talk))
    names = [shape[0] for shape in shapes(heard[1])]
    replies = ["command/reply", "command/reply"]
    expected = "CHANNEL_EXECUTE CHANNEL_PROGRESS CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_HANGUP".split()
    assert names[:7] == replies + expected
    assert names[-1] == "text/disconnect-notice"
    assert result.service_outcome == "hung up"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"linger", "Reply-Text: +OK will linger\n"),
        (b"event plain CHANNEL_ANSWER", "Reply-Text: +OK event listener enabled plain\n"),
        (b"event plain", "Reply-Text: -ERR no keywords supplied\n"),
        (b"nonsense", "Reply-Text: -ERR command not found\n"),
        (
            b"api nonsense",
            "Content-Type: api/response\nContent-Length: 33\n\n-ERR nonsense Command not found!",
        ),
        (
            b"sendmsg\ncall-command: execute\nexecute-app-name: set\n"
            b"content-type: text/plain\ncontent-length: 3\n\na=b",
            "Reply-Text: +OK\n",
        ),
    ],
)
def test_replies(command: bytes, answer: str) -> None:
    body = b"" if command.endswith(b"a=b") else b"\n\n"
    talk, heard = says(command + body)
    result = asyncio.run(place(talk))
    assert answer in heard[1].decode()
    if not body:
        assert result.variables["a"] == "b"


def test_unknown_application_ends_the_call_and_hangup_lets_go() -> None:
    wrong = asyncio.run(place(says(execute("mulitset", "a=b"))[0]))
    assert (wrong.hangup_cause, wrong.bridged_to) == ("DESTINATION_OUT_OF_ORDER", None)
    busy = asyncio.run(place(says(execute("hangup", "USER_BUSY"), then=b"")[0]))
    assert (busy.hangup_cause, busy.bridged_to, busy.service_outcome) == ("USER_BUSY", None, "hung up")


def test_injection_is_seen() -> None:
    evil = "${system(touch /tmp/x)}"
    calls: list[tuple[Talk, dict[str, Any]]] = [
        (says(execute("set", f"t={evil}"))[0], {}),
        (
            says(execute("set", r"t=\${system(touch /tmp/x)}"))[0],
            {},
        ),  # one backslash does not survive two expansions
        (says(execute("multiset", f"^^|a=1|b={evil}"))[0], {}),
        (says(execute("set", "t=${caller_id_name}"))[0], {"name": evil}),
        (says(execute("set", "a=b\nexecute-app-name: system\nexecute-app-arg: rm"))[0], {}),
        (says(execute("set", "api_on_answer=system touch /tmp/x"))[0], {}),
        (says()[0], {"variables": {"fs_1c_target": f"user/{evil}@h"}}),
        (says(execute("bridge", "[api_on_answer=system touch]user/1@h"), then=b"")[0], {}),
    ]
    for talk, script in calls:
        result = asyncio.run(place(talk, **script))
        forged = b"\nexecute-app-arg: rm" in b"".join(result.commands)
        assert bool(result.executed_code) != forged  # a second header of one name is ignored by FreeSWITCH


def test_a_stray_carriage_return_swallows_the_command() -> None:
    talk, heard = says(execute("set", "a=b\rc"))
    result = asyncio.run(place(talk))
    assert "a" not in result.variables
    assert b"Reply-Text: +OK\n" in heard[1]
