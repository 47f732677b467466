"""What the simulated 1C is started with."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from fs_1c.simulator.onec.clients import Client

HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class OneCSimulatorSettings:
    """Where to listen and how to behave.

    host: address to listen on, IPv4, IPv6 or a name.
    port: TCP port; 0 takes any free one (see `OneCSimulator.url`).
    path: where the service is published, starting with a slash.
    namespace: of the operations and their parameters.
    username, password: Basic authentication; None for the username asks for none.
    latency: seconds that 1C thinks before it answers a SOAP request, with a fault too; 401 comes at once.
    clients: who is known: a CSV file (see `load_clients`) or the clients themselves; None is the shipped
        example.

    Raises ValueError, one line, when a value cannot work.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    path: str = "/telephony/ws/VATS"
    namespace: str = "http://VATS"
    username: str | None = None
    password: str = field(default="", repr=False)
    latency: float = 0.0
    clients: Path | tuple[Client, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= HIGHEST_PORT:
            raise ValueError(f"port: {self.port} is not within 0…{HIGHEST_PORT}")
        if not self.path.startswith("/") or "?" in self.path or "#" in self.path:
            raise ValueError(f"path: {self.path!r} must start with / and contain neither ? nor #")
        if not self.namespace:
            raise ValueError("namespace: must not be empty")
        if not (math.isfinite(self.latency) and self.latency >= 0):
            raise ValueError(f"latency: {self.latency} is not a number of seconds, zero or more")
        if self.username is None and self.password:
            raise ValueError("password: is of no use without a username")
        if self.username is not None and ":" in self.username:
            raise ValueError("username: Basic authentication cannot carry a colon in it")
