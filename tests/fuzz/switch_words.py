"""What FreeSWITCH makes of the octets that are sent to it, written after its source: the event socket's
reader, `switch_separate_string` and `multiset`.
"""

from __future__ import annotations

VERBS = ("connect", "exit", "resume", "myevents plain", "linger ", "auth ", "event plain ", "api ", "bgapi ")
HEADERS = {"call-command", "execute-app-name", "execute-app-arg", "Event-UUID", "Job-UUID"}
HEADERS |= {"content-type", "content-length"}


def commands(octets: bytes) -> list[list[str]]:
    """The commands, each as its lines, the last of which is its body if it has one. Raises AssertionError if
    there is one that we never send.
    """
    found: list[list[str]] = []
    while octets:
        head, end, octets = octets.partition(b"\n\n")
        assert end, head
        verb, *headers = command = head.decode().split("\n")
        assert verb == "sendmsg" or verb.startswith(VERBS), verb
        assert all(header.partition(": ")[0] in HEADERS for header in headers), headers
        named = dict(header.partition(": ")[::2] for header in headers)
        assert len(named) == len(headers), headers
        if "content-length" in named:
            length = int(named["content-length"])
            assert (
                verb == "sendmsg" and named["content-type"] == "text/plain" and 0 < length <= len(octets)
            ), head
            command.append(octets[:length].decode())
            octets = octets[length:]
        assert not any(c < " " or c == "\x7f" for line in command for c in line), command
        found.append(command)
    return found


def executed(command: list[str]) -> tuple[str, str]:
    """The application that a `sendmsg` runs and its argument; empty if it is no such command."""
    headers = {name: value.strip(" ") for name, _, value in (line.partition(":") for line in command[1:])}
    if command[0] != "sendmsg" or headers.get("call-command") != "execute":
        return "", ""
    body = command[-1] if "content-length" in headers else ""
    return headers.get("execute-app-name", ""), headers.get("execute-app-arg") or body


def variables(octets: bytes) -> list[tuple[str, str]]:
    """The channel variables that are set, in their order."""
    found: list[tuple[str, str]] = []
    for application, argument in map(executed, commands(octets)):
        if application == "set":
            found.append(_pair(argument))
        elif application == "multiset":
            delimiter = " "
            if argument.startswith("^^"):
                delimiter, argument = argument[2], argument[3:]
            found += [_pair(part) for part in separated(argument, delimiter)]
    return found


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def separated(text: str, delimiter: str) -> list[str]:
    r"""`switch_separate_string`: `'` begins and ends what is not split, `\` takes what follows as it is; both
    are then taken out, and spaces at the ends go.
    """
    parts: list[str] = [""]
    quoted = escaped = False
    for c in text:
        if escaped:
            # n, r, t and s become what they stand for.
            parts[-1] += {"n": "\n", "r": "\r", "t": "\t", "s": " "}.get(c, c)
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == "'":
            quoted = not quoted
        elif c == delimiter and not quoted:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip(" ") for part in parts]
