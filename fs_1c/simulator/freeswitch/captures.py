"""Recordings of what a real FreeSWITCH sent and was sent.

A recording is a sequence of records: a header line ``>>> SECONDS LENGTH`` (sent to FreeSWITCH),
``<<< SECONDS LENGTH`` (received from it) or ``EOF SECONDS 0``, then exactly LENGTH raw bytes, then one
newline that is not part of them. A record is one ``recv``: a message may span records and a record may hold
several messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal, cast

Direction = Literal[">>>", "<<<", "EOF"]


class CaptureError(ValueError):
    """A recording that cannot be read; the message names the file, the offset in bytes and the offending
    line."""


@dataclass(frozen=True, slots=True)
class Record:
    """One ``send`` or ``recv`` of a recording.

    Attributes:
        direction: ``>>>`` to FreeSWITCH, ``<<<`` from it, ``EOF`` the peer closed.
        seconds: since the start of the recording.
        data: raw bytes, empty for ``EOF``.
    """

    direction: Direction
    seconds: float
    data: bytes


def read(path: str | Path) -> list[Record]:
    """Reads a recording.

    Raises:
        CaptureError: the file is not a recording, or it is cut short.
        OSError: the file cannot be opened.
    """
    return parse(Path(path).read_bytes(), str(path))


def bundled(name: str) -> list[Record]:
    """Reads a recording shipped with the simulator, by its name without ``.esl``.

    Raises:
        CaptureError: there is none of that name.
    """
    shipped = resources.files("fs_1c.simulator") / "data" / f"{name}.esl"
    if "/" in name or not shipped.is_file():
        raise CaptureError(f"no recording named {name!r} is shipped with the simulator")
    return parse(shipped.read_bytes(), f"{name}.esl")


def find(name_or_path: str | Path) -> list[Record]:
    """A shipped recording when ``name_or_path`` is a bare name, a file otherwise (errors as :func:`read`)."""
    if isinstance(name_or_path, str) and "/" not in name_or_path and not name_or_path.endswith(".esl"):
        return bundled(name_or_path)
    return read(name_or_path)


def parse(content: bytes, origin: str = "recording") -> list[Record]:
    """Records out of the bytes of a recording; ``origin`` only serves error messages.

    Raises:
        CaptureError: see :func:`read`.
    """
    records: list[Record] = []
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        line = content[at:end] if end >= 0 else content[at:]
        direction, seconds, length = _header(line, at, origin)
        start = end + 1
        data = content[start : start + length]
        closing = content[start + length : start + length + 1]
        # The last record may lack its closing newline: an interrupted recorder leaves it so.
        if end < 0 or len(data) < length or closing not in (b"\n", b""):
            raise CaptureError(f"{origin}: record at byte {at} ({line!r}) is cut short or of a wrong length")
        records.append(Record(direction, seconds, data))
        at = start + length + 1
    return records


def received(records: list[Record]) -> bytes:
    """Everything FreeSWITCH sent, in one piece."""
    return b"".join(record.data for record in records if record.direction == "<<<")


def _header(line: bytes, at: int, origin: str) -> tuple[Direction, float, int]:
    fields = line.split(b" ")
    try:
        direction, seconds, length = fields[0].decode("ascii"), float(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        direction, seconds, length = "", 0.0, -1
    if direction not in (">>>", "<<<", "EOF") or length < 0 or len(fields) != 3:
        raise CaptureError(f"{origin}: expected '>>> SECONDS LENGTH' at byte {at}, got {line[:80]!r}")
    return cast(Direction, direction), seconds, length
