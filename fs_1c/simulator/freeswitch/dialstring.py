"""The dial string: whom ``bridge`` rings, in what order, with what variables.

As switch_ivr_originate takes it apart: ``<...>`` and ``{...}`` in front are for all, ``|`` separates what is
    tried one
after another, ``,`` what rings together, ``[...]`` in front of an endpoint is for it alone. ``|`` is looked
for before brackets are, so it cuts through them and takes quotes away; ``,`` inside ``[...]`` does not
separate endpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

from fs_1c.simulator.freeswitch.values import separate

ENDPOINTS = frozenset({"error", "freetdm", "group", "loopback", "null", "pickup", "sofia", "user", "verto"})
"""Kinds of endpoint a FreeSWITCH usually has; any other kind fails as CHAN_NOT_IMPLEMENTED."""

_VALUE_COMMA, _UNQUOTED_COMMA = "\x01", "\x02"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One leg to be rung.

    Attributes:
        address: the endpoint without its variables, e.g. ``user/244@127.0.0.1``.
        kind: what stands before the first slash, e.g. ``user``.
        extension: the last part of the path before ``@`` (an extension, or a number behind a gateway).
        variables: from ``<>``, ``{}`` and ``[]``, the nearer one winning.
    """

    address: str
    kind: str
    extension: str
    variables: tuple[tuple[str, str], ...]


def parse(dial_string: str) -> list[list[Endpoint]]:
    """Steps tried one after another, each a list of endpoints that ring together. Never fails; may be
    empty."""
    rest = dial_string.lstrip(" ")
    common: dict[str, str] = {}
    for opening, closing in (("<", ">"), ("{", "}")):
        while rest.startswith(opening):
            inside, after = _brackets(rest, opening, closing)
            if inside is None:
                return []
            common |= _pairs(inside, ",")
            rest = after.lstrip(" ")
    steps = []
    for step in separate(rest, "|", 128):
        legs = [_endpoint(leg, common) for leg in separate(_protect(step), ",", 128)]
        steps.append([leg for leg in legs if leg is not None])
    return [step for step in steps if step]


def _protect(step: str) -> str:
    """Marks the commas inside ``[...]``: those between variables one way, those in a value another."""
    out = []
    end = -1
    own_separator = quoted = False
    for at, char in enumerate(step):
        if end < 0 and char == "[":
            end = at + len(_brackets(step[at:], "[", "]")[0] or "") + 1
            own_separator, quoted = step[at + 1 : at + 3] == "^^", False
        quoted ^= char == "'"
        if char == "," and at < end and step[at - 1] != "\\":
            char = _VALUE_COMMA if quoted or own_separator else _UNQUOTED_COMMA
        if at == end:
            end = -1
        out.append(char)
    return "".join(out)


def _endpoint(text: str, common: dict[str, str]) -> Endpoint | None:
    own = dict(common)
    text = text.lstrip(" ")
    while text.startswith("["):
        inside, after = _brackets(text, "[", "]")
        if inside is None:
            return None
        own |= _pairs(inside.replace(_VALUE_COMMA, ","), _UNQUOTED_COMMA)
        text = after.lstrip(" ")
    address = text.replace(_UNQUOTED_COMMA, ",").strip()
    kind, slash, path = address.partition("/")
    if not slash or not path:
        return None
    extension = path.partition("@")[0].rpartition("/")[2]
    return Endpoint(address, kind, extension, tuple(own.items()))


def _brackets(text: str, opening: str, closing: str) -> tuple[str | None, str]:
    depth = 0
    for at, char in enumerate(text):
        depth += (char == opening) - (char == closing)
        if not depth:
            return text[1:at], text[at + 1 :]
    return None, text


def _pairs(text: str, delimiter: str) -> dict[str, str]:
    pairs = {}
    for element in separate(text, delimiter, 1024):
        halves = separate(element, "=", 2)
        if len(halves) == 2:
            pairs[halves[0]] = halves[1]
    return pairs
