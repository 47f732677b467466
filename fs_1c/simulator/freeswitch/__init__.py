"""A FreeSWITCH to try services and dialplans against, played from recordings of a real one."""

from fs_1c.simulator.freeswitch.captures import CaptureError, Record, read
from fs_1c.simulator.freeswitch.script import CallResult, CallScript, SwitchSettings
from fs_1c.simulator.freeswitch.switch import SimulatedSwitch, SwitchStoppedError

__all__ = [
    "CallResult",
    "CallScript",
    "CaptureError",
    "Record",
    "SimulatedSwitch",
    "SwitchSettings",
    "SwitchStoppedError",
    "read",
]
