"""The demo's end: the calls as 1C now has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table

from fs_1c.simulator import Document, OneCSimulator


def show(console: Console, onec: OneCSimulator) -> None:
    """A table of the documents, oldest first."""
    began = _began(onec)
    documents = sorted(onec.calls, key=lambda call: began.get(call.call, 0))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("when", "client", "dialled", "talked", "answered by", "missed"):
        table.add_column(heading, justify="right" if heading == "talked" else "left")
    for call in documents:
        table.add_row(*_row(call, began.get(call.call, 0)))
    console.print()
    console.print(Rule("[bold]The calls as 1C now has them[/]", align="left", style="dim"))
    console.print(Padding(table, (0, 0, 0, 2)))


def _row(call: Document, began: int) -> Sequence[str]:
    mine = f"[red]missed[/], of {escape(', '.join(call.owners))}" if call.owners else "[red]missed[/]"
    return (
        f"{datetime.fromtimestamp(began, UTC).astimezone():%H:%M:%S}" if began else "-",
        escape(call.number or "withheld"),
        escape(call.line or "-"),
        f"{call.seconds} s" if call.answered else "-",
        escape(call.who) if call.answered else "-",
        mine if call.missed else "",
    )


def _began(onec: OneCSimulator) -> dict[str, int]:
    """When each call began, as 1C was told."""
    told = (json.loads(one.parameters["Data"]) for one in onec.requests if one.operation == "Event")
    return {event["uuid"]: int(event["time"]) for event in told if event["state"] == "START"}
