"""Chromium without a screen, driven over its DevTools pipe: JSON ended by NUL, so nothing but the standard
library is needed.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
WITHIN = 25.0
"""Seconds for any answer or condition."""

_START = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chromium:
    """One browser, with one page at a time.

    Attributes:
        requested: Every address that the page has asked for.
        complaints: What the browser said against the page: exceptions, errors, broken policies.
    """

    def __init__(self, path: str) -> None:
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        its_in, self._write = os.pipe()
        self._read, its_out = os.pipe()
        its_in, its_out = _high(its_in), _high(its_out)
        flags = (
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={self._profile}"),
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(its_in), str(its_out), path, *flags, "about:blank"],
            pass_fds=(its_in, its_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(its_in)
        os.close(its_out)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._read, selectors.EVENT_READ)
        self._received = b""
        self._last = 0
        self._session = ""
        self._context = ""

    def __enter__(self) -> Self:
        return self

    def fresh(self) -> Self:
        """A new page, which remembers nothing of the one before."""
        self._session = ""
        if self._context:
            self._ask("Target.disposeBrowserContext", browserContextId=self._context)
        self._context = self._ask("Target.createBrowserContext")["browserContextId"]
        target = self._ask("Target.createTarget", url="about:blank", browserContextId=self._context)[
            "targetId"
        ]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")
        self.requested.clear()
        self.complaints.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # its children, too
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._selector.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def screen(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])

    def languages(self, accepted: str) -> None:
        self._ask("Network.setExtraHTTPHeaders", headers={"Accept-Language": accepted})

    def open(self, url: str) -> None:
        self._ask("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """What the script says. Raises AssertionError if it throws."""
        told = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, condition: str) -> None:
        """Waits until the script says something true."""
        ends = time.monotonic() + WITHIN
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < ends, f"it did not happen in time: {condition}"
            time.sleep(0.02)

    def text(self, selector: str) -> str:
        """What is to be read there."""
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        told = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(told["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        ends = time.monotonic() + WITHIN
        while True:
            told = self._next(ends)
            if told.get("id") == self._last:
                assert "error" not in told, (method, told["error"])
                result: dict[str, Any] = told["result"]
                return result
            self._happened(told)

    def _happened(self, told: dict[str, Any]) -> None:
        given = told.get("params", {})
        match told.get("method"):
            case "Network.requestWillBeSent":
                self.requested.append(given["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(given["exceptionDetails"]))
            case "Log.entryAdded" if given["entry"]["level"] == "error":
                self.complaints.append(given["entry"]["text"])

    def _next(self, ends: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            assert self._selector.select(max(0.0, ends - time.monotonic())), "the browser says nothing"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has gone"
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told


def _high(descriptor: int) -> int:
    """The same, out of the way of 3 and 4, which it will become."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return copy
