"""What outlives the service: the journal, and what 1C is told of whole calls."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fs_1c.settings.types import KeptDuration, Section


class StateSettings(Section):
    """Where the service keeps what must outlive it."""

    folder: Path | None = None
    """A folder that the service may write: the journal, which cards have opened, what 1C has not been
    told. None: no journal, and after a crash a card may open twice.
    """


class JournalSettings(Section):
    """What happened to each call: `fs-1c journal`."""

    enabled: bool = True
    """Whether it is kept; needs `state.folder`."""
    keep_for: KeptDuration = 90 * 86400.0
    """How long rows are kept."""
    titles: bool = True
    """`false`: without clients' names, which are personal data."""


class HistorySettings(Section):
    """1C is told the whole call: that it began, who talked, how long, whether it was missed. Heard by
    `[[esl.inbound]]` only.
    """

    enabled: bool | None = None
    """Default: `true` with `[[esl.inbound]]` and a base of dialect `mobilon-3` or `itoolabs`, else
    `false`.
    """
    internal: bool = False
    """Of calls of one subscriber to another, too, without a card and not in the journal; not for
    `itoolabs`, where an extension is no telephone number.
    """
    keep_for: KeptDuration = 7 * 86400.0
    """What 1C has not taken by then is given up, and the log says what."""
    missed_owner: str = Field("manager", pattern="^(manager|last-rung|nobody|[0-9]{1,9})$")
    """Who owns a missed call: the client's `manager` (if he has none, whose telephone rang last),
    `last-rung`, `nobody`, or an extension.
    """
