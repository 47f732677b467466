"""The door for recordings, by a real client: who has an address listens, and nobody else hears a thing."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from fs_1c.recordings import Links
from fs_1c.settings import Address
from fs_1c.web import RecordingsDoor
from tests.processes import memory
from tests.world import until, world

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(200))
KEY = b"0123456789abcdef"
DAY = 86400.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Here:
    door: RecordingsDoor
    links: Links
    folder: Path

    def has(self, name: str, octets: bytes = WAV) -> str:
        """Writes a recording; its address' path."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(octets)
        return self.path(name)

    def path(self, name: str) -> str:
        return urlsplit(self.links.to(f"{self.folder}/{name}")).path

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return await asyncio.to_thread(self._ask, path, method, headers)

    def _ask(self, path: str, method: str, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(*self.door.address, timeout=30)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            told = connection.getresponse()
            return Answer(told.status, {k.lower(): v for k, v in told.getheaders()}, told.read())
        finally:
            connection.close()


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[Here]:
    folder = tmp_path / "recordings"
    folder.mkdir()
    links = Links(KEY, "http://pbx/recordings", folder, 90 * DAY)
    door = RecordingsDoor(links, Address("127.0.0.1", 0))
    await door.open()
    try:
        yield Here(door, links, folder)
    finally:
        await door.close()


def play(tmp_path: Path, story: Callable[[Here], object]) -> None:
    async def whole() -> None:
        async with opened(tmp_path) as here:
            await story(here)  # type: ignore[misc]

    asyncio.run(whole())


def test_who_has_the_address_listens(tmp_path: Path) -> None:
    async def story(here: Here) -> None:
        told = await here.ask(here.has("2026/11/звонок.wav"))
        assert (told.status, told.body) == (200, WAV)
        assert told.headers["content-type"] == "audio/wav"
        assert told.headers["content-disposition"].startswith("inline")
        assert told.headers["x-content-type-options"] == "nosniff"
        head = await here.ask(here.path("2026/11/звонок.wav"), "HEAD")
        assert (head.status, head.headers["content-length"], head.body) == (200, str(len(WAV)), b"")
        for name, kind in (("a.mp3", "audio/mpeg"), ("a.WAV", "audio/wav"), ("a.ogg", "audio/ogg")):
            assert (await here.ask(here.has(name))).headers["content-type"] == kind
        for name in ("a.html", "a.svg", "a"):  # whatever is in it, no browser shows it as a page of ours
            told = await here.ask(here.has(name, b"<script>alert(1)</script>"))
            assert told.headers["content-type"] == "application/octet-stream"
            assert told.headers["content-disposition"].startswith("attachment")

    play(tmp_path, story)


def test_a_player_asks_for_a_part(tmp_path: Path) -> None:
    async def story(here: Here) -> None:
        path = here.has("call.wav")
        for wanted, status, body in (
            ("bytes=0-3", 206, WAV[:4]),
            ("bytes=100-", 206, WAV[100:]),
            ("bytes=-5", 206, WAV[-5:]),
            ("bytes=9999-", 416, None),
        ):
            told = await here.ask(path, Range=wanted)
            assert told.status == status, wanted
            assert body is None or told.body == body
        etag = (await here.ask(path)).headers["etag"]
        assert (await here.ask(path, Range="bytes=0-3", If_Range=etag)).status == 206
        assert (await here.ask(path, Range="bytes=0-3", If_Range='"another"')).body == WAV

    play(tmp_path, story)


def test_an_altered_or_an_old_address_says_so(tmp_path: Path) -> None:
    async def story(here: Here) -> None:
        good = here.has("call.wav")
        here.has("other.wav")
        altered = good.replace("call.wav", "other.wav")
        told = await here.ask(altered, Accept_Language="ru")
        assert told.status == 403 and "изменён" in told.body.decode()
        old = urlsplit(replace(here.links, valid_for=-3 * DAY).to(f"{here.folder}/call.wav")).path
        told = await here.ask(old, Accept_Language="de")
        assert told.status == 403 and "not good any more" in told.body.decode()
        for one in (told, await here.ask("/nowhere")):
            assert "default-src 'none'" in one.headers["content-security-policy"]

    play(tmp_path, story)


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    async def story(here: Here) -> None:
        secret = tmp_path / "secret.wav"
        secret.write_text("s3cret")
        (here.folder / "link.wav").symlink_to(secret)
        (here.folder / "up").symlink_to(tmp_path)
        os.mkfifo(here.folder / "pipe.wav")
        signed = here.path("link.wav").rpartition("/")[0]
        attacks = [
            here.path("link.wav"),
            here.path("up/secret.wav"),
            here.path("pipe.wav"),
            "/../secret.wav",
            "/recordings/%2e%2e/secret.wav",
            "/recordings/..%2fsecret.wav",
            "/recordings/%2e%2e%5csecret.wav",
            "//etc/passwd",
            "/recordings/%c0%ae%c0%ae/secret.wav",
            "/recordings/" + "a/" * 3000,
            here.path("x" * 300 + ".wav"),
        ]
        for path in attacks:
            told = await here.ask(path)
            assert told.status == 404 and b"s3cret" not in told.body, path
        for path in (f"{signed}/../secret.wav", f"{signed}/link.wav%00.wav", f"{signed}/%2e%2e/secret.wav"):
            told = await here.ask(path)
            assert told.status == 403 and b"s3cret" not in told.body, path  # signed for another

    play(tmp_path, story)


def test_what_is_not_there_is_a_clear_page(tmp_path: Path) -> None:
    async def story(here: Here) -> None:
        path = here.has("call.wav")
        (here.folder / "call.wav").unlink()
        told = await here.ask(path, Accept_Language="ru-RU,ru;q=0.9")
        assert told.status == 404 and "записи нет" in told.body.decode()
        assert (await here.ask(path, "POST")).status == 405

    play(tmp_path, story)


@pytest.mark.parametrize("link", ["http://pbx", "https://pbx.example/rec/{switch}"])
@pytest.mark.parametrize("name", ["call", "2026/11/звонок #1"])
def test_two_files_of_one_recording_are_on_one_page(tmp_path: Path, link: str, name: str) -> None:
    """The page leads where a browser came from: by that proxy, to that switch."""

    async def story(here: Here) -> None:
        here.links = here.door.links = replace(here.links, link=link)
        here.has(f"{name}-in.wav", b"in")
        here.has(f"{name}-out.wav", b"out")
        page = here.links.to(f"{here.folder}/{name}", "sw3")
        own = urlsplit(page).path
        told = await here.ask(own)
        assert told.status == 200
        told_of = re.findall(r'src="([^"]*)"', told.body.decode())
        for side, found in zip(("in", "out"), told_of, strict=True):
            address = urljoin(page, unescape(found))
            assert address == here.links.to(f"{here.folder}/{name}-{side}.wav", "sw3")
            assert (await here.ask(urlsplit(address).path)).body == side.encode()

    play(tmp_path, story)


def test_a_recording_that_is_still_written_ends_where_it_was_said_to(tmp_path: Path) -> None:
    async def story(here: Here) -> None:
        path = here.has("call.wav", b"a" * 1_000_000)

        def grow() -> None:
            with (here.folder / "call.wav").open("ab") as file:
                file.write(b"b" * 1_000_000)

        reader, writer = await asyncio.open_connection(*here.door.address, limit=1000)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 1000000" in head
        grow()
        body = await reader.read(-1)
        assert len(body) == 1_000_000 and b"b" not in body
        writer.close()

    play(tmp_path, story)


def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    async def story(here: Here) -> None:
        path = here.has("long.wav", b"")
        os.truncate(here.folder / "long.wav", 80_000_000)
        before = memory(os.getpid())
        reader, writer = await asyncio.open_connection(*here.door.address, limit=65536)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        length, most = 0, 0
        while part := await reader.read(65536):
            length += len(part)
            most = max(most, memory(os.getpid()))
        assert length > 80_000_000
        assert most - before < 20_000_000
        writer.close()

    play(tmp_path, story)


def test_the_service_opens_it_and_calls_are_decided_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    recordings = {"folder": str(tmp_path / "rec"), "link": "http://pbx/rec", "listen": "127.0.0.1:0"}
    os.truncate(os.open(tmp_path / "rec/long.wav", os.O_CREAT | os.O_RDWR), 2_000_000_000)

    async def story() -> None:
        async with world(recordings=recordings, state={"folder": str(tmp_path)}) as here:
            door = here.service.recordings
            assert door is not None
            path = urlsplit(door.links.to(f"{tmp_path}/rec/long.wav")).path
            reader, writer = await asyncio.open_connection(*door.address)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            for _ in range(5):
                assert (await here.switch.call(here.script())).answered_by == "244"
            assert not reader.at_eof()  # it is listened to all the while
            writer.close()

    asyncio.run(story())


@pytest.mark.parametrize("state", [True, False])
def test_without_a_key_the_service_serves_calls(tmp_path: Path, state: bool) -> None:
    recordings = {"folder": str(tmp_path), "link": "http://pbx/rec", "listen": "127.0.0.1:0"}

    async def story() -> None:
        folder: dict[str, Any] = {"state": {"folder": str(tmp_path)}} if state else {}
        async with world(recordings=recordings, **folder) as here:
            assert (here.service.recordings is not None) is state
            await until(lambda: here.service.outbound is not None)
            assert (await here.switch.call(here.script())).answered_by == "244"

    asyncio.run(story())


def test_an_error_of_ours_tells_the_log_no_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("of ours")

    async def story(here: Here) -> None:
        path = here.has("call.wav")
        monkeypatch.setattr(Links, "file", fails)
        told = await here.ask(path)
        assert told.status == 500
        signed = path.split("/")[2]
        assert len(signed) > 22 and signed not in caplog.text and "a request failed" in caplog.text

    play(tmp_path, story)
