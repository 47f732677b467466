"""`fs-1c simulator …`: a 1C and a FreeSWITCH to try a set-up against."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from fs_1c.settings import Address, parse_address
from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import ClientFileError, options, serve_forever

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

NO_LISTENER = 5.0
"""Seconds that `simulator call` waits for the service to come to its event socket."""
_BEHAVIOUR = (
    *("latency", "dialect", "path", "namespace", "search", "sessions", "session_max_age", "pool_size"),
    *("pool_timeout", "licences", "session_start", "cold_start", "idle", "lost_session_status", "keep_alive"),
)
"""Options of the simulated 1C that are its settings, by the same names."""


def _address(option: str, value: str) -> Address:
    try:
        return parse_address(value)
    except ValueError as error:
        raise _wrong(f"{option}: {value}: {error}") from None


def _wrong(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(2)


def _option(about: str, metavar: str | None = None) -> Any:
    return typer.Option(help=about, metavar=metavar)


# Numbers come as texts, so that a wrong one is told in a line like any other wrong setting.
@app.command("1c")
def onec(
    listen: Annotated[str, _option("HOST:PORT.")] = "127.0.0.1:8080",
    clients: Annotated[Path | None, _option("CSV: number,title,category,manager; or an example.")] = None,
    username: Annotated[str | None, _option("Ask for Basic authentication.")] = None,
    password: Annotated[
        str, typer.Option(envvar="FS_1C_SIMULATOR_PASSWORD", help="The password to ask for.")
    ] = "",
    latency: Annotated[str, _option("That 1C thinks before it answers.", "SECONDS")] = "0.1",
    dialect: Annotated[
        str, _option("mobilon-1, mobilon-2 or mobilon-3: operations, namespace, path.")
    ] = "mobilon-2",
    path: Annotated[str | None, _option("Where the service is; else the dialect's.")] = None,
    namespace: Annotated[str | None, _option("Namespace of the operations; else the dialect's.")] = None,
    search: Annotated[str, _option("How numbers are found: last-ten or drop-first-substring.")] = "last-ten",
    sessions: Annotated[str, _option("1C's reuseSessions: dontuse, use or autouse.")] = "dontuse",
    session_max_age: Annotated[str, _option("Until an idle session is gone.", "SECONDS")] = "20",
    pool_size: Annotated[str, _option("Sessions at once under use, autouse.", "N")] = "10",
    pool_timeout: Annotated[str, _option("That a request waits for a session before 406.", "SECONDS")] = "5",
    licences: Annotated[str | None, _option("Sessions at once before 402; if none: no limit.", "N")] = None,
    session_start: Annotated[str, _option("That a session takes to start.", "SECONDS")] = "0",
    cold_start: Annotated[str, _option("The same while the base is cold. Real: 11.5.", "SECONDS")] = "0",
    idle: Annotated[str, _option("Without sessions, and the base is cold.", "SECONDS")] = "300",
    lost_session_status: Annotated[str, _option("For an expired session: 400 or 404.", "N")] = "400",
    keep_alive: Annotated[str, _option("That an idle connection is kept.", "SECONDS")] = "60",
    fault: Annotated[str | None, _option("Goes wrong. See --faults.", "NAME")] = None,
    fault_parameter: Annotated[list[str] | None, _option("Of the fault; repeatable.", "KEY=VALUE")] = None,
    fault_times: Annotated[str | None, _option("Requests it befalls. Without it: all.", "N")] = None,
    fault_operation: Annotated[str | None, _option("Only SayName, IncomingCall or Event.", "NAME")] = None,
    faults: Annotated[bool, typer.Option("--faults", help="List the faults and exit.")] = False,
) -> None:
    """A 1C that behaves like the real ones, at their worst if told to.

    GET /simulator/log shows what it was asked, GET /simulator/stats what it counts; POST to /simulator/fault
    a fault such as {"fault": "mute"} to switch it on while it runs, DELETE it to switch it off.
    """
    given = dict(locals())
    if faults:
        typer.echo(options.catalogue())
        raise typer.Exit(0)
    address = _address("--listen", listen)
    try:
        wrong = options.fault_from(fault, fault_parameter or (), fault_times, fault_operation)
        more = {name: given[name] for name in ("username", "password", "clients")}
        behaviour = {name: given[name] for name in _BEHAVIOUR}
        settings = options.settings_of(behaviour, host=address.host, port=address.port, fault=wrong, **more)
    except ValueError as error:
        setting, _, what = str(error).partition(":")
        raise _wrong(f"--{setting.replace('_', '-')}:{what}") from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        serve_forever(settings)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except ClientFileError as error:
        raise _wrong(str(error)) from None
    except OSError as error:
        typer.echo(f"--listen: {listen}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@app.command("call")
def call(
    number: Annotated[str, _option("Who calls.")] = "89235292926",
    name: Annotated[str | None, _option("The caller's SIP display name.")] = None,
    destination: Annotated[str, _option("The number dialled.")] = "74951234567",
    service: Annotated[str, _option("HOST:PORT of the outbound door.")] = "127.0.0.1:8084",
    use_async: Annotated[bool, typer.Option("--async", help="`socket … async full`, not sync.")] = False,
    default_target: Annotated[str, _option("The dialplan's own dial string.")] = "user/100@127.0.0.1",
    variable: Annotated[list[str] | None, _option("NAME=VALUE set by the dialplan; repeatable.")] = None,
    event_socket: Annotated[
        str | None, _option("HOST:PORT to offer as event socket; waits for the service to come.")
    ] = None,
    password: Annotated[str, _option("The event socket's.")] = SwitchSettings().password,
    ring: Annotated[float, _option("Seconds the phone rings.")] = 0.5,
    talk: Annotated[float, _option("Seconds the two talk.")] = 1.0,
    private: Annotated[bool, typer.Option("--private", help="The caller withholds his number.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """A FreeSWITCH that places one call at the service, and tells what became of it."""
    variables = {"fs_1c_default_target": default_target} if default_target else {}
    for pair in variable or ():
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise _wrong(f"--variable: {pair}: allowed: NAME=VALUE")
        variables[key] = value
    door = _address("--service", service)
    script = CallScript(
        number=number,
        name=name,
        destination=destination,
        service=(door.host, door.port),
        mode="async" if use_async else "sync",
        variables=variables,
        default_target=default_target or None,
        ring=ring,
        talk=talk,
        private=private,
    )
    offered = _address("--event-socket", event_socket) if event_socket else None
    try:
        result = asyncio.run(_call(script, offered, password))
    except OSError as error:
        typer.echo(f"--event-socket: {event_socket}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None
    _show(result, as_json)
    raise typer.Exit(0 if result.answered_by else 1)


async def _call(script: CallScript, event_socket: Address | None, password: str) -> CallResult:
    if event_socket is None:
        return await SimulatedSwitch().call(script)
    settings = SwitchSettings(host=event_socket.host, port=event_socket.port, password=password)
    async with SimulatedSwitch(settings) as switch:
        try:
            await switch.wait_for_subscribers(timeout=NO_LISTENER)
        except TimeoutError:
            typer.echo(
                f"nobody came to the event socket within {NO_LISTENER:g} s; calling all the same", err=True
            )
        return await switch.call(script)


def _show(result: CallResult, as_json: bool) -> None:
    told: dict[str, Any] = asdict(result)
    told["commands"] = [command.decode("utf-8", "replace") for command in result.commands]
    told["variables"] = {
        key: value for key, value in result.variables.items() if key.startswith(("fs_1c_", "effective_"))
    }
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("service", result.service_outcome)
    if result.lookup_ms is not None:
        table.add_row("lookup", f"{result.lookup_ms:.1f} ms")
    for key, value in told["variables"].items():
        table.add_row(key, value)
    table.add_row("bridged to", result.bridged_to or "nobody")
    table.add_row("answered by", result.answered_by or "nobody")
    table.add_row("phone shows", result.display_name)
    if result.executed_code:
        table.add_row("CODE RUN", "; ".join(result.executed_code))
    Console(highlight=False, markup=False, soft_wrap=True).print(table)
