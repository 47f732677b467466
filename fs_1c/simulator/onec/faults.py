"""What can be wrong with the simulated 1C: one fault at a time, switched while it runs.

    simulator.fault = Fault("drip", seconds=0.5, part="body", times=3)

Which faults there are, and with which parameters, stands in `fault_table`.
"""

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
        kind = self.kind
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError(f"times: {self.times!r} is not a whole number above zero")
        if self.operation is not None:
            known = sorted(OPERATIONS if kind.operations is None else kind.operations)
            if not known:
                raise ValueError(f"operation: {self.name} strikes before a request's operation is known")
            if self.operation not in known:
                raise ValueError(f"operation: {self.operation!r} is not one of {', '.join(known)}")
        for name in PARAMETERS:
            value = getattr(self, name)
            if value is None:
                object.__setattr__(self, name, kind.parameters.get(name))
            elif name not in kind.parameters:
                raise ValueError(f"{name}: {self.name} takes {', '.join(kind.parameters) or 'no parameters'}")
            elif wrong := _wrong(name, value, kind.choices.get(name)):
                raise ValueError(f"{name}: {wrong}")
        if self.size is not None and self.size < 0 and self.name != "wrong-length":
            raise ValueError(f"size: {self.size} is not zero or more")

    @property
    def kind(self) -> Kind:
        """Its row in the table."""
        return KINDS[self.name]

    def strike(self, befallen: object) -> Any:
        """What its row says that it does to this."""
        given = {key: getattr(self, key) for key in self.kind.parameters}
        return self.kind.act(befallen, **given) if callable(self.kind.act) else self.kind.act

    def as_json(self) -> dict[str, Any]:
        """As `POST /simulator/fault` takes it."""
        parameters = {key: getattr(self, key) for key in self.kind.parameters}
        return {"fault": self.name, "times": self.times, "operation": self.operation, **parameters}


PARAMETERS = tuple(field.name for field in fields(Fault))[3:]
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "seconds": ((int, float), "a number of seconds"),
    "size": ((int,), "a whole number"),
    "status": ((int,), "a whole number"),
    "card": ((bool,), "true or false"),
}


def _wrong(name: str, value: Any, choices: tuple[object, ...] | None) -> str | None:
    """What is wrong with a parameter."""
    allowed, expected = _TYPES.get(name, ((str,), "a text"))
    if type(value) not in allowed:
        return f"{value!r} is not {expected}"
    if name == "seconds" and not 0 <= value < inf:
        return f"{value!r} is not a number, zero or more"
    if name == "size" and abs(value) > MAX_SIZE:
        return f"{value} is beyond {MAX_SIZE}"
    if name == "location" and not (value.isascii() and value.isprintable()):
        return "only printable ASCII characters are allowed"
    if name == "text" and unwritable(value):
        return "has a character that XML cannot carry"
    if choices is not None and value not in choices:
        return f"{value!r} is not one of {', '.join(map(str, choices))}"
    return None


def fault_of(described: object) -> Fault:
    """A fault as JSON describes it: `{"fault": NAME, "times": 2, "seconds": 0.5}`. Raises ValueError."""
    if not isinstance(described, Mapping):
        raise ValueError('not a JSON object such as {"fault": "mute"}')
    given = dict(described)
    name = given.pop("fault", None)
    if not isinstance(name, str):
        raise ValueError("fault: its name is missing")
    for unknown in given.keys() - {"times", "operation", *PARAMETERS}:
        raise ValueError(f"{unknown}: no fault has such a parameter")
    return Fault(name, **given)
