"""The simulated FreeSWITCH: as strict as the recorded one, over real sockets on the loopback."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.simulator.freeswitch import (
    CallResult,
    CallScript,
    CaptureError,
    SimulatedSwitch,
    SwitchSettings,
    SwitchStoppedError,
    captures,
    commands,
    dialstring,
    messages,
    values,
)

QUICK = {"ring": 0.02, "talk": 0.02}
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def service(talk: Talk) -> AsyncIterator[tuple[str, int]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2]


def execute(application: str, argument: str, *more: str) -> bytes:
    lines = ["sendmsg", "call-command: execute", *more, f"execute-app-name: {application}"]
    return "\n".join([*lines, f"execute-app-arg: {argument}", "", ""]).encode()


async def place(talk: Talk, **script: object) -> CallResult:
    """One call from 89235292926 on a switch of its own, which lives until the service is done."""
    done = asyncio.Event()

    async def whole_talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            done.set()

    async with service(whole_talk) as address, SimulatedSwitch() as switch:
        given: dict[str, Any] = {"number": "89235292926", "service": address, **QUICK, **script}
        result = await switch.call(CallScript(**given))
        async with asyncio.timeout(5):
            await done.wait()
        return result


def says(*pieces: bytes, then: bytes | None = b"exit\n\n") -> tuple[Talk, list[bytes]]:
    """A service that connects, writes the pieces and ``exit``; and what it reads."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"connect\n\n")
        heard.append(await reader.readuntil(b"\n\n"))
        writer.write(b"".join(pieces) + (then or b""))
        if then is not None:
            heard.append(await reader.read(-1))

    return talk, heard


def shapes(stream: bytes) -> list[tuple[str, ...]]:
    """What kind of messages a stream holds, without what differs from call to call."""
    out: list[tuple[str, ...]] = []
    while b"\n\n" in stream:
        head, _, stream = stream.partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\n") if ": " in line)
        body = b""
        if "Event-Name" not in fields:
            length = int(fields.get("Content-Length", 0))
            if len(stream) < length:
                break
            body, stream = stream[:length], stream[length:]
        if fields["Content-Type"] == "text/event-plain":
            event = messages.parse_event(body)
            out.append((event.name, event.get("Application") or "", event.get("Hangup-Cause") or ""))
        else:
            kept = ("Content-Type", "Reply-Text", "Content-Disposition", "Socket-Mode", "Linger-Time")
            out.append((*(fields.get(key, "") for key in kept), ",".join(fields), body.decode()))
    return out


def reenacted(recording: str, done: asyncio.Event) -> tuple[Talk, list[bytes]]:
    """A service that writes what was recorded, each piece after as many messages as came before it."""
    heard = [b""]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        before = b""
        for record in captures.bundled(recording):
            if record.direction == "<<<":
                before += record.data
            elif record.direction == ">>>":
                while len(shapes(heard[0])) < len(shapes(before)):
                    heard[0] += await reader.read(65536)
                writer.write(record.data)
        # The linger time outlives the call: its 5 s are not worth waiting for.
        while b"Content-Disposition: linger" not in heard[0] and (data := await reader.read(65536)):
            heard[0] += data
        done.set()

    return talk, heard


@pytest.mark.parametrize(
    ("recording", "script"),
    [
        ("outbound_sync_route", {}),
        ("outbound_sync_cancel", {"cancel_after": 0.2}),
        ("outbound_async_bridge", {"mode": "async"}),
        ("outbound_async_cancel", {"mode": "async", "cancel_after": 0.3}),
    ],
)
def test_same_commands_same_messages_as_the_recorded_switch(recording: str, script: dict[str, Any]) -> None:
    async def main() -> bytes:
        done = asyncio.Event()
        talk, heard = reenacted(recording, done)
        async with service(talk) as address, SimulatedSwitch() as switch, asyncio.timeout(5):
            await switch.call(CallScript("89235292926", service=address, **script))
            await done.wait()
        return heard[0]

    heard = asyncio.run(main())
    expected = shapes(captures.received(captures.bundled(recording)))
    if "async" in recording and expected[-1][2] == "disconnect":
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
    event = messages.parse_event(heard[0])
    assert event.get("Caller-Caller-ID-Name") == name.replace(
        "%20", " "
    )  # FreeSWITCH leaves a ready %20 alone
    assert event.get("Caller-Caller-ID-Number") == event.get("variable_sip_from_user") == "89235292926"
    assert event.get("Caller-Destination-Number") == "74951234567"
    assert event.get("variable_sip_from_uri") == "89235292926@pbx"
    assert event.get("Caller-Privacy-Hide-Number") == "true"
    assert event.get("variable_fs_1c_default_target") == "user/100@pbx"
    assert event.get("Socket-Mode") == "static"
    assert b"Caller-Caller-ID-Name: %D0%AD%D0%B9%20100%20%20%22x%22%20a%3Ab\n" in heard[0]
    recorded = messages.parse_event(captures.received(captures.bundled("outbound_sync_route")))
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
    assert result.lookup_ms is not None
    assert heard[1].startswith(
        b"Content-Type: command/reply\nReply-Text: +OK\n\nContent-Type: command/reply\n"
    )
    assert heard[1].endswith(commands.GOODBYE)


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
    assert heard.endswith(commands.disconnect_notice(result.uuid))


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
        (b"getvar sip_from_user", "Reply-Text: 89235292926\n"),
        (b"getvar nothing", "Reply-Text: -ERR command not found\n"),
        (b"linger", "Reply-Text: +OK will linger\n"),
        (b"filter Event-Name HEARTBEAT", "Reply-Text: +OK filter added. [Event-Name]=[HEARTBEAT]\n"),
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
    talk, heard = says(command + body, b"nolinger\n\n")
    result = asyncio.run(place(talk))
    assert answer in heard[1].decode().partition("will not linger")[0]
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


# -- values --------------------------------------------------------------------


def expander(**variables: str) -> values.Expander:
    return values.Expander(values.Variables(variables).get)


@pytest.mark.parametrize(
    ("text", "expanded", "executed"),
    [
        ("plain $ text", "plain $ text", []),
        ("${a}", "1", []),
        ("x${a}${a}y", "x11y", []),
        ("${b}", "1", []),
        ("${missing}", "", []),
        (r"\${a}", "${a}", []),
        (r"\\${a}", r"\1", []),
        ("it\\'s ${a}", "its 1", []),
        ("${a", "1", []),
        ("$${a}", "1", []),
        ("${long:1:3}", "bcd", []),
        ("${long:-2}", "ef", []),
        ("${system(touch x)}", "", ["system touch x"]),
        ("${system touch x}", "", ["system touch x"]),
        ("${${c}(touch ${a})}", "", ["system touch 1"]),
        ("${loop}", "${loop}", []),
    ],
)
def test_expansion(text: str, expanded: str, executed: list[str]) -> None:
    tool = expander(a="1", b="${a}", c="system", long="abcdef", loop="${loop}")
    assert (tool.expand(text), tool.executed) == (expanded, executed)


@pytest.mark.parametrize(
    ("text", "delimiter", "parts"),
    [
        ("a|b|", "|", ["a", "b"]),
        ("^^;a|b;c", "|", ["a|b", "c"]),
        ("a 'b c'  d", " ", ["a", "b c", "d"]),
        (r"a\|b|c", "|", ["a|b", "c"]),
        (r"'a|b'|it's", "|", ["a|b", "it's"]),
        (r" a\sb\n | c ", "|", ["a b\n", "c"]),
        ("", "|", []),
    ],
)
def test_separate(text: str, delimiter: str, parts: list[str]) -> None:
    assert values.separate(text, delimiter) == parts


HARMLESS = (
    st.text(st.characters(exclude_characters="\\'$|", exclude_categories=("Cs", "Cc")), min_size=1)
    .map(lambda text: text.strip(" "))
    .filter(bool)
)


@given(st.lists(HARMLESS, min_size=1, max_size=20))
def test_what_needs_no_care_survives_a_multiset(texts: list[str]) -> None:
    variables, tool = values.Variables(), expander()
    for element in values.multiset("^^|" + "|".join(f"v{at}={text}" for at, text in enumerate(texts))):
        values.set_one(variables, tool, element)
    assert [variables.get(f"v{at}") for at in range(len(texts))] == texts
    assert tool.executed == []


@given(st.text(alphabet="${}\\'()[]:ab1 ^|,=<>-", max_size=60), st.text(alphabet="${}ab\\() ", max_size=20))
def test_no_text_breaks_the_tools(text: str, value: str) -> None:
    tool = expander(a=value, b="${a}${a}")
    expanded = tool.expand(text)
    if "${" not in text and "\\" not in text:
        assert expanded == text or "$\\" in text
    for delimiter in "| ,":
        values.separate(text, delimiter)
    values.multiset(text)
    dialstring.parse(text)


@given(st.text(max_size=50))
def test_encoding_keeps_all_but_ready_percents(text: str) -> None:
    event = messages.Event((("A", text),))
    back = messages.parse_event(event.plain()).get("A")
    if not re.search(r"%[0-9A-F]{2}", text) and text != "_undef_":
        assert back == text


@given(st.lists(st.integers(1, 40), max_size=30))
def test_commands_are_the_same_in_any_slicing(cuts: list[int]) -> None:
    stream = (
        b"\r\nconnect\r\n\r\n"
        + execute("set", "a: b=Чиж")
        + b"bgapi x\nContent-Length: 4\n\n\n\nab"
        + b"exit\n\n"
    )
    reader, lines, at = commands.CommandReader(), [], 0
    for size in [*cuts, len(stream)]:
        reader.feed(stream[at : at + size])
        at += size
        while command := reader.take():
            lines.append((command.line, command.get("Execute-App-Arg"), command.body))
    assert lines == [
        ("connect", None, b""),
        ("sendmsg", "a: b=Чиж", b""),
        ("bgapi x", None, b"\n\nab"),
        ("exit", None, b""),
    ]
    assert not reader.partial


def test_dial_strings() -> None:
    first = "{a=1,b=2}[b=3,c=x\\,y]user/244@h,[^^:d=x,y:e='z']sofia/gateway/gw/8901"
    steps = dialstring.parse(f"{first}|^^bad|error/USER_BUSY")
    assert [[leg.extension for leg in step] for step in steps] == [["244", "8901"], ["USER_BUSY"]]
    assert dict(steps[0][0].variables) == {"a": "1", "b": "3", "c": "x,y"}
    assert dict(steps[0][1].variables) == {"a": "1", "b": "2", "d": "x,y", "e": "z"}
    assert dialstring.parse("[a=b|c]user/244@h")[0][0].extension != "b"  # | cuts through brackets


# -- the event socket ----------------------------------------------------------


class Client:
    """A raw client of the event socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.heard = reader, writer, b""

    @classmethod
    async def connect(cls, switch: SimulatedSwitch, *lines: str) -> Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", switch.event_socket_port))
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(lambda _: client.writer.close())
        for line in lines:
            client.write(line)
        return client

    def write(self, line: str) -> None:
        self.writer.write(f"{line}\n\n".encode())

    async def until(self, text: str) -> bytes:
        async with asyncio.timeout(5):
            while text.encode() not in self.heard:
                data = await self.reader.read(65536)
                assert data, f"closed before {text!r}"
                self.heard += data
        return self.heard

    def events(self) -> list[messages.Event]:
        return [
            messages.parse_event(raw.partition(b"\n\n")[2]) for raw in messages.event_messages(self.heard)
        ]


NAMES = (
    "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP_COMPLETE"
)


@pytest.mark.parametrize("recording", ["inbound_answered", "inbound_abandoned"])
def test_the_events_of_a_call_are_those_recorded(recording: str) -> None:
    abandoned = recording == "inbound_abandoned"
    extension = "247" if abandoned else "244"

    async def main() -> tuple[Client, CallResult]:
        directory = {extension: {"fs_1c_key": f"KEY{extension}"}}
        async with SimulatedSwitch(SwitchSettings(directory=directory)) as switch:
            client = await Client.connect(switch, "auth ClueCon", f"event plain {NAMES}")
            await switch.wait_for_subscribers()
            result = await switch.call(
                CallScript(
                    "89031112233",
                    name="Петя",
                    default_target=f"user/{extension}@127.0.0.1",
                    answered_by=None if abandoned else "target",
                )
            )
            client.write("exit")
            await client.until("+OK bye")
            return client, result

    client, result = asyncio.run(main())
    recorded = Client.__new__(Client)
    recorded.heard = captures.received(captures.bundled(recording))

    def told(events: list[messages.Event]) -> list[tuple[str | None, ...]]:
        keys = (
            "Event-Name",
            "Call-Direction",
            "Other-Type",
            "Hangup-Cause",
            "Answer-State",
            "Channel-State",
            "Caller-Callee-ID-Number",
            "Other-Leg-Callee-ID-Number",
            "Channel-Presence-ID",
            "variable_fs_1c_key",
            "variable_dialed_user",
            "Caller-Channel-Answered-Time",
        )
        return [tuple(shown(key, event.get(key)) for key in keys) for event in events]

    def shown(key: str, value: str | None) -> str | None:
        return ("set" if value != "0" else "no") if key.endswith("Time") else value

    events = client.events()
    assert told(events) == told(recorded.events())
    text = client.heard.decode()
    assert "89235292926" not in text
    assert not re.search(r"\b179542\d", text)
    assert result.uuid in text
    sequence = [int(event.get("Event-Sequence") or 0) for event in events]
    assert sequence == sorted(set(sequence))
    assert events[0].get("Caller-Caller-ID-Name") == "Петя"
    legs = {event.get("Unique-ID") for event in events}
    assert len(legs) == 2
    if not abandoned:
        bridge = next(event for event in events if event.name == "CHANNEL_BRIDGE")
        assert {bridge.get("Bridge-A-Unique-ID"), bridge.get("Bridge-B-Unique-ID")} == legs
        assert result.answered_by == "244"


def test_a_group_rings_and_the_losers_lose() -> None:
    async def main() -> tuple[Client, CallResult]:
        async with SimulatedSwitch(SwitchSettings(directory={"245": {"fs_1c_key": "K"}})) as switch:
            client = await Client.connect(switch, "auth ClueCon", f"event plain {NAMES}")
            await switch.wait_for_subscribers()
            target = "user/240@h|user/244@h,user/245@h"
            result = await switch.call(CallScript("1", default_target=target, answered_by="245"))
            client.write("exit")
            await client.until("+OK bye")
            return client, result

    client, result = asyncio.run(main())
    ends = {
        event.get("Caller-Destination-Number"): event.get("Hangup-Cause")
        for event in client.events()
        if event.name == "CHANNEL_HANGUP_COMPLETE"
    }
    assert ends == {
        "240": "NO_ANSWER",
        "244": "LOSE_RACE",
        "245": "NORMAL_CLEARING",
        "74951234567": "NORMAL_CLEARING",
    }
    assert result.answered_by == "245"
    created = next(event for event in client.events() if event.get("Caller-Destination-Number") == "245")
    assert created.get("variable_fs_1c_key") == "K"  # known at once in a group


def test_commands_of_the_event_socket() -> None:
    async def main() -> None:
        settings = SwitchSettings(
            password="s3cret", directory={"244": {"fs_1c_key": "KEY244"}}, heartbeat=0.05
        )
        async with SimulatedSwitch(settings) as switch:
            wrong = await Client.connect(switch, "auth ClueCon")
            await wrong.until(
                "Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: -ERR invalid\n\n"
            )
            await wrong.until("See you at ClueCon!")
            client = await Client.connect(
                switch, "api status", "auth s3cret", "api user_data 244@h var fs_1c_key"
            )
            await client.until(
                "-ERR command not found\n\nContent-Type: command/reply\nReply-Text: +OK accepted\n\n"
            )
            await client.until("Content-Type: api/response\nContent-Length: 6\n\nKEY244")
            client.write("event plain HEARTBEAT BACKGROUND_JOB")
            await client.until("Event-Name: HEARTBEAT")
            client.write("bgapi status\nJob-UUID: j-1")
            await client.until("Reply-Text: +OK Job-UUID: j-1\nJob-UUID: j-1\n\n")
            await client.until("Event-Name: BACKGROUND_JOB")
            client.write("noevents")
            await client.until("no longer listening")
            client.write("api show channels as json")
            await client.until('{"row_count": 0}\n')
            huge = await Client.connect(switch, "x" * 70_000)
            await huge.until("See you at ClueCon!")

    asyncio.run(main())


def test_a_call_in_progress_can_be_seen_and_killed() -> None:
    async def main() -> CallResult:
        async with SimulatedSwitch() as switch:
            client = await Client.connect(switch, "auth ClueCon", "event plain CHANNEL_BRIDGE")
            await switch.wait_for_subscribers()
            call = asyncio.ensure_future(switch.call(CallScript("8903", talk=30)))
            await client.until("variable_signal_bond")
            client.write("api show channels as json")
            await client.until("row_count")
            rows = json.loads(re.findall(rb'\{"row_count".*\}', client.heard)[0])
            assert rows["row_count"] == 2
            uuid = next(row["uuid"] for row in rows["rows"] if row["direction"] == "inbound")
            client.write(f"api uuid_dump {uuid} json")
            await client.until('"Event-Name": "CHANNEL_DATA"')
            client.write(f"api uuid_getvar {uuid} dialed_user")
            await client.until("\n\n100")
            client.write(f"api uuid_kill {uuid}")
            return await call

    result = asyncio.run(main())
    assert (result.answered_by, result.hangup_cause) == ("100", "NORMAL_CLEARING")


def test_stop_is_a_kill_and_start_is_a_restart_on_the_same_port() -> None:
    async def main() -> None:
        switch = SimulatedSwitch()
        await switch.start()
        port, core = switch.event_socket_port, switch.core_uuid
        client = await Client.connect(switch, "auth ClueCon", "event plain ALL")
        call = asyncio.ensure_future(switch.call(CallScript("1", talk=30)))
        await client.until("Event-Name: CHANNEL_BRIDGE")
        await switch.stop()
        with pytest.raises(SwitchStoppedError):
            await call
        assert b"See you" not in client.heard + await client.reader.read()
        await switch.start()
        assert switch.event_socket_port == port
        assert switch.core_uuid != core
        again = await Client.connect(switch, "auth ClueCon")
        await again.until("+OK accepted")
        await switch.stop()

    asyncio.run(main())


def test_recordings_are_played_verbatim(tmp_path: Path) -> None:
    async def main() -> None:
        async with SimulatedSwitch() as switch:
            client = await Client.connect(switch, "auth ClueCon", "event plain CHANNEL_BRIDGE")
            await switch.wait_for_subscribers()
            await switch.play("inbound_answered", "inbound_abandoned", cut=997)
            await switch.send_raw(b"the end")
            heard = await client.until("the end")
            for name in ("inbound_answered", "inbound_abandoned"):
                for message in messages.event_messages(captures.received(captures.bundled(name))):
                    assert message in heard

    asyncio.run(main())
    broken = tmp_path / "broken.esl"
    broken.write_bytes(b">>> 0.0 9\nconnect\n\n\n<<< 0.1 500\nshort\n")
    with pytest.raises(CaptureError, match=r"broken.esl: record at byte 20 .*cut short"):
        captures.read(broken)
    with pytest.raises(CaptureError, match="no recording named"):
        captures.find("nonsense")
