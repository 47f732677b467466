"""Settings and faults out of texts, as a command line has them. Pure.

Every mistake is a ValueError of one line that starts with the setting's name.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fs_1c.simulator.onec.fault_table import KINDS
from fs_1c.simulator.onec.faults import PARAMETERS, Fault
from fs_1c.simulator.onec.settings import SECONDS, OneCSimulatorSettings


def _number(kind: Callable[[str], Any], what: str) -> Callable[[str, str], Any]:
    def read(name: str, text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{name}: {text!r} is not {what}") from None

    return read


_seconds, _whole = _number(float, "a number of seconds"), _number(int, "a whole number")
_READ: Mapping[str, Callable[[str, str], Any]] = {
    **dict.fromkeys((*SECONDS, "seconds"), _seconds),
    **dict.fromkeys(("pool_size", "licences", "lost_session_status", "size", "status", "times"), _whole),
    "card": lambda name, text: {"true": True, "false": False}.get(text, text),
}


def _read(name: str, text: str) -> Any:
    return _READ[name](name, text) if name in _READ else text


def settings_of(texts: Mapping[str, str | None], **more: Any) -> OneCSimulatorSettings:
    """The settings; those that are None stay as they are by default. `more` are no texts any longer."""
    given = {name: _read(name, text) for name, text in texts.items() if text is not None}
    return OneCSimulatorSettings(**given, **more)


def fault_from(
    name: str | None, parameters: Iterable[str], times: str | None, operation: str | None
) -> Fault | None:
    """The fault of this name with `KEY=VALUE` parameters; None when none is asked for."""
    pairs = [pair.partition("=") for pair in parameters]
    if name is None:
        if pairs or times is not None or operation is not None:
            raise ValueError("fault: is missing; its parameters are of no use without it")
        return None
    for key, equals, text in pairs:
        if not equals or key not in PARAMETERS:
            allowed = f"allowed: KEY=VALUE, KEY one of {', '.join(PARAMETERS)}"
            raise ValueError(f"fault_parameter: {key}{equals}{text}: {allowed}")
    try:
        given = {key: _read(key, text) for key, _, text in pairs}
        return Fault(name, None if times is None else _read("times", times), operation, **given)
    except ValueError as error:
        setting, _, what = str(error).partition(": ")
        if setting in PARAMETERS:
            raise ValueError(f"fault_parameter: {error}") from None
        raise ValueError(f"{_OPTIONS.get(setting, setting)}: {what}") from None


_OPTIONS = {"times": "fault_times", "operation": "fault_operation"}


def catalogue() -> str:
    """All faults with their parameters, a line each."""
    width = max(map(len, KINDS))
    lines = []
    for name, kind in KINDS.items():
        told = " ".join(f"{k}={'…' if v is None else repr(v).strip(chr(39))}" for k, v in kind.parameters.items())
        lines.append(f"{name:{width}}  {kind.about}{f'  [{told}]' if told else ''}")
    return "\n".join(lines)
