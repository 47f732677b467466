"""The service's log: lines on stderr, which no call waits for.

What reads them may hang: a full disk, a busy journal daemon, a terminal after Ctrl-S. So whoever has a
line to log puts it into a queue and goes on; one thread writes what is there, in one go, for a line at a time
would cost each call a system call and a change of threads. A line is written some 20 ms after it was logged;
a process that is killed loses those.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from fs_1c.channel import plain

MAX_LINES = 10_000
"""Lines that wait to be written; further ones are lost, and counted."""
GATHER = 0.02
"""Seconds in which more lines may come for the same write."""
FAREWELL = 2.0
"""Seconds that a stopping process waits for its last lines to be written."""


class Record(logging.LogRecord):
    """What our lines are made of, and no more: there is one for each call, and the rest (the file's name in
    three parts, thread, process) takes longer than the line itself.
    """

    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        sinfo: str | None = None,
        **_: object,
    ) -> None:
        self.name, self.levelno, self.levelname = name, level, logging.getLevelName(level)
        self.pathname, self.lineno, self.funcName = pathname, lineno, func or ""
        self.msg = msg
        # A single dictionary stands for its values, as in `log.info("%(a)s", {"a": 1})`.
        self.args = args[0] if args and len(args) == 1 and args[0] and isinstance(args[0], Mapping) else args
        self.exc_info, self.exc_text, self.stack_info = exc_info, None, sinfo
        self.created = time.time()
        self.msecs = self.created % 1 * 1000


class OneLine(logging.Formatter):
    """Log lines in which nothing from outside can start another line."""

    _second, _written = -1, ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        # A second has many lines, and the same time but for the milliseconds.
        if self._second != int(record.created):
            self._second, self._written = int(record.created), super().formatTime(record)[:-4]
        return f"{self._written},{int(record.msecs):03d}"

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info:
            return super().format(record)
        # The same line by a shorter way: there is one for each call.
        return plain(f"{self.formatTime(record)} {record.levelname} {record.getMessage()}")


class Behind(logging.Handler):
    """Writes lines behind the back of whoever logs them; `emit` never waits for the reader.

    Args:
        descriptor: Of an open file; written without the buffer that Python has around stderr, for a thread
            that hangs in there could not be left behind at the end.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # its put never waits
        self._lost = 0  # counted under the handler's lock
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="fs-1c-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if self._lines.qsize() < MAX_LINES:
            self._lines.put(line)
        else:
            self._lost += 1

    def close(self) -> None:
        """Writes what waits, for at most `FAREWELL` seconds."""
        if not self._closing.is_set():
            self._closing.set()
            self._lines.put(None)
            self._thread.join(FAREWELL)
        super().close()

    def _work(self) -> None:
        while not self._closing.is_set() or not self._lines.empty():
            lines = [self._lines.get()]
            self._closing.wait(GATHER)
            with contextlib.suppress(queue.Empty):
                while len(lines) < MAX_LINES:
                    lines.append(self._lines.get_nowait())
            lines += self._loss()
            text = "".join(f"{line}\n" for line in lines if line is not None)
            with contextlib.suppress(OSError):  # nobody reads it any more
                self._write(text.encode("utf-8", "backslashreplace"))

    def _write(self, octets: bytes) -> None:
        while octets:
            try:
                octets = octets[os.write(self._descriptor, octets) :]
            except BlockingIOError:  # whoever started us wants it like that
                self._closing.wait(GATHER)
                if self._closing.is_set():
                    raise

    def _loss(self) -> list[str]:
        """What is to be said of lost lines, past the queue that had no room for them."""
        self.acquire()
        lost, self._lost = self._lost, 0
        self.release()
        if not lost:
            return []
        told = "log: nobody read it for a while; lines lost: %d"
        return [self.format(logging.LogRecord("", logging.WARNING, "", 0, told, (lost,), None))]


@contextlib.contextmanager
def log_to_stderr(*, verbose: bool) -> Iterator[None]:
    """Lets all loggers write to stderr meanwhile."""
    whole = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Record)
    logging._srcfile = None  # nor who has logged it
    handler = Behind(sys.stderr.fileno())
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("fs_1c").setLevel(logging.DEBUG if verbose else logging.INFO)
    try:
        yield
    finally:
        handler.close()
        logging.setLogRecordFactory(whole)
