"""What waits for 1C, for people and monitoring: how much, since when, why; tried at once, or dropped; and
what the log says of it.
"""

from fs_1c.history.waiting.calls import CallWaits
from fs_1c.history.waiting.desk import Desk, Seen, bases_as_json, in_file
from fs_1c.history.waiting.saying import Saying

__all__ = ["CallWaits", "Desk", "Saying", "Seen", "bases_as_json", "in_file"]
