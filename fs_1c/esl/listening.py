"""What is said on one connection to a switch's event socket. A state machine; no I/O.

Authenticate, subscribe, ask what is up, and then listen. Events come at any time between the replies; the
replies come in the order of the commands.

What was bridged while nobody listened is told by `show channels` and, for each channel, `uuid_dump`. The
first comes from a database that FreeSWITCH writes behind its back, a fifth of a second late and more under
load; so a missing channel may be up all the same, and one looks again. The second comes from the channel
itself.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from fs_1c.call import CallEvent
from fs_1c.esl import commands
from fs_1c.esl.wire import Headers, Message, WireError
from fs_1c.talk import EVENTS, Conversations, is_uuid

MAX_CHANNELS = 20_000
"""Channels asked about after a reconnect."""


class Refused(Exception):
    """The switch does not let us in: the password, or its access list."""


class _Asked(Enum):
    """What a reply is about."""

    AUTH = auto()
    EVENTS = auto()
    CHANNELS = auto()
    DUMP = auto()
    JOB = auto()


@dataclass(frozen=True, slots=True)
class Heard:
    """What to do after a message.

    Attributes:
        write: Octets to be sent; may be empty.
        happening: What has just happened.
        ready: We are subscribed now; `Listening.look_again` is due in a while.
        job: Job-UUID and result of a background job.
        closed: FreeSWITCH takes its leave.
    """

    write: bytes = b""
    happening: CallEvent | None = None
    ready: bool = False
    job: tuple[str, str] | None = None
    closed: bool = False


_NOTHING = Heard()


class Listening:
    """One connection.

    Args:
        password: The event socket's.
        conversations: Outlives the connection: what it knows is still true after a reconnect.
    """

    def __init__(self, password: str, conversations: Conversations) -> None:
        self._password = password
        self._conversations = conversations
        self._asked: deque[tuple[_Asked, str]] = deque()  # and about which channel
        self._dumped: set[str] = set()  # channels that were asked about
        self._welcomed = False

    def received(self, message: Message) -> Heard:
        """Takes one message. Raises `Refused` or `WireError`."""
        match message.content_type:
            case "text/event-plain":
                return self._event(message)
            case "auth/request":
                if self._welcomed:
                    raise WireError("the password was asked for twice")
                self._welcomed = True
                return Heard(self._ask(_Asked.AUTH, commands.auth(self._password)))
            case "command/reply" | "api/response":
                return self._replied(message)
            case "text/rude-rejection":
                raise Refused(
                    "its access list (event_socket.conf.xml, apply-inbound-acl) does not allow our address"
                )
            case "text/disconnect-notice":
                return Heard(closed=True)
        return _NOTHING

    def look_again(self) -> bytes:
        """What to write to ask once more, about channels that were not asked about."""
        return self._ask(_Asked.CHANNELS, commands.api("show channels as json"))

    def look_up_key(self, extension: str, domain: str, job: str) -> bytes:
        """What to write to ask the switch's directory for a subscriber's key; the answer is `Heard.job`.

        Args:
            job: Its Job-UUID. In the background: a directory behind mod_xml_curl may be slow, and events are
                not sent while a command is obeyed.
        """
        user = f"{extension}{'@' if domain else ''}{domain}"
        return self._ask(_Asked.JOB, commands.background(f"user_data {user} var fs_1c_key", job))

    def _event(self, message: Message) -> Heard:
        event = message.event()
        if event.get("Event-Name") == "BACKGROUND_JOB":
            result = message.event_body.decode("utf-8", "replace").strip()
            return Heard(job=(event.get("Job-UUID") or "", "" if result.startswith("-ERR") else result))
        happening = self._conversations.feed(event)
        return _NOTHING if happening is None else Heard(happening=happening)

    def _ask(self, what: _Asked, command: bytes, channel: str = "") -> bytes:
        self._asked.append((what, channel))
        return command

    def _replied(self, message: Message) -> Heard:
        what, channel = self._asked.popleft() if self._asked else (None, "")
        match what:
            case _Asked.AUTH:
                if not message.reply.startswith("+OK"):
                    raise Refused("the password is wrong")
                wanted = [*EVENTS, "BACKGROUND_JOB", "HEARTBEAT"]
                return Heard(self._ask(_Asked.EVENTS, commands.subscribe(wanted)))
            case _Asked.EVENTS:
                if not message.reply.startswith("+OK"):
                    raise WireError(f"the subscription was answered by {message.reply[:80]!r}")
                still_up = self._dump(sorted(self._conversations.known()))
                return Heard(still_up + self.look_again(), ready=True)
            case _Asked.CHANNELS:
                return Heard(self._dump(_channels(message.body)))
            case _Asked.DUMP:
                if message.body.startswith(b"-ERR"):
                    return Heard(happening=self._conversations.gone(channel))
                return Heard(happening=self._conversations.feed(Headers(message.body.partition(b"\n\n")[0])))
        return _NOTHING

    def _dump(self, channels: list[str]) -> bytes:
        new = [uuid for uuid in channels if uuid not in self._dumped]
        self._dumped.update(new)
        return b"".join(self._ask(_Asked.DUMP, commands.api(f"uuid_dump {uuid}"), uuid) for uuid in new)


def _channels(body: bytes) -> list[str]:
    """The uuids that `show channels as json` names. It has no `rows` when there is no channel."""
    try:
        rows = json.loads(body).get("rows") or []
        uuids = [row["uuid"] for row in rows[:MAX_CHANNELS]]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise WireError(f"show channels was answered by {body[:80]!r}") from None
    return [uuid for uuid in uuids if is_uuid(uuid)]
