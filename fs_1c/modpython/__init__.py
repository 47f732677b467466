"""The door inside FreeSWITCH: what mod_python3 calls, with no service beside the switch.

FreeSWITCH calls `handler` when a client rings (application `python fs_1c_dialplan`), `runtime` when somebody
answers (`api_on_answer=pyrun fs_1c_dialplan ${uuid}`), `fsapi` for an engineer (`fs_cli> python
fs_1c_dialplan status`), and `startup` when it starts itself (python.conf.xml).

What mod_python3 is like, and what follows from it:

- It loads the module that it is told anew on every call. So it is told `fs_1c_dialplan`, which only imports;
  what stays is in `process.py`.
- All Python of the switch shares one lock, and every function of FreeSWITCH's keeps it but `session.execute`.
  So whoever waits here waits in Python, and what is asked of FreeSWITCH takes microseconds.
- An octet that is no UTF-8 comes as half a surrogate, and one given back to FreeSWITCH kills the switch. So
  every text is made `plain` on its way there.
- An exception that leaves a function is written into a buffer of fixed size. So none leaves.
- Whoever holds a session keeps its channel from ending. So nobody does after the call.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

from fs_1c.channel import plain
from fs_1c.modpython import console
from fs_1c.modpython.answered import conversation
from fs_1c.modpython.process import PROCESS
from fs_1c.modpython.switch import Channel, Session

__all__ = ["fsapi", "handler", "runtime", "startup"]

log = logging.getLogger(__name__)

STARTS_WITHIN = 0.8
"""Seconds that the first call waits for the settings to be read, if `startup` has not had that done."""


def handler(session: Session, args: str = "") -> None:
    """Decides a call and sets its variables; blocks its thread, until the deadline at the most. With `bridge`
    as argument it bridges, too: to the target, and to `fs_1c_default_target` if nobody there talks.

    Never raises: without a decision the call goes on as if 1C knew nobody.
    """
    target = None
    try:
        target = _decide(session)
    except Exception:
        log.exception("call=%s lookup failed", session.getVariable("uuid"))
    try:
        if args.strip() == "bridge":
            _bridge(session, target)
    except Exception:
        log.exception("call=%s bridge failed", session.getVariable("uuid"))


def runtime(args: str = "") -> None:
    """Somebody has answered a call, the uuid of whose channel is the argument: opens the card at whom it is
    bridged to.

    Who talks after an attended transfer or a pick-up, nobody tells us here; the inbound listener hears of it.
    """
    uuid = args.strip()
    try:
        integration = PROCESS.integration(10.0)
        if not uuid:
            log.error("api_on_answer: `pyrun fs_1c_dialplan` wants the channel's uuid: ${uuid}")
        elif integration is not None and (begun := conversation(uuid, integration.people)):
            integration.conversation(begun)
    except Exception:
        log.exception("call=%s pop failed", uuid)


def fsapi(*given: Any) -> None:
    """`python fs_1c_dialplan COMMAND …`; the answer begins with +OK or -ERR."""
    args = given[-1] if given else ""  # FreeSWITCH leaves out what it does not have
    try:
        answer = console.answer(args.split())
    except Exception:
        log.exception("python fs_1c_dialplan %s", args)
        answer = "-ERR it failed; FreeSWITCH's log says why"
    if len(given) == 4:  # session, stream, parameters, arguments
        given[1].write("".join(f"{plain(line)}\n" for line in answer.split("\n")))


def startup(args: str = "") -> None:
    """Has the settings read and 1C woken while no call waits; returns at once."""
    try:
        PROCESS.integration(0.0)
    except Exception:
        log.exception("it cannot start")


def _decide(session: Session) -> str | None:
    """Sets what is to be set. Returns the target."""
    began = time.monotonic()
    integration = PROCESS.integration(STARTS_WITHIN)
    if integration is None:
        why = "; ".join(PROCESS.problems) or "it is still starting"
        log.warning("call=%s goes on without 1C: %s", session.getVariable("uuid"), why)
        return None
    from fs_1c.talk import call_from_channel  # loaded by now, with the rooms

    call = call_from_channel(Channel(session), integration.people)
    if (waited := time.monotonic() - began) > 0.05:  # for our start: that time is the caller's, too
        limit = integration.settings.lookup.deadline if call.deadline is None else call.deadline
        call = replace(call, deadline=max(0.0, limit - waited))
    decision = integration.decide(call)
    for name, value in decision.variables:
        if name == "fs_1c_target":  # FreeSWITCH fills in what the administrator wrote, such as ${domain}
            session.execute("set", f"{name}={plain(value)}")
        else:
            session.setVariable(name, plain(value))
    if decision.reject:
        session.execute("hangup", decision.reject)
    return decision.target


def _bridge(session: Session, target: str | None) -> None:
    """As after a plain bridge, the call ends with the conversation and goes on when nobody answered, unless
    the dialplan wishes otherwise.
    """
    if not session.ready():  # turned away
        return
    for name in ("hangup_after_bridge", "continue_on_fail"):
        if not session.getVariable(name):
            session.setVariable(name, "true")
    if target:
        session.execute("bridge", plain(target))
        if not session.ready() or session.getVariable("originate_disposition") == "SUCCESS":
            return
    if session.getVariable("fs_1c_default_target"):
        session.execute("bridge", "${fs_1c_default_target}")  # FreeSWITCH fills in what the dialplan has set
