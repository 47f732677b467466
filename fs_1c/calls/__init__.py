"""Calls that somebody asks for (click-to-call): what may be dialled, how often, and what becomes of it.

`Desk` is asked by the doors for 1C and for people, and tells a switch by a `Line`. What is decided
(`planned`, `command`, `Progress`) is pure. Otherwise it is a call like any other, which `talk` hears of.
"""

from fs_1c.calls.desk import Desk, Placed, Policy
from fs_1c.calls.pace import Pace
from fs_1c.calls.plan import CALL, CALLED, Refusal, Why
from fs_1c.calls.progress import Result, Stage, Step, What

__all__ = [
    "CALL",
    "CALLED",
    "Desk",
    "Pace",
    "Placed",
    "Policy",
    "Refusal",
    "Result",
    "Stage",
    "Step",
    "What",
    "Why",
]
