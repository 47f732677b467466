"""What a benchmark found, apart from how it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """One table of the report.

    Attributes:
        title: What was measured, in one line.
        how: How, in a few plain sentences (Markdown).
        columns: Heads; the first one is that of the names.
        rows: Cells as they are shown; the first one is a name.
        bars: What the picture shows: name and value, by name of the panel; empty if it shows none of it.
    """

    title: str
    how: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bars: dict[str, tuple[tuple[str, float], ...]]
