"""A fault of the simulated 1C that is switched on: which row of `fault_table`, with which parameters.

simulator.fault = Fault("drip", seconds=0.5, part="body", times=3)
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from fs_1c.simulator.onec.clients import WRITABLE
from fs_1c.simulator.onec.dialects import OPERATIONS
from fs_1c.simulator.onec.fault_table import KINDS, Kind

MAX_SIZE = 4 * 1024**3


@dataclass(frozen=True, slots=True, config=ConfigDict(strict=True, extra="forbid"))
class Fault:
    """Something that goes wrong.

    name: of the table's row.
    times: how many requests (for `refuse`, `mute` and `idle-close`: connections) it befalls before it ends by
        itself; None: until it is cleared.
    operation: befalls only this operation's requests: `SayName`, `IncomingCall`, `contact`, …
    The others are parameters; each row takes some of them and has its own defaults.

    Raises ValueError when it cannot be so; `one_line` tells why.
    """

    name: str
    times: Annotated[int, Field(ge=1)] | None = None
    operation: str | None = None
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    size: Annotated[int, Field(ge=-MAX_SIZE, le=MAX_SIZE)] | None = None
    part: str | None = None
    how: str | None = None
    status: int | None = None
    location: Annotated[str, Field(pattern="^[ -~]*$")] | None = None
    text: Annotated[str, Field(pattern=f"^{WRITABLE}*$")] | None = None
    card: bool | None = None

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ValueError(f"fault: {self.name!r} is unknown; known: {', '.join(KINDS)}")
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
            elif value not in kind.choices.get(name, (value,)):
                raise ValueError(f"{name}: {value!r} is not one of {', '.join(map(str, kind.choices[name]))}")
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


PARAMETERS = tuple(field.name for field in dataclasses.fields(Fault))[3:]


def fault_of(described: object) -> Fault:
    """A fault by its JSON, read or not: `{"fault": NAME, "times": 2, "seconds": 0.5}`. Raises ValueError."""
    try:
        given = json.loads(described) if isinstance(described, str | bytes) else described
    except (ValueError, RecursionError) as error:
        raise ValueError(f"fault: no JSON: {error}") from None
    if not isinstance(given, Mapping) or not isinstance(given.get("fault"), str):
        raise ValueError('fault: not a JSON object such as {"fault": "mute"}')
    return Fault(given["fault"], **{key: value for key, value in given.items() if key != "fault"})


def one_line(error: ValueError) -> str:
    """What is wrong, with the first if several things are: `seconds: Input should be a valid number`."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return ": ".join((*map(str, first["loc"]), first["msg"].removeprefix("Value error, ")))
