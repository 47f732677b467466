"""How bases are spoken to: a file for each family of dialects, a row for each dialect.

A new one is one new file with the functions of `Dialect`, and a row in `_DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Callable

from fs_1c.onec.dialects.itoolabs import itoolabs
from fs_1c.onec.dialects.mobilon import mobilon
from fs_1c.onec.dialects.protocol import Dialect
from fs_1c.settings import DialectName, OneCSettings

_DIALECTS: dict[DialectName, Callable[[OneCSettings], Dialect]] = {
    DialectName.MOBILON_1: mobilon,
    DialectName.MOBILON_2: mobilon,
    DialectName.MOBILON_3: mobilon,
    DialectName.ITOOLABS: itoolabs,
}


def of(settings: OneCSettings) -> Dialect:
    """How this base is spoken to: its dialect with what is set beside it."""
    return _DIALECTS[settings.dialect](settings)


def address(settings: OneCSettings) -> str:
    """Where its requests go."""
    return of(settings).address(settings.url)
