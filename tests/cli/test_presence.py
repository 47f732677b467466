"""`fs-1c presence` and `/presence.json`: against a running service; and what is said where there is none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import requests

from fs_1c.call import Presence, PresenceState
from fs_1c.presence import Switches
from fs_1c.service import Service
from fs_1c.settings import build
from fs_1c.talk import Conversations
from tests.processes import fs_1c
from tests.web.http_client import SHOWN, TOKEN

DEAD = "http://127.0.0.1:9/base"
NAMES = ("reg_user", "realm", "token", "url")


def known(switches: Switches) -> None:
    """244 talks, 245 is away, 246 is free."""
    conversations = Conversations(Service(build({"onec": {"url": DEAD}})).integration.plan)
    table = switches.tables["sw1"] = conversations.presence
    rows = [
        (extension, "pbx.example", extension, f"sip:{extension}@10.0.0.1")
        for extension in ("244", "245", "246")
    ]
    table.registrar.seed(dict(zip(NAMES, row, strict=True)) for row in rows)
    table.live = True
    legs: dict[str, dict[str, str]] = {
        "client": {"Call-Direction": "inbound", "Caller-Caller-ID-Number": "89235292926"},
        "leg": {"Call-Direction": "outbound", "variable_dialed_user": "244"},
    }
    for uuid, about in legs.items():
        conversations.feed({"Event-Name": "CHANNEL_ANSWER", "Unique-ID": uuid, **about})
    ends = {"Bridge-A-Unique-ID": "client", "Bridge-B-Unique-ID": "leg", "Unique-ID": "client"}
    conversations.feed({"Event-Name": "CHANNEL_BRIDGE", "Answer-State": "answered", **ends, **legs["client"]})
    table.registrar.seed(dict(zip(NAMES, row, strict=True)) for row in rows if row[0] != "245")
    for question in table.registrar.questions():
        nobody = question.user == "245"
        table.registrar.found(
            question, "error/user_not_registered" if nobody else "sofia/i/sip:1@2", "-ERR Command not found!"
        )


class Told:
    """What another service tells of its switch: 301 talks there, 302 is away."""

    core, live, heard_at = "core-2", True, 1.0
    rows = (("301", Presence(PresenceState.BUSY, 1.0, "89235292927")), ("302", Presence(PresenceState.AWAY)))

    def known(self, extension: str, domain: str) -> Presence | None:
        return dict(self.rows).get(extension)

    def board(self, only: str | None = None) -> list[tuple[str, str, Presence]]:
        return [(name, "pbx.example", how) for name, how in self.rows if only in (None, name)]

    def counts(self) -> dict[PresenceState, int]:
        return {state: sum(how.state is state for _, how in self.rows) for state in PresenceState}


def played(
    folder: Path, *commands: tuple[str, ...], listens: bool = True
) -> tuple[list[CompletedProcess[str]], list[Any]]:
    """What the commands say against a service that knows that; and what it answers to some requests."""

    async def play() -> tuple[list[CompletedProcess[str]], list[Any]]:
        http: dict[str, Any] = {"listen": "127.0.0.1:0", "token": TOKEN}
        service = Service(
            build({"onec": {"url": DEAD}, "http": http, "esl": {"outbound": {"enabled": False}}})
        )
        await service.start()
        try:
            assert service.http is not None
            if listens:
                known(service.integration.switches)
                service.integration.switches.elsewhere["sw2"] = Told()
            port = service.http.address.port
            config = folder / "fs-1c.toml"
            config.write_text(
                f'[onec]\nurl = "{DEAD}"\n[http]\nlisten = "127.0.0.1:{port}"\ntoken = "{TOKEN}"\n'
            )
            said = [await asyncio.to_thread(fs_1c, "presence", *one, "-c", str(config)) for one in commands]
            url = f"http://127.0.0.1:{port}"
            asked = [
                await asyncio.to_thread(requests.get, f"{url}{path}", headers=headers, timeout=30)
                for path, headers in (
                    ("/presence.json", {}),
                    ("/presence.json?mask=1&limit=1", SHOWN),
                    ("/presence.json?limit=0", SHOWN),
                    ("/metrics", SHOWN),
                )
            ]
            return said, asked
        finally:
            await service.stop()

    return asyncio.run(play())


def test_who_can_take_a_call(tmp_path: Path) -> None:
    (table, one, nobody, as_json), (closed, masked, refused, metrics) = played(
        tmp_path, (), ("245",), ("999",), ("--json",)
    )
    lines = table.stdout.splitlines()
    assert lines[0].startswith("Switch sw1 is heard, and told all registrations ")
    assert lines[0].endswith(" s ago: 1 free, 1 busy, 1 away, 0 unknown.")
    assert lines[1] == ("Switch sw2 is heard, as another service tells: 0 free, 1 busy, 1 away, 0 unknown.")
    rows = [line.split() for line in lines[3:]]
    assert rows[0] == ["extension", "state", "since", "with", "domain", "switch"]
    assert [(row[0], row[1]) for row in rows[1:]] == [
        *(("244", "busy"), ("301", "busy"), ("245", "away"), ("302", "away"), ("246", "free"))
    ]
    assert [row[-1] for row in rows[1:]] == ["sw1", "sw2", "sw1", "sw2", "sw1"]
    assert rows[1][4] == "89235292926"
    assert [line.split()[0] for line in one.stdout.splitlines()[4:]] == ["245"]
    assert nobody.stdout.splitlines()[2:] == ["Nothing is known: they are rung as if free."]
    told = json.loads(as_json.stdout)
    assert [one["elsewhere"] for one in told["switches"].values()] == [False, True]
    assert told["switches"]["sw1"]["subscribers"] == {"free": 1, "busy": 1, "away": 1, "unknown": 0}
    assert {row["extension"]: row["state"] for row in told["subscribers"]}["245"] == PresenceState.AWAY

    assert closed.status_code == 401
    assert masked.json()["more"] == 4
    (row,) = masked.json()["subscribers"]
    assert "5292" not in row["whom"]
    assert row["whom"].endswith("2926")
    assert refused.status_code == 400
    for line in ('subscribers{state="busy",switch="sw1"} 1.0', 'subscribers{state="away",switch="sw1"} 1.0'):
        assert f"fs_1c_{line}" in metrics.text
    assert 'fs_1c_subscribers_elsewhere{state="busy",switch="sw2"} 1.0' in metrics.text
    assert 'fs_1c_presence_elsewhere_age_seconds{switch="sw2"} ' in metrics.text
    assert 'fs_1c_presence_age_seconds{switch="sw1"} ' in metrics.text


def test_no_switch_is_listened_to(tmp_path: Path) -> None:
    (said,), _ = played(tmp_path, (), listens=False)
    assert said.returncode == 1
    assert "no switch is listened to (esl.inbound)" in said.stderr


def test_no_service(tmp_path: Path) -> None:
    config = tmp_path / "fs-1c.toml"
    config.write_text(f'[onec]\nurl = "{DEAD}"\n[http]\nlisten = "127.0.0.1:9"\n')
    said = fs_1c("presence", "-c", str(config))
    assert said.returncode == 1
    assert said.stderr == "presence: the service cannot be reached at 127.0.0.1:9; is it running?\n"
