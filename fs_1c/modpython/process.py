"""The one integration of FreeSWITCH's process: built when first needed, closed when the switch stops."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fs_1c.modpython.switch import freeswitch, log_to_freeswitch

if TYPE_CHECKING:  # loading it takes most of a second; no call must wait for that
    from fs_1c.integration import Integration

log = logging.getLogger(__name__)

DEFAULT_FILE = Path("/etc/fs-1c/fs-1c.toml")
STACK = 1 << 20
"""Octets of stack of our threads. To load the rooms takes up to 224 KiB, and a FreeSWITCH that is started
with `ulimit -s 240` would give them no more than that.
"""
LOOK_EVERY = 0.2
"""Seconds between two looks at whether the switch stops."""
ENDS_WITHIN = 2.0
"""Seconds in which the sessions of 1C are given back."""


class Process:
    """Builds the integration on a thread of its own, so that nobody waits for it longer than he likes.

    Attributes:
        problems: Why there is no integration, or why the settings were not read again; one line each.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._integration: Integration | None = None
        self._seen: object = None  # how the settings file looked when it was read
        self._began = 0.0  # when the latest was begun to be built
        self._idle = threading.Event()  # nothing is being built
        self._idle.set()
        self._lock = threading.Lock()

    def integration(self, within: float) -> Integration | None:
        """The integration; waits while it is being built, until `within` seconds after that began: on a disk
        that hangs not every call loses them. None: there is none, or not yet.

        Settings that were wrong are read again when their file has changed.
        """
        if self._integration is None:
            self._build(unless_seen=True)
            self._idle.wait(max(0.0, self._began + within - time.monotonic()))
        return self._integration

    def reload(self, within: float = 20.0) -> list[str]:
        """Reads the settings again. Returns what is wrong with them; the ones before stay then."""
        self._idle.wait(within)
        self._build()
        self._idle.wait(within)
        return self.problems

    def outdated(self) -> bool:
        """The settings file has changed since it was read."""
        return self._seen != _looks(settings_file())

    def _build(self, *, unless_seen: bool = False) -> None:
        """Has it built, unless that is being done, or was done in vain and the file has not changed since."""
        with self._lock:
            if not self._idle.is_set():
                return
            self._idle.clear()
            self._began = time.monotonic()
        log_to_freeswitch()
        if not threading.stack_size():
            threading.stack_size(STACK)
        try:
            threading.Thread(target=self._build_now, args=(unless_seen,), name="fs-1c", daemon=True).start()
        except RuntimeError:  # no more threads
            self._idle.set()
            raise

    def _build_now(self, unless_seen: bool) -> None:
        before = self._integration
        if unless_seen and not self.outdated():  # asked here, for the disk may hang
            self._idle.set()
            return
        self._seen = _looks(settings_file())
        try:
            self.problems = self._take_over(before)
            for problem in self.problems:
                log.error("settings: %s", problem)
        except Exception as error:
            self.problems = [f"it cannot start: {type(error).__name__}: {error}"]
            log.exception("it cannot start")
        finally:
            self._idle.set()
        if before is None and self._integration is not None:
            self._close_with_the_switch()
        elif before is not None and before is not self._integration:
            before.close(ENDS_WITHIN)

    def _take_over(self, before: Integration | None) -> list[str]:
        """Reads the settings and goes on with them, or returns what is wrong with them."""
        from fs_1c.integration import Integration
        from fs_1c.settings import SettingsError, load

        self._seen = _looks(settings_file())  # again: the rooms took their time to load
        try:
            fresh = Integration(load(settings_file()), before=before)
        except SettingsError as error:
            return error.problems
        fresh.keep_warm()
        self._integration = fresh
        log.info("settings: %s: read", settings_file())
        return []

    def _close_with_the_switch(self) -> None:
        """FreeSWITCH does not tell Python that it stops, and the licences of 1C must be given back."""
        while freeswitch().running():
            time.sleep(LOOK_EVERY)
        if self._integration is not None:
            self._integration.close(ENDS_WITHIN)


PROCESS = Process()


def settings_file() -> Path:
    """Where the settings are: `FS_1C_CONFIG` in FreeSWITCH's environment, or the usual place."""
    return Path(os.environ.get("FS_1C_CONFIG") or DEFAULT_FILE)


def _looks(path: Path) -> object:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_ino
