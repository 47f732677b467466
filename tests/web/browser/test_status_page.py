"""The status page as people see it: a real browser, real calls, hostile clients, a phone's screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fs_1c.call import Call, Caller, Decision, Failure, Outcome, Result, ScreenPop
from fs_1c.numbers import Number
from tests.web.browser.chromium import CHROMIUM, DRIVER, Chromium
from tests.web.http_client import journal, url
from tests.world import CLIENT, KEYS, World, conversation, world

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, or no chromedriver"),
    pytest.mark.timeout(120),
]

HOSTILE = (
    '<img src=x onerror="document.title=1"></script><script>document.title=2</script>'
    "<style>*{display:none}</style>${document.title=3}{{4}}\x07\u202e\ud800"
)


def look(
    chromium: Chromium,
    at: Callable[[Chromium, World], None],
    play: Callable[[World], Any] | None = None,
    allowed: tuple[str, ...] = (),
    **more: Any,
) -> None:
    """Plays something, then opens a browser and looks."""

    def browse(here: World) -> None:
        at(chromium, here)
        asked = {urlsplit(one).netloc for one in chromium.requested() if not one.startswith("data:")}
        assert asked == {urlsplit(url(here, "/")).netloc}
        assert [one for one in chromium.complaints() if not any(word in one for word in allowed)] == []

    async def story() -> None:
        async with world(**more) as here:
            if play:
                played = play(here)
                if asyncio.iscoroutine(played):
                    await played
            await asyncio.to_thread(browse, here)

    asyncio.run(story())


def decide(here: World, uuid: str, number: str = CLIENT, **caller: Any) -> None:
    caller = {"result": Result.FOUND, "base": "default", **caller}
    whom = Caller(Number(f"+7{number[1:]}", number), **caller)
    here.service.integration.decided(Decision(Call(uuid, number), whom, (), "user/244@127.0.0.1"))


def test_calls_appear_with_their_client_decision_time_and_card_and_the_journal_finds_them(
    chromium: Chromium, tmp_path: Path
) -> None:
    async def play(here: World) -> None:
        await here.switch.call(here.script())
        await here.settle()
        await journal(here, "", lambda found: found and found[0]["decisions"] and found[0]["pops"])

    def at(browser: Chromium, here: World) -> None:
        browser.screen(1280, 800)
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelector('#calls .cards .pill')")
        text = browser.text("#calls details")
        for shown in (
            "+79235292926",
            "Фэйковый чиж",
            "found",
            "from 1C",
            "244 accepted",
            " ms",
            "→ 244, 20 s",
        ):
            assert shown in text.replace("\xa0", " "), shown
        browser.until("document.querySelectorAll('#chart rect.bar').length === 1")
        assert browser.run("document.querySelectorAll('#chart .onec, #chart .deadline').length") == 2
        browser.until("document.querySelectorAll('#state .tile.good').length === 3")
        assert "1C answers" in browser.text("#state")
        assert "sessions: 0 / 4" in browser.text("#state")
        assert browser.text("#live") == "live"
        browser.click("#calls summary")
        browser.until("document.querySelector('#calls dl')")
        assert "asked as\n89235292926" in browser.text("#calls dl")
        # More comes in while somebody reads: what he has opened stays open.
        decide(here, "next", "84951234567", title="Next")
        browser.until("document.querySelectorAll('#calls details').length === 2")
        assert "asked as" in browser.text("#calls details[open]")
        browser.run("document.querySelector('#number').value = '8 (923) 529-29-26'")
        browser.click("#search button")
        browser.until("document.querySelectorAll('#entries details').length === 1")
        assert "Фэйковый чиж" in browser.text("#entries")
        browser.run("document.querySelector('#call').value = 'nobody'")
        browser.click("#search button")
        browser.until("!document.querySelector('#entries details')")
        assert browser.text("#found") == "The journal knows no such call."
        document = browser.run("document.documentElement.outerHTML")
        assert not [key for key in KEYS.values() if key in document]

    look(chromium, at, play, state={"folder": str(tmp_path)})


def test_what_others_wrote_is_shown_and_does_nothing(chromium: Chromium, tmp_path: Path) -> None:
    def play(here: World) -> None:
        why = Failure(HOSTILE, HOSTILE)
        decide(here, HOSTILE, title=HOSTILE, category=HOSTILE, manager=HOSTILE, error=why)
        here.service.integration._popped(
            conversation(HOSTILE, HOSTILE, HOSTILE), ScreenPop(Outcome.FAILED, error=why)
        )

    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelector('#calls .cards .pill')")
        browser.click("#calls summary")
        browser.until("document.querySelector('#calls dl')")
        text = browser.text("#calls")
        assert '<img src=x onerror="document.title=1"></script>' in text
        assert "${document.title=3}{{4}}··\ufffd" in text
        assert browser.run("document.title") == "fs-1c"
        assert browser.run("document.querySelectorAll('main img, main script, main style').length") == 0

    look(chromium, at, play, state={"folder": str(tmp_path)})


def test_what_is_opened_or_closed_just_before_the_list_is_drawn_anew_stays_so(chromium: Chromium) -> None:
    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/"))
        browser.until("document.querySelector('#calls summary')")
        for shown in (1, 0):
            browser.run("[document.querySelector('#calls summary').click(), drawCalls()]")
            browser.until(f"document.querySelectorAll('#calls [open] dl').length === {shown}")

    look(chromium, at, lambda here: decide(here, "call-1"), listen=False)


def test_masking_and_language_are_remembered(chromium: Chromium) -> None:
    def play(here: World) -> None:
        decide(here, "call-1", title="Client", error=Failure("note", f"about {CLIENT}"))

    def at(browser: Chromium, here: World) -> None:
        browser.languages("ru-RU,ru;q=0.9,en;q=0.8")
        browser.open(url(here, "/"))
        browser.until("document.querySelector('#calls details')")
        assert browser.text("#h-calls") == "Звонки"
        assert "найден" in browser.text("#calls")
        browser.click("#lang")
        assert browser.text("#h-calls") == "Calls"
        browser.click("#mask")
        browser.until("document.querySelector('#calls .number')?.innerText === '+7923•••2926'")
        browser.click("#calls summary")
        browser.until("document.querySelector('#calls dl')")
        assert "8923•••2926" in browser.text("#calls dl")
        assert "5292926" not in browser.run("document.documentElement.outerHTML")
        browser.open(url(here, "/"))
        browser.until("document.querySelector('#calls .number')?.innerText === '+7923•••2926'")
        assert browser.text("#h-calls") == "Calls"
        browser.open(url(here, "/?mask=0&lang=ru"))
        browser.until("document.querySelector('#calls .number')?.innerText === '+79235292926'")
        assert browser.text("#h-calls") == "Звонки"

    look(chromium, at, play)


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_it_fits_a_phone(chromium: Chromium, lang: str, tmp_path: Path) -> None:
    async def play(here: World) -> None:
        for i in range(40):
            decide(here, f"call-{i}", title="ООО «Длиннейшееназваниебезпробелов" + "щ" * 200, took=i / 50)
        here.service.integration._popped(
            conversation("2" * 100, "call-39", "8" * 300),
            ScreenPop(Outcome.FAILED, error=Failure("x" * 90, "")),
        )
        await journal(here, "", lambda found: len(found) == 40 and any(call["pops"] for call in found))

    def at(browser: Chromium, here: World) -> None:
        browser.screen(390, 844, phone=True, dark=True)
        browser.open(url(here, f"/?lang={lang}"))
        browser.until("document.querySelectorAll('#calls details').length === 12")
        # The journal is no journey: few calls are before it, and there is a way around them.
        assert browser.run(
            "document.querySelector('#search').getBoundingClientRect().top + scrollY < 6 * innerHeight"
        )
        browser.click("a[href='#h-journal']")
        browser.until(
            "Math.abs(document.querySelector('#h-journal').getBoundingClientRect().top) < innerHeight"
        )
        browser.click("#more")
        browser.until("document.querySelectorAll('#calls details').length === 40")
        browser.click("#calls summary")
        browser.click("#search button")
        browser.until("document.querySelectorAll('#entries details').length === 40")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        outside = "e => e.getBoundingClientRect().right > innerWidth"
        assert browser.run(f"[...document.querySelectorAll('main *')].filter({outside}).length") == 0
        browser.until("document.querySelectorAll('#chart rect.bar').length === 36")
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 29)"

    look(chromium, at, play, state={"folder": str(tmp_path)})


def test_a_page_outlives_the_connection(chromium: Chromium) -> None:
    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelector('#live').innerText === 'live'")
        door = here.service.http
        assert door is not None
        decide(here, "call-1")
        browser.until("document.querySelectorAll('#calls details').length === 1")
        for connection in list(door._server._server.server_state.connections):
            connection.loop.call_soon_threadsafe(connection.transport.abort)
        decide(here, "call-2")
        browser.until("document.querySelectorAll('#calls details').length === 2")
        assert browser.text("#live") == "live"

    look(chromium, at, allowed=("ERR_",), listen=False)
