"""A 1C and a FreeSWITCH to rehearse against, shipped with the library.

`OneCSimulator` and `SimulatedSwitch` are for anybody's tests, too; more of both is in `fs_1c.simulator.onec`
and `fs_1c.simulator.freeswitch`. `run_demo` is what `fs-1c demo` runs.
"""

from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import (
    FAULT_KINDS,
    REHEARSAL,
    ClientFileError,
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
    "ClientFileError",
    "OneCSimulator",
    "OneCSimulatorSettings",
    "SimulatedSwitch",
    "SwitchSettings",
    "fault_of",
    "one_line",
    "run_demo",
]


async def run_demo() -> int:
    """All of it in one terminal. Returns the exit code."""
    from fs_1c.simulator.demo import run  # here, for it takes a while to load

    return await run()
