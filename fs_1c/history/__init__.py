"""What 1C is told of the whole call: the story → the words of a dialect."""

from fs_1c.history.tables import Policy, Table, Telling, itoolabs, mobilon, owner

__all__ = ["Policy", "Table", "Telling", "itoolabs", "mobilon", "owner"]
