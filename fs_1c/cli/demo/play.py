"""The demo's scenes, one call after the other, on loopback only."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table

from fs_1c.cli.demo import documents
from fs_1c.journal import lookup_word
from fs_1c.language import N_, _, pgettext
from fs_1c.service import Service
from fs_1c.settings import Settings, build
from fs_1c.simulator import (
    CallResult,
    CallScript,
    Card,
    Fault,
    OneCSimulator,
    OneCSimulatorSettings,
    SimulatedSwitch,
)

CLIENT, DEFAULT = "89235292926", "user/100@127.0.0.1"
DEADLINE_MS = 800
THINKS = 0.12
"""Seconds that the demo's 1C thinks: what a warm base takes."""
TOLD_WITHIN = 30.0
"""Seconds after which 1C must know of a call, or, once it is back, of all."""
PASSWORD = "demo"  # noqa: S105  of a 1C that lives for ten seconds on loopback

COMMANDS = (
    "simulator 1c",
    "serve -c docs/examples/simulator.toml",
    "simulator call --number 89235292926 --event-socket 127.0.0.1:8021",
)
"""What comes next, each in a terminal of its own."""


def _command() -> str:
    """`fs-1c` as it can be typed here: after `make demo` it is in `.venv` alone."""
    started = Path(sys.argv[0])
    there = shutil.which("fs-1c") or started.name != "fs-1c"
    return "fs-1c" if there else os.path.relpath(started)


class _Scene(NamedTuple):
    """One call: what happens, who calls, who must answer (None: nobody does), what to notice, how 1C is doing
    from now on.
    """

    title: str
    number: str
    rings: str | None
    moral: str
    onec: Literal["well", "hung", "off"] = "well"


SCENES = (
    _Scene(
        N_("A client rings"), CLIENT, "244", N_("asked, named, sent to the client's own manager, card opened")
    ),
    _Scene(N_("The same client again"), CLIENT, "244", N_("remembered: 1C was not asked again")),
    _Scene(N_("Somebody 1C does not know"), "84950000001", "100", N_("the dialplan's own target rings")),
    _Scene(N_("A withheld number"), "anonymous", "100", N_("there was nothing to ask 1C about")),
    _Scene(N_("Nobody takes a call"), "87071234567", None, N_("missed: in 1C it is its manager's")),
    _Scene(
        N_("1C hangs"), "84951234567", "100", N_("the call went on at the deadline, {deadline} ms"), "hung"
    ),
    _Scene(N_("1C is switched off"), "83833630011", "100", N_("the call went on at once"), "off"),
    _Scene(
        N_("1C is still off, but remembered"), CLIENT, "244", N_("his manager's phone rings as ever"), "off"
    ),
)


async def run(console: Console | None = None) -> int:
    """Plays the demo. Returns the exit code: 0 if everything went as the story says, else 1."""
    console = console or Console(highlight=False)
    logging.getLogger("fs_1c").setLevel(logging.CRITICAL)
    settings = OneCSimulatorSettings(
        port=0, username="demo", password=PASSWORD, latency=THINKS, dialect="mobilon-3"
    )
    with OneCSimulator(settings) as onec, tempfile.TemporaryDirectory() as folder:
        async with SimulatedSwitch() as switch:
            service = Service(_settings(onec.url, switch.event_socket_port, Path(folder)))
            await service.start()
            try:
                await switch.wait_for_subscribers()
                return await _tell(console, onec, switch, service)
            finally:
                await service.stop()


async def _tell(console: Console, onec: OneCSimulator, switch: SimulatedSwitch, service: Service) -> int:
    if service.outbound is None:
        raise RuntimeError("the demo's service has no outbound door")
    door = service.outbound.address
    console.print()
    about = _("FreeSWITCH meets 1C:Enterprise. All of it in this terminal, on loopback.")
    console.print(f"[bold]fs-1c[/]  {about}")
    for told in (
        _("1C: {url}, thinks for {ms:.0f} ms", url=onec.url, ms=THINKS * 1000),
        _("FreeSWITCH: event socket on {address}", address=f"127.0.0.1:{switch.event_socket_port}"),
        _("the service: outbound door on {door}, deadline {ms} ms", door=door, ms=DEADLINE_MS),
    ):
        console.print(f"  {told}", style="dim")
    well = True
    for scene in SCENES:
        if scene.onec == "hung":
            onec.fault = Fault("mute-after-request")
        elif scene.onec == "off":
            onec.stop()
        asked, cards, calls = len(onec.requests), len(onec.cards), len(onec.calls)
        variables = {"fs_1c_default_target": DEFAULT}
        quick = CallScript(
            scene.number,
            service=(door.host, door.port),
            variables=variables,
            answered_by="target" if scene.rings else None,
            ring=0.2,
            talk=1.2,
        )
        result = await switch.call(quick)
        if scene.onec == "well":
            # 1C is told of calls on its own way; the story waits for that, calls never do.
            await _until(lambda known=calls: len(onec.calls) > known, TOLD_WITHIN)  # type: ignore[misc]
        questions = sum(request.operation == "SayName" for request in onec.requests[asked:])
        _show(console, scene, result, questions, onec.cards[cards:])
        well = well and result.answered_by == scene.rings and not result.executed_code
    well = await _back(console, onec, service) and well
    console.print()
    console.print(Rule(style="dim"))
    if not well:
        console.print(f"[bold red]{_('Something above did not go as it should.')}[/]")
    console.print(f"[bold]{_('What next')}[/]\n")
    console.print(_("The same with parts that you can watch, each in a terminal of its own:"))
    for command in COMMANDS:
        console.print(f"  [cyan]{_command()} {command}[/]", soft_wrap=True)
    console.print(_("Your own 1C and FreeSWITCH: README.md, “Set it up”. It takes ten minutes."))
    return 0 if well else 1


async def _back(console: Console, onec: OneCSimulator, service: Service) -> bool:
    """1C is switched on again, and is told of the calls that it has missed. Whether it knows all of them."""
    history = service.integration.history
    if history is None:
        raise RuntimeError("the demo's 1C is told of no calls")
    waits = sum(base.words for base in (await asyncio.to_thread(history.waiting)).values())
    onec.clear_fault()
    onec.start()
    await asyncio.to_thread(history.desk.retry, "", "")
    knows = await _until(lambda: len(onec.calls) == len(SCENES), TOLD_WITHIN)
    documents.show(console, onec)
    mark = "[green]✓[/]" if knows else "[red]✗[/]"
    back = _("1C is back: {count} words about calls had waited for it on the disk, in order", count=waits)
    console.print(f"  {mark} {back}")
    return knows and sum(call.missed for call in onec.calls) == sum(scene.rings is None for scene in SCENES)


async def _until(true: Callable[[], bool], seconds: float) -> bool:
    """Waits for what another thread does. Whether it has become true."""
    ends = time.monotonic() + seconds
    while not (done := true()) and time.monotonic() < ends:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return done


def _show(
    console: Console, scene: _Scene, result: CallResult, questions: int, cards: tuple[Card, ...]
) -> None:
    variables = result.variables
    result_word = variables.get("fs_1c_result", "")
    good = result_word in ("found", "unknown", "skipped")
    told = escape(lookup_word(result_word) or _("no answer"))
    told = f"[{'green' if good else 'yellow'}]{told}[/]"
    if result_word == "found":
        title, manager = variables.get("fs_1c_title"), variables.get("fs_1c_manager", "-")
        told += escape(f": {_('{title}, manager {manager}', title=title, manager=manager)}")
    card = _("none: no number to show one for") if scene.onec == "well" else _("none: 1C is away")
    if cards:
        whose = _("once") if scene.rings else _("his to call back")
        if len(cards) > 1:
            whose = f"[red]{_('{count} times', count=len(cards))}[/]"
        card = _("of {number} at {extension}", number=cards[0].num_from, extension=cards[0].extension)
        card = f"{escape(card)}, {whose}"
    away = _("away") if result_word == "failed" else _("not asked")
    story = {
        _("caller"): escape(scene.number),
        _("1C"): _("asked who that is") if questions else away,
        _("lookup"): told,
        _("added to the call"): f"[bold]{_('{ms:.1f} ms', ms=result.lookup_ms or 0)}[/]",
        _("rings"): escape(result.bridged_to or pgettext("rings", "nobody")),
        _("the phone shows"): escape(result.display_name),
        _("answers"): escape(result.answered_by or _("nobody")),
        _("card"): card,
    }
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    for row in story.items():
        table.add_row(*row)
    console.print()
    console.print(Rule(f"[bold]{escape(_(scene.title))}[/]", align="left", style="dim"))
    console.print(Padding(table, (0, 0, 0, 2)))
    mark = "[green]✓[/]" if result.answered_by == scene.rings else "[red]✗[/]"
    console.print(f"  {mark} {escape(_(scene.moral, deadline=DEADLINE_MS))}")


def _settings(url: str, event_socket: int, folder: Path) -> Settings:
    inbound = [{"address": f"127.0.0.1:{event_socket}"}]
    sections = {
        "onec": {
            "url": url,
            "username": "demo",
            "password": PASSWORD,
            "timeout": "3s",
            "dialect": "mobilon-3",
        },
        "history": {"enabled": True},
        "state": {"folder": str(folder)},
        "lookup": {"deadline": f"{DEADLINE_MS}ms"},
        "subscribers": {"keys": {"244": "key-of-244", "100": "key-of-100", "245": "key-of-245"}},
        "esl": {"outbound": {"listen": "127.0.0.1:0"}, "inbound": inbound},
        "http": {"enabled": False},
    }
    return build(sections, "demo")
