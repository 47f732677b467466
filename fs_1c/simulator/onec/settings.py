"""What the simulated 1C is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal, get_args

from fs_1c.simulator.onec.clients import SEARCHES, Client, Search
from fs_1c.simulator.onec.dialects import DIALECTS, Dialect, DialectName
from fs_1c.simulator.onec.faults import Fault

SessionMode = Literal["dontuse", "use", "autouse"]
"""1C's own words, of `reuseSessions` in default.vrd."""
SECONDS = ("latency", "pool_timeout", "session_start", "cold_start", "idle", "session_max_age", "keep_alive")
CHOICES: Mapping[str, tuple[object, ...]] = {
    "dialect": tuple(DIALECTS),
    "search": SEARCHES,
    "sessions": get_args(SessionMode),
    "lost_session_status": (400, 404),
}


@dataclass(frozen=True, slots=True)
class OneCSimulatorSettings:
    """Where to listen and how to behave.

    host: address to listen on, IPv4, IPv6 or a name. port: TCP port; 0 takes any free one (see `OneCSimulator.url`).
    path: where the service is published, starting with a slash; None is the dialect's own place.
    namespace: of the operations and their parameters; None is the dialect's own.
    username, password: Basic authentication; None for the username asks for none.
    latency: seconds that 1C thinks before it answers a SOAP request, with a fault too; 401 comes at once.
    clients: who is known: a CSV file (see `load_clients`) or the clients themselves; None is the shipped example.
    dialect: which operations there are and how they answer (see `dialects`).
    search: how a number is compared with the clients' (see `ClientBook`).
    sessions: 1C's `reuseSessions`: `dontuse` starts and ends a session for each request; under `use` a request names
        its session by the cookie ibsession or starts one by the header `IBSession: start`; `autouse` does as `use`
        for those who ask, and takes any free session for the rest.
    session_max_age: seconds without a request after which a session is gone.
    pool_size: sessions at once under `use` and `autouse`.
    pool_timeout: seconds that a request waits for room among them, or for its busy session, before 406.
    licences: sessions at once that are paid for; one more is answered 402 at once. None: no limit.
    session_start: seconds that it takes to start a session.
    cold_start: seconds that it takes while the base is cold: at first, and after `idle` seconds without any session.
        In the field 11.5 s, once over 30 s.
    idle: seconds.
    lost_session_status: answer to a cookie whose session is gone: 400 or 404.
    keep_alive: seconds that an idle connection is kept.
    fault: what is wrong from the start (see `fault_table`).

    Raises ValueError, one line that starts with the setting's name, when a value cannot work.
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
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port: {self.port} is not within 0…65535")
        if self.path is not None and (not self.path.startswith("/") or "?" in self.path or "#" in self.path):
            raise ValueError(f"path: {self.path!r} must start with / and contain neither ? nor #")
        if self.namespace == "":
            raise ValueError("namespace: must not be empty")
        if self.username is None and self.password:
            raise ValueError("password: is of no use without a username")
        if self.username is not None and ":" in self.username:
            raise ValueError("username: Basic authentication cannot carry a colon in it")
        for name, allowed in CHOICES.items():
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(f"{name}: {value} is not one of {', '.join(map(str, allowed))}")
        for name in SECONDS:
            seconds, may_be_none = getattr(self, name), name not in ("session_max_age", "keep_alive")
            if not (0 < seconds < inf or (seconds == 0 and may_be_none)):
                least = ", zero or more" if may_be_none else " above zero"
                raise ValueError(f"{name}: {seconds} is not a number of seconds{least}")
        if self.pool_size < 1:
            raise ValueError(f"pool_size: {self.pool_size} is not one or more")
        if self.licences is not None and self.licences < 0:
            raise ValueError(f"licences: {self.licences} is not zero or more")

    @property
    def spoken(self) -> Dialect:
        """The dialect itself."""
        return DIALECTS[self.dialect]

    @property
    def service_path(self) -> str:
        """`path`, or the dialect's."""
        return self.spoken.path if self.path is None else self.path

    @property
    def service_namespace(self) -> str:
        """`namespace`, or the dialect's."""
        return self.spoken.namespace if self.namespace is None else self.namespace
