"""A SQLite file that one thread keeps open for as long as the process lives: opened when it is wanted, closed
to others, never in the way of its readers, and set aside when it is corrupt. Many rows go
into it `together`.
"""

from fs_1c.sqlite_file.file import BUSY, Newer, SqliteFile, is_corrupt, may_pass, version_of
from fs_1c.sqlite_file.together import together

__all__ = ["BUSY", "Newer", "SqliteFile", "is_corrupt", "may_pass", "together", "version_of"]
