"""How the findings are shown: tables on the terminal, and docs/performance.md with its picture."""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests import ROOT
from tests.bench.peers.environments import PINS
from tests.bench.peers.result import Found

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: -->", "<!-- :measured -->"
"""Between these lines of the page stands what was measured; the rest is prose."""

OURS = "fs-1c"
_OUR_COLOUR, _PEER_COLOUR, _INK = "#d9822b", "#8f98a3", "#78818c"  # seen on white and on black


def show(found: Sequence[Found], console: Console) -> None:
    for one in found:
        table = Table(title=one.title, caption=one.how)
        for i, head in enumerate(one.columns):
            table.add_column(head, no_wrap=i == 0)
        for row in one.rows:
            table.add_row(*row)
        console.print(table)


def write(found: Sequence[Found], page: Path = PAGE) -> None:
    """Puts the tables into the page and the picture beside it.

    Raises ValueError when the page has not got its two lines, and ImportError without matplotlib.
    """
    draw(found, page.with_suffix(".svg"))
    page.write_text(between(page.read_text("utf-8"), markdown(found)), "utf-8")


def between(page: str, measured: str) -> str:
    """The page with `measured` between its two lines in place of what was there. Raises ValueError."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{before}{begin}\n\n{measured.strip()}\n\n{end}{after}"


def markdown(found: Sequence[Found]) -> str:
    return "\n\n".join((_machine(), *map(_section, found)))


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    libraries = [f"{name} {pin}" for name, pin in PINS.items()]
    libraries += [f"{name} {version(name)}" for name in ("requests", "lxml")]
    when = f"{datetime.now(UTC):%d %B %Y}".lstrip("0")
    return (
        f"Measured on {when}, on {cores} core{'' if cores == 1 else 's'}, "
        f"{platform.system()} on {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}; {', '.join(libraries)}."
    )


def _section(one: Found) -> str:
    lines = [f"### {one.title}", ""]
    if one.how:
        lines += [one.how, ""]
    lines.append(_row(one.columns))
    lines.append(_row(["---", *["---:"] * (len(one.columns) - 1)]))
    lines += map(_row, one.rows)
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def can_draw() -> None:
    """Raises ImportError without matplotlib."""
    importlib.import_module("matplotlib")


def draw(found: Sequence[Found], picture: Path) -> None:
    """Horizontal bars, a panel for each measure; the same findings make the same octets.

    Raises ImportError without matplotlib.
    """
    panels = [panel for one in found for panel in one.bars.items() if panel[1]]
    if not panels:
        return
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    style = {"svg.hashsalt": "fs-1c", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
    with matplotlib.rc_context({**style, **dict.fromkeys(("text.color", "ytick.color"), _INK)}):
        columns = 2 if len(panels) > 1 else 1
        rows = -(-len(panels) // columns)
        figure, grid = pyplot.subplots(
            rows, columns, figsize=(4.6 * columns, 1.9 * rows), squeeze=False, layout="constrained"
        )
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, (title, bars) in zip(grid.flat, panels, strict=False):
            _panel(axes, title, bars)
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def _panel(axes: Any, title: str, bars: Sequence[tuple[str, float]]) -> None:
    names, values = [name for name, _ in bars], [value for _, value in bars]
    drawn = axes.barh(names, values, color=[_colour(name) for name in names], height=0.7)
    axes.bar_label(drawn, [_value(value) for value in values], padding=3)
    axes.set_title(title, loc="left", fontsize=10)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.get_xaxis().set_visible(False)


def _colour(name: str) -> str:
    return _OUR_COLOUR if name.startswith(OURS) else _PEER_COLOUR


def _value(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"
