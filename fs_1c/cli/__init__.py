"""`fs-1c …`: the command line."""

from fs_1c.cli.commands import app, main

__all__ = ["app", "main"]
