"""What a simulated FreeSWITCH and a call on it are told to be, and what became of the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fs_1c.simulator.freeswitch.values import Variables

Outcome = Literal["exited", "closed", "unreachable", "mute", "hung up", "none"]


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """A simulated FreeSWITCH.

    Attributes:
        port: TCP port of the event socket on `host`; 0 takes any free one and keeps it over a restart.
        directory: Extension → that subscriber's variables, as `user_data EXT@DOMAIN var NAME` has them.
        heartbeat: Seconds between HEARTBEAT events (20 on a real switch); None sends none.
        first_command: Seconds that a connection may take for its first command.
        answers: A question (`show channels as json`) → octets that are answered in its stead.
    """

    host: str = "127.0.0.1"
    port: int = 0
    password: str = "ClueCon"  # noqa: S105  FreeSWITCH's well-known default
    directory: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    heartbeat: float | None = 20.0
    first_command: float = 25.0
    answers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallScript:
    """One call, from the caller's INVITE to the end.

    Attributes:
        name: SIP display name; None is the number.
        destination: The number dialled.
        service: Host and port of the service behind `socket`; None is a dialplan without it.
        variables: Set by the dialplan before `socket`.
        default_target: Dial string that the dialplan bridges without `fs_1c_target`; None hangs up instead.
        answered_by: `target` the first user/EXT or sofia/…/EXT of the dial string answers; an extension, that
            one does if it is rung; None nobody: during the dialplan's bridge the caller gives up, a bridge
            executed by the service ends as NO_ANSWER.
        ring: Seconds that a phone rings before it is answered or given up.
        talk: Seconds that the two talk; then the caller hangs up.
        cancel_after: Seconds after which the caller hangs up if no phone has been rung yet; None never.
        patience: Seconds without an answer after which any caller hangs up.
        domain: SIP domain of both.
        private: The caller hides name and number (`Caller-Privacy-Hide-Number: true`).
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


@dataclass(eq=False)
class CallResult:
    """What became of a call.

    Attributes:
        uuid, variables: The caller's channel's, as finally set.
        commands: What the service wrote, command by command, raw and without the blank line.
        applications: (application, argument after expansion) in the order of execution, without `socket`.
        bridged_to, answered_by: The dial string whose bridge was answered, the extension that answered.
        display_name: What the rung phone shows; when none was rung, what it would have shown.
        executed_code: Everything that ran as code: API calls inside values, arguments of `system` and its
            kin, `api_on_answer`, `api_hangup_hook`. Empty in every honest call.
        lookup_ms: Milliseconds from sending the channel's data until the service let go (async: or executed
            `bridge`); None when it never got that far.
        held_ms: Milliseconds that the application `socket` took, from connecting on.
        service_outcome: `exited` by the command; `closed` the connection; `unreachable`; `mute` no command in
            time; `hung up` the call ended while the service held it; `none` no service in this dialplan.
    """

    uuid: str
    display_name: str
    variables: Variables = field(default_factory=Variables)
    commands: list[bytes] = field(default_factory=list)
    applications: list[tuple[str, str]] = field(default_factory=list)
    bridged_to: str | None = None
    answered_by: str | None = None
    executed_code: list[str] = field(default_factory=list)
    lookup_ms: float | None = None
    held_ms: float = 0.0
    service_outcome: Outcome = "none"
    hangup_cause: str = ""
