"""A 1C and a FreeSWITCH to rehearse against, shipped with the library.

`fs_1c.simulator.onec.OneCSimulator` and `fs_1c.simulator.freeswitch.SimulatedSwitch` are for anybody's tests;
`commands` and `run_demo` are what `fs-1c simulator` and `fs-1c demo` run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

__all__ = ["commands", "run_demo"]


def commands() -> typer.Typer:
    """The commands `1c` and `call`."""
    from fs_1c.simulator.cli import app  # here, for it takes a while to load

    return app


async def run_demo() -> int:
    """All of it in one terminal. Returns the exit code."""
    from fs_1c.simulator.demo import run

    return await run()
