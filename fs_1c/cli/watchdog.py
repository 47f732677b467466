"""Ends a service that lives and does not move, since FreeSWITCH waits for such a one for 25 seconds, and each
caller in silence with it. When the process ends the kernel closes its sockets, and all calls go on at once.

The loop itself gives the signs of life: to systemd, if that watches us, and to a thread of ours, which says
what holds the loop up, and ends the process where no systemd does. The thread needs Python's lock for that.
It gets it while Python calculates, or waits for a disk; but a function in C that keeps the lock all the while
(a regular expression that has gone astray) is for systemd alone to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import FrameType

from fs_1c.cli.systemd import Systemd

log = logging.getLogger(__name__)

LIMIT = 2.0
"""Seconds that the loop may stand still. In a busy service it comes round within milliseconds."""
TICK = 0.25
"""Seconds between two signs of life, and between two looks at them."""
EXIT_CODE = 5
"""Of a process that has ended itself for that; not 2, after which systemd would not start it again."""
FAREWELL = 0.5
"""Seconds that the last line may take to be written, by whatever has hung, too."""
FRAMES = 12
"""How much of the stack is told."""
VARIABLE = "FS_1C_WATCHDOG"


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the thread is to look. Raises ValueError for a variable that says neither."""
    value = environment.get(VARIABLE) or "on"
    if value not in ("on", "off"):
        raise ValueError(f"{VARIABLE}: {value}: allowed: on, off")
    return value == "on"


class Stillness:
    """How long the loop has not moved, by looks at it. Time in which we did not run ourselves (SIGSTOP, a
    frozen container, a machine that swaps) is not its fault: a look counts for two ticks at the most.
    """

    def __init__(self, now: float) -> None:
        self._looked = now
        self._beats = 0
        self.seconds = 0.0

    def look(self, now: float, beats: int) -> float:
        """Seconds that it has stood still, so far."""
        passed, self._looked = now - self._looked, now
        if beats != self._beats:
            self._beats, self.seconds = beats, 0.0
        else:
            self.seconds += min(passed, 2 * TICK)
        return self.seconds


class Watchdog:
    """Watches the loop that it is made on, from `begin` to `end`.

    Args:
        systemd: Hears of the loop's life, if it wants to; then to end us is its business.
        status: What `systemctl status` shows beside.
        thread: With a thread of our own.
    """

    def __init__(self, systemd: Systemd, status: Callable[[], str], *, thread: bool) -> None:
        self._systemd = systemd
        self._status = status
        self._thread = threading.Thread(target=self._watch, name="fs-1c-watchdog", daemon=True)
        self._with_thread = thread
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._every = min(TICK, systemd.watches_for / 3 or TICK)
        self._beats = 0
        self._next: asyncio.TimerHandle | None = None
        self._over = threading.Event()

    def begin(self) -> None:
        if self._with_thread:
            self._thread.start()
        if self._with_thread or self._systemd.watches_for:
            self._beat()

    def end(self) -> None:
        self._over.set()
        if self._next is not None:
            self._next.cancel()

    def _beat(self) -> None:
        self._next = self._loop.call_later(self._every, self._beat)
        self._beats += 1
        if self._systemd.watches_for:
            self._systemd.send("WATCHDOG=1", f"STATUS={self._status()}")

    # In the thread.

    def _watch(self) -> None:
        theirs = self._systemd.watches_for
        says_after = min(LIMIT, theirs or LIMIT) / 2
        said = False
        stillness = Stillness(time.monotonic())
        while not self._over.wait(TICK):
            stood = stillness.seconds
            still = stillness.look(time.monotonic(), self._beats)
            if said and not still:
                self._say(logging.WARNING, f"the service moves again, after {stood:.1f} s")
                said = False
            elif not said and still >= says_after:
                self._say(logging.WARNING, f"the service stands still, at: {self._where()}")
                said = True
            if still >= LIMIT and not theirs:
                self._end_process(still)

    def _end_process(self, still: float) -> None:
        ends = f"the service has stood still for {still:.1f} s and ends, lest callers wait for it"
        try:
            self._say(logging.CRITICAL, f"{ends}, at: {self._where()}", waits=FAREWELL)
        finally:
            os._exit(EXIT_CODE)

    def _where(self) -> str:
        return stack(sys._current_frames().get(self._loop_thread))

    def _say(self, level: int, line: str, waits: float = 0.0) -> None:
        """Has a line logged, by a thread of its own: the loop may stand still in the log, with its locks."""

        def say() -> None:
            log.log(level, "%s", line)
            if waits:
                for handler in logging.getLogger().handlers:
                    handler.close()  # writes what waits, the loop's lines, too

        with contextlib.suppress(RuntimeError):  # there is no room for another thread
            sayer = threading.Thread(target=say, name="fs-1c-watchdog-says", daemon=True)
            sayer.start()
            sayer.join(waits)


def stack(frame: FrameType | None) -> str:
    """Where a thread is, on one line, innermost first, up to the loop. No source is read for it: the disk may
    be what hangs.
    """
    places: list[str] = []
    while frame is not None and len(places) < FRAMES and frame.f_code.co_name != "run_forever":
        code = frame.f_code
        file = "/".join(PurePath(code.co_filename).parts[-2:])
        places.append(f"{file}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back
    return " < ".join(places)
