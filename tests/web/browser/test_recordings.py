"""A recording is listened to in a real browser, as who opens its address from 1C does."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest

from tests.web.browser.chromium import CHROMIUM, DRIVER, Chromium
from tests.web.test_recordings import Here, opened

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, or no chromedriver"),
    pytest.mark.timeout(120),
]


def sound(file: Path, seconds: int = 4) -> None:
    with wave.open(str(file), "wb") as made:
        made.setparams((2, 2, 8000, 0, "NONE", ""))
        made.writeframes(b"\0\0\0\0" * 8000 * seconds)


def listen(browser: Chromium, here: Here) -> None:
    def url(name: str) -> str:
        return f"http://{here.door.address}{here.path(name)}"

    sound(here.folder / "call.wav")
    sound(here.folder / "two-in.wav")
    sound(here.folder / "two-out.wav")
    browser.languages("ru")
    browser.open(url("call.wav"))
    browser.until("document.querySelector('audio, video')?.duration > 3.9")
    browser.run("(document.querySelector('audio, video').currentTime = 2.5)")  # by a Range
    browser.until("document.querySelector('audio, video').currentTime >= 2.5")
    browser.open(url("two"))
    assert browser.run("document.querySelectorAll('audio').length") == 2
    assert "на каждую сторону" in browser.text("p")
    browser.open(url("gone.wav"))
    assert "записи нет" in browser.text("p")
    assert browser.run("getComputedStyle(document.body).maxWidth") != "none"  # its style is let in


def test_a_recording_plays(chromium: Chromium, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path) as here:
            await asyncio.to_thread(listen, chromium, here)

    asyncio.run(story())
