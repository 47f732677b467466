"""What speaks HTTP: health, metrics, `POST /forget`, the status page; by its own door, calls that 1C wants.
Guests of the event loop that calls are decided on, so nothing here may cost a call anything. Recordings,
which are large, have a loop of their own.
"""

from fs_1c.web.calling import CallingDoor
from fs_1c.web.door import HttpDoor
from fs_1c.web.recordings import RecordingsDoor

__all__ = ["CallingDoor", "HttpDoor", "RecordingsDoor"]
