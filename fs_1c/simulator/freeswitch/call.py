"""One live call: the caller's leg, the applications executed on it, and the service behind `socket`."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from fs_1c.simulator.freeswitch import bridge, recordings, values, wire
from fs_1c.simulator.freeswitch.listener import Listener, Streams
from fs_1c.simulator.freeswitch.script import CallResult, CallScript

if TYPE_CHECKING:
    from fs_1c.simulator.freeswitch.switch import SimulatedSwitch

T = TypeVar("T")

TICK = 0.02  # seconds between two looks that a parked channel takes at its queue
CONNECT_WITHIN = 127.0  # seconds until the kernel gives up on a host that swallows all; FreeSWITCH never does
CODE = frozenset("bgsystem java javascript lua managed perl python system".split())
APPLICATIONS = CODE | frozenset(
    "answer bridge callcenter cidlookup conference curl db deflect echo eval execute_extension export fifo"
    " hangup hash hold info intercept ivr limit log multiset park playback pre_answer read record_session"
    " redirect respond ring_ready say set set_profile_var socket speak transfer unset voicemail".split()
)
"""What a usual FreeSWITCH has, in part; an application that it has not ends the call."""


class LiveCall(CallResult):
    """A call while it is up, and what has become of it so far.

    Attributes:
        down, finished: Set when the caller's leg is hung up; when the dialplan is done with it.
        resume, queue: The service has said `resume`; what else it has sent to a parked channel.
        times: Moments in µs, by the names of `recordings.MOMENTS`.
        callee: Who was rung or answered last.
    """

    def __init__(self, switch: SimulatedSwitch, script: CallScript) -> None:
        self.name = script.number if script.name is None else script.name
        super().__init__(str(uuid.uuid4()), self.name)
        self.switch, self.script = switch, script
        self.down, self.finished = asyncio.Event(), asyncio.Event()
        self.resume = False
        self.queue: list[wire.Command] = []
        self.times = {"created": wire.now()}
        self.callee: bridge.Leg | None = None
        self.channel_name = f"sofia/internal/{script.number}@{script.domain}"
        self._asked_at = 0.0  # on the loop's clock
        run = lambda name, argument: switch.api(name, argument) or ""  # noqa: E731
        self._expander = values.Expander(self.variable, run, self.executed_code)
        self._recorded: dict[str, str] = {}
        told = self._event("create").headers
        recorded = {key[9:]: value for key, value in told if key.startswith("variable_")}
        own = {"sip_call_id": f"{self.uuid[:13]}@simulated", "sip_full_from": recorded["sip_full_from"]}
        if script.name is not None:
            address = own["sip_full_from"].rpartition("<")[2]
            own |= {"sip_from_display": self.name, "sip_full_from": f'"{self.name}" <{address}'}
        self.variables.update(recorded | own)
        self._recorded = {name: value for name, value in recorded.items() if name not in own}
        switch.calls[self.uuid] = self

    # What it is.

    @property
    def shows(self) -> str:
        """What a phone that rings now shows."""
        return self.variables.get("effective_caller_id_name") or self.name

    def cast(self, callee: bridge.Leg | None) -> dict[str, str]:
        """Who plays which part in an event; see `recordings.tell`."""
        script, shown = self.script, callee and callee.variables.get("origination_caller_id_name")
        parts = {"number": script.number, "name": self.name, "destination": script.destination}
        parts |= {"domain": script.domain, "private": "true" if script.private else "false"}
        parts |= {"caller_uuid": self.uuid, "callee_uuid": callee.uuid if callee else ""}
        parts["extension"] = callee.endpoint.extension if callee else ""
        return parts | {"shown": shown or self.shows}

    def variable(self, name: str) -> str | None:
        """A channel variable, else a field of the caller's profile, else a global variable."""
        script = self.script
        profile = {"caller_id_name": self.name, "caller_id_number": script.number, "uuid": self.uuid}
        profile |= {"destination_number": script.destination, "domain": script.domain}
        return self.variables.get(name) or profile.get(name)

    def _event(self, what: str, changes: Mapping[str, str | None] | None = None) -> wire.Event:
        variables = {k: v for k, v in self.variables.items() if self._recorded.get(k) != v}
        changes = {"Hangup-Cause": self.hangup_cause or None, **(changes or {}), **self.switch.stamp()}
        return recordings.tell(what, self.cast(self.callee), self.times, variables, changes)

    def tell(self, what: str, **changes: str | None) -> None:
        """Fires an event about the caller's leg, as recorded of one in its state."""
        states = {", bridged": self.bridged_to, ", rung": self.callee, ", down": self.down.is_set(), "": True}
        what = next(what + one for one, so in states.items() if so and what + one in recordings.told())
        self.switch.fire(self._event(what, {key.replace("_", "-"): value for key, value in changes.items()}))

    def channel_data(self) -> bytes:
        mode = "async" if self.script.mode == "async" else "static"
        self._asked_at = self._asked_at or asyncio.get_running_loop().time()
        return self._event("data", {"Socket-Mode": mode, "Control": "full"}).plain()

    # What happens to it.

    async def unless_down(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What the work gives; None when the channel is hung up before that. Raises what the work raises."""
        working, down = asyncio.ensure_future(work), asyncio.ensure_future(self.down.wait())
        try:
            await asyncio.wait((working, down), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            down.cancel()
            await asyncio.gather(working, down, return_exceptions=True)

    async def wait(self, seconds: float) -> bool:
        """Lets time pass; True when the channel was hung up meanwhile."""
        await self.unless_down(asyncio.sleep(seconds))
        return self.down.is_set()

    def hangup(self, cause: str) -> None:
        """Ends the caller's leg; a second time does nothing."""
        if not self.down.is_set():
            self.down.set()
            self.hangup_cause = cause
            self.times["hungup"] = wire.now()
            self.variables["hangup_cause"] = cause
            self.tell("hangup")

    def caller_leaves(self, only_before_ringing: bool = False) -> None:
        """The caller hangs up, unless he has been answered (or, if so asked, a phone has been rung)."""
        if "answered" not in self.times and not (only_before_ringing and self.callee):
            self.hangup("ORIGINATOR_CANCEL")

    def answer(self) -> None:
        """Answers the caller's leg if it isn't yet, and runs what waits for that."""
        if "answered" not in self.times and not self.down.is_set():
            self.times["answered"] = wire.now()
            self.tell("answer")
            self.run_hook(self.variables.get("api_on_answer"))

    def run_hook(self, code: str | None) -> None:
        """Records what a variable such as `api_on_answer` would run."""
        if code:
            self.executed_code.append(self._expander.expand(code))

    def let_go(self) -> None:
        """The service has decided: the lookup is over."""
        if self.lookup_ms is None and self._asked_at:
            self.lookup_ms = (asyncio.get_running_loop().time() - self._asked_at) * 1000

    # Applications.

    async def perform(self, command: wire.Command) -> None:
        """What a `sendmsg` asks for (source: switch_ivr_parse_event)."""
        kind, application = (command.get("call-command") or "").lower(), command.get("execute-app-name")
        if kind == "hangup":
            self._run("hangup", command.get("hangup-cause") or "")
        if kind == "execute" and application:
            argument = command.get("execute-app-arg") or command.body.decode("utf-8", "surrogateescape")
            await self.execute(application, argument, command)

    async def execute(self, application: str, argument: str, order: wire.Command | None = None) -> None:
        """Runs an application to its end, as the service has ordered or the dialplan."""
        if self.down.is_set():
            return
        if application not in APPLICATIONS:
            self.hangup("DESTINATION_OUT_OF_ORDER")
            return
        data = self._expander.expand(argument)
        self.applications.append((application, data))
        told = self._begins(application, data, order)
        if application == "bridge":
            if order and self.script.mode == "async":
                self.let_go()
            await bridge.bridge(self, data, order is not None)
        else:
            self._run(application, data)
        self.tell("execute complete", **told)

    def _begins(self, name: str, data: str, order: wire.Command | None = None) -> dict[str, str | None]:
        """Tells of an application; returns the headers that its end is to have, too."""
        self.variables |= {"current_application": name, "current_application_data": data}
        told: dict[str, str | None] = {"Application": name, "Application_Data": data or None}
        told["Application_UUID"] = (order.get("event-uuid") if order else None) or str(uuid.uuid4())
        told["Application_UUID_Name"] = order.get("event-uuid-name") if order else None
        self.tell("execute", **told)
        return told

    def _run(self, application: str, data: str) -> None:
        match application:
            case "set" | "multiset":
                for element in [data] if application == "set" else values.separate(data, " "):
                    values.set_one(self.variables, self._expander, element)
            case "unset":
                self.variables.set(data, None)
            case "answer":
                self.answer()
            case "hangup":
                cause = data.strip().upper()
                self.hangup(cause if re.fullmatch(r"[A-Z][A-Z_0-9]+", cause) else "NORMAL_CLEARING")
            case _ if application in CODE:
                self.executed_code.append(f"{application} {data}".rstrip())

    # The application `socket`: FreeSWITCH connects to a service and obeys it (source: socket_function).

    async def socket(self, host: str, port: int) -> bool:
        """Runs it; True when the dialplan goes on with its next action."""
        began = asyncio.get_running_loop().time()
        self.variables.set("socket_host", host)
        sync, streams, goes_on = self.script.mode == "sync", None, True
        told = self._begins("socket", f"{host}:{port} full" if sync else f"{host}:{port} async full")
        with suppress(OSError):  # TimeoutError is one
            connecting = asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_WITHIN)
            streams = await self.unless_down(connecting)
        if streams is None:
            # Nobody listens: the next action runs at once, in async as well.
            self.service_outcome = "hung up" if self.down.is_set() else "unreachable"
        elif sync:
            await self._hold(streams)
        else:
            goes_on = await self._park(streams)
        self.held_ms = (asyncio.get_running_loop().time() - began) * 1000
        self.tell("execute complete", **told)
        return goes_on and not self.down.is_set()

    async def _hold(self, streams: Streams) -> None:
        """Obeys the service until it lets go, the call ends or, with `linger`, the time after it is over."""
        listener = Listener(self.switch, streams, self)
        with self.switch.connected(listener, streams[1]):
            self.service_outcome = outcome = await listener.obey(self.switch.settings.first_command)
            self.let_go()
            listener.release()
            if outcome == "hung up" and listener.linger is not None:
                if self.script.mode == "async":
                    await self.finished.wait()  # the last events come before the notice
                told = f"Channel-Name: {self.channel_name}\nLinger-Time: {listener.linger}\n"
                listener.write(wire.disconnect_notice(self.uuid, told))
                listener.lingering = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(listener.linger if listener.linger >= 0 else None):
                        await listener.obey(None)
            if outcome != "closed":
                listener.write(wire.disconnect_notice(self.uuid))

    async def _park(self, streams: Streams) -> bool:
        """Async: parks the call and executes what the service queues; True when the dialplan goes on.

        `exit` without `resume` ends the call. A service that stays mute or dies leaves the caller in silence
        until he gives up; with `resume` said before, the dialplan goes on.
        """
        talking = asyncio.ensure_future(self._hold(streams))
        self.switch.background(talking)
        parked = False
        while not await self.wait(TICK):
            connected = 0 < self._asked_at <= asyncio.get_running_loop().time() - TICK  # for a tick, at least
            if not parked and (connected or talking.done()):
                parked = True
                self.tell("park")
            while parked and self.queue and not self.down.is_set():
                await self.perform(self.queue.pop(0))
            if talking.done() and not self.queue and (self.resume or self.service_outcome == "exited"):
                break
        if not talking.done():  # the call is over before its service has noticed
            self.service_outcome = "hung up"
            self.let_go()
        elif not self.resume:
            self.hangup("NORMAL_CLEARING")
        if parked:
            self.tell("unpark")
        return self.resume
