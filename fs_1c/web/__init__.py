"""What speaks HTTP: health, metrics, `POST /forget`, the status page: guests of the event loop that calls are
decided on, so nothing here may cost a call anything. Recordings, which are large, have a loop of their own.
"""

from fs_1c.web.door import HttpDoor
from fs_1c.web.recordings import RecordingsDoor

__all__ = ["HttpDoor", "RecordingsDoor"]
