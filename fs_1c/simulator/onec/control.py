"""What is under /simulator/: the log, the counters and the switch for faults. No fault befalls it.

| request | does |
| --- | --- |
| GET /simulator/log | the latest SOAP requests |
| GET /simulator/stats | the counters |
| GET /simulator/fault | the fault that is on, or null |
| POST /simulator/fault | switches one on: `{"fault": NAME, "times": 2, …}` |
| DELETE /simulator/fault | switches it off |
"""

import json
from http import HTTPStatus

from fs_1c.simulator.onec import pages
from fs_1c.simulator.onec.faults import FaultSwitch, fault_of
from fs_1c.simulator.onec.pages import Answer, as_json
from fs_1c.simulator.onec.world import Simulated

PREFIX = "/simulator/"


def answer(simulated: Simulated, method: str, path: str, body: bytes) -> Answer:
    """What is asked of the simulator itself."""
    match method, path.removeprefix(PREFIX):
        case "GET", "log":
            return _log(simulated)
        case "GET", "stats":
            return as_json(simulated.stats().as_json())
        case (("GET" | "POST" | "DELETE"), "fault"):
            return _fault(simulated.faults, method, body)
    return pages.not_found()


def _log(simulated: Simulated) -> Answer:
    # Keys are in it in full: tests compare them, a rehearsal has no real ones.
    return as_json(
        [
            {
                "operation": request.operation,
                "parameters": dict(request.parameters),
                "time": request.time,
                "soap_version": request.soap_version,
                "authorized_as": request.authorized_as,
            }
            for request in simulated.received.requests()
        ]
    )


def _fault(switch: FaultSwitch, method: str, body: bytes) -> Answer:
    if method == "POST":
        try:
            described = json.loads(body)
            if not isinstance(described, dict):
                raise ValueError('not a JSON object such as {"fault": "mute"}')
            switch.set(fault_of(described))
        except (ValueError, RecursionError) as error:
            return as_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
    elif method == "DELETE":
        switch.set(None)
    fault = switch.fault
    return as_json(fault.as_json() if fault else None)
