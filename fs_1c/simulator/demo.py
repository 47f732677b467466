"""`fs-1c demo`: a 1C, a FreeSWITCH and the service between them, in one terminal, on loopback only."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Literal, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table

from fs_1c.service import Service
from fs_1c.settings import Settings, build
from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch
from fs_1c.simulator.onec import Card, OneCSimulator, OneCSimulatorSettings

CLIENT, DEFAULT = "89235292926", "user/100@127.0.0.1"
DEADLINE_MS = 800
THINKS = 0.12
"""Seconds that the demo's 1C thinks: what a warm base takes."""
CARD_WITHIN = 3.0
"""Seconds after a call in which its card must have arrived."""
PASSWORD = "demo"  # noqa: S105  of a 1C that lives for ten seconds on loopback

Mood = Literal["well", "hung", "off"]

NEXT = """\
[bold]What next[/]

The same with parts that you can watch, each in a terminal of its own:
  [cyan]fs-1c simulator 1c[/]
  [cyan]fs-1c serve -c docs/examples/simulator.toml[/]
  [cyan]fs-1c simulator call --number 89235292926 --event-socket 127.0.0.1:8021[/]
Your own 1C and FreeSWITCH: README.md, “Set it up”. It takes ten minutes.
"""


class _Scene(NamedTuple):
    """One call: what happens, who calls, who must answer, what to notice, how 1C is doing meanwhile."""

    title: str
    number: str
    rings: str
    moral: str
    mood: Mood = "well"


SCENES = (
    _Scene("A client rings", CLIENT, "244", "asked, named, sent to the client's own manager, card opened"),
    _Scene("The same client again", CLIENT, "244", "remembered: 1C was not asked again"),
    _Scene("Somebody 1C does not know", "84950000001", "100", "the dialplan's own target rings"),
    _Scene("A withheld number", "anonymous", "100", "there was nothing to ask 1C about"),
    _Scene("1C hangs", "84951234567", "100", f"the call went on at the deadline, {DEADLINE_MS} ms", "hung"),
    _Scene("1C is switched off", "83833630011", "100", "the call went on at once", "off"),
    _Scene("1C is still off, but remembered", CLIENT, "244", "his manager's phone rings as ever", "off"),
)


class _Seen(NamedTuple):
    """What FreeSWITCH saw of it, how often 1C was asked who that is, the cards that it was told to open."""

    result: CallResult
    questions: int
    cards: tuple[Card, ...]


async def run(console: Console | None = None) -> int:
    """Plays the demo. Returns the exit code: 0 if everything went as the story says, else 1."""
    console = console or Console(highlight=False)
    logging.getLogger("fs_1c").setLevel(logging.CRITICAL)
    onec = _OneC()
    try:
        async with SimulatedSwitch() as switch:
            service = Service(_settings(onec.now.url, switch.event_socket_port))
            await service.start()
            try:
                await switch.wait_for_subscribers()
                return await _tell(console, onec, switch, service)
            finally:
                await service.stop()
    finally:
        onec.now.stop()


async def _tell(console: Console, onec: _OneC, switch: SimulatedSwitch, service: Service) -> int:
    if service.outbound is None:
        raise RuntimeError("the demo's service has no outbound door")
    door = service.outbound.address
    console.print()
    console.print("[bold]fs-1c[/]  FreeSWITCH meets 1C:Enterprise. All of it in this terminal, on loopback.")
    parts = Table(show_header=False, box=None, pad_edge=False, style="dim")
    parts.add_row("  1C, simulated", f"{onec.now.url}, thinks for {THINKS * 1000:.0f} ms")
    parts.add_row("  FreeSWITCH, simulated", f"event socket on 127.0.0.1:{switch.event_socket_port}")
    parts.add_row("  the service", f"outbound door on {door}, deadline {DEADLINE_MS} ms")
    console.print(parts)
    well = True
    for scene in SCENES:
        onec.become(scene.mood)
        seen = await _call(scene, onec, switch, (door.host, door.port))
        well = well and seen.result.answered_by == scene.rings and not seen.result.executed_code
        _show(console, scene, seen)
    console.print()
    console.print(Rule(style="dim"))
    if not well:
        console.print("[bold red]Something above did not go as it should.[/]")
    console.print(NEXT)
    return 0 if well else 1


async def _call(scene: _Scene, onec: _OneC, switch: SimulatedSwitch, door: tuple[str, int]) -> _Seen:
    asked, cards = len(onec.now.requests), len(onec.now.cards)
    told = {"fs_1c_default_target": DEFAULT}
    quick = CallScript(scene.number, service=door, default_target=DEFAULT, variables=told, ring=0.2, talk=0.3)
    result = await switch.call(quick)
    if scene.mood == "well" and result.variables.get("fs_1c_number"):
        # A card comes on its own way, after the answer; the story waits for it, calls never do.
        ends = time.monotonic() + CARD_WITHIN
        while len(onec.now.cards) == cards and time.monotonic() < ends:  # noqa: ASYNC110  (another thread's)
            await asyncio.sleep(0.005)
    questions = sum(request.operation == "SayName" for request in onec.now.requests[asked:])
    return _Seen(result, questions, onec.now.cards[cards:])


def _show(console: Console, scene: _Scene, seen: _Seen) -> None:
    result, variables = seen.result, seen.result.variables
    told = variables.get("fs_1c_result", "no answer")
    good = told in ("found", "unknown", "skipped")
    console.print()
    console.print(Rule(f"[bold]{escape(scene.title)}[/]", align="left", style="dim"))
    story = Table(show_header=False, box=None, pad_edge=False)
    story.add_column(style="dim")
    story.add_column()
    asked = "asked who that is" if seen.questions else "away" if told == "failed" else "not asked"
    added = f"{result.lookup_ms:.1f} ms" if result.lookup_ms is not None else "?"
    known = f": {variables.get('fs_1c_title')}, manager {variables.get('fs_1c_manager', '-')}"
    who = escape(known) if told == "found" else ""
    story.add_row("caller", escape(scene.number))
    story.add_row("1C", asked)
    story.add_row("lookup", f"[{'green' if good else 'yellow'}]{told}[/]{who}")
    story.add_row("added to the call", f"[bold]{added}[/]")
    story.add_row("rings", escape(result.bridged_to or "nobody"))
    story.add_row("the phone shows", escape(result.display_name))
    story.add_row("answers", escape(result.answered_by or "nobody"))
    story.add_row("card", _cards(scene, seen))
    console.print(Padding(story, (0, 0, 0, 2)))
    mark = "[green]✓[/]" if result.answered_by == scene.rings else "[red]✗[/]"
    console.print(f"  {mark} {escape(scene.moral)}")


def _cards(scene: _Scene, seen: _Seen) -> str:
    if seen.cards:
        times = "once" if len(seen.cards) == 1 else f"[red]{len(seen.cards)} times[/]"
        return f"of {escape(seen.cards[0].num_from)} at {seen.result.answered_by}, {times}"
    if scene.mood != "well":
        return "none: 1C is away"
    return "none: no number to show one for"


class _OneC:
    """The demo's 1C, in changing moods, always at the same address."""

    def __init__(self) -> None:
        self._mood: Mood = "well"
        self.now = self._started(0, THINKS)
        self._port = self.now.port

    def become(self, mood: Mood) -> None:
        if mood != self._mood:
            self._mood = mood
            self.now.stop()
            if mood != "off":
                self.now = self._started(self._port, THINKS if mood == "well" else 60.0)

    def _started(self, port: int, latency: float) -> OneCSimulator:
        settings = OneCSimulatorSettings(port=port, username="demo", password=PASSWORD, latency=latency)
        onec = OneCSimulator(settings)
        onec.start()
        return onec


def _settings(url: str, event_socket: int) -> Settings:
    return build(
        {
            "onec": {"url": url, "username": "demo", "password": PASSWORD, "timeout": "3s"},
            "lookup": {"deadline": f"{DEADLINE_MS}ms"},
            "subscribers": {"keys": {"244": "key-of-244", "100": "key-of-100"}},
            "esl": {
                "outbound": {"listen": "127.0.0.1:0"},
                "inbound": [{"address": f"127.0.0.1:{event_socket}"}],
            },
            "http": {"enabled": False},
        },
        "demo",
    )
