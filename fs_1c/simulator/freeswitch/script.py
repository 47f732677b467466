"""What a simulated call is told to be, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["exited", "closed", "unreachable", "mute", "hung up", "none"]


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """A simulated FreeSWITCH.

    Attributes:
        host: address the event socket listens on.
        port: its TCP port; 0 takes any free one and keeps it over a restart.
        password: of the event socket.
        directory: extension → that subscriber's variables, as ``user_data EXT@DOMAIN var NAME`` has them.
        heartbeat: seconds between HEARTBEAT events (20 on a real switch); None sends none.
        first_command: seconds the ``socket`` application waits for the service's first command.
        backlog: bytes a subscriber may leave unread before it is thrown out.
    """

    host: str = "127.0.0.1"
    port: int = 0
    password: str = "ClueCon"  # noqa: S105  FreeSWITCH's well-known default
    directory: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    heartbeat: float | None = 20.0
    first_command: float = 25.0
    backlog: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CallScript:
    """One call, from the caller's INVITE to the end.

    Attributes:
        number: the caller's number as SIP gives it.
        name: SIP display name; None is the number.
        destination: the number dialled.
        service: host and port of the service behind ``socket``; None is a dialplan without it.
        mode: ``socket HOST:PORT full`` (sync) or ``socket HOST:PORT async full``.
        variables: set by the dialplan before ``socket``.
        default_target: dial string the dialplan bridges without ``fs_1c_target``; None hangs up instead.
        answered_by: ``"target"`` the first user/EXT or sofia/…/EXT of the dial string answers; an
            extension, that one does if it is rung; None nobody: during the dialplan's bridge the caller
            gives up, a bridge executed by the service ends as NO_ANSWER.
        ring: seconds a phone rings before it is answered or given up.
        talk: seconds the two talk; then the caller hangs up (as in the recordings).
        cancel_after: seconds after the call's beginning when the caller hangs up if no phone has been rung
            yet; None never.
        patience: seconds without an answer after which any caller hangs up.
        domain: SIP domain of both.
        private: the caller hides name and number (``Caller-Privacy-Hide-Number: true``).
    """

    number: str
    name: str | None = None
    destination: str = "74951234567"
    service: tuple[str, int] | None = None
    mode: Literal["sync", "async"] = "sync"
    variables: Mapping[str, str] = field(default_factory=dict)
    default_target: str | None = "user/100@127.0.0.1"
    answered_by: str | None = "target"
    ring: float = 0.1
    talk: float = 0.1
    cancel_after: float | None = None
    patience: float = 60.0
    domain: str = "127.0.0.1"
    private: bool = False


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of a call.

    Attributes:
        uuid: of the caller's leg.
        variables: the caller's channel's, as finally set.
        commands: what the service wrote, command by command, raw and without the blank line.
        applications: (application, argument after expansion) in the order of execution: the
            service's and the dialplan's bridge, not ``socket`` itself.
        bridged_to: the dial string whose bridge was answered, None without.
        answered_by: extension (or number) of whoever answered, None without.
        display_name: what the rung phone shows; when none was rung, what it would have shown.
        executed_code: everything that ran as code: API calls inside values, arguments of ``system`` and its
            kin, ``api_on_answer``, ``api_hangup_hook``. Empty in every honest call.
        lookup_ms: milliseconds from sending CHANNEL_DATA until the service let go (async: or executed
            ``bridge``); None when it never got that far.
        service_outcome: ``exited`` by the command; ``closed`` the connection; ``unreachable``; ``mute`` no
            command in time; ``hung up`` the call ended while the service held it; ``none`` no service in this
            dialplan.
        hangup_cause: of the caller's leg.
    """

    uuid: str
    variables: Mapping[str, str]
    commands: list[bytes]
    applications: list[tuple[str, str]]
    bridged_to: str | None
    answered_by: str | None
    display_name: str
    executed_code: list[str]
    lookup_ms: float | None
    service_outcome: Outcome
    hangup_cause: str
