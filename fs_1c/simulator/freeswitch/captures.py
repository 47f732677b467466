"""Recordings of what a real FreeSWITCH sent and was sent.

A recording is a sequence of records: a header line `>>> SECONDS LENGTH` (sent to FreeSWITCH), `<<< SECONDS
LENGTH` (received from it) or `EOF SECONDS 0`, then exactly LENGTH raw octets, then one newline that is not
part of them. A record is one `recv`: a message may span records and a record may hold several messages.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import NamedTuple

_HEADER = re.compile(rb"(>>>|<<<|EOF) (\d+(?:\.\d+)?) (\d{1,12})\n")


class CaptureError(ValueError):
    """A recording that cannot be read; the message names the file, the offset and the offending line."""


class Record(NamedTuple):
    """One `send` or `recv`: `>>>`, `<<<` or `EOF`, the seconds since the recording's start, raw octets."""

    direction: str
    seconds: float
    data: bytes


def read(path: str | Path) -> list[Record]:
    """Reads a recording. Raises CaptureError: it is none, or is cut short; OSError: it cannot be opened."""
    return _parse(Path(path).read_bytes(), str(path))


def bundled(name: str) -> list[Record]:
    """Reads a recording shipped with the simulator, by its name without `.esl`. Raises CaptureError."""
    shipped = resources.files("fs_1c.simulator") / "data" / f"{name}.esl"
    if "/" in name or not shipped.is_file():
        raise CaptureError(f"no recording named {name!r} is shipped with the simulator")
    return _parse(shipped.read_bytes(), f"{name}.esl")


def find(name_or_path: str | Path) -> list[Record]:
    """A shipped recording when it is a bare name, a file otherwise; errors as of these."""
    bare = isinstance(name_or_path, str) and "/" not in name_or_path and not name_or_path.endswith(".esl")
    return bundled(str(name_or_path)) if bare else read(name_or_path)


def received(records: list[Record]) -> bytes:
    return b"".join(record.data for record in records if record.direction == "<<<")


def _parse(content: bytes, origin: str) -> list[Record]:
    records: list[Record] = []
    at = 0
    while at < len(content):
        line = content[at : at + 80].partition(b"\n")[0]
        header = _HEADER.match(content, at)
        if header is None:
            raise CaptureError(f"{origin}: expected '>>> SECONDS LENGTH' at byte {at}, got {line!r}")
        end = header.end() + int(header[3])
        # The last record may lack its closing newline: an interrupted recorder leaves it so.
        if end > len(content) or content[end : end + 1] not in (b"\n", b""):
            raise CaptureError(f"{origin}: record at byte {at} ({line!r}) is cut short or of a wrong length")
        records.append(Record(header[1].decode(), float(header[2]), content[header.end() : end]))
        at = end + 1
    return records
