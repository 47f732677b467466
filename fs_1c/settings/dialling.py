"""How numbers are dialled, and which of them 1C is not asked about."""

from __future__ import annotations

from pydantic import Field

from fs_1c.numbers import NumberPlan
from fs_1c.settings.types import ReadableFile, Section


class NumbersSettings(Section):
    """How numbers are dialled where the switch stands."""

    country: str = Field("RU", pattern="^[A-Z]{2}$")
    """Numbers without a country code belong here; two letters, ISO 3166."""
    area_code: str = Field("", pattern="^[0-9]{0,6}$")
    """Put before local numbers, such as 383 before 2745000; empty: local numbers are not understood."""
    extension_digits: int = Field(6, ge=1, le=9)
    """Numbers of up to so many digits are extensions."""
    blocked_file: ReadableFile | None = None
    """Numbers that 1C is never asked about, one a line, or beginnings: `+7999*`; `#` begins a remark.
    Read again when it changes. `fs_1c_result` is `blocked` then.
    """

    def plan(self) -> NumberPlan:
        return NumberPlan(self.country, self.area_code, self.extension_digits)
