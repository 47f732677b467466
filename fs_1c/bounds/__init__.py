"""Work that must end in time, whatever hangs: it is done by a thread of its own, and left behind."""

from fs_1c.bounds.bounds import Budget, OutOfTime, at_once, begin, within

__all__ = ["Budget", "OutOfTime", "at_once", "begin", "within"]
