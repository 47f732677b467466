"""A listener with python-ESL, which counts events. `PORT EVENT…`"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import sys

import ESL

port, *names = sys.argv[1:]
switch = ESL.ESLconnection("127.0.0.1", port, "ClueCon")
switch.events("plain", " ".join(names))
handled = 0
asked: set[str] = set()

while switch.connected():
    event = switch.recvEvent()
    name = event.getHeader("Event-Name")
    if name in names:
        handled += 1
    if name == "CHANNEL_BRIDGE":
        # Asks the directory for a subscriber's key, once.
        callee = event.getHeader("variable_dialed_user")
        if callee not in asked:
            asked.add(callee)
            print(callee, handled, flush=True)  # noqa: T201
            switch.bgapi("user_data", f"{callee} var fs_1c_key")
