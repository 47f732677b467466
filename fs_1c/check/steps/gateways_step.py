"""The trunks by which people outside are called: has the switch the gateways that dial strings name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.check.switch import Switch, broke_off
from fs_1c.esl import EventSocket, NotLetIn, WireError
from fs_1c.settings import Settings

STEP = "gateways"
_GATEWAY = re.compile(r"\bsofia/gateway/([^/$\s]{1,200})/")
_DOWN = re.compile(r"^Status\s+DOWN\b", re.MULTILINE)


def gateways(switch: Switch) -> list[Finding]:
    """Those of the settings; nothing, where they name none."""
    wanted = [(name, where) for where, told in _of(switch.whole) for name in named(told)]
    if not wanted:
        return []
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(switch.settings.secret())
            return [look(connection, name, where) for name, where in wanted]
    except (OSError, EOFError, WireError, ValueError, NotLetIn) as error:
        return [broke_off(STEP, error)]


def named(dial_strings: Iterable[str]) -> list[str]:
    """The gateways in them."""
    return list(dict.fromkeys(match[1] for one in dial_strings for match in _GATEWAY.finditer(one)))


def look(connection: EventSocket, name: str, where: str, step: str = STEP) -> Finding:
    """Has the switch that gateway. `where`: who calls by it. Raises OSError, EOFError or WireError."""
    told = connection.api(f"sofia status gateway {name}") or ""
    if "invalid gateway" in told.lower():
        remedy = (
            "Name one that `sofia status gateway` lists, or make it in sip_profiles/external and have it "
            "read: sofia profile external rescan."
        )
        what = f"{where} calls by the gateway {name}, which this switch does not have"
        return problem(step, what, "Every such call fails at once.", remedy)
    if _DOWN.search(told):
        what = f"{where} calls by the gateway {name}, which is down"
        remedy = f"See why: fs_cli -x 'sofia status gateway {name}', and the trunk's user and password."
        return warning(step, what, "Every such call fails until it is up.", remedy)
    if not re.search(r"^Name\s", told, re.MULTILINE):
        return skipped(step, f"the switch does not tell of the gateway {name}")
    return ok(step, f"the gateway {name}, by which {where} calls, is there")


def _of(settings: Settings) -> Iterator[tuple[str, tuple[str, ...]]]:
    routing = settings.routing
    yield "calls.dial", (settings.calls.dial or "",)
    yield "routing.external", (routing.external or "",)
    yield "routing.extension", (routing.extension,)
    yield "routing.then", routing.then
    yield "routing.category", tuple(one for rule in routing.category for one in rule.then or ())
