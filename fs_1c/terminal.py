"""What clients, callers and 1C wrote, for a terminal: letters, and nothing that it would act upon."""

from __future__ import annotations

import unicodedata

from rich.console import Console
from rich.text import Text


def plain(text: str) -> str:
    """`text` on one line, with whatever is no letter, sign or space made visible: \\x1b, \\u202e."""
    return "".join(
        c if c.isprintable() else " " if unicodedata.category(c) == "Zs" else repr(c)[1:-1] for c in text
    )


def say(console: Console, *lines: str) -> None:
    """Prints each on a line of its own, as it stands."""
    for line in lines:
        console.print(
            Text(plain(line)), soft_wrap=True
        )  # Text: neither markup nor :emoji: is looked for in it
