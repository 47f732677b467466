"""`fs-1c journal`: what the journal knows, for a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from fs_1c.cli.terminal import say
from fs_1c.journal import JournalError, calls, listing, story, to_json
from fs_1c.numbers import Number, NumberPlan, read


def run(
    path: Path,
    plan: NumberPlan,
    *,
    number: str = "",
    call: str = "",
    limit: int = 20,
    as_json: bool = False,
    console: Console,
) -> int:
    """Shows what the journal says. Returns the exit code: 0, or 1 if the journal cannot be read.

    Args:
        plan: How numbers are dialled here: `number` may come in any form.
        call: The uuid of one call, which is then told in full; so is a single one by `limit`.
    """
    parsed = read(number, plan)
    asked = parsed.e164 if isinstance(parsed, Number) else number
    try:
        entries = calls(path, number=asked or None, call=call or None, limit=limit)
    except JournalError as error:
        say(Console(stderr=True), str(error))
        return 1
    if as_json:
        say(console, to_json(entries))
    elif not entries:
        sought = f"no call {call}" if call else f"no call of {asked}" if asked else "no call yet"
        say(console, f"The journal knows {sought}.")
    elif call or limit == 1:
        say(console, *story(entries[0]))
    else:
        say(console, *listing(entries))
    return 0
