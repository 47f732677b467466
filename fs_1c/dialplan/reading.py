"""The extensions of a dialplan that ask this service, read from its XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from fs_1c.settings import Address, is_loopback

EXAMPLE = "74951234567"
"""The number that the examples are written for."""
_AS_SHIPPED = rf"^(\+?{EXAMPLE})$"
"""How the examples ask for it; `fs-1c setup` writes a number in every form, and its user's own is none."""
_SILENT = (
    "set",
    "export",
    "multiset",
    "unset",
    "set_profile_var",
    "log",
    "info",
    "sleep",
    "execute_extension",
)
_OURS = "${fs_1c_target}"
_DEFAULT = "${fs_1c_default_target}"
_USER = re.compile(r"\buser/([\w.+-]{1,64})(?:@([\w.:$\{\}-]{1,255}))?")


@dataclass(frozen=True, slots=True)
class Asking:
    """An extension that asks this service, or an address where it is not.

    Attributes:
        context, name: Where it stands.
        address: Whom it asks, as it is written: `127.0.0.1:8084`.
        ours: That is this service.
        number: The dialled number that it takes, if it takes just one.
        example: That is the examples' number, as they ask for it.
        before: An extension of the same context that takes that number before it; empty: none.
        domain: `domain_name` as the extension sets it; empty: it does not.
        rings: What rings after it: dial strings, with what the extension sets filled in; other applications
            by name.
    """

    context: str
    name: str
    address: str
    ours: bool
    number: str = ""
    example: bool = False
    before: str = ""
    domain: str = ""
    rings: tuple[str, ...] = field(default=())


def asking(xml: str, listen: Address) -> list[Asking] | None:
    """Those that ask a service by `socket`, in their order; None: that is no dialplan."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, remove_comments=True
    )
    try:
        root = etree.fromstring(xml.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root is None or root.tag not in ("section", "context"):
        return None
    contexts = [root] if root.tag == "context" else list(root.iter("context"))
    return [one for context in contexts for one in _of_context(context, listen)]


def users(rings: tuple[str, ...], domain: str) -> list[tuple[str, str]]:
    """The users that those dial strings ring, with their domains; whom a variable names is left out."""
    found = [
        (match[1], re.sub(r"^\$\{domain(_name)?\}$", domain, match[2] or domain))
        for one in rings
        for match in _USER.finditer(one)
    ]
    return [(user, where) for user, where in dict.fromkeys(found) if where and "$" not in where]


def _of_context(context: etree._Element, listen: Address) -> Iterator[Asking]:
    extensions = list(context.iter("extension"))
    for place, extension in enumerate(extensions):
        actions = [
            (str(one.get("application")), str(one.get("data") or "")) for one in extension.iter("action")
        ]
        for at, (application, data) in enumerate(actions):
            if application == "socket":
                number = _number(extension)
                earlier = (one for one in extensions[:place] if number and takes(one, number))
                names = (str(one.get("name") or "?") for one in earlier)
                variables = dict(_variables(actions[:at]))
                yield Asking(
                    context=str(context.get("name") or "?"),
                    name=str(extension.get("name") or "?"),
                    address=data.split()[0] if data.split() else "",
                    ours=any(_is(one, listen) for one in data.split(" ")[0].split("|")),
                    number=number,
                    example=_conditions(extension) == [_AS_SHIPPED],
                    before=next(names, ""),
                    domain=variables.get("domain_name", ""),
                    rings=tuple(_rings(actions[at + 1 :], variables)),
                )
                break


def _is(written: str, listen: Address) -> bool:
    host, _, port = written.strip().rpartition(":")
    if port != str(listen.port):
        return False
    everywhere = listen.host in ("0.0.0.0", "::")  # noqa: S104  compared, not listened at
    return everywhere or host == listen.host or (is_loopback(host) and is_loopback(listen.host))


def _conditions(extension: etree._Element) -> list[str] | None:
    """What it wants of the dialled number; None: of something else, too."""
    conditions = list(extension.iterfind("condition"))
    if not conditions or any(one.get("field") != "destination_number" for one in conditions):
        return None
    return [str(one.get("expression") or "") for one in conditions]


def _number(extension: etree._Element) -> str:
    """The number in a pattern such as `^(\\+?74951234567|84951234567)$`; the first, if it lists several."""
    patterns = _conditions(extension) or []
    first = patterns[0].partition("|")[0] if len(patterns) == 1 else ""
    plain = re.sub(r"\\?\+\??|[\^$()]", "", first)
    return plain if plain.isdecimal() and _matches(patterns[0], plain) else ""


def takes(extension: etree._Element, number: str) -> bool:
    """Does the call end there, whatever else is true of it."""
    patterns = _conditions(extension)
    if not patterns or extension.get("continue") == "true" or not list(extension.iter("action")):
        return False
    return all(_matches(pattern, number) for pattern in patterns)


def _matches(pattern: str, number: str) -> bool:
    try:
        return len(pattern) < 200 and bool(re.search(pattern, number))
    except (re.error, RecursionError, OverflowError):
        return False


def _variables(actions: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for application, data in actions:
        if application == "multiset" and data.startswith("^^") and len(data) > 2:
            written = data[3:].split(data[2])
        elif application == "multiset":
            written = data.split()
        elif application in ("set", "export"):
            written = [data.removeprefix("nolocal:")]
        else:
            continue
        yield from (
            (name.strip(), value.strip()) for name, _, value in (one.partition("=") for one in written)
        )


def _rings(actions: list[tuple[str, str]], variables: dict[str, str]) -> Iterator[str]:
    for application, data in actions:
        if application in _SILENT or data.strip() == _OURS:
            continue
        if application != "bridge":
            yield application
        elif target := data.replace(_DEFAULT, variables.get("fs_1c_default_target", "")).strip():
            yield target
