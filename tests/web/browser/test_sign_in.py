"""Signing in and out as people do it: a real browser, with all that it remembers."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.browser.chromium import CHROMIUM, DRIVER, Chromium
from tests.web.browser.test_status_page import decide, look
from tests.web.http_client import HTTP, TOKEN, url
from tests.world import World, settings_for

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, or no chromedriver"),
    pytest.mark.timeout(120),
]
UNAUTHORIZED = ("401 (Unauthorized)",)
"""As the browser calls every look at the form."""


def sign_in(browser: Chromium, token: str, shown: str) -> None:
    browser.run(f"document.querySelector('#token').value = '{token}'")
    browser.leave("button", shown)


def test_who_shows_the_token_reads_until_he_signs_out(chromium: Chromium) -> None:
    def at(browser: Chromium, here: World) -> None:
        browser.languages("en")
        decide(here, "call-1", title="Ромашка")
        browser.open(url(here, "/"))
        sign_in(browser, "wrong", ".wrong:not(:empty)")
        assert browser.text(".wrong") == "That is not the token."
        sign_in(browser, TOKEN, "#calls details")
        assert "Ромашка" in browser.text("#calls")
        assert TOKEN not in browser.run("document.cookie + document.documentElement.outerHTML")
        cookies = browser.cookies()
        browser.until("!document.querySelector('#leave').hidden")
        browser.leave("#leave button", "#token")
        assert browser.cookies() == []
        # Nothing of it comes back: by going back, by a reload, by the cookie that was good.
        for _ in range(3):
            browser.back()
            browser.until("document.readyState === 'complete'")
            assert "Ромашка" not in browser.run("document.documentElement.outerHTML")
        browser.bake(cookies)
        browser.open(url(here, "/"))
        assert browser.run("Boolean(document.querySelector('#token'))")
        assert "Ромашка" not in browser.run("document.documentElement.outerHTML")
        assert browser.run("(await fetch('/state')).status", asynchronous=True) == 401

    look(chromium, at, allowed=UNAUTHORIZED, listen=False, http=HTTP)


def test_another_token_asks_whoever_reads_and_knows_the_old_one_no_more(chromium: Chromium) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    def at(browser: Chromium, here: World) -> None:
        browser.languages("en")
        decide(here, "call-1", title="Ромашка")
        browser.open(url(here, "/"))
        sign_in(browser, TOKEN, "#calls details")
        changed = settings_for(here.onec.url, http={"token": "an0ther-t0ken-of-1C"})
        asyncio.run_coroutine_threadsafe(here.service.reload(changed), loops[0]).result(20)
        browser.until("document.querySelector('#token')")  # by itself
        assert "Ромашка" not in browser.run("document.documentElement.outerHTML")
        sign_in(browser, TOKEN, ".wrong:not(:empty)")
        sign_in(browser, "an0ther-t0ken-of-1C", "#calls details")
        assert "Ромашка" in browser.text("#calls")

    look(
        chromium,
        at,
        lambda here: loops.append(asyncio.get_running_loop()),
        allowed=UNAUTHORIZED,
        listen=False,
        http=HTTP,
    )
