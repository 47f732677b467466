"""What is said on a `socket` connection, from `connect` to the last notice. A state machine; no I/O.

Sync (`Socket-Mode: static`): decide, write the variables and `exit` at once; the dialplan bridges. Async:
decide, write the variables and `bridge`, stay until the hang-up and tell each conversation from the caller's
own events.

Whatever happens the call must not hang on us: without a decision sync still gets its `exit`; and async, where
a call without a bridge would stay parked in silence, is given back to the dialplan (`resume`, `exit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fs_1c.call import Call, CallEvent, Decision
from fs_1c.esl import commands
from fs_1c.esl.wire import Message, WireError
from fs_1c.talk import ALWAYS, PERHAPS, Conversations, Event, People, call_from_channel, hung_up


class State(Enum):
    """How far the conversation with FreeSWITCH has come."""

    CONNECTING = auto()  # `connect` is sent, the channel's data is awaited
    DECIDING = auto()  # 1C may be asked meanwhile
    FOLLOWING = auto()  # async: the bridge is ordered
    LEAVING = auto()  # `exit` is sent
    GONE = auto()  # the caller, or FreeSWITCH, has gone: nothing may be written


@dataclass(frozen=True, slots=True)
class Step:
    """What the door must do after a message.

    Attributes:
        write: Octets to be sent now; may be empty.
        decide: The call that must be decided; the decision goes to `Dialogue.decided`.
        happened: What has just happened to this call, in order; mostly nothing.
        close: The connection has served its purpose.
    """

    write: bytes = b""
    decide: Call | None = None
    happened: tuple[CallEvent, ...] = ()
    close: bool = False


_CONNECTED = ("Event-Name", *ALWAYS, "Socket-Mode")
_NOTHING = Step()
MAX_LEGS = 100
"""Legs of one call that are remembered."""
_BRIDGE_UUID = "fs-1c-bridge-{uuid}"
_CS_EXECUTE = "4"


class Dialogue:
    """One `socket` connection.

    Args:
        linger: Seconds for which FreeSWITCH keeps an async socket open after the hang-up.
        people: How to tell subscribers from clients.

    Attributes:
        state: Where it stands.
        call: The call, once its channel's data is here.
    """

    __slots__ = (
        "_async",
        "_bridged",
        "_conversations",
        "_hangup_after_bridge",
        "_linger",
        "_people",
        "_set",
        "call",
        "state",
    )

    def __init__(self, linger: int, people: People) -> None:
        self.state = State.CONNECTING
        self.call: Call | None = None
        self._linger = linger
        self._people = people
        self._conversations: Conversations | None = None  # of an async socket: a sync one tells of none
        self._async = False
        self._bridged = False
        self._hangup_after_bridge = True
        self._set: frozenset[str] = frozenset()

    def received(self, message: Message) -> Step:
        """Takes one message. Raises `WireError` when it is none that FreeSWITCH could send here."""
        kind, connecting = message.content_type, self.state is State.CONNECTING
        match kind:
            case "text/disconnect-notice":
                lingering = message.get("Content-Disposition") == "linger"
                self.state = State.GONE
                return Step(close=not lingering)
            case "command/reply" if connecting:
                return self._connected(message)
            case _ if connecting:
                raise WireError(f"before the channel's data came {kind[:80]!r}")
            case "text/event-plain":
                return self._event(message.event())
        return _NOTHING

    @property
    def lingers(self) -> int:
        """Seconds for which FreeSWITCH keeps the connection after the hang-up."""
        return self._linger if self._async else 0

    def decided(self, decision: Decision | None) -> bytes:
        """What to write, now that the call is decided (None: it could not be). Empty: the caller has gone."""
        if self.state is not State.DECIDING or self.call is None:
            return b""
        variables = decision.variables if decision else ()
        if decision and decision.reject:
            self.state = State.LEAVING
            return commands.multiset(variables) + commands.execute("hangup", decision.reject) + commands.EXIT
        if not self._async:
            self.state = State.LEAVING
            return commands.multiset(variables) + commands.EXIT
        dial_string = _dial_string(decision.target if decision else None, self.call.default_target)
        if dial_string is None:
            self.state = State.LEAVING
            return commands.multiset(variables) + commands.RESUME + commands.EXIT
        self.state = State.FOLLOWING
        # The dialplan's own wishes stand. Without any, a call behaves as after a plain bridge: it ends with
        # the conversation, and goes on in the dialplan when nobody answered.
        for name in ("hangup_after_bridge", "continue_on_fail"):
            if name not in self._set:
                variables = (*variables, (name, "true"))
        # `socket_resume=true` gives the call back to the dialplan if we die while 1C is asked; from here on
        # it would tear a conversation apart.
        if "socket_resume" in self._set:
            variables = (*variables, ("socket_resume", "false"))
        bridge = commands.execute("bridge", dial_string, _BRIDGE_UUID.format(uuid=self.call.uuid))
        return commands.multiset(variables) + bridge

    def _connected(self, data: Message) -> Step:
        told = data.only(_CONNECTED)
        told |= data.variables(PERHAPS)
        if told.get("Event-Name") != "CHANNEL_DATA":
            raise WireError(f"connect was answered by {data.reply[:80]!r}")
        called = told.get("Call-Direction") == "outbound"  # by the switch: then who that is stands elsewhere
        self.call = call_from_channel(data if called else told, self._people)
        self.state = State.DECIDING
        self._async = told.get("Socket-Mode") == "async"
        if not self._async:
            return Step(decide=self.call)
        names = ("hangup_after_bridge", "continue_on_fail", "socket_resume")
        self._set = frozenset(name for name in names if data.get(f"variable_{name}"))
        self._hangup_after_bridge = data.get("variable_hangup_after_bridge") in (None, "true")
        # Whoever reaches the port says what he likes: he names nobody's key, and has no room for many legs.
        self._conversations = Conversations(
            self._people.plan, self._people.has_key, MAX_LEGS, believes_keys=False
        )
        self._conversations.feed(data)
        return Step(write=commands.linger(self._linger) + commands.MYEVENTS, decide=self.call)

    def _event(self, event: Event) -> Step:
        name = event.get("Event-Name")
        if name in ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"):
            self.state = State.GONE
            return Step(happened=(hung_up(self.call.uuid, event),) if self.call else ())
        if self._conversations is None:
            return _NOTHING
        if name in ("CHANNEL_BRIDGE", "CHANNEL_ANSWER", "CALL_UPDATE"):
            self._bridged = self._bridged or name == "CHANNEL_BRIDGE"
            return Step(happened=self._conversations.feed(event))
        if name == "CHANNEL_EXECUTE_COMPLETE" and self._nobody_talks(event):
            self.state = State.LEAVING
            return Step(write=commands.RESUME + commands.EXIT)
        return _NOTHING

    def _nobody_talks(self, event: Event) -> bool:
        """Our bridge is over and the caller is still here, parked: the dialplan must have him back.

        After a conversation only if the dialplan asked for it (`hangup_after_bridge=false`). And never when
        he was transferred: `resume` would tear him out of his next conversation. Channel-State still says
        CS_EXECUTE then; Channel-State-Number tells where the channel really goes.
        """
        if self.state is not State.FOLLOWING or self.call is None:
            return False
        if event.get("Application-UUID") != _BRIDGE_UUID.format(uuid=self.call.uuid):
            return False
        if event.get("Channel-State-Number") not in (None, _CS_EXECUTE):
            return False
        return not self._bridged or not self._hangup_after_bridge


def _dial_string(target: str | None, default: str) -> str | None:
    """The argument of `bridge`: the target, and after it the dialplan's own default, which FreeSWITCH itself
    fills in.

    So a manager who is busy or silent costs no further word from us. A default that begins with variables or
    holds several dial strings cannot follow another one; the dialplan gets the call back instead.
    """
    default_variable = "${fs_1c_default_target}"
    if target is None:
        return default_variable if default else None
    if not default or default in target.split("|") or default.startswith(("{", "<")) or ":_:" in default:
        return target
    return f"{target}|{default_variable}"
