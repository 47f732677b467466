"""Who can call: subscribers, for a base that wants to know which employee has which extension."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from fs_1c import channel
from fs_1c.calls import Desk
from fs_1c.integration import Integration
from fs_1c.numbers import NumberPlan, is_extension

WITHIN = 2.0
"""Seconds that a switch may take; its directory may be a database."""
MAX_USERS = 10_000


async def accounts(integration: Integration, desk: Desk) -> list[dict[str, str]]:
    """Name and extension of each: those whom a switch lists, and those who have a key here."""
    plan = integration.settings.numbers.plan()
    found = {extension: extension for extension in integration.subscribers.extensions()}
    tables = await asyncio.gather(*(_within(line.users()) for line in desk.lines if line.is_up()))
    for table in tables:
        found |= users(table, plan)
    ordered = sorted(found.items(), key=lambda one: (len(one[0]), one[0]))
    return [{"name": name, "ext": extension} for extension, name in ordered[:MAX_USERS]]


async def _within(asked: Future[str]) -> str:
    try:
        return await asyncio.wait_for(asyncio.wrap_future(asked), WITHIN)
    except TimeoutError:
        return ""


def users(table: str, plan: NumberPlan) -> dict[str, str]:
    """Extension → name, of what `list_users` says. Never raises; a login that is no extension is left out."""
    found: dict[str, str] = {}
    lines = table.splitlines()
    heads = lines[0].split("|") if lines else []
    try:
        who, name = heads.index("userid"), heads.index("effective_caller_id_name")
    except ValueError:
        return found
    for line in lines[1 : MAX_USERS + 1]:
        row = line.split("|")
        if len(row) == len(heads) and is_extension(row[who], plan):
            found[row[who]] = channel.text(row[name]) or row[who]
    return found
