"""Settings and faults out of texts, as a command line has them. Pure.

Every mistake is a ValueError of one line that starts with the setting's name.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fs_1c.simulator.onec.fault_kinds import KINDS
from fs_1c.simulator.onec.faults import PARAMETERS, Fault
from fs_1c.simulator.onec.settings import OneCSimulatorSettings

SECONDS = ("latency", "session_max_age", "pool_timeout", "session_start", "cold_start", "idle", "keep_alive")
WHOLE = ("pool_size", "licences", "lost_session_status")
_TRUTH = {"true": True, "false": False}


def settings_of(texts: Mapping[str, str | None], **more: Any) -> OneCSimulatorSettings:
    """The settings; those that are None stay as they are by default. `more` are no texts any longer."""
    given: dict[str, Any] = dict(more)
    for name, text in texts.items():
        if text is not None:
            given[name] = _number(name, text) if name in (*SECONDS, *WHOLE) else text
    return OneCSimulatorSettings(**given)


def fault_from(
    name: str | None, parameters: Iterable[str], times: str | None, operation: str | None
) -> Fault | None:
    """The fault of this name with `KEY=VALUE` parameters; None when none is asked for."""
    if name is None:
        if times is not None or operation is not None or list(parameters):
            raise ValueError("fault: is missing; its parameters are of no use without it")
        return None
    try:
        return _fault(name, parameters, times, operation)
    except ValueError as error:
        setting, _, what = str(error).partition(": ")
        if setting in PARAMETERS:
            raise ValueError(f"fault_parameter: {error}") from None
        raise ValueError(f"{_OPTIONS.get(setting, setting)}: {what}") from None


_OPTIONS = {"times": "fault_times", "operation": "fault_operation"}


def _fault(name: str, parameters: Iterable[str], times: str | None, operation: str | None) -> Fault:
    given: dict[str, Any] = {}
    for pair in parameters:
        key, equals, text = pair.partition("=")
        if not equals or key not in PARAMETERS:
            raise ValueError(
                f"fault_parameter: {pair}: allowed: KEY=VALUE, KEY one of {', '.join(PARAMETERS)}"
            )
        given[key] = _parameter(key, text)
    return Fault(name, times=None if times is None else _whole("times", times), operation=operation, **given)


def catalogue() -> str:
    """All faults with their parameters, a line each."""
    width = max(map(len, KINDS))
    lines = []
    for name, kind in KINDS.items():
        parameters = " ".join(
            f"{key}={'…' if value is None else repr(value).strip(chr(39))}"
            for key, value in kind.parameters.items()
        )
        lines.append(f"{name:{width}}  {kind.about}{f'  [{parameters}]' if parameters else ''}")
    return "\n".join(lines)


def _number(name: str, text: str) -> float | int:
    if name in WHOLE:
        return _whole(name, text)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not a number of seconds") from None


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not a whole number") from None


def _parameter(key: str, text: str) -> str | int | float | bool:
    match key:
        case "seconds":
            return _number(key, text)
        case "size" | "status":
            return _whole(key, text)
        case "card":
            return _TRUTH.get(text, text)
    return text
