"""`fs-1c …`: the command line.

Exit codes are part of the contract: 0 well, 2 wrong input or settings, 3 1C knows nobody, 4 1C failed, 1
anything else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fs_1c import __version__
from fs_1c.call import Caller, Outcome, Result, ScreenPop
from fs_1c.channel import plain
from fs_1c.integration import Integration
from fs_1c.setting_types import Address
from fs_1c.settings import Settings, SettingsError, load
from fs_1c.simulator.cli import app as simulator_app
from fs_1c.terminal import say

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables would show passwords
    help="FreeSWITCH meets 1C:Enterprise.",
)
app.add_typer(simulator_app, name="simulator", help="A 1C and a FreeSWITCH to try everything against.")

SettingsFile = Annotated[
    Path, typer.Option("-c", "--config", envvar="FS_1C_CONFIG", help="The settings file (TOML).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on one line.")]
BaseName = Annotated[str, typer.Option("--base", help="Which base, if the settings have several.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")]

DEFAULT_FILE = Path("/etc/fs-1c/fs-1c.toml")
_EXIT_LOOKUP = {Result.FOUND: 0, Result.UNKNOWN: 3, Result.SKIPPED: 3}

out = Console(highlight=False, soft_wrap=True)


class _OneLine(logging.Formatter):
    """Log lines in which nothing from outside can start another line."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        if record.exc_info:
            return line
        return plain(line)


def _logging(verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("fs_1c").setLevel(logging.DEBUG if verbose else logging.INFO)


def _load(path: Path) -> Settings:
    try:
        return load(path)
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(2) from None


def _checked_base(settings: Settings, base: str) -> str:
    if base and base not in settings.onec:
        typer.echo(f"--base: {base}: allowed: {', '.join(settings.onec)}", err=True)
        raise typer.Exit(2)
    return base


@app.command()
def serve(config: SettingsFile = DEFAULT_FILE, verbose: Verbose = False) -> None:
    """Run the service: the doors that FreeSWITCH calls. SIGTERM stops it, SIGHUP reads the settings again."""
    from fs_1c.service import (
        AddressTaken,  # here and below: what only the service needs, others need not load
    )

    settings = _load(config)
    _logging(verbose)
    try:
        asyncio.run(_serve(settings, config))
    except AddressTaken as error:
        typer.echo(f"{config}: {error}", err=True)
        raise typer.Exit(1) from None


async def _serve(settings: Settings, config: Path) -> None:
    from fs_1c.service import Service

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


@app.command()
def lookup(
    number: Annotated[str, typer.Argument(help="The caller's number, in any form.")],
    config: SettingsFile = DEFAULT_FILE,
    base: BaseName = "",
    as_json: AsJson = False,
) -> None:
    """Ask 1C, now and past the cache, who calls from NUMBER."""
    settings = _load(config)
    _checked_base(settings, base)
    with Integration(settings) as integration:
        caller = integration.lookup(number, base)
    if as_json:
        typer.echo(json.dumps(caller_as_json(number, caller), ensure_ascii=False))
    else:
        _show_caller(number, caller)
    malformed = caller.error is not None and caller.error.message == "malformed"
    raise typer.Exit(2 if malformed else _EXIT_LOOKUP.get(caller.result, 4))


@app.command()
def pop(
    number: Annotated[str, typer.Argument(help="The client's number, in any form.")],
    config: SettingsFile = DEFAULT_FILE,
    extension: Annotated[str, typer.Option(help="The subscriber's extension.")] = "",
    key: Annotated[str, typer.Option(help="The subscriber's key, instead of an extension.")] = "",
    base: BaseName = "",
    as_json: AsJson = False,
) -> None:
    """Open the card of NUMBER at a subscriber, now."""
    settings = _load(config)
    _checked_base(settings, base)
    if bool(extension) == bool(key):
        typer.echo("pop: allowed is one of --extension and --key", err=True)
        raise typer.Exit(2)
    with Integration(settings) as integration:
        told = integration.pop(number, extension=extension, key=key, base=base)
    if as_json:
        typer.echo(json.dumps(pop_as_json(told), ensure_ascii=False))
    else:
        reason = (
            f": {told.error.message}" if told.error else " (1C took it; whether it was shown it never says)"
        )
        say(out, f"{told.outcome} in {told.took * 1000:.0f} ms{reason}")
    wrong = told.outcome in (Outcome.NO_KEY, Outcome.SKIPPED)
    raise typer.Exit(0 if told.outcome is Outcome.ACCEPTED else 2 if wrong else 4)


@app.command()
def forget(
    number: Annotated[str, typer.Argument(help="The client's number, in any form.", show_default=False)] = "",
    everything: Annotated[bool, typer.Option("--all", help="Forget all numbers.")] = False,
    config: SettingsFile = DEFAULT_FILE,
    base: BaseName = "",
) -> None:
    """Have the running service forget what 1C said about NUMBER, because 1C's answer has changed."""
    settings = _load(config)
    _checked_base(settings, base)
    if bool(number) == everything:
        typer.echo("forget: allowed is one of NUMBER and --all", err=True)
        raise typer.Exit(2)
    door, token = settings.http, settings.http.secret()
    missing = {"enabled": door.enabled, "token": token, "listen's port": door.listen.port}
    for setting, there in missing.items():
        if not there:
            typer.echo(f"{config}: http: without {setting} the running service cannot be told", err=True)
            raise typer.Exit(2)
    body = {"all": True} if everything else {"number": number}
    status, told = _tell(door.listen, token, {**body, "base": base})
    if status != 200:
        typer.echo(f"forget: {told}", err=True)
        raise typer.Exit(2 if status == 400 else 1)
    typer.echo(f"forgotten: {told}")


def _tell(listen: Address, token: str, body: dict[str, Any]) -> tuple[int, str]:
    """Tells the running service to forget. Returns the status (0: none came), and how many or why not."""
    import requests

    every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  listens everywhere, is called here
    address = Address(every.get(listen.host, listen.host), listen.port)
    with requests.Session() as session:
        session.trust_env = False  # a proxy would be given the token, and .netrc would replace it
        try:
            answer = session.post(
                f"http://{address}/forget",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
                timeout=10,
                allow_redirects=False,
            )
            if answer.status_code == 200:
                return 200, str(int(answer.json()["forgotten"]))
        except (requests.ConnectionError, requests.Timeout):
            return 0, f"the service cannot be reached at {address}; is it running?"
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return 0, f"what answers at {address} is not this service"
    why = "".join(c if c.isprintable() else " " for c in answer.text[:200]).strip()
    refused = "" if answer.status_code == 400 else f"refused by {address}: {answer.status_code} "
    return answer.status_code, refused + why


@app.command()
def journal(
    config: SettingsFile = DEFAULT_FILE,
    number: Annotated[str, typer.Option(help="Only this client's calls; the number in any form.")] = "",
    call: Annotated[str, typer.Option(help="One call in full, by the uuid in the log.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many calls, the latest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say why a call went where it went, and why its card opened or did not."""
    from fs_1c import journal_report
    from fs_1c.journal import journal_file

    settings = _load(config)
    path = journal_file(settings)
    if path is None:
        typer.echo(f"{config}: no journal is kept; allowed: state.folder set, and journal.enabled", err=True)
        raise typer.Exit(2)
    plan = settings.numbers.plan()
    raise typer.Exit(
        journal_report.run(path, plan, number=number, call=call, limit=limit, as_json=as_json, console=out)
    )


@app.command()
def check(
    config: SettingsFile = DEFAULT_FILE,
    number: Annotated[
        list[str] | None,
        typer.Option("--number", help="A client's number that 1C ought to know; may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out what is wrong between FreeSWITCH, this service and 1C, and how to mend it. Changes nothing."""
    from fs_1c.check.report import run

    raise typer.Exit(run(config, number or [], as_json=as_json, console=out))


@app.command()
def demo() -> None:
    """Show all of it in one terminal: a 1C, the service, calls. Needs nothing else."""
    from fs_1c.simulator.demo import run

    raise typer.Exit(asyncio.run(run()))


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def caller_as_json(number: str, caller: Caller) -> dict[str, Any]:
    """The answer of `lookup --json`; its keys are a contract."""
    return {
        "number": caller.number.e164 if caller.number else number,
        "asked_as": caller.asked_as or None,
        "result": caller.result.value,
        "title": caller.title,
        "category": caller.category,
        "manager": caller.manager,
        "source": caller.source.value,
        "took_ms": round(caller.took * 1000, 1),
        "error": {"kind": caller.error.kind, "message": caller.error.message} if caller.error else None,
    }


def pop_as_json(told: ScreenPop) -> dict[str, Any]:
    """The answer of `pop --json`; its keys are a contract."""
    return {
        "outcome": told.outcome.value,
        "took_ms": round(told.took * 1000, 1),
        "error": {"kind": told.error.kind, "message": told.error.message} if told.error else None,
    }


def _show_caller(number: str, caller: Caller) -> None:
    took = f"{caller.took * 1000:.0f} ms"
    asked = f"{number} (asked as {caller.asked_as})" if caller.asked_as else number
    if caller.result is Result.FOUND:
        say(out, f"{asked}: {caller.title}")
        say(out, f"category {caller.category or '-'}, manager {caller.manager or '-'}, {took}")
    elif caller.error:
        say(out, f"{asked}: {caller.result}: {caller.error.message} ({took})")
    else:
        say(out, f"{asked}: 1C knows no such client ({took})")


def main() -> None:
    """The entry point `fs-1c`."""
    try:
        app()
    except SettingsError as error:  # what only building the rooms brings to light
        for problem in error.problems:
            typer.echo(problem, err=True)
        sys.exit(2)
