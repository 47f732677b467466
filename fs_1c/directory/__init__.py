"""Who is calling: 1C's answers, remembered, and never waited for beyond the deadline."""

from fs_1c.directory.directory import Directory

__all__ = ["Directory"]
