"""A switch whose event socket is listened to: does it let us in, has it what is needed, does it know the
keys.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass

from fs_1c import channel
from fs_1c.check import network
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.check.keys import Keys
from fs_1c.check.network import Place
from fs_1c.dialplan import asking
from fs_1c.esl import EventSocket, NotLetIn, WireError, commands
from fs_1c.settings import InboundSettings, Settings, is_loopback

TALK_WITHIN = 5.0
"""Seconds for all that is said on one connection."""
_MOST_DOMAINS = 20
_NO_CARDS = "Without it the service does not learn who answers: no card opens."
_APPLICATIONS = {"socket": "mod_event_socket", "multiset": "mod_dptools", "bridge": "mod_dptools"}
_DEFAULT_PASSWORD = "ClueCon"  # noqa: S105  FreeSWITCH's own, which everybody knows


@dataclass(slots=True)
class Switch:
    """One switch, and what is known of it.

    Attributes:
        blocked: Why the steps that follow make no sense; empty: they do.
        place: The address that answers.
        domain: FreeSWITCH's own default domain.
    """

    settings: InboundSettings
    whole: Settings
    keys: Keys
    blocked: str = ""
    place: Place | None = None
    domain: str = ""

    def connect(self) -> EventSocket:
        """Raises OSError."""
        if self.place is None:
            raise ConnectionError("nobody answers")
        return EventSocket(network.reach(self.place), TALK_WITHIN)


def greeting(switch: Switch) -> list[Finding]:
    """Is there an event socket, and may this machine talk to it."""
    address = switch.settings.address
    switch.blocked = f"there is no event socket at {address}"
    here = "listen-ip and listen-port in event_socket.conf.xml"
    try:
        switch.place = network.answering(network.resolve(*address))
    except (OSError, UnicodeError) as error:
        what = f"nobody answers at {address}: {network.reason(error)}"
        remedy = f"Start FreeSWITCH with mod_event_socket, and compare {here} with esl.inbound.address."
        return [problem("event-socket", what, _NO_CARDS, remedy)]
    try:
        with switch.connect() as connection:
            connection.greeted()
    except NotLetIn:
        switch.blocked = "the switch does not let us in"
        return [
            problem(
                "event-socket",
                f"{address} turns this machine away (its access list)",
                _NO_CARDS,
                "Allow this machine in apply-inbound-acl of event_socket.conf.xml; reload mod_event_socket.",
            )
        ]
    except (WireError, ValueError):
        what = f"what listens at {address} is no event socket"
        return [problem("event-socket", what, _NO_CARDS, f"Correct esl.inbound.address; compare {here}.")]
    except (OSError, EOFError):
        what = f"{address} takes the connection and sends no greeting"
        remedy = f"Restart FreeSWITCH, or correct esl.inbound.address; compare {here}."
        return [problem("event-socket", what, _NO_CARDS, remedy)]
    switch.blocked = ""
    return [ok("event-socket", f"{address} is an event socket")]


def password(switch: Switch) -> list[Finding]:
    """Is the password right, and not everybody's."""
    secret = switch.settings.secret()
    switch.blocked = "the switch does not let us in"
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(secret)
            version = connection.api("version") or ""
    except NotLetIn:
        return [
            problem("password", "the event socket's password is wrong", _NO_CARDS, _wrong(switch, secret)),
        ]
    except (OSError, EOFError, WireError, ValueError) as error:
        return [broke_off("password", error)]
    switch.blocked = ""
    named = re.match(r"FreeSWITCH Version \S+", version)
    found = [
        ok("password", "the switch lets us in"),
        ok("version", named[0] if named else "no version is told"),
    ]
    if secret == _DEFAULT_PASSWORD and not is_loopback(str(switch.place)):
        found[0] = warning(
            "password",
            "the event socket has FreeSWITCH's default password, and can be reached from other machines",
            "Whoever reaches it can place calls and run commands there.",
            "Set another password in event_socket.conf.xml, and here.",
        )
    return found


def _wrong(switch: Switch, secret: str) -> str:
    """What to do; FreeSWITCH's own password is tried, which it has as long as it has read no other."""
    if secret != _DEFAULT_PASSWORD:
        with contextlib.suppress(OSError, EOFError, WireError, ValueError, NotLetIn), switch.connect() as one:
            one.greeted()
            one.authenticate(_DEFAULT_PASSWORD)
            return (
                "The switch still has ClueCon: write yours into event_socket.conf.xml, then "
                "fs_cli -p ClueCon -x 'reload mod_event_socket'."
            )
    return (
        "Put the one of event_socket.conf.xml into esl.inbound.password or password_file. If they are the "
        "same already, FreeSWITCH has not read its file: fs_cli -p OLD -x 'reload mod_event_socket'."
    )


def database(switch: Switch) -> list[Finding]:
    """Can it tell what is up: after a lost connection that is asked."""
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(switch.settings.secret())
            told = connection.ask(commands.api("show channels as json")).body
    except (OSError, EOFError, WireError, ValueError, NotLetIn) as error:
        return [broke_off("database", error)]
    try:
        listed = isinstance(json.loads(told.decode("utf-8", "replace"), strict=False), dict)
    except (ValueError, RecursionError):
        listed = False
    if listed:
        return [ok("database", "it tells which channels are up")]
    said = told[:80].decode("utf-8", "replace").strip() or "nothing"
    what = f"it does not tell which channels are up, but says: {said}"
    if "not found" in said:
        return [skipped("database", what)]
    why = "Cards open, but not for conversations that begin while the service is away."
    remedy = "Start FreeSWITCH without -nosql, or mend its core database (core-db-dsn in switch.conf.xml)."
    return [warning("database", what, why, remedy)]


def claims(switch: Switch) -> list[Finding]:
    """Of a switch that has a name: can it keep apart the services that listen to it."""
    if not switch.settings.name:
        return []
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(switch.settings.secret())
            loaded = connection.api("module_exists mod_hash")
    except (OSError, EOFError, WireError, ValueError, NotLetIn) as error:
        return [broke_off("claims", error)]
    if loaded == "true":
        return [ok("claims", "it keeps the claims of cards (mod_hash)")]
    if loaded != "false":
        return [skipped("claims", "the switch does not tell whether it has mod_hash")]
    return [
        problem(
            "claims",
            "the switch has a name (esl.inbound.name) and has not loaded mod_hash",
            "Its own service and its reserve may both open a card.",
            "Load it now (fs_cli: load mod_hash), and list it in modules.conf.xml.",
        )
    ]


def broke_off(step: str, error: Exception) -> Finding:
    why = network.reason(error) if isinstance(error, OSError) else "it hung up or talks nonsense"
    return problem(
        step, f"the switch does not answer: {why}", _NO_CARDS, "See whether FreeSWITCH hangs (fs_cli)."
    )


def modules(switch: Switch) -> list[Finding]:
    """The applications that a dialplan with fs-1c uses."""
    if not switch.whole.esl.outbound.enabled:
        return [skipped("modules", "esl.outbound is off: the dialplan does not ask this service")]
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(switch.settings.secret())
            listed = _applications(connection.api("show application as json"))
            wanted = [name for name in _APPLICATIONS if name not in listed]
            # The list fills slowly after a start, so it is not believed when something is missing.
            loaded = {module: connection.api(f"module_exists {module}") for module in _modules(wanted)}
            switch.domain = connection.api("global_getvar domain") or ""
    except (OSError, EOFError, WireError, ValueError, NotLetIn) as error:
        return [broke_off("modules", error)]
    missing = [module for module, there in loaded.items() if there == "false"]
    untold = [module for module, there in loaded.items() if there not in ("true", "false")]
    if missing:
        lost = ", ".join(name for name in wanted if _APPLICATIONS[name] in missing)
        return [
            problem(
                "modules",
                f"the switch has not loaded {', '.join(missing)}",
                f"The dialplan's {lost} does not work without it: calls are not looked up.",
                f"Load it now (fs_cli: load {missing[0]}), and list it in modules.conf.xml.",
            )
        ]
    if untold:
        return [skipped("modules", f"the switch does not tell whether it has {', '.join(untold)}")]
    return [ok("modules", f"it has the applications {', '.join(_APPLICATIONS)}")]


def _modules(applications: list[str]) -> list[str]:
    return list(dict.fromkeys(_APPLICATIONS[name] for name in applications))


def _applications(told: str | None) -> set[str]:
    try:
        rows = json.loads(told or "{}").get("rows", [])
        return {str(row["name"]) for row in rows}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return set()


def directory(switch: Switch, managers: list[str]) -> list[Finding]:
    """The keys that FreeSWITCH's directory has for those whom 1C names as managers."""
    if not switch.whole.subscribers.directory:
        return []
    if not managers:
        return [
            skipped(
                "directory", "no manager is known to ask it about; try --number with a client who has one"
            )
        ]
    found: list[Finding] = []
    try:
        with switch.connect() as connection:
            connection.greeted()
            connection.authenticate(switch.settings.secret())
            domains = manager_domains(switch, connection)
            for extension in managers[:20]:
                asked = [_subscriber(switch, connection, extension, domain) for domain in domains]
                # Of several companies he is in one, and which of them has his base nobody tells.
                found += [one for there, one in asked if there] or [asked[0][1]]
    except (OSError, EOFError, WireError, ValueError, NotLetIn) as error:
        found.append(broke_off("directory", error))
    return found


def manager_domains(switch: Switch, connection: EventSocket) -> list[str]:
    """Where a manager may be rung: in the settings' domain, else in those of the calls that ask this service.

    Args:
        connection: One that the switch has let in.
    """
    own = channel.host(switch.whole.routing.domain or switch.domain) or switch.settings.address.host
    if channel.host(switch.whole.routing.domain):
        return [own]
    told = connection.api("xml_locate dialplan") or ""
    ours = [one for one in asking(told, switch.whole.esl.outbound.listen) or () if one.ours]
    theirs = [channel.host(one.domain.replace("${domain}", switch.domain)) or own for one in ours]
    return list(dict.fromkeys(theirs))[:_MOST_DOMAINS] or [own]


def _subscriber(switch: Switch, connection: EventSocket, extension: str, domain: str) -> tuple[bool, Finding]:
    """Whether that domain has him, and what there is to say of his key."""
    user = f"{extension}@{domain}"
    key = connection.api(f"user_data {user} var fs_1c_key") or ""
    there = bool(key) or connection.api(f"user_exists id {extension} {domain}") != "false"
    return there, _key(user, key, there, switch.keys.of.get(extension, ""))


def _key(user: str, key: str, there: bool, own: str) -> Finding:
    if key and own and key != own:
        return problem(
            "directory",
            f"{user} has another key in FreeSWITCH's directory than in the settings",
            "The one in the settings counts; if it is the wrong one, no card opens.",
            "Leave the one key that 1C knows. (One key for several extensions is fine.)",
        )
    if key or own:
        return ok("directory", f"{user} has a key")
    if not there:
        return problem(
            "directory",
            f"FreeSWITCH's directory has no {user}",
            "1C names him as a manager, and his telephone cannot be called.",
            "Correct the manager's phone in 1C, or routing.domain.",
        )
    return problem(
        "directory",
        f"{user} has no fs_1c_key",
        "When he answers, no card opens: 1C finds the person by the key.",
        'Add <variable name="fs_1c_key" value="…"/> to the user in the directory, and reloadxml.',
    )
