"""`fs-1c journal`: what the journal knows, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from fs_1c.cli.terminal import say
from fs_1c.journal import CallEntry, JournalError, Row, calls, listing, story, to_json, with_addresses
from fs_1c.language import _
from fs_1c.numbers import Number, NumberPlan, read
from fs_1c.recordings import address_or_file
from fs_1c.settings import Settings


def sought(number: str, plan: NumberPlan) -> str:
    """A number in whatever form it was typed, as the journal has it."""
    parsed = read(number, plan)
    return parsed.e164 if isinstance(parsed, Number) else number


def run(
    path: Path,
    settings: Settings,
    number: str = "",
    call: str = "",
    *,
    limit: int = 20,
    missed: bool = False,
    as_json: bool = False,
    console: Console,
) -> int:
    """Shows what the journal says. Returns the exit code: 0, or 1 if the journal cannot be read.

    Args:
        call: The uuid of one call, which is then told in full; so is a single one by `limit`.
        missed: Only calls that nobody answered, of clients who have not been talked to since.
    """
    asked, address = sought(number, settings.numbers.plan()), address_or_file(settings)
    try:
        found = calls(path, number=asked or None, call=call or None, limit=limit, missed=missed)
        entries = [with_addresses(one, address) for one in found]
    except JournalError as error:
        say(Console(stderr=True), str(error))
        return 1
    if missed and not entries and not as_json:
        say(console, _("Nobody waits to be called back."))
    else:
        show(entries, {}, number=asked, call=call, limit=limit, as_json=as_json, console=console)
    return 0


def show(
    entries: Sequence[CallEntry],
    services: Mapping[Row, str],
    *,
    number: str,
    call: str,
    limit: int,
    as_json: bool,
    console: Console,
) -> None:
    """What was found, and in which service's journal each row was, if there are several."""
    if as_json:
        say(console, to_json(entries, services))
    elif not entries:
        if call:
            say(console, _("The journal knows no call {call}.", call=call))
        elif number:
            say(console, _("The journal knows no call of {number}.", number=number))
        else:
            say(console, _("The journal knows no call yet."))
    elif call or limit == 1:
        say(console, *story(entries[0], services))
    else:
        say(console, *listing(entries, services))
