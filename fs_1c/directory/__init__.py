"""Who is calling: 1C's answers, remembered, asked for once by all who want them at the same time, and never
waited for beyond the deadline.

A `Directory` for each base; `SharedAnswers` are what several switches know together, in Redis.
"""

from fs_1c.directory.blocked import Blocked
from fs_1c.directory.breaker import BreakerState
from fs_1c.directory.directory import Directory
from fs_1c.directory.shared import SharedAnswers

__all__ = ["Blocked", "BreakerState", "Directory", "SharedAnswers"]
