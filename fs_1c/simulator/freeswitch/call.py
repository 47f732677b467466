"""One live call: the caller's channel, its variables, and the applications executed on it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Protocol

from fs_1c.simulator.freeswitch import applications, templates, values
from fs_1c.simulator.freeswitch.commands import Command
from fs_1c.simulator.freeswitch.messages import Event, now_us
from fs_1c.simulator.freeswitch.script import CallResult, CallScript, Outcome
from fs_1c.simulator.freeswitch.templates import Scene

_OWN = ("session_id", "sip_call_id", "sip_from_display", "sip_full_from")
"""Variables every event of the call has, in this call's own form."""

Q850 = {
    "NORMAL_CLEARING": "16",
    "ORIGINATOR_CANCEL": "487",
    "NO_ANSWER": "19",
    "USER_BUSY": "17",
    "LOSE_RACE": "502",
}


class Stage(Protocol):
    """The FreeSWITCH a call takes place on."""

    core_uuid: str

    def fire(self, event: Event) -> None: ...
    def next_sequence(self) -> int: ...
    def next_session(self) -> int: ...
    def api(self, name: str, argument: str) -> str | None: ...
    def directory(self, extension: str) -> Mapping[str, str]: ...
    def enter(self, channel: str, call: LiveCall) -> None: ...
    async def bridge(self, call: LiveCall, dial_string: str, by_service: bool) -> None: ...


class LiveCall:
    """The caller's channel. ``down`` is set the moment it is hung up; ``resume`` by the command of that
    name."""

    def __init__(self, stage: Stage, script: CallScript) -> None:
        self.stage, self.script = stage, script
        self.uuid = str(uuid.uuid4())
        self.down = asyncio.Event()
        self.finished = asyncio.Event()
        self.resume = False
        self.cause = ""
        self.times: dict[str, int] = {"created": now_us()}
        self.applications: list[tuple[str, str]] = []
        self.commands: list[bytes] = []
        self.queue: list[Command] = []
        self.engaged = False
        self.bridged_to: str | None = None
        self.answered_by: str | None = None
        self.callee_uuid, self.callee, self.callee_kind = "", "", "user"
        self.shown: str | None = None
        self.outcome: Outcome = "none"
        self.lookup_ms: float | None = None
        self.lookup_began: float | None = None
        self.executed: list[str] = []
        self.expander = values.Expander(self.variable, self._api_inside_value, self.executed)
        self.variables = values.Variables(self._first_variables())
        self._at_first = dict(self.variables)
        for name in _OWN:
            self._at_first.pop(name, None)
        stage.enter(self.uuid, self)

    # -- what the channel is -----------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The caller's SIP display name."""
        return self.script.number if self.script.name is None else self.script.name

    @property
    def display_name(self) -> str:
        """What a phone rung now would show."""
        return self.variables.get("effective_caller_id_name") or self.name

    @property
    def channel_name(self) -> str:
        """The channel's name, e.g. ``sofia/internal/89235292926@127.0.0.1``."""
        return f"sofia/internal/{self.script.number}@{self.script.domain}"

    def variable(self, name: str) -> str | None:
        """A channel variable, else a field of the caller's profile, else a global variable."""
        profile = {
            "caller_id_name": self.name,
            "caller_id_number": self.script.number,
            "destination_number": self.script.destination,
            "ani": self.script.number,
            "username": self.script.number,
            "network_addr": "127.0.0.1",
            "context": "public",
            "uuid": self.uuid,
            "chan_name": self.channel_name,
            "domain": self.script.domain,
            "core_uuid": self.stage.core_uuid,
        }
        return self.variables.get(name) or profile.get(name.lower())

    def scene(self, changes: Mapping[str, str | None], times: Mapping[str, int] | None = None) -> Scene:
        """The call as an event about the caller's leg tells it."""
        return Scene(
            a_uuid=self.uuid,
            b_uuid=self.callee_uuid,
            number=self.script.number,
            name=self.name,
            display_name=self.display_name,
            destination=self.script.destination,
            extension=self.callee,
            endpoint=self.callee_kind,
            domain=self.script.domain,
            private=self.script.private,
            times=self.times if times is None else times,
            variables={k: v for k, v in self.variables.items() if self._at_first.get(k) != v},
            changes=changes,
        )

    def tell(self, capture: str, index: int, **changes: str | None) -> None:
        """Fires an event about the caller's leg, made from event ``index`` of a recording."""
        headers = {key.replace("_", "-"): value for key, value in changes.items()}
        self.stage.fire(self._event(capture, index, headers))

    def channel_data(self) -> bytes:
        """The answer to ``connect``."""
        mode = "async" if self.script.mode == "async" else "static"
        event = self._event("outbound_sync_route", -1, {"Socket-Mode": mode, "Control": "full"})
        if self.lookup_began is None:
            self.lookup_began = asyncio.get_running_loop().time()
        return event.plain()

    def _event(self, capture: str, index: int, changes: Mapping[str, str | None]) -> Event:
        template = templates.load(capture, index)
        return templates.render(
            template, self.scene(changes), self.stage.next_sequence(), self.stage.core_uuid
        )

    def _first_variables(self) -> dict[str, str]:
        self.variables, self._at_first = values.Variables(), {}
        began = self._event("inbound_answered", 0, {}).variables()
        changed = {"session_id": str(self.stage.next_session()), "sip_call_id": f"{self.uuid[:13]}@simulated"}
        if self.script.name is not None:
            tag = began["sip_full_from"].partition(";")[2]
            address = f"<sip:{self.script.number}@{self.script.domain}>;{tag}"
            changed |= {"sip_from_display": self.name, "sip_full_from": f'"{self.name}" {address}'}
        return began | changed

    def let_go(self) -> None:
        """The service has decided: the lookup is over."""
        if self.lookup_ms is None and self.lookup_began is not None:
            self.lookup_ms = (asyncio.get_running_loop().time() - self.lookup_began) * 1000

    # -- what happens to it ------------------------------------------------------------------------

    async def wait(self, seconds: float) -> bool:
        """Lets time pass; True when the channel was hung up meanwhile."""
        try:
            await asyncio.wait_for(self.down.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def hangup(self, cause: str) -> None:
        """Ends the caller's leg; a second time does nothing."""
        if self.down.is_set():
            return
        self.cause = cause
        self.times["hungup"] = now_us()
        self.variables.set("hangup_cause", cause)
        self.variables.set("hangup_cause_q850", Q850.get(cause, "31"))
        bridged = self.bridged_to is not None
        self.down.set()
        capture, index = ("outbound_async_bridge", 9) if bridged else ("outbound_async_cancel", 1)
        self.tell(capture, index, Hangup_Cause=cause)

    def caller_leaves(self, only_during_lookup: bool = False) -> None:
        """The caller hangs up, unless he has been answered (or, if so asked, a phone has been rung)."""
        if "answered" not in self.times and not (only_during_lookup and self.engaged):
            self.hangup("ORIGINATOR_CANCEL")

    def answer(self) -> None:
        """Answers the caller's leg if it isn't yet, and runs what waits for that."""
        if "answered" not in self.times and not self.down.is_set():
            self.times["answered"] = now_us()
            self.tell("inbound_answered", 5)
            self.run_hook(self.variables.get("api_on_answer"))

    def run_hook(self, code: str | None) -> None:
        """Records what a variable such as ``api_on_answer`` would run."""
        if code:
            self.executed.append(self.expander.expand(code))

    def enqueue(self, command: Command) -> None:
        """A message for the parked channel, looked at every 20 ms."""
        self.queue.append(command)

    async def perform(self, command: Command) -> None:
        """What a ``sendmsg`` asks for (source: switch_ivr_parse_event)."""
        kind = (command.get("call-command") or "").lower()
        if kind == "hangup":
            self.hangup(applications.cause(command.get("hangup-cause")))
        application = command.get("execute-app-name")
        if kind == "execute" and application:
            argument = command.get("execute-app-arg") or ""
            if not argument and (command.get("content-type") or "").lower() == "text/plain":
                argument = command.body.decode("utf-8", "surrogateescape")
            label = command.get("event-uuid-name")
            await self.execute(application, argument, command.get("event-uuid"), label, by_service=True)

    async def execute(
        self,
        application: str,
        argument: str = "",
        app_uuid: str | None = None,
        label: str | None = None,
        by_service: bool = False,
    ) -> None:
        """Runs an application to its end; a channel that is hung up runs none."""
        if self.down.is_set():
            return
        if application not in applications.KNOWN:
            # source: switch_core_session_execute_application_get_flags
            self.hangup("DESTINATION_OUT_OF_ORDER")
            return
        data = self.expander.expand(argument)
        self.applications.append((application, data))
        self.variables.set("current_application", application)
        self.variables.set("current_application_data", data)
        told: dict[str, str | None] = {
            "Application": application,
            "Application_Data": data or None,
            "Application_UUID": app_uuid or str(uuid.uuid4()),
            "Application_UUID_Name": label,
        }
        self.tell("outbound_async_bridge", 1, **told)
        if application == "bridge":
            if by_service and self.script.mode == "async":
                self.let_go()
            await self.stage.bridge(self, data, by_service)
        else:
            await applications.run(self, application, data)
        index = 11 if self.bridged_to is not None else 2
        self.tell("outbound_async_bridge", index, **told, Hangup_Cause=self.cause or None)

    def _api_inside_value(self, name: str, argument: str) -> str:
        return self.stage.api(name, argument) or ""

    def result(self) -> CallResult:
        """What became of it."""
        return CallResult(
            uuid=self.uuid,
            variables=dict(self.variables),
            commands=list(self.commands),
            applications=list(self.applications),
            bridged_to=self.bridged_to,
            answered_by=self.answered_by,
            display_name=self.display_name if self.shown is None else self.shown,
            executed_code=list(self.executed),
            lookup_ms=self.lookup_ms,
            service_outcome=self.outcome,
            hangup_cause=self.cause,
        )
