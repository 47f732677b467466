"""Chromium without a screen, driven by Selenium."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located, staleness_of
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
WITHIN = 30.0
"""Seconds for any condition."""

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
)


class Chromium:
    """One browser with one page."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver
        self._wait = WebDriverWait(driver, WITHIN, poll_frequency=0.05)

    def screen(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self._tell("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._tell("Emulation.setEmulatedMedia", features=[scheme])

    def languages(self, accepted: str) -> None:
        self._tell("Network.setExtraHTTPHeaders", headers={"Accept-Language": accepted})

    def forget(self) -> None:
        """All that it was told and all that it remembers: as if it were another one, just started."""
        origin = self.run("location.origin")
        self.open("about:blank")
        if origin != "null":
            self._tell("Storage.clearDataForOrigin", origin=origin, storageTypes="all")
        self._tell("Network.clearBrowserCookies")
        self._tell("Network.clearBrowserCache")
        self._tell("Network.setExtraHTTPHeaders", headers={})
        self._tell("Emulation.clearDeviceMetricsOverride")
        self._tell("Emulation.setEmulatedMedia", features=[])
        self._tell("Page.resetNavigationHistory")
        self.requested()
        self.complaints()

    def open(self, url: str) -> None:
        """Comes back when the page is loaded."""
        self._driver.get(url)

    def back(self) -> None:
        self._driver.back()

    def cookies(self) -> list[dict[str, Any]]:
        """Those of the page, hidden from its scripts or not."""
        kept: list[dict[str, Any]] = self._driver.get_cookies()
        return kept

    def bake(self, cookies: list[dict[str, Any]]) -> None:
        """Puts them back."""
        for cookie in cookies:
            self._driver.add_cookie(cookie)

    def run(self, script: str, *, asynchronous: bool = False) -> Any:
        """What the script says. Raises JavascriptException if it throws.

        Args:
            asynchronous: It may `await`.
        """
        return self._driver.execute_script(
            f"return (async () => {script})()" if asynchronous else f"return {script}"
        )

    def until(self, condition: str) -> None:
        """Waits until the script says something true."""
        self._wait.until(lambda _: self.run(f"Boolean({condition})"), f"it did not happen: {condition}")

    def text(self, selector: str) -> str:
        """What is to be read there."""
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click(self, selector: str) -> None:
        """Clicks what changes the page; at once, for the page draws itself anew whenever it likes."""
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def leave(self, selector: str, shown: str) -> None:
        """Clicks what leads to another document, and waits until the old one is gone and the new one shows
        something that only it has.

        The click is the mouse's: a script could still be under way when its page goes.
        """
        old = self._wait.until(lambda _: self._clicked(selector), f"nothing to click: {selector}")
        self._wait.until(staleness_of(old), f"the page stays: {selector}")
        self._wait.until(presence_of_element_located((By.CSS_SELECTOR, shown)), f"not shown: {shown}")

    def _clicked(self, selector: str) -> Any:
        """The document in which that was clicked; False: just then it was another one, loaded by itself."""
        try:
            old = self._driver.find_element(By.TAG_NAME, "html")
            self._driver.find_element(By.CSS_SELECTOR, selector).click()
        except WebDriverException as error:
            if isinstance(error, StaleElementReferenceException) or "does not belong" in str(error.msg):
                return False
            raise
        return old

    def requested(self) -> list[str]:
        """Every address that the page has asked for."""
        told = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        sent = [one["params"] for one in told if one["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def complaints(self) -> list[str]:
        """What the browser said against the page: exceptions, errors, broken policies."""
        return [entry["message"] for entry in self._log("browser") if entry["level"] == "SEVERE"]

    def _tell(self, command: str, **parameters: Any) -> None:
        """By the protocol of the browser's own tools."""
        self._driver.execute_cdp_cmd(command, parameters)

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._driver.execute("getLog", {"type": kind})["value"]
        return entries


@contextmanager
def started() -> Iterator[Chromium]:
    """A browser that remembers nothing of any other."""
    assert CHROMIUM and DRIVER
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    # Chromium's own page for new tabs asks for much by itself.
    options.add_experimental_option(
        "prefs", {"session.restore_on_startup": 4, "session.startup_urls": ["about:blank"]}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        # Both paths are given: Selenium neither looks for a driver nor downloads one. What the browser leaves
        # in its temporary directory when it is ended goes with the profile.
        driver = Chrome(options, ChromeService(DRIVER, env={**os.environ, "TMPDIR": profile}))
        try:
            yield Chromium(driver)
        finally:
            driver.quit()
