"""What tests of whole services share: their settings, and a call that lasts."""

from __future__ import annotations

from pathlib import Path

from fs_1c.simulator.freeswitch import CallScript, SimulatedSwitch
from fs_1c.simulator.onec import OneCSimulator
from tests.world import CLIENT, KEYS

LONG = CallScript(CLIENT, answered_by="244", default_target="user/244@127.0.0.1", ring=0.02, talk=60.0)
"""A call that needs no service and lasts until the switch is stopped."""


def settings_file(folder: Path, onec: OneCSimulator, more: str, *switches: SimulatedSwitch) -> Path:
    """Settings of a service with that folder of its own, which listens to these switches."""
    folder.mkdir(exist_ok=True)
    keys = "".join(f'"{extension}" = "{key}"\n' for extension, key in KEYS.items())
    listeners = "".join(
        f'[[esl.inbound]]\naddress = "127.0.0.1:{switch.event_socket_port}"\n' for switch in switches
    )
    path = folder / "fs-1c.toml"
    path.write_text(
        f'[onec]\nurl = "{onec.url}"\nusername = "SOAP"\npassword = "s3cret"\n[subscribers.keys]\n{keys}'
        f'[state]\nfolder = "{folder}"\n{more}{listeners}'
    )
    return path


def pops(onec: OneCSimulator) -> int:
    """How many IncomingCalls have arrived at 1C."""
    return sum(request.operation == "IncomingCall" for request in onec.requests)
