"""A FreeSWITCH to try services and dialplans against, played from recordings of a real one.

async with SimulatedSwitch() as switch:  # the service listens to its switch.event_socket_port
    result = await switch.call(CallScript("89235292926", service=("127.0.0.1", 8084)))
    assert result.answered_by == "244" and not result.executed_code
    await switch.play("inbound_answered")
"""

from fs_1c.simulator.freeswitch.recordings import CaptureError
from fs_1c.simulator.freeswitch.script import CallResult, CallScript, SwitchSettings
from fs_1c.simulator.freeswitch.switch import SimulatedSwitch, SwitchStoppedError

__all__ = ["CallResult", "CallScript", "CaptureError", "SimulatedSwitch", "SwitchSettings"]
__all__ += ["SwitchStoppedError"]
