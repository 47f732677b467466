"""`fs-1c serve`: the service as a process, with its signals, and with whoever watches that it moves."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from pathlib import Path

import typer

from fs_1c.cli import watchdog
from fs_1c.cli.common import usable_settings
from fs_1c.cli.handed import Handed
from fs_1c.cli.log import log_to_stderr
from fs_1c.cli.systemd import Systemd
from fs_1c.cli.watchdog import Watchdog
from fs_1c.service import AddressTaken, Service
from fs_1c.settings import Settings, SettingsError, load, readable_by_all


def run(config: Path, handed: Handed, *, verbose: bool) -> None:
    """Serves until SIGTERM or SIGINT. Raises `fs_1c.sockets.WrongSocket`."""
    settings = usable_settings(config)
    try:
        watched = watchdog.wanted()
    except ValueError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
    try:
        with log_to_stderr(verbose=verbose):
            asyncio.run(_serve(settings, config, handed, watched=watched))
    except AddressTaken as error:
        typer.echo(f"{config}: {error}", err=True)
        raise typer.Exit(1) from None


async def _serve(settings: Settings, config: Path, handed: Handed, *, watched: bool) -> None:
    _warn(settings, config)
    service = Service(settings, handed.doors, handed.let_in)
    systemd = Systemd()
    loop = asyncio.get_running_loop()
    opened, stop = asyncio.Event(), asyncio.Event()
    in_turn = asyncio.Lock()
    reloads: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        await opened.wait()
        async with in_turn:
            await systemd.reloading()
            try:
                # The disk may take its time; calls do not wait for it.
                fresh = await asyncio.to_thread(load, config)
                await asyncio.to_thread(_warn, fresh, config)
                if not stop.is_set():
                    await service.reload(fresh)
            except SettingsError as error:
                for problem in error.problems:
                    logging.getLogger(__name__).error("settings not read again: %s", problem)
            finally:
                await systemd.tell("READY=1", f"STATUS={_doors(service)}")

    def begin_reload() -> None:
        task = loop.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, begin_reload)  # before the doors open: a SIGHUP would kill us
    # What has been loaded stays: nobody need look through it for garbage, while all calls wait.
    gc.freeze()
    gc.enable()
    await service.start()
    opened.set()
    watching = Watchdog(systemd, lambda: _doors(service), thread=watched)
    watching.begin()  # not before: a start may take its time
    await systemd.tell("READY=1", f"STATUS={_doors(service)}")
    await stop.wait()
    systemd.send("STOPPING=1", "STATUS=finishes what it does")
    await service.stop()
    watching.end()
    systemd.close()


def _warn(settings: Settings, config: Path) -> None:
    for line in readable_by_all(settings, config):
        logging.getLogger(__name__).warning("settings: %s", line)


def _doors(service: Service) -> str:
    """The doors in one line: through which calls come, and which wait for their switch."""
    doors = service.doors()
    told = [f"open: {', '.join(name for name, is_open in doors.items() if is_open) or 'none'}"]
    if away := [name for name, is_open in doors.items() if not is_open]:
        told.append(f"not open: {', '.join(away)}")
    return "; ".join(told)
