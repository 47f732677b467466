"""The event socket of the simulated FreeSWITCH, over real sockets on the loopback."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from fs_1c.simulator.freeswitch import (
    CallResult,
    CallScript,
    CaptureError,
    SimulatedSwitch,
    SwitchSettings,
    SwitchStoppedError,
    recordings,
    wire,
)
from tests.simulator.freeswitch_support import Client

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
    recorded.heard = recordings.received(recordings.find(recording))

    def told(events: list[wire.Event]) -> list[tuple[str | None, ...]]:
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


def test_a_call_in_progress_can_be_seen() -> None:
    async def main() -> CallResult:
        async with SimulatedSwitch() as switch:
            client = await Client.connect(switch, "auth ClueCon", "event plain CHANNEL_BRIDGE")
            await switch.wait_for_subscribers()
            call = asyncio.ensure_future(switch.call(CallScript("8903", talk=0.5)))
            await client.until("variable_signal_bond")
            client.write("api show channels as json")
            await client.until("row_count")
            rows = json.loads(re.findall(rb'\{"row_count".*\}', client.heard)[0])
            assert rows["row_count"] == 2
            uuid = next(row["uuid"] for row in rows["rows"] if row["direction"] == "inbound")
            client.write(f"api uuid_dump {uuid}")
            await client.until("Event-Name: CHANNEL_DATA\n")
            await client.until("variable_dialed_user: 100\n")
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
            await switch.play("inbound_answered", "inbound_abandoned")
            await switch.send_raw(b"the end")
            heard = await client.until("the end")
            for name in ("inbound_answered", "inbound_abandoned"):
                for message in wire.event_messages(recordings.received(recordings.find(name))):
                    assert message in heard

    asyncio.run(main())
    broken = tmp_path / "broken.esl"
    broken.write_bytes(b">>> 0.0 9\nconnect\n\n\n<<< 0.1 500\nshort\n")
    with pytest.raises(CaptureError, match=r"broken.esl: record at byte 20 .*cut short"):
        recordings.read(broken)
    with pytest.raises(FileNotFoundError):
        recordings.find("nonsense")


def test_what_is_up_in_a_recording_can_be_asked_for(tmp_path: Path) -> None:
    records = recordings.find("inbound_answered")
    bridged = next(at for at, record in enumerate(records) if b"Event-Name: CHANNEL_BRIDGE\n" in record.data)
    until_then = tmp_path / "talking.esl"
    until_then.write_bytes(
        b"".join(b"%s %f %d\n%s\n" % (r[0].encode(), r[1], len(r[2]), r[2]) for r in records[: bridged + 1])
    )

    async def main() -> None:
        async with SimulatedSwitch() as switch:
            client = await Client.connect(switch, "auth ClueCon", "event plain CHANNEL_BRIDGE")
            await switch.wait_for_subscribers()
            await switch.play(until_then)
            client.write("api show channels as json")
            heard = await client.until('"row_count": 2')
            rows = json.loads(re.findall(rb'\{"row_count".*\}', heard)[0])["rows"]
            assert [row["dest"] for row in rows] == ["u244", "244"]
            client.write(f"api uuid_dump {rows[0]['uuid']}")
            await client.until(f"variable_bridge_to: {rows[1]['uuid']}\n")
            await switch.play("inbound_answered")
            client.write("api show channels as json")
            await client.until('{"row_count": 0}\n')

    asyncio.run(main())
