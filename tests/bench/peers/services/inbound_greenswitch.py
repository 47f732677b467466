"""A listener with greenswitch, which counts events. `PORT EVENT…`"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

import gevent  # noqa: E402
import greenswitch  # noqa: E402

port, *names = sys.argv[1:]
switch = greenswitch.InboundESL(host="127.0.0.1", port=int(port), password="ClueCon")
handled = 0
asked: set[str] = set()


def count(event: greenswitch.esl.ESLEvent) -> None:
    global handled
    handled += 1


def bridged(event: greenswitch.esl.ESLEvent) -> None:
    """Asks the directory for a subscriber's key, once."""
    count(event)
    callee = event.headers["variable_dialed_user"]
    if callee not in asked:
        asked.add(callee)
        print(callee, handled, flush=True)  # noqa: T201
        switch.send(f"bgapi user_data {callee} var fs_1c_key")


for name in names:
    switch.register_handle(name, bridged if name == "CHANNEL_BRIDGE" else count)
switch.connect()
switch.send(f"event plain {' '.join(names)}")
while True:
    gevent.sleep(1)
