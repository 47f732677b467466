"""`fs-1c check`: walks the chain between FreeSWITCH, this service and 1C, and names the broken link.

`steps`, `base`, `switch` and `service` hold the steps: plain functions that look at one link and
return findings. `walk` goes through them, each within its time; `report` shows what was found. Nothing is
changed on the way: no card opens, and every session of 1C that was started is finished. `look_at_base` and
`look_at_switch` look at one link alone, for who is about to write the settings (`fs-1c setup`).
"""

from fs_1c.check.chain import look_at_base, look_at_switch
from fs_1c.check.finding import Finding, Level, ok, problem, skipped, warning
from fs_1c.check.report import lines, run
from fs_1c.check.switch import Switch

__all__ = [
    "Finding",
    "Level",
    "Switch",
    "lines",
    "look_at_base",
    "look_at_switch",
    "ok",
    "problem",
    "run",
    "skipped",
    "warning",
]
