"""How long a caller waits for 1C, what is remembered of it, and when it counts as down."""

from __future__ import annotations

from pydantic import Field

from fs_1c.settings.types import LONGEST_WAIT, Duration, KeptDurationOrOff, LongDuration, Section


class LookupSettings(Section):
    """How long a caller waits for 1C, and how long its answers are good for."""

    deadline: Duration = Field(0.8, le=LONGEST_WAIT)
    """No call waits longer than this for 1C; `fs_1c_deadline` in the dialplan wins."""
    fresh_for: LongDuration = 300.0
    """A client whom 1C knows is not asked about again for so long."""
    stale_for: KeptDurationOrOff = 86400.0
    """And for so much longer he is answered at once from memory, and asked about behind; or `off`."""
    unknown_for: LongDuration = 60.0
    """A number that 1C does not know is not asked about again for so long."""
    size: int = Field(100_000, ge=1, le=10_000_000)
    """Numbers remembered, in memory."""
    # As many as if each channel of a primary rate interface had another call in each second; and fewer than
    # four sessions of 1C answer, at 0.1 s.
    new_per_second: int = Field(30, ge=0, le=100_000)
    """Numbers not remembered that one trunk (a network address) may bring in a second, and four times as
    many at once; beyond it calls go on without a name, so that a flood leaves room for others. `0`: no
    bound.
    """


class BreakerSettings(Section):
    """When a base counts as down. Nobody waits for it then, until a request that tries it is answered."""

    window: int = Field(20, ge=1, le=1000)
    """How many of the latest requests are counted."""
    at_least: int = Field(5, ge=1, le=1000)
    """With fewer requests than this a base is never down."""
    share: float = Field(0.5, gt=0, le=1)
    """A base is down when so large a share of them failed or took longer than the deadline; `0.5` is half."""
    pause: Duration = 5.0
    """After so long one request tries whether it is back."""
