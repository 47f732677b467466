"""Would a call come to this service, and would anybody ring: the switch's dialplan and its users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fs_1c import channel
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.check.steps import gateways_step
from fs_1c.check.switch import Switch, broke_off, manager_domains
from fs_1c.dialplan import EXAMPLE, Asking, asking, users
from fs_1c.esl import EventSocket, NotLetIn, WireError
from fs_1c.settings import Role

STEP = "dialplan"
_NO_NAMES = "Calls ring as before: nobody is looked up, and no name is shown."
_NOBODY = "When 1C knows nobody, or is away, nobody rings, and the caller is lost."
_MOST = 20
_ELSEWHERE = {
    "module_exists mod_xml_curl": "true",
    "xml_locate configuration configuration name lua.conf": "xml-handler-bindings",
}
"""What the switch says where dialplans come from a program."""


def dialplan(switch: Switch, managers: Sequence[str]) -> list[Finding]:
    """Which extension asks this service, whom it rings, and whether those and the managers are there."""
    door = switch.whole.esl.outbound
    if not (door.enabled and door.listen.port) or switch.settings.role is Role.RESERVE:
        return [skipped(STEP, "this service is not asked by that switch's dialplan")]
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(switch.settings.secret())
            found = asking(connection.api("xml_locate dialplan") or "", door.listen)
            if found is None:
                return [skipped(STEP, "the switch does not tell its dialplan")]
            return [*_who_asks(switch, connection, found), *_who_rings(switch, connection, found, managers)]
    except (OSError, EOFError, WireError, ValueError, NotLetIn) as error:
        return [broke_off(STEP, error)]


def _who_asks(switch: Switch, connection: EventSocket, found: Sequence[Asking]) -> Iterator[Finding]:
    listen = switch.whole.esl.outbound.listen
    ours = [one for one in found if one.ours]
    for one in ours:
        where = f"extension {one.name} in the context {one.context}"
        if one.before:
            what = f"{where} never gets a call: {one.before} takes {one.number} before it"
            yield problem(
                STEP, what, _NO_NAMES, "Leave one extension for the number; files are read by name."
            )
        elif one.example:
            what = f"{where} still takes the example's number, {EXAMPLE}"
            yield warning(STEP, what, _NO_NAMES, "Put your own number there, and reloadxml.")
        else:
            asks = (
                f"{where} asks this service for {one.number}" if one.number else f"{where} asks this service"
            )
            yield ok(STEP, asks)
        if not one.rings:
            remedy = "Put fs_1c_default_target before `socket`, and a bridge to it at the end."
            yield problem(STEP, f"{where} has nobody to ring after the manager", _NOBODY, remedy)
    if ours:
        return
    if any(sign in (connection.api(command) or "") for command, sign in _ELSEWHERE.items()):
        yield skipped(STEP, "the dialplan comes from a program (mod_xml_curl, mod_lua) and cannot be seen")
        return
    others = ", ".join(sorted({one.address for one in found}))
    what = f"no extension of the dialplan asks this service: there is no `socket {listen}`"
    what = f"{what}, but there is {others}" if others else what
    remedy = "Copy dialplan/sync.xml into conf/dialplan/public, put your number in, and reloadxml."
    yield problem(STEP, what, _NO_NAMES, remedy)


def _who_rings(
    switch: Switch, connection: EventSocket, found: Sequence[Asking], managers: Sequence[str]
) -> Iterator[Finding]:
    own = switch.whole.routing.domain or switch.domain
    asked: dict[tuple[str, str], str] = {}
    for one in (each for each in found if each.ours):
        domain = channel.host(one.domain.replace("${domain}", switch.domain)) or own
        asked |= dict.fromkeys(users(one.rings, domain), "the dialplan's default target")
        for gateway in gateways_step.named(one.rings):
            yield gateways_step.look(connection, gateway, "the dialplan's default target", STEP)
    theirs = manager_domains(switch, connection) if managers else []
    for manager in managers if any(one.ours for one in found) else ():
        # Of several companies he is in one, and which of them has his base nobody tells.
        there = [one for one in theirs if connection.api(f"user_exists id {manager} {one}") != "false"]
        asked |= {(manager, domain): "the manager that 1C names" for domain in there or theirs[:1]}
    for (user, domain), who in list(asked.items())[:_MOST]:
        known = connection.api(f"user_exists id {user} {domain}")
        contact = connection.api(f"sofia_contact */{user}@{domain}") or ""
        if known == "false":
            why = _NOBODY if "target" in who else "His clients' calls go on to the default target at once."
            remedy = "Make that user (conf/directory), or name one that there is, such as 1000; reloadxml."
            yield problem(STEP, f"{who}, {user}@{domain}, is no user of this switch", why, remedy)
        elif contact.startswith("error/user_not_registered"):
            why = "Its telephone cannot ring, and no card opens there." + (f" {_NOBODY}" * ("target" in who))
            yield warning(STEP, f"{who}, {user}@{domain}, is not registered", why, "Register a telephone.")
        elif known == "true":
            yield ok(STEP, f"{who}, {user}@{domain}, is there")
