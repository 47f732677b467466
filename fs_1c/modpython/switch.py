"""FreeSWITCH as mod_python3 shows it: its Python module, a session, its log. And what must not reach it."""

from __future__ import annotations

import importlib
import logging
from typing import Any, ClassVar, Protocol

from fs_1c.channel import plain

MAX_LOGGED = 8000
"""Characters of a log record."""


class Session(Protocol):
    """A channel, as a handler gets it."""

    def getVariable(self, name: str, /) -> str | None: ...
    def setVariable(self, name: str, value: str, /) -> None: ...
    def execute(self, application: str, argument: str, /) -> None: ...
    def ready(self) -> bool: ...


class Channel:
    """A session, read by the names that the headers of its events have."""

    _NAMES: ClassVar = {
        "Unique-ID": "uuid",
        "Call-Direction": "direction",
        "Channel-Name": "channel_name",
        "Channel-Presence-ID": "presence_id",
        "Caller-Orig-Caller-ID-Number": "orig_caller_id_number",
        "Caller-Caller-ID-Number": "caller_id_number",
        "Caller-Caller-ID-Name": "caller_id_name",
        "Caller-Network-Addr": "network_addr",
        "Caller-Destination-Number": "destination_number",
        "Caller-Privacy-Hide-Number": "privacy_hide_number",
    }

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, /) -> str | None:
        """The value of a header, or None."""
        value = self._session.getVariable(self._NAMES.get(name) or name.removeprefix("variable_"))
        return value and whole(value)


def freeswitch() -> Any:
    """FreeSWITCH's own Python module, which there is inside it and nowhere else."""
    return importlib.import_module("freeswitch")


def api(command: str, argument: str) -> str:
    """What an API command says. Only for those that answer at once: all Python stands still meanwhile."""
    return whole(str(freeswitch().API().execute(command, plain(argument)))).strip()


def whole(text: str) -> str:
    """A text from FreeSWITCH, in which octets that were no UTF-8 came as half surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class FreeSwitchLog(logging.Handler):
    """Log records go where the switch's own go, until it stops: then its log is taken down under our feet."""

    _LEVELS = ((logging.CRITICAL, "CRIT"), (logging.ERROR, "ERR"), (logging.WARNING, "WARNING"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            switch = freeswitch()
            if not switch.running():
                return
            level = next((name for least, name in self._LEVELS if record.levelno >= least), "INFO")
            text = self.format(record)[:MAX_LOGGED]
            lines = text.split("\n") if record.exc_info else [text]
            switch.consoleLog(level, "".join(f"{plain(line)}\n" for line in lines))
        except Exception:
            self.handleError(record)


def log_to_freeswitch() -> None:
    """Sends what this library logs to FreeSWITCH's log, from now on."""
    ours = logging.getLogger("fs_1c")
    if not any(isinstance(one, FreeSwitchLog) for one in ours.handlers):
        ours.addHandler(FreeSwitchLog())
        ours.setLevel(logging.INFO)
        ours.propagate = False
