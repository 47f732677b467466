"""The module that dialplans name. FreeSWITCH loads it anew on every call, so it only imports."""

from fs_1c.modpython import fsapi, handler, runtime, startup

__all__ = ["fsapi", "handler", "runtime", "startup"]
