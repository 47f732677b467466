"""The status page about whole calls: who answered, how long, missed; who is to be called back; what waits
for 1C.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp
from tests.history.conftest import happen
from tests.support import until
from tests.web.browser.chromium import CHROMIUM, DRIVER, Chromium
from tests.web.browser.test_status_page import decide, look
from tests.web.http_client import journal, url
from tests.world import World

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, or no chromedriver"),
    pytest.mark.timeout(120),
]
NUMBER, OTHER = "89235292926", "84951234567"
DEAD = {"url": "http://127.0.0.1:9/base", "dialect": "mobilon-3"}


def missed(call: str, number: str) -> list[CallEvent]:
    return [
        Began(call, call, number, "74951234567", at=1000.0),
        Conversation(call, f"{call}-a", number, "1244", ringing=True, at=1001.0),
        Conversation(call, f"{call}-b", number, "1001", ringing=True, at=1001.0),
        HungUp(call, 1020.0, "ORIGINATOR_CANCEL"),
    ]


def answered(call: str, number: str) -> list[CallEvent]:
    return [
        Began(call, call, number, "74951234567", at=1000.0),
        Conversation(call, f"{call}-a", number, "1244", at=1002.0),
        HungUp(call, 1067.0, "NORMAL_CLEARING"),
    ]


def test_who_answered_how_long_and_who_is_to_be_called_back(chromium: Chromium, tmp_path: Path) -> None:
    async def play(here: World) -> None:
        integration = here.service.integration
        for call, number in (("lost", NUMBER), ("lost-too", OTHER)):
            decide(here, call, number, title="Client")
            happen(integration, missed(call, number))
        decide(here, "taken", "84950000001", title="Client")
        happen(integration, answered("taken", "84950000001"))
        await journal(here, "missed=1", lambda found: len(found) == 2)

    def at(browser: Chromium, here: World) -> None:
        browser.screen(1280, 900)
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelectorAll('#calls details').length === 3")
        browser.until("document.querySelector('[data-call=taken] .cards .r-found')")
        assert "1244 1:05" in browser.text("[data-call=taken] .cards")
        assert browser.text("[data-call=lost] .cards .r-failed") == "missed"
        browser.click("#missed")
        browser.until("document.querySelectorAll('#entries details').length === 2")
        browser.click("#entries [data-call=lost] summary")
        browser.until("document.querySelector('#entries [data-call=lost] dl')")
        # Extensions beside each other are no telephone number, whatever is hidden.
        assert "rang\n1244, 1001" in browser.text("#entries [data-call=lost] dl")
        browser.click("#mask")
        browser.until("document.querySelector('#entries .number')?.innerText.includes('•••')")
        assert "rang\n1244, 1001" in browser.text("#entries [data-call=lost] dl")
        browser.click("#mask")
        # Somebody calls him back: while they talk he is not to be called any more.
        talk: list[CallEvent] = [
            Began("back", "back", "+7 923 529-29-26", outgoing=True, extension="1001", at=2000.0),
            Conversation("back", "b", "+7 923 529-29-26", "1001", outgoing=True, at=2003.0),
        ]
        happen(here.service.integration, talk)
        asyncio.run(journal(here, "missed=1", lambda found: len(found) == 1))
        browser.click("#search button")
        browser.until("document.querySelectorAll('#entries details').length === 1")
        assert "+74951234567" in browser.text("#entries")
        happen(here.service.integration, answered("again", OTHER))
        asyncio.run(journal(here, "missed=1", lambda found: found == []))
        browser.click("#search button")
        browser.until("document.querySelector('#found').innerText === 'Nobody waits to be called back.'")
        browser.click("#lang")
        assert browser.text("#found") == "Перезванивать некому."

    look(chromium, at, play, state={"folder": str(tmp_path)})


def test_a_call_whose_end_nobody_has_heard(chromium: Chromium, tmp_path: Path) -> None:
    """Neither missed nor, as far as anybody knows, answered; or so long at the most."""

    async def play(here: World) -> None:
        integration = here.service.integration
        happen(integration, [*missed("lost", NUMBER)[:-1], HungUp("lost", 1020.0, unheard=True)])
        happen(integration, [*answered("taken", OTHER)[:-1], HungUp("taken", 1067.0, unheard=True)])
        await journal(here, "missed=1", lambda found: len(found) == 1)

    def at(browser: Chromium, here: World) -> None:
        browser.screen(1280, 900)
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelector('[data-call=taken] .cards .r-found')")
        assert "1244 ≤ 1:05" in browser.text("[data-call=taken] .cards").replace("\xa0", " ")
        assert browser.text("[data-call=lost] .cards .r-late") == "end unknown"
        browser.click("#calls [data-call=lost] summary")
        browser.until("document.querySelector('#calls [data-call=lost] dl')")
        assert "end unknown · found to be over" in browser.text("#calls [data-call=lost] dl")
        browser.click("#lang")
        assert browser.text("[data-call=lost] .cards .r-late") == "исход неизвестен"

    look(chromium, at, play, state={"folder": str(tmp_path)})


def test_what_waits_for_1c_and_for_how_long(chromium: Chromium, tmp_path: Path) -> None:
    async def play(here: World) -> None:
        happen(here.service.integration, answered("call-1", NUMBER))
        history = here.service.integration.history
        assert history is not None
        await asyncio.to_thread(until, lambda: history.waiting().get("default"))

    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/?lang=en"))
        browser.until(
            "[...document.querySelectorAll('#state .tile')].some(e => e.innerText.includes('4 wait'))"
        )
        assert "default: 4, the oldest for" in browser.text("#state").replace("\xa0", " ")
        browser.click("#lang")
        assert "ждёт: 4" in browser.text("#state") and "самое старое" in browser.text("#state")

    more: dict[str, Any] = {"onec": DEAD, "history": {"enabled": True}, "state": {"folder": str(tmp_path)}}
    look(chromium, at, play, **more)


def test_it_fits_a_phone_with_long_names(chromium: Chromium, tmp_path: Path) -> None:
    async def play(here: World) -> None:
        for i in range(5):
            happen(here.service.integration, missed(f"call-{i}", f"8495000000{i}"))
        happen(here.service.integration, [*missed("x" * 200, "9" * 100)])
        await journal(here, "missed=1", lambda found: len(found) == 6)

    def at(browser: Chromium, here: World) -> None:
        browser.screen(390, 844, phone=True, dark=True)
        browser.open(url(here, "/?lang=ru"))
        browser.click("#missed")
        browser.until("document.querySelectorAll('#entries details').length === 6")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        outside = "e => e.getBoundingClientRect().right > innerWidth"
        assert browser.run(f"[...document.querySelectorAll('main *')].filter({outside}).length") == 0

    look(chromium, at, play, state={"folder": str(tmp_path)})
