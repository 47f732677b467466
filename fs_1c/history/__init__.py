"""What 1C is told of the whole call: the story → the words of a dialect → the outbox, until 1C has them.

`History` is an observer that never holds a call up. What a base is told is a pure table (`tables`). What
waits for it is on the disk (`outbox`, `place`, `kept`). Workers tell it (`sending`); how fast, and what may
be told again, is pure (`pace`).
"""

from fs_1c.history.history import History
from fs_1c.history.office import Base, Office, history_file, policy_of

__all__ = ["Base", "History", "Office", "history_file", "policy_of"]
