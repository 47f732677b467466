"""`fs-1c serve`: the service as a process, with its signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from pathlib import Path

import typer

from fs_1c.cli.common import usable_settings
from fs_1c.cli.log import log_to_stderr
from fs_1c.service import AddressTaken, Service
from fs_1c.settings import Settings, SettingsError, load


def run(config: Path, *, verbose: bool) -> None:
    """Serves until SIGTERM or SIGINT."""
    settings = usable_settings(config)
    try:
        with log_to_stderr(verbose=verbose):
            asyncio.run(_serve(settings, config))
    except AddressTaken as error:
        typer.echo(f"{config}: {error}", err=True)
        raise typer.Exit(1) from None


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
    # What has been loaded stays: nobody need look through it for garbage again, while all calls wait.
    gc.collect()
    gc.freeze()
    await service.start()
    await stop.wait()
    await service.stop()
