"""`fs-1c demo`: a 1C, a FreeSWITCH and the service between them, in one terminal; calls, and what 1C has made
of them in the end.
"""

from fs_1c.cli.demo.play import run

__all__ = ["run"]
