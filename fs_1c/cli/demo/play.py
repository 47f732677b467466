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

NEXT = """\
[bold]What next[/]

The same with parts that you can watch, each in a terminal of its own:
  [cyan]{command} simulator 1c[/]
  [cyan]{command} serve -c docs/examples/simulator.toml[/]
  [cyan]{command} simulator call --number 89235292926 --event-socket 127.0.0.1:8021[/]
Your own 1C and FreeSWITCH: README.md, “Set it up”. It takes ten minutes.
"""


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
    _Scene("A client rings", CLIENT, "244", "asked, named, sent to the client's own manager, card opened"),
    _Scene("The same client again", CLIENT, "244", "remembered: 1C was not asked again"),
    _Scene("Somebody 1C does not know", "84950000001", "100", "the dialplan's own target rings"),
    _Scene("A withheld number", "anonymous", "100", "there was nothing to ask 1C about"),
    _Scene("Nobody takes a call", "87071234567", None, "missed: in 1C it is its manager's"),
    _Scene("1C hangs", "84951234567", "100", f"the call went on at the deadline, {DEADLINE_MS} ms", "hung"),
    _Scene("1C is switched off", "83833630011", "100", "the call went on at once", "off"),
    _Scene("1C is still off, but remembered", CLIENT, "244", "his manager's phone rings as ever", "off"),
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
    console.print("[bold]fs-1c[/]  FreeSWITCH meets 1C:Enterprise. All of it in this terminal, on loopback.")
    console.print(f"  1C: {onec.url}, thinks for {THINKS * 1000:.0f} ms", style="dim")
    console.print(f"  FreeSWITCH: event socket on 127.0.0.1:{switch.event_socket_port}", style="dim")
    console.print(f"  the service: outbound door on {door}, deadline {DEADLINE_MS} ms", style="dim")
    well = True
    for scene in SCENES:
        if scene.onec == "hung":
            onec.fault = Fault("mute-after-request")
        elif scene.onec == "off":
            onec.stop()
        asked, cards, calls = len(onec.requests), len(onec.cards), len(onec.calls)
        told = {"fs_1c_default_target": DEFAULT}
        quick = CallScript(
            scene.number,
            service=(door.host, door.port),
            variables=told,
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
        console.print("[bold red]Something above did not go as it should.[/]")
    console.print(NEXT.format(command=_command()))
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
    console.print(f"  {mark} 1C is back: {waits} words about calls had waited for it on the disk, in order")
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
    told = variables.get("fs_1c_result", "no answer")
    good = told in ("found", "unknown", "skipped")
    known = f": {variables.get('fs_1c_title')}, manager {variables.get('fs_1c_manager', '-')}"
    card = "none: no number to show one for" if scene.onec == "well" else "none: 1C is away"
    if cards:
        times = "once" if len(cards) == 1 else f"[red]{len(cards)} times[/]"
        whose = times if scene.rings else "his to call back"
        card = f"of {escape(cards[0].num_from)} at {escape(cards[0].extension)}, {whose}"
    story = {
        "caller": escape(scene.number),
        "1C": "asked who that is" if questions else "away" if told == "failed" else "not asked",
        "lookup": f"[{'green' if good else 'yellow'}]{told}[/]{escape(known) if told == 'found' else ''}",
        "added to the call": f"[bold]{result.lookup_ms or 0:.1f} ms[/]",
        "rings": escape(result.bridged_to or "nobody"),
        "the phone shows": escape(result.display_name),
        "answers": escape(result.answered_by or "nobody"),
        "card": card,
    }
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    for row in story.items():
        table.add_row(*row)
    console.print()
    console.print(Rule(f"[bold]{escape(scene.title)}[/]", align="left", style="dim"))
    console.print(Padding(table, (0, 0, 0, 2)))
    mark = "[green]✓[/]" if result.answered_by == scene.rings else "[red]✗[/]"
    console.print(f"  {mark} {escape(scene.moral)}")


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
