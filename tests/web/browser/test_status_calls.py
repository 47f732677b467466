"""What the status page says a call is: in progress, answered, missed; today or not; whom it rings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fs_1c.call import Began, Conversation, HungUp
from tests.history.conftest import happen
from tests.web.browser.chromium import CHROMIUM, DRIVER, Chromium
from tests.web.browser.test_status_page import decide, look
from tests.web.browser.test_whole_calls import missed
from tests.web.http_client import journal, url
from tests.world import World, world

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, or no chromedriver"),
    pytest.mark.timeout(120),
]
NUMBER = "89235292926"


def test_what_a_call_is_and_why_1c_is_down(chromium: Chromium) -> None:
    def play(here: World) -> None:
        integration = here.service.integration
        for call in ("up", "missed", "answered"):
            decide(here, call, NUMBER, title="Client")
        happen(integration, missed("missed", NUMBER))
        happen(
            integration,
            [
                Began("answered", "answered", NUMBER, "74951234567", at=1000.0),
                Conversation("answered", "a", NUMBER, "1244", at=1002.0),
                HungUp("answered", 1067.0, "NORMAL_CLEARING"),
            ],
        )

    def at(browser: Chromium, here: World) -> None:
        browser.screen(1280, 900)
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelectorAll('#calls details').length === 3")
        browser.until("document.querySelector('[data-call=up] .cards')?.innerText === 'in progress'")
        assert browser.text("[data-call=missed] .cards") == "missed"
        assert "no card" in browser.text("[data-call=answered] .cards")
        assert browser.run("document.querySelector('[data-call=up] .target').title") == "user/244@127.0.0.1"
        assert browser.text("[data-call=up] .target") == "→ 244"
        legend = browser.text(".legend")
        assert all(word in legend for word in ("found", "not asked", "late", "1C failed"))
        assert browser.run("document.querySelectorAll('#chart svg > text.axis').length") >= 4
        # A base that is well says nothing of what guards it; one that is not, why.
        assert "breaker" not in browser.text("#state")
        here.onec.stop()
        for i in range(6):
            here.service.integration.lookup(f"8495000000{i}")
        browser.until("document.querySelector('#state .tile.bad')")
        told = browser.text("#state .tile.bad")
        assert "1C is down" in told and "breaker: open, since" in told and "unreachable" in told, told

    look(chromium, at, play, allowed=("ERR_",))


def test_after_a_restart_the_calls_of_before_are_there(chromium: Chromium, tmp_path: Path) -> None:
    async def play(here: World) -> None:
        decide(here, "before", NUMBER, title="Client")
        await journal(here, "", lambda found: len(found) == 1)

    async def yesterday() -> None:
        async with world(state={"folder": str(tmp_path)}) as here:
            await play(here)

    asyncio.run(yesterday())

    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelectorAll('#calls details').length === 2")
        # Nobody knows any more whether it is up.
        assert browser.text("[data-call=before] .cards") == "no card"
        assert browser.text("[data-call=after] .cards") == "in progress"

    look(chromium, at, lambda here: decide(here, "after", NUMBER), state={"folder": str(tmp_path)})


PLAIN = {
    "[progress_timeout=3,leg_timeout=20]user/244@pbx|user/100@pbx": "244, 20 s → 100",
    "user/244@pbx,[leg_timeout=5]user/245@pbx": "244 + 245, 5 s",
    "{a=b,c=d}sofia/gateway/trunk/89235292926": "89235292926",
    "sofia/internal/sip:+79235292926@10.0.0.1:5060": "+79235292926",
    "group/sales@pbx": "group/sales@pbx",
    "[[,{|<": "[[ + { → <",
}


def test_a_dial_string_in_plain_words(chromium: Chromium) -> None:
    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/?lang=en"))
        shown = {dialled: browser.run(f"plain({dialled!r})").replace("\xa0", " ") for dialled in PLAIN}
        assert shown == PLAIN

    look(chromium, at)
