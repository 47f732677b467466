"""What can be wrong with the simulated 1C: one fault at a time, switched while it runs.

    simulator.fault = Fault("drip", seconds=0.5, part="body", times=3)

Which faults there are, and with which parameters, stands in `fault_kinds`.
"""

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from fs_1c.simulator.onec.clients import unwritable
from fs_1c.simulator.onec.dialects import OPERATIONS
from fs_1c.simulator.onec.fault_kinds import KINDS, Stage, Value

MAX_SIZE = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.

    name: of `fault_kinds.KINDS`.
    times: how many requests (for `refuse`, `mute` and `idle-close`: connections) it befalls before it ends
        by itself; None: until it is cleared.
    operation: befalls only this operation's requests: `SayName`, `IncomingCall` or `Event`.
    seconds, size, part, how, status, location, text, card: parameters; each kind of fault takes some of them
        and has its own defaults.

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
        kind = KINDS.get(self.name)
        if kind is None:
            raise ValueError(f"fault: {self.name!r} is unknown; known: {', '.join(KINDS)}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError(f"times: {self.times!r} is not a whole number above zero")
        if self.operation is not None:
            self._check_operation(kind.operations)
        for name in PARAMETERS:
            value = getattr(self, name)
            if name not in kind.parameters:
                if value is not None:
                    takes = ", ".join(kind.parameters) or "no parameters"
                    raise ValueError(f"{name}: {self.name} takes {takes}")
            elif value is None:
                object.__setattr__(self, name, kind.parameters[name])
            else:
                _check_parameter(name, value, kind.choices.get(name))
        if self.size is not None and self.size < 0 and self.name != "wrong-length":
            raise ValueError(f"size: {self.size} is not zero or more")

    def _check_operation(self, of_kind: tuple[str, ...] | None) -> None:
        known = sorted(OPERATIONS if of_kind is None else of_kind)
        if not known:
            raise ValueError(f"operation: {self.name} strikes before a request's operation is known")
        if self.operation not in known:
            raise ValueError(f"operation: {self.operation!r} is not one of {', '.join(known)}")

    @property
    def stage(self) -> Stage:
        """When it strikes."""
        return KINDS[self.name].stage

    def as_json(self) -> dict[str, Any]:
        """As `POST /simulator/fault` takes it."""
        told: dict[str, Any] = {"fault": self.name, "times": self.times, "operation": self.operation}
        for name in KINDS[self.name].parameters:
            told[name] = getattr(self, name)
        return told


PARAMETERS: tuple[str, ...] = tuple(
    field.name for field in fields(Fault) if field.name not in ("name", "times", "operation")
)


def _check_parameter(name: str, value: Value, choices: tuple[Value, ...] | None) -> None:
    allowed, expected = _TYPES.get(name, ((str,), "a text"))
    if type(value) not in allowed:
        raise ValueError(f"{name}: {value!r} is not {expected}")
    if name == "seconds" and not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
        raise ValueError(f"seconds: {value!r} is not a number, zero or more")
    if name == "size" and isinstance(value, int) and abs(value) > MAX_SIZE:
        raise ValueError(f"size: {value} is beyond {MAX_SIZE}")
    if name == "location" and isinstance(value, str) and not (value.isascii() and value.isprintable()):
        raise ValueError("location: only printable ASCII characters are allowed")
    if name == "text" and isinstance(value, str) and unwritable(value):
        raise ValueError("text: has a character that XML cannot carry")
    if choices is not None and value not in choices:
        raise ValueError(f"{name}: {value!r} is not one of {', '.join(map(str, choices))}")


_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "seconds": ((int, float), "a number of seconds"),
    "size": ((int,), "a whole number"),
    "status": ((int,), "a whole number"),
    "card": ((bool,), "true or false"),
}


def fault_of(described: Mapping[str, Any]) -> Fault:
    """A fault as JSON describes it: `{"fault": NAME, "times": 2, "seconds": 0.5}`. Raises ValueError."""
    given = dict(described)
    name = given.pop("fault", None)
    if not isinstance(name, str):
        raise ValueError("fault: its name is missing")
    for unknown in given.keys() - {"times", "operation", *PARAMETERS}:
        raise ValueError(f"{unknown}: no fault has such a parameter")
    return Fault(name, **given)


class FaultSwitch:
    """The fault that is on, if any. Safe in any thread."""

    def __init__(self, fault: Fault | None = None) -> None:
        self._lock = threading.Lock()
        self._fault = fault
        self._served: Counter[str] = Counter()

    @property
    def fault(self) -> Fault | None:
        """The fault that is on, with the `times` that are left."""
        with self._lock:
            return self._fault

    def set(self, fault: Fault | None) -> None:
        with self._lock:
            self._fault = fault

    def shows(self, name: str) -> Fault | None:
        """The fault that is on if it has this name; it is not counted as served."""
        fault = self.fault
        return fault if fault is not None and fault.name == name else None

    def take(self, stages: Iterable[Stage], operation: str | None) -> Fault | None:
        """The fault to strike now, counted as served: it belongs to these stages and to this operation."""
        with self._lock:
            fault = self._fault
            if fault is None or fault.stage not in stages:
                return None
            wanted = (fault.operation,) if fault.operation else KINDS[fault.name].operations
            if wanted and operation not in wanted:
                return None
            if fault.times is not None:
                self._fault = replace(fault, times=fault.times - 1) if fault.times > 1 else None
            self._served[fault.name] += 1
            return fault

    def served(self) -> Mapping[str, int]:
        """How often each fault has struck."""
        with self._lock:
            return MappingProxyType(dict(self._served))

    def forget(self) -> None:
        """Sets those counters to zero."""
        with self._lock:
            self._served.clear()
