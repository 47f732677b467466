"""`fs-1c check`: walks the chain between FreeSWITCH, this service and 1C, and names the broken link.

`settings_step`, `base`, `switch` and `service` hold the steps: plain functions that look at one link and
return findings. `walk` goes through them, each within its time; `report` shows what was found. Nothing is
changed on the way: no card opens, and every session of 1C that was started is finished.
"""

from fs_1c.check.report import run

__all__ = ["run"]
