"""Times and durations, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from fs_1c.language import _


def duration(seconds: float) -> str:
    """Such as 8 s, 1:05, 2:00:07."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else _("{seconds} s", seconds=rest)


def clock(at: float) -> str:
    return _local(at).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    return _local(at).isoformat(timespec="milliseconds")


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()


def ms(seconds: float) -> str:
    """Such as 45 ms."""
    return _("{ms:.0f} ms", ms=seconds * 1000)
