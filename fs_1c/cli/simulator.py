"""`fs-1c simulator …`: a 1C and a FreeSWITCH to try a set-up against."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fs_1c.channel import json_line, plain
from fs_1c.cli import exits
from fs_1c.language import _, pgettext, retold
from fs_1c.settings import Address, parse_address
from fs_1c.simulator import (
    FAULT_KINDS,
    REHEARSAL,
    CallResult,
    CallScript,
    ClientFileError,
    OneCSimulator,
    OneCSimulatorSettings,
    SimulatedSwitch,
    SwitchSettings,
    fault_of,
    one_line,
)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

_OUTCOMES = [
    pgettext("simulated call", "exited"),
    pgettext("simulated call", "closed"),
    pgettext("simulated call", "unreachable"),
    pgettext("simulated call", "mute"),
    pgettext("simulated call", "hung up"),
    pgettext("simulated call", "none"),
]
"""What `service_outcome` may be, for the catalogues."""

NO_LISTENER = 5.0
"""Seconds that `simulator call` waits for the service to come to its event socket."""


def _address(option: str, value: str) -> Address:
    try:
        return parse_address(value)
    except ValueError as error:
        raise _wrong(option, value, str(error)) from None


def _wrong(*said: str, code: int = 2) -> typer.Exit:
    typer.echo(retold(": ".join(said)), err=True)
    return typer.Exit(code)


def _option(about: str, metavar: str | None = None, **more: Any) -> Any:
    return typer.Option(help=about, metavar=metavar, **more)


@app.command("1c", epilog=exits.ONEC)
def onec(
    listen: Annotated[str, _option("HOST:PORT.")] = "127.0.0.1:8080",
    clients: Annotated[Path | None, _option("CSV: number,title,category,manager; or an example.")] = None,
    username: Annotated[str | None, _option("Ask for Basic authentication.")] = None,
    password: Annotated[str, _option("To ask for.", envvar="FS_1C_SIMULATOR_PASSWORD")] = "",
    latency: Annotated[float, _option("That 1C thinks before it answers.", "SECONDS")] = 0.1,
    dialect: Annotated[str, _option("mobilon-1, -2, -3 or itoolabs.")] = "mobilon-2",
    call_event: Annotated[bool, typer.Option(help="mobilon-2: with our extension's CallEvent.")] = True,
    crm_token: Annotated[str, _option("itoolabs: by which 1C knows the PBX.")] = REHEARSAL,
    path: Annotated[str | None, _option("Where the service is; else the dialect's.")] = None,
    namespace: Annotated[str | None, _option("Namespace of the operations; else the dialect's.")] = None,
    search: Annotated[str, _option("How numbers are found: last-ten or drop-first-substring.")] = "last-ten",
    sessions: Annotated[str, _option("1C's reuseSessions: dontuse, use or autouse.")] = "dontuse",
    session_max_age: Annotated[float, _option("Until an idle session is gone.", "SECONDS")] = 20.0,
    pool_size: Annotated[int, _option("Sessions at once under use, autouse.", "N")] = 10,
    pool_timeout: Annotated[float, _option("A request waits for a session, else 406.", "SECONDS")] = 5.0,
    licences: Annotated[int | None, _option("Sessions at once before 402; if none: no limit.", "N")] = None,
    cold_start: Annotated[float, _option("Of a session in a cold base. Real: 11.5.", "SECONDS")] = 0.0,
    idle: Annotated[float, _option("Without sessions, and the base is cold.", "SECONDS")] = 300.0,
    fault: Annotated[str | None, _option("Goes wrong: one of --faults.", "NAME|JSON")] = None,
    faults: Annotated[bool, typer.Option("--faults", help="List the faults and exit.")] = False,
) -> None:
    """A 1C that behaves like the real ones, at their worst if told to.

    GET /simulator/log shows what it was asked, /simulator/calls what it has made of the calls that it was
    told of, /simulator/stats what it counts; POST to /simulator/fault a fault such as
    {"fault": "drip", "seconds": 0.5} to switch it on, DELETE it to switch it off. --fault takes the same, or
    its name alone.
    """
    given = dict(locals())
    if faults:
        typer.echo(catalogue())
        raise typer.Exit(0)
    address = _address("--listen", listen)
    try:
        if fault is not None:
            given["fault"] = fault_of(fault if fault.startswith("{") else {"fault": fault})
        behaviour = {name: given[name] for name in given.keys() - {"listen", "faults"}}
        settings = OneCSimulatorSettings(host=address.host, port=address.port, **behaviour)
    except ValueError as error:
        setting, what = one_line(error).split(": ", 1)
        raise _wrong(f"--{setting.replace('_', '-')}", what) from None
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with OneCSimulator(settings) as simulator:
            simulator.wait()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except ClientFileError as error:
        raise _wrong(str(error)) from None
    except OSError as error:
        raise _wrong("--listen", listen, error.strerror or str(error), code=1) from None


@app.command("call", epilog=exits.SWITCH)
def call(
    number: Annotated[str, _option("Who calls.")] = "89235292926",
    name: Annotated[str | None, _option("The caller's SIP display name.")] = None,
    destination: Annotated[str, _option("The number dialled.")] = "74951234567",
    service: Annotated[str, _option("HOST:PORT of the outbound door.")] = "127.0.0.1:8084",
    use_async: Annotated[bool, typer.Option("--async", help="`socket … async full`, not sync.")] = False,
    default_target: Annotated[str, _option("The dialplan's own dial string.")] = "user/100@127.0.0.1",
    variable: Annotated[list[str] | None, _option("NAME=VALUE set by the dialplan; repeatable.")] = None,
    event_socket: Annotated[str | None, _option("HOST:PORT of the event socket to offer.")] = None,
    password: Annotated[str, _option("The event socket's.")] = SwitchSettings().password,
    ring: Annotated[float, _option("Seconds the phone rings.")] = 0.5,
    talk: Annotated[float, _option("Seconds the two talk.")] = 1.0,
    private: Annotated[bool, typer.Option("--private", help="The caller withholds his number.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, on one line.")] = False,
) -> None:
    """A FreeSWITCH that places one call at the service, and tells what became of it."""
    for pair in variable or ():
        if "=" not in pair[1:]:
            raise _wrong("--variable", pair, _("allowed: NAME=VALUE"))
    variables = {"fs_1c_default_target": default_target} if default_target else {}
    variables |= dict(pair.split("=", 1) for pair in variable or ())
    door = _address("--service", service)
    mode: Literal["sync", "async"] = "async" if use_async else "sync"
    to = (door.host, door.port)
    target = default_target or None
    script = CallScript(
        number, name, destination, to, mode, variables, target, ring=ring, talk=talk, private=private
    )
    offered = _address("--event-socket", event_socket) if event_socket else None
    try:
        result = asyncio.run(_call(script, offered, password))
    except OSError as error:
        raise _wrong("--event-socket", str(event_socket), error.strerror or str(error), code=1) from None
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
            late = _("nobody came within {seconds:g} s; calling all the same", seconds=NO_LISTENER)
            typer.echo(late, err=True)
        return await switch.call(script)


def _show(result: CallResult, as_json: bool) -> None:
    told: dict[str, Any] = asdict(result)
    told["commands"] = [command.decode("utf-8", "replace") for command in result.commands]
    told["variables"] = ours = {
        name: value for name, value in result.variables.items() if name.startswith(("fs_1c_", "effective_"))
    }
    if as_json:
        typer.echo(json_line(told))
        return
    shown = {_("service"): pgettext("simulated call", result.service_outcome)}
    if result.lookup_ms is not None:
        shown[_("lookup")] = _("{ms:.1f} ms", ms=result.lookup_ms)
    shown |= ours
    shown[_("bridged to")] = result.bridged_to or pgettext("bridged to", "nobody")
    shown[_("answered by")] = result.answered_by or _("nobody")
    shown[_("phone shows")] = result.display_name
    if result.executed_code:
        shown[_("CODE RUN")] = "; ".join(result.executed_code)
    for key, value in shown.items():
        typer.echo(plain(f"{key:25} {value}"))


def catalogue() -> str:
    """All faults with their parameters, a line each."""
    lines = []
    for name, kind in FAULT_KINDS.items():
        told = " ".join(
            f"{key}={'…' if value is None else value!r}" for key, value in kind.parameters.items()
        )
        lines.append(f"{name:25}  {_(kind.about)}{told and f'  [{told}]'}")
    return "\n".join(lines)
