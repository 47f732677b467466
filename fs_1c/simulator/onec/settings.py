"""What the simulated 1C is started with."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from fs_1c.simulator.onec.clients import Client, Search
from fs_1c.simulator.onec.dialects import DIALECTS, WITHOUT_CALLS, Dialect, DialectName
from fs_1c.simulator.onec.faults import Fault

REHEARSAL = "rehearsal"
"""The key by which the simulated 1С:УНФ knows a PBX, unless told another."""
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, config=ConfigDict(arbitrary_types_allowed=True))
class OneCSimulatorSettings:
    """Where to listen and how to behave.

    port: 0: any free one. path, namespace: of the service; None: the dialect's. username: None asks for none.
    latency: seconds that 1C thinks before it answers a SOAP request, with a fault too; 401 comes at once.
    clients: who is known: a CSV file (see `load_clients`), or they themselves; None: the shipped example.
    crm_token: by which 1С:УНФ knows a PBX. ignored: numbers of whose calls it makes nothing.
    call_event: mobilon-2 has the operation CallEvent, as our extension has it.
    cards_at_answer: in mobilon-3 a card opens by ANSWER, not by PREANSWER. search: see `ClientBook`.
    sessions: 1C's `reuseSessions`: `dontuse` starts and ends one for each request; under `use` a request
        names its session by the cookie ibsession or starts one by `IBSession: start`; `autouse` does as `use`
        for those who ask, and takes any free session for the rest.
    session_max_age: seconds without a request after which a session is gone.
    pool_size: sessions at once under `use` and `autouse`. pool_timeout: seconds that a request waits for room
        among them, or for its busy session, before 406.
    licences: sessions at once that are paid for; one more is answered 402 at once. None: no limit.
    cold_start: seconds that a session takes to start while the base is cold: at first, and after `idle`
        seconds without any session. In the field 11.5 s, once over 30 s.
    fault: what is wrong from the start (see `faults`).

    Raises ValueError when it cannot be so; `one_line` tells why.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    path: Annotated[str, Field(pattern="^/[^?#]*$")] | None = None
    namespace: Annotated[str, Field(min_length=1)] | None = None
    username: Annotated[str, Field(pattern="^[^:]*$")] | None = None
    password: str = Field(default="", repr=False)
    latency: Seconds = 0.0
    clients: Path | tuple[Client, ...] | None = None
    dialect: DialectName = "mobilon-2"
    crm_token: str = Field(default=REHEARSAL, repr=False)
    call_event: bool = True
    cards_at_answer: bool = False
    ignored: tuple[str, ...] = ()
    search: Search = "last-ten"
    sessions: Literal["dontuse", "use", "autouse"] = "dontuse"
    session_max_age: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 20.0
    pool_size: Annotated[int, Field(ge=1)] = 10
    pool_timeout: Seconds = 5.0
    licences: Annotated[int, Field(ge=0)] | None = None
    cold_start: Seconds = 0.0
    idle: Seconds = 300.0
    fault: Fault | None = None

    @property
    def spoken(self) -> Dialect:
        """The dialect itself."""
        known = self.call_event or self.dialect != "mobilon-2"
        return DIALECTS[self.dialect] if known else WITHOUT_CALLS

    @property
    def service_path(self) -> str:
        return self.spoken.path if self.path is None else self.path

    @property
    def service_namespace(self) -> str:
        return self.spoken.namespace if self.namespace is None else self.namespace
