"""FreeSWITCH's event socket: the wire format, the commands, and the two doors.

`doors` gives their classes for a transport. Octets become messages in `wire`; what is said becomes decisions
in `dialogue` (outbound) and `listening` (inbound), both without I/O.
"""

from __future__ import annotations

from fs_1c.esl import commands
from fs_1c.esl.inbound import InboundDoor
from fs_1c.esl.outbound import OutboundDoor
from fs_1c.esl.questions import EventSocket, NotLetIn
from fs_1c.esl.wire import WireError

__all__ = [
    "EventSocket",
    "InboundDoor",
    "NotLetIn",
    "OutboundDoor",
    "WireError",
    "commands",
    "doors",
]


def doors(transport: str) -> tuple[type[OutboundDoor], type[InboundDoor]]:
    """The doors' classes; python-ESL, which may not be there, is loaded only where it is wanted."""
    if transport != "python-esl":
        return OutboundDoor, InboundDoor
    from fs_1c.esl.python_esl.inbound import PythonEslInboundDoor
    from fs_1c.esl.python_esl.outbound import PythonEslOutboundDoor

    return PythonEslOutboundDoor, PythonEslInboundDoor
