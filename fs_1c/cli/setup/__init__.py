"""`fs-1c setup`, by its options; loaded with all commands, so the work itself is loaded when it is typed."""

from fs_1c.cli.setup.command import app

__all__ = ["app"]
