"""`fs-1c serve`: the service as a process, with its log and its signals."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

import typer

from fs_1c.channel import plain
from fs_1c.cli.common import usable_settings
from fs_1c.service import AddressTaken, Service
from fs_1c.settings import Settings, SettingsError, load


class _OneLine(logging.Formatter):
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


def run(config: Path, *, verbose: bool) -> None:
    """Serves until SIGTERM or SIGINT."""
    settings = usable_settings(config)
    _logging(verbose)
    try:
        asyncio.run(_serve(settings, config))
    except AddressTaken as error:
        typer.echo(f"{config}: {error}", err=True)
        raise typer.Exit(1) from None


def _logging(verbose: bool) -> None:
    # Nothing of this is in our lines, and all of it takes as long as the lines themselves.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("fs_1c").setLevel(logging.DEBUG if verbose else logging.INFO)


async def _serve(settings: Settings, config: Path) -> None:
    service = Service(settings)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        try:
            fresh = load(config)
        except SettingsError as error:
            for problem in error.problems:
                logging.getLogger(__name__).error("settings not read again: %s", problem)
            return
        task = loop.create_task(service.reload(fresh))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)  # before the doors open: a SIGHUP would kill us
    await service.start()
    await stop.wait()
    await service.stop()
