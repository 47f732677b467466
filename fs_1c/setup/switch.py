"""The switch on this machine: where its event socket is, what its dialplan has, whether it knows a target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from fs_1c.check import Finding, Switch, ok, problem, skipped, warning
from fs_1c.dialplan import takes, users
from fs_1c.esl import NotLetIn
from fs_1c.language import _
from fs_1c.numbers import Number, read
from fs_1c.settings import Address
from fs_1c.setup.answers import PLAN
from fs_1c.setup.plan import DIALPLAN

FOLDERS = (
    Path("/etc/freeswitch"),
    Path("/usr/local/freeswitch/conf"),
    Path("/usr/local/freeswitch/etc/freeswitch"),
    Path("/opt/freeswitch/etc/freeswitch"),
)
"""Where FreeSWITCH keeps its configuration: packages, and what is built from its sources."""
SOCKET = "autoload_configs/event_socket.conf.xml"
MAX_FILE = 1 << 20
_EVERY = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}  # noqa: S104  listens everywhere


class Door(NamedTuple):
    """An event socket, as its configuration has it. `file`: where that stands."""

    address: Address
    password: str
    file: str


def door(folder: Path) -> Door | None:
    """The event socket of the switch whose configuration is in `folder`. Raises OSError."""
    path = folder / SOCKET
    found = described(_octets(path))
    return Door(*found, str(path)) if found else None


def described(octets: bytes) -> tuple[Address, str] | None:
    """Address and password in event_socket.conf.xml; None: they do not stand there as they are."""
    parameters = {
        str(one.get("name")): str(one.get("value") or "")
        for root in _roots(octets)
        for one in root.iterfind(".//settings/param")
    }
    host, port = parameters.get("listen-ip", ""), parameters.get("listen-port", "8021")
    password = parameters.get("password", "")
    if "$" in host + port + password or not port.isdecimal() or not 0 < int(port) < 65536 or not password:
        return None
    return Address(_EVERY.get(host, host), int(port)), password


def same_number(folder: Path, numbers: Sequence[str]) -> list[Finding]:
    """Extensions for one of the numbers that the context has already; `folder`: of the context."""
    found = []
    files = [folder.with_suffix(".xml"), *sorted(folder.glob("*.xml"))]
    for path in files:
        try:
            octets = _octets(path)
        except OSError:
            continue
        before = path.parent != folder or path.name < DIALPLAN
        for extension in _taking(octets, [form for number in numbers for form in _dialled(number)]):
            found.append(_taken(str(path), extension, before=before))
    return found


def _taken(file: str, extension: str, *, before: bool) -> Finding:
    what = _("{file} has this number already, in the extension {extension}", file=file, extension=extension)
    if before:
        why = _("It is read before {ours}: the call never comes to it.", ours=DIALPLAN)
        return problem("number", what, why, _("Take that extension out, or give another number."))
    why = _("{ours} is read before it: that extension is not reached any more.", ours=DIALPLAN)
    return warning("number", what, why, _("Take it out if it is not wanted any more."))


def _taking(octets: bytes, numbers: Sequence[str]) -> Iterator[str]:
    """The names of extensions where a call to one of the numbers ends."""
    for extension in (one for root in _roots(octets) for one in root.iter("extension")):
        if any(takes(extension, number) for number in numbers):
            yield str(extension.get("name") or "?")


def _dialled(number: str) -> list[str]:
    parsed = read(number, PLAN)
    e164 = parsed.e164[1:] if isinstance(parsed, Number) else number
    return list(dict.fromkeys((number, e164, f"+{e164}")))


def _octets(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE)


def _roots(octets: bytes) -> list[etree._Element]:
    """The document, or what can be read of it: FreeSWITCH bears more than XML allows."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError):
        return []
    return [] if root is None else [root]


def target(switch: Switch, dial_string: str) -> list[Finding]:
    """Does the switch know whoever rings by default."""
    return [
        found
        for one in re.split(r"[,|]|:_:", dial_string.replace("$${", "${"))
        for found in _looked_for(switch, re.sub(r"^(\{[^}]*\}|\[[^\]]*\]|<[^>]*>)+", "", one))
    ]


def _looked_for(switch: Switch, target: str) -> list[Finding]:
    gateway = re.fullmatch(r"sofia/gateway/([^/$]+)/.*", target)
    try:
        if gateway:
            return [_gateway(switch, gateway[1])]
        if found := users((target,), switch.domain):
            return [_user(switch, *one) for one in found]
    except (OSError, EOFError, ValueError, NotLetIn):
        return [skipped("target", _("{target}: the switch does not tell", target=target))]
    return [skipped("target", _("{target}: it cannot be tried", target=target))]


def _api(switch: Switch, command: str) -> str:
    with switch.connect() as connection:
        connection.greeted()
        connection.authenticate(switch.settings.secret())
        return connection.api(command) or ""


def _user(switch: Switch, user: str, domain: str) -> Finding:
    who = f"{user}@{domain}"
    if _api(switch, f"user_exists id {user} {domain}") == "false":
        what = _("FreeSWITCH's directory has no {user}", user=who)
        return problem("target", what, _nobody(), _("Give one of its users, such as 1000."))
    return ok("target", _("FreeSWITCH knows {user}", user=who))


def _gateway(switch: Switch, name: str) -> Finding:
    if "invalid gateway" in _api(switch, f"sofia status gateway {name}").lower():
        what = _("FreeSWITCH has no gateway {name}", name=name)
        return problem("target", what, _nobody(), _("Give one of those that `sofia status gateway` lists."))
    return ok("target", _("FreeSWITCH has the gateway {name}", name=name))


def _nobody() -> str:
    return _("When 1C knows nobody, or is away, nobody rings, and the caller is lost.")
