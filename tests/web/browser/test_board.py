"""The status page's board of subscribers: who talks, with whom, who is away."""

from __future__ import annotations

import pytest

from tests.cli.test_presence import known
from tests.web.browser.chromium import CHROMIUM, DRIVER, Chromium
from tests.web.browser.test_status_page import look
from tests.web.http_client import url
from tests.world import World

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, or no chromedriver"),
    pytest.mark.timeout(120),
]


def test_who_can_take_a_call(chromium: Chromium) -> None:
    def at(browser: Chromium, here: World) -> None:
        browser.screen(1280, 900)
        browser.open(url(here, "/?lang=ru"))
        browser.until("document.querySelectorAll('#board .tile').length === 3")
        assert browser.text("#counts") == "свободен: 1 · занят: 1 · нет на месте: 1 · неизвестно: 0"
        busy = browser.text("#board .tile.warn")
        assert busy.startswith("244\nзанят\n89235292926 · с ")
        assert browser.text("#board .tile.bad").startswith("245\nнет на месте\nс ")
        browser.click("#mask")
        browser.until("document.querySelector('#board .tile.warn').innerText.includes('•••')")
        browser.click("#lang")
        browser.until("document.querySelector('#board .tile.warn').innerText.includes('busy')")

    def play(here: World) -> None:
        here.service.integration.switches.tables.clear()
        known(here.service.integration.switches)

    look(chromium, at, play)


def test_where_nobody_is_known_there_is_no_board(chromium: Chromium) -> None:
    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/?lang=en"))
        browser.until("document.querySelector('#version').innerText")
        browser.until("document.querySelector('#subscribers').hidden")

    look(chromium, at)
