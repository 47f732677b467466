"""What can be wrong with the simulated 1C: one fault at a time, switched while it runs.

    simulator.fault = Fault("drip", seconds=0.5, part="body", times=3)

Which faults there are, and with which parameters, stands in `fault_table`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf
from typing import Any

from fs_1c.simulator.onec.clients import unwritable
from fs_1c.simulator.onec.dialects import OPERATIONS
from fs_1c.simulator.onec.fault_table import KINDS, Kind

MAX_SIZE = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    name: of the table's row.
    times: how many requests (for `refuse`, `mute` and `idle-close`: connections) it befalls before it ends by
        itself; None: until it is cleared.
    operation: befalls only this operation's requests: `SayName`, `IncomingCall` or `Event`.
    The others are parameters; each row takes some of them and has its own defaults.

    Raises ValueError, one line that starts with the parameter's name, when it cannot be so.
    """

    name: str
    times: int | None = None
    operation: str | None = None
    seconds: float | None = None
    size: int | None = None
    part: str | None = None
    how: str | None = None
    status: int | None = None
    location: str | None = None
    text: str | None = None
    card: bool | None = None

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ValueError(f"fault: {self.name!r} is unknown; known: {', '.join(KINDS)}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError(f"times: {self.times!r} is not a whole number above zero")
        kind = self.kind
        known = sorted(OPERATIONS if kind.operations is None else kind.operations)
        if self.operation is not None and self.operation not in known:
            told = f"is not one of {', '.join(known)}" if known else "is not known yet when that strikes"
            raise ValueError(f"operation: {self.operation!r} {told}")
        for name in PARAMETERS:
            value = getattr(self, name)
            if value is None:
                object.__setattr__(self, name, kind.parameters.get(name))
            elif name not in kind.parameters:
                raise ValueError(f"{name}: {self.name} takes {', '.join(kind.parameters) or 'no parameters'}")
            elif wrong := _wrong(name, value, kind.choices.get(name)):
                raise ValueError(f"{name}: {value!r} {wrong}")
        if self.size is not None and self.size < 0 and self.name != "wrong-length":
            raise ValueError(f"size: {self.size} is not zero or more")

    @property
    def kind(self) -> Kind:
        """Its row in the table."""
        return KINDS[self.name]

    @property
    def given(self) -> dict[str, Any]:
        """Its parameters."""
        return {key: getattr(self, key) for key in self.kind.parameters}

    def strike(self, befallen: object) -> Any:
        """What its row says that it does to this."""
        return self.kind.act(befallen, **self.given) if callable(self.kind.act) else self.kind.act

    def as_json(self) -> dict[str, Any]:
        """As `POST /simulator/fault` takes it."""
        return {"fault": self.name, "times": self.times, "operation": self.operation, **self.given}


PARAMETERS = tuple(field.name for field in fields(Fault))[3:]
_TYPES: Mapping[str, tuple[type, ...]] = {
    "seconds": (int, float),
    "size": (int,),
    "status": (int,),
    "card": (bool,),
}


def _wrong(name: str, value: Any, choices: tuple[object, ...] | None) -> str | None:
    """What is wrong with a parameter."""
    types = _TYPES.get(name, (str,))
    if type(value) not in types:
        return f"is not of type {types[-1].__name__}"
    if choices is not None and value not in choices:
        return f"is not one of {', '.join(map(str, choices))}"
    if name == "seconds" and not 0 <= value < inf:
        return "is not a number, zero or more"
    if name == "size" and abs(value) > MAX_SIZE:
        return f"is beyond {MAX_SIZE}"
    if name == "location" and not (value.isascii() and value.isprintable()):
        return "has other than printable ASCII characters"
    if name == "text" and unwritable(value):
        return "has a character that XML cannot carry"
    return None


def fault_of(described: object) -> Fault:
    """A fault by its JSON, read or not: `{"fault": NAME, "times": 2, "seconds": 0.5}`. Raises ValueError."""
    try:
        described = json.loads(described) if isinstance(described, str | bytes) else described
    except (ValueError, RecursionError) as error:
        raise ValueError(f"fault: no JSON: {error}") from None
    if not isinstance(described, Mapping) or not isinstance(described.get("fault"), str):
        raise ValueError('fault: not a JSON object such as {"fault": "mute"}')
    given = {key: value for key, value in described.items() if key != "fault"}
    for unknown in given.keys() - {"times", "operation", *PARAMETERS}:
        raise ValueError(f"{unknown}: no fault has such a parameter")
    return Fault(described["fault"], **given)


def catalogue() -> str:
    """All faults with their parameters, a line each."""
    lines = []
    for name, kind in KINDS.items():
        told = " ".join(
            f"{key}={'…' if value is None else value!r}" for key, value in kind.parameters.items()
        )
        lines.append(f"{name:25}  {kind.about}{told and f'  [{told}]'}")
    return "\n".join(lines)
