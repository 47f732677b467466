"""What a base says about itself at `?wsdl`, compared with what the settings say about it. Pure.

1C tells names apart by case, and its answer to a wrong one is a fault that names neither. So they are
compared here, letter by letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from fs_1c.onec import PRESETS, Mobilon, document
from fs_1c.settings import DialectName

MAX_NAME = 100
MAX_NAMES = 200


@dataclass(frozen=True, slots=True)
class Described:
    """A web service as it describes itself.

    Attributes:
        namespace: The target namespace.
        operations: Name → names of its parameters, in order; None: they could not be found out.
    """

    namespace: str
    operations: dict[str, tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing in which base and settings differ.

    Attributes:
        pop: It is about cards alone; lookups do not need it.
        what: What differs, in one sentence.
        setting: The setting to change, such as `names.number`; empty: no setting would help.
        value: What to change it to.
    """

    pop: bool
    what: str
    setting: str = ""
    value: str = ""


def read(body: bytes) -> Described | None:
    """The description in these octets, or None: this is no WSDL."""
    root = document(body)
    if root is None:
        return None
    if etree.QName(root).localname != "definitions":
        return None
    parameters: dict[str, tuple[str, ...]] = {}
    for element in root.iterfind(".//{*}schema/{*}element"):
        children = element.iterfind("./{*}complexType/{*}sequence/{*}element")
        parameters[_name(element)] = tuple(_name(child) for child in children)[:MAX_NAMES]
    names = [_name(operation) for operation in root.iterfind("./{*}portType/{*}operation")][:MAX_NAMES]
    namespace = str(root.get("targetNamespace") or "")[: 5 * MAX_NAME]
    return Described(namespace, {name: parameters.get(name) for name in names if name})


def _name(element: etree._Element) -> str:
    return str(element.get("name") or "")[:MAX_NAME]


def compare(described: Described, dialect: Mobilon) -> list[Mismatch]:
    """In what they differ."""
    found: list[Mismatch] = []
    if described.namespace != dialect.namespace:
        what = f"the base's namespace is {described.namespace}, the settings say {dialect.namespace}"
        found.append(Mismatch(False, what, "namespace", described.namespace))
    found += _operation(described, dialect, "say_name", ("number",), pop=False)
    if dialect.event:
        found += _operation(described, dialect, "event", ("data",), pop=True)
    else:
        found += _operation(described, dialect, "incoming_call", ("num_from", "key"), pop=True)
    return found


def history(described: Described, dialect: Mobilon) -> list[Mismatch]:
    """In what they differ where a base is told of whole calls."""
    return _operation(described, dialect, "event" if dialect.event else "call_event", ("data",), pop=True)


def _operation(
    described: Described, dialect: Mobilon, role: str, parameter_roles: Sequence[str], *, pop: bool
) -> list[Mismatch]:
    wanted = str(getattr(dialect, role))
    name = _alike(wanted, described.operations)
    if name is None:
        others = ", ".join(described.operations) or "none"
        return [Mismatch(pop, f"the base has no operation {wanted}; it has {others}")]
    found = [] if name == wanted else [_called(pop, "operation", wanted, name, role)]
    there = described.operations[name]
    if there is None:
        return found
    left = list(there)
    missing: list[str] = []
    for parameter in parameter_roles:
        asked = str(getattr(dialect, parameter))
        match = _alike(asked, left)
        if match is None:
            missing.append(parameter)
            continue
        left.remove(match)
        if match != asked:
            found.append(_called(pop, f"parameter of {name}", asked, match, parameter))
    for parameter in missing:
        asked = str(getattr(dialect, parameter))
        if len(missing) == len(left) == 1:
            found.append(_called(pop, f"parameter of {name}", asked, left.pop(), parameter))
        else:
            what = f"{name} of this base has no parameter {asked}; it has {', '.join(there) or 'none'}"
            found.append(Mismatch(pop, what))
    if left and not missing:
        found.append(Mismatch(pop, f"{name} of this base also wants {', '.join(left)}, which is not sent"))
    return found


def _alike(wanted: str, names: Sequence[str] | dict[str, tuple[str, ...] | None]) -> str | None:
    """The very name, or one that differs in case alone."""
    same = [name for name in names if name.casefold() == wanted.casefold()]
    return wanted if wanted in same else same[0] if same else None


def _called(pop: bool, kind: str, wanted: str, name: str, role: str) -> Mismatch:
    what = f"the base calls the {kind} `{name}`, the settings say `{wanted}`"
    return Mismatch(pop, what, f"names.{role}", name)


def fitting(described: Described, current: DialectName | None = None) -> DialectName | None:
    """A dialect, another than `current`, that says exactly what this base says; None if there is none."""
    for name, preset in PRESETS.items():
        if name is current:
            continue
        rest = compare(described, preset)
        if name is DialectName.MOBILON_1:  # it has no cards
            rest = [mismatch for mismatch in rest if not mismatch.pop]
        if not rest:
            return name
    return None
