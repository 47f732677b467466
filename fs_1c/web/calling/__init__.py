"""Calls that 1C asks for, over HTTP: the forms in which its bases ask, and our own (`POST /calls`). A form
says what is asked and answers in its own words; whether a call is made, `fs_1c.calls` decides.
"""

from fs_1c.web.calling.door import CallingDoor
from fs_1c.web.calling.own import by_hand

__all__ = ["CallingDoor", "by_hand"]
