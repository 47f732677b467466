"""What 1C is told of the whole call: the story → the words of a dialect → the outbox, until 1C has them.

`History` is an observer that never holds a call up. What a base is told is a pure table (`tables`). What
waits for it is on the disk (`outbox`, `place`, `kept`). Workers tell it (`sending`); how fast, and what may
be told again, is pure (`pace`). How much waits and why, the `desk` says.
"""

from fs_1c.history.history import History
from fs_1c.history.office import Base, Office, history_file, policy_of
from fs_1c.history.waiting import CallWaits, bases_as_json, in_file

__all__ = ["Base", "CallWaits", "History", "Office", "bases_as_json", "history_file", "in_file", "policy_of"]
