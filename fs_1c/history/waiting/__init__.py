"""What waits for 1C, for people and monitoring: how much, since when, why; tried at once, or dropped."""

from fs_1c.history.waiting.calls import CallWaits
from fs_1c.history.waiting.desk import Desk, Seen, in_file

__all__ = ["CallWaits", "Desk", "Seen", "in_file"]
