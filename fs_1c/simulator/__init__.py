"""A 1C and a FreeSWITCH to rehearse against, shipped with the library.

`OneCSimulator` and `SimulatedSwitch` are for anybody's tests, too; more of both is in `fs_1c.simulator.onec`
and `fs_1c.simulator.freeswitch`.
"""

from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import (
    FAULT_KINDS,
    REHEARSAL,
    Card,
    ClientFileError,
    Document,
    Fault,
    OneCSimulator,
    OneCSimulatorSettings,
    fault_of,
    one_line,
)

__all__ = [
    "FAULT_KINDS",
    "REHEARSAL",
    "CallResult",
    "CallScript",
    "Card",
    "ClientFileError",
    "Document",
    "Fault",
    "OneCSimulator",
    "OneCSimulatorSettings",
    "SimulatedSwitch",
    "SwitchSettings",
    "fault_of",
    "one_line",
]
