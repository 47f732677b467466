"""Commands of the event socket, as values with one serialiser.

FreeSWITCH's reader ends a header line at CR or LF and knows no escape, so a line break in a value would forge
a header, or a command. `_octets` and `_lines` alone make octets of a text, and no line break passes them.

The reader also takes headers octet by octet, with a system call and a `sched_yield` for each, and a body at
once. So what an application is told goes into the body, which saves a call about half a millisecond. Unless
it is long: over a network it might come in pieces, and FreeSWITCH awaits the rest of a body in a busy loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from fs_1c import channel

_SEPARATORS = "|~;!#"
_MAX_BODY = 1000
"""Octets; with its head one segment of TCP."""


def _octets(text: str) -> bytes:
    return channel.line(text).encode("utf-8", "replace")


def _lines(*lines: str) -> bytes:
    return "\n".join((*map(channel.line, lines), "\n")).encode("utf-8", "replace")


CONNECT = _lines("connect")
EXIT = _lines("exit")
RESUME = _lines("resume")
MYEVENTS = _lines("myevents plain")


def linger(seconds: int) -> bytes:
    """Keep the socket open after the hang-up; never bare, which would keep it open for ever."""
    return _lines(f"linger {seconds}")


def auth(password: str) -> bytes:
    return _lines(f"auth {password}")


def subscribe(events: Sequence[str]) -> bytes:
    """`event plain …`: the events to be sent to us, in FreeSWITCH's names."""
    return _lines(f"event plain {' '.join(events)}")


def api(command: str) -> bytes:
    """An API command, whose reply is an `api/response`; FreeSWITCH sends no event until it is done."""
    return _lines(f"api {command}")


def background(command: str, job: str) -> bytes:
    """An API command in a thread of FreeSWITCH's; its result is a BACKGROUND_JOB event with that Job-UUID."""
    return _lines(f"bgapi {command}", f"Job-UUID: {job}")


def send_event(subclass: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """A CUSTOM event, which FreeSWITCH hands to whoever listens for it, us among them."""
    return _lines("sendevent CUSTOM", f"Event-Subclass: {subclass}", *map(": ".join, headers))


def execute(application: str, argument: str = "", uuid: str = "") -> bytes:
    """Runs a dialplan application on the socket's channel.

    Args:
        uuid: Comes back as `Application-UUID` in CHANNEL_EXECUTE_COMPLETE; empty: FreeSWITCH makes one.
    """
    lines = ["sendmsg", "call-command: execute", f"execute-app-name: {application}"]
    if uuid:
        lines.append(f"Event-UUID: {uuid}")
    body = _octets(argument)
    if len(body) > _MAX_BODY:
        return _lines(*lines, f"execute-app-arg: {argument}")
    if body:
        lines += ["content-type: text/plain", f"content-length: {len(body)}"]
    return _lines(*lines) + body


@channel.remembered(1024)
def multiset(variables: tuple[tuple[str, str], ...]) -> bytes:
    """Sets several channel variables by one command; empty when there are none.

    The values must be harmless already (see `fs_1c.channel`); a list is split at its separator, so one is
    chosen that no value holds.
    """
    pairs = [f"{name}={value}" for name, value in variables]
    if not pairs:
        return b""
    used = "".join(pairs)
    for separator in _SEPARATORS:
        if separator not in used:
            return execute("multiset", f"^^{separator}{separator.join(pairs)}")
    return b"".join(execute("set", pair) for pair in pairs)  # cannot be: no value keeps a tilde
