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

from fs_1c.language import _
from fs_1c.simulator import Document, OneCSimulator


def show(console: Console, onec: OneCSimulator) -> None:
    """A table of the documents, oldest first."""
    began = _began(onec)
    documents = sorted(onec.calls, key=lambda call: began.get(call.call, 0))
    table = Table(box=None, pad_edge=False, header_style="dim")
    talked = _("talked")
    for heading in (_("when"), _("client"), _("dialled"), talked, _("answered by"), _("missed")):
        table.add_column(heading, justify="right" if heading == talked else "left")
    for call in documents:
        table.add_row(*_row(call, began.get(call.call, 0)))
    console.print()
    console.print(Rule(f"[bold]{_('The calls as 1C now has them')}[/]", align="left", style="dim"))
    console.print(Padding(table, (0, 0, 0, 2)))


def _row(call: Document, began: int) -> Sequence[str]:
    missed = f"[red]{_('missed')}[/]"
    if call.owners:
        missed = _("{missed}, of {owners}", missed=missed, owners=escape(", ".join(call.owners)))
    return (
        f"{datetime.fromtimestamp(began, UTC).astimezone():%H:%M:%S}" if began else "-",
        escape(call.number or _("withheld")),
        escape(call.line or "-"),
        _("{count} s", count=call.seconds) if call.answered else "-",
        escape(call.who) if call.answered else "-",
        missed if call.missed else "",
    )


def _began(onec: OneCSimulator) -> dict[str, int]:
    """When each call began, as 1C was told."""
    told = (json.loads(one.parameters["Data"]) for one in onec.requests if one.operation == "Event")
    return {event["uuid"]: int(event["time"]) for event in told if event["state"] == "START"}
