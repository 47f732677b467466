"""What the simulated 1C is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal, get_args

from fs_1c.simulator.onec.clients import Client, Search
from fs_1c.simulator.onec.dialects import DIALECTS, Dialect, DialectName
from fs_1c.simulator.onec.faults import Fault

SessionMode = Literal["dontuse", "use", "autouse"]
"""1C's own words, of `reuseSessions` in default.vrd."""
_ZERO_OR_MORE = ("latency", "pool_timeout", "session_start", "cold_start", "idle")
_ABOVE_ZERO = ("session_max_age", "keep_alive")
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "dialect": tuple(DIALECTS),
    "search": get_args(Search),
    "sessions": get_args(SessionMode),
    "lost_session_status": (400, 404),
}


@dataclass(frozen=True, slots=True)
class OneCSimulatorSettings:
    """Where to listen and how to behave.

    host: address to listen on, IPv4, IPv6 or a name. port: TCP port; 0: any free one.
    path, namespace: of the service and its operations; None: the dialect's own.
    username, password: Basic authentication; None for the username asks for none.
    latency: seconds that 1C thinks before it answers a SOAP request, with a fault too; 401 comes at once.
    clients: who is known: a CSV file (see `load_clients`), or they themselves; None: the shipped example.
    dialect: which operations there are and how they answer. search: how numbers are found (see `ClientBook`).
    sessions: 1C's `reuseSessions`: `dontuse` starts and ends one for each request; under `use` a request
        names its session by the cookie ibsession or starts one by `IBSession: start`; `autouse` does as `use`
        for those who ask, and takes any free session for the rest.
    session_max_age: seconds without a request after which a session is gone.
    pool_size: sessions at once under `use` and `autouse`. pool_timeout: seconds that a request waits for room
        among them, or for its busy session, before 406.
    licences: sessions at once that are paid for; one more is answered 402 at once. None: no limit.
    session_start: seconds that it takes to start a session. cold_start: the same while the base is cold: at
        first, and after `idle` seconds without any session. In the field 11.5 s, once over 30 s.
    lost_session_status: answer to a cookie whose session is gone: 400 or 404.
    keep_alive: seconds that a connection is kept while nothing comes.
    fault: what is wrong from the start (see `fault_table`).

    Raises ValueError, one line that starts with the setting's name, when it cannot be so.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    path: str | None = None
    namespace: str | None = None
    username: str | None = None
    password: str = field(default="", repr=False)
    latency: float = 0.0
    clients: Path | tuple[Client, ...] | None = None
    dialect: DialectName = "mobilon-2"
    search: Search = "last-ten"
    sessions: SessionMode = "dontuse"
    session_max_age: float = 20.0
    pool_size: int = 10
    pool_timeout: float = 5.0
    licences: int | None = None
    session_start: float = 0.0
    cold_start: float = 0.0
    idle: float = 300.0
    lost_session_status: int = 400
    keep_alive: float = 60.0
    fault: Fault | None = None

    def __post_init__(self) -> None:
        username, path = self.username or "", self.path or "/"
        wrong = {
            f"path: {path!r} must start with / and have neither ? nor #": path[0] != "/" or {*path} & {*"?#"},
            "namespace: must not be empty": self.namespace == "",
            "password: is of no use without a username": self.password and self.username is None,
            "username: Basic authentication cannot carry a colon in it": ":" in username,
            f"pool_size: {self.pool_size} is not one or more": self.pool_size < 1,
            f"licences: {self.licences} is not zero or more": (self.licences or 0) < 0,
        }
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            wrong[f"{name}: {value} is not one of {', '.join(map(str, allowed))}"] = value not in allowed
        for name in (*_ZERO_OR_MORE, *_ABOVE_ZERO):
            value, least = getattr(self, name), ", zero or more" if name in _ZERO_OR_MORE else " above zero"
            good = 0 < value < inf or (value == 0 and name in _ZERO_OR_MORE)
            wrong[f"{name}: {value} is not a number of seconds{least}"] = not good
        for what in (what for what, so in wrong.items() if so):
            raise ValueError(what)

    @property
    def spoken(self) -> Dialect:
        """The dialect itself."""
        return DIALECTS[self.dialect]

    @property
    def service_path(self) -> str:
        return self.spoken.path if self.path is None else self.path

    @property
    def service_namespace(self) -> str:
        return self.spoken.namespace if self.namespace is None else self.namespace
