"""Somebody has answered a call: who talks to whom, asked of FreeSWITCH, since no event reaches us here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fs_1c.modpython.switch import api, freeswitch

if TYPE_CHECKING:
    from fs_1c.call import Conversation
    from fs_1c.talk import People

BRIDGED_WITHIN = 120.0
"""Seconds from the answer to the conversation: between them lie an IVR, and a telephone that rings."""
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.2
"""Seconds between two looks; each takes some microseconds."""
SHARE = 20
"""How many times as long as its look lasted somebody waits until the next one. All Python of the switch
stands still during a look, and whoever sends 40 kB of headers with his call makes 6 ms of it.
"""
MAX_DUMP = 1 << 20
"""Characters of a channel's data; it has 15 000."""
MAX_LEGS = 16
"""Legs that are looked at for one conversation; more than two only where there are loopback channels."""


def conversation(uuid: str, people: People) -> Conversation | None:
    """Waits until that channel and somebody else hear each other. None: it ends before, or these two are no
    client and subscriber.
    """
    from fs_1c.call import Conversation
    from fs_1c.talk import Conversations, is_uuid

    if not is_uuid(uuid):
        return None
    ends, pause = time.monotonic() + BRIDGED_WITHIN, FIRST_PAUSE
    while (began := time.monotonic()) < ends and freeswitch().running():
        # Not `bridge_uuid` nor the bond: these stay when the bridge is over, as after a blind transfer.
        bridged_to = api("uuid_getvar", f"{uuid} bridge_to")
        if bridged_to.startswith("-ERR"):
            return None
        if bridged_to and bridged_to != "_undef_":
            legs = list(_legs(uuid))
            conversations = Conversations(people.plan, people.has_key)
            told = [event for leg in legs for event in conversations.feed(leg)]
            begun = next((one for one in told if isinstance(one, Conversation)), None)
            if begun or (len(legs) > 1 and all(_talks(leg) for leg in legs)):
                return begun
        time.sleep(max(pause, SHARE * (time.monotonic() - began)))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return None


def _legs(uuid: str) -> Iterator[dict[str, str]]:
    """The data of the channel, of whomever it is bridged to, and of those behind loopback channels."""
    from fs_1c.talk import is_uuid

    wanted, seen = [uuid], set[str]()
    while wanted and len(seen) < MAX_LEGS:
        one = wanted.pop()
        if one in seen or not is_uuid(one):
            continue
        seen.add(one)
        # In the form `plain` a value could begin another header.
        leg = _read(api("uuid_dump", f"{one} json"))
        if leg.get("Unique-ID") == one:
            yield leg
            others = ["variable_bridge_to"]
            if _is_loopback(leg):
                others.append("variable_other_loopback_leg_uuid")
            wanted += [leg[name] for name in others if leg.get(name)]


def _read(dump: str) -> dict[str, str]:
    """A channel's data; empty if this is none."""
    if not dump.startswith("{") or len(dump) > MAX_DUMP:
        return {}
    try:
        found = json.loads(dump, strict=False)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _talks(leg: dict[str, str]) -> bool:
    """He has answered, and is no loopback channel, behind which somebody may still ring."""
    return leg.get("Answer-State") == "answered" and not _is_loopback(leg)


def _is_loopback(leg: dict[str, str]) -> bool:
    return leg.get("Channel-Name", "").startswith("loopback/")
