"""What clients, callers and 1C wrote, for a terminal: letters, and nothing that it would act upon."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from fs_1c.channel import plain


def say(console: Console, *lines: str) -> None:
    """Prints each on a line of its own, as it stands."""
    for line in lines:
        # Text: neither markup nor :emoji: is looked for in it.
        console.print(Text(plain(line)), soft_wrap=True)
