"""`fs_cli> python fs_1c_dialplan …`: an engineer asks, and is answered in one line or some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fs_1c.modpython.process import PROCESS, settings_file

if TYPE_CHECKING:
    from fs_1c.call import Caller, ScreenPop
    from fs_1c.integration import Integration

USAGE = "-USAGE: lookup NUMBER | pop NUMBER EXTENSION | forget NUMBER|all | status | reload   [base=NAME]"
STARTS_WITHIN = 10.0


def answer(words: list[str]) -> str:
    """Does a command, and says what came of it; begins with +OK, -ERR or -USAGE."""
    base = next((word.removeprefix("base=") for word in words if word.startswith("base=")), "")
    match [word for word in words if not word.startswith("base=")]:
        case ["status"]:
            return _status()
        case ["reload"]:
            return _wrong(PROCESS.reload()) or f"+OK {settings_file()} read"
        case ["lookup" | "forget", _] | ["pop", _, _] as command:
            integration = PROCESS.integration(STARTS_WITHIN)
            if integration is None:
                return _status()
            if base and base not in integration.settings.onec:
                return f"-ERR there is no base {base}; allowed: {', '.join(integration.settings.onec)}"
            return _done(integration, command, base)
    return USAGE


def _done(integration: Integration, command: list[str], base: str) -> str:
    match command:
        case ["pop", number, extension]:
            return _popped(integration.pop(number, extension=extension, base=base))
        case ["lookup", number]:
            return _looked_up(integration.lookup(number, base))
        case [_, number]:
            try:
                done = integration.forget(None if number == "all" else number, base)
            except ValueError as error:
                return f"-ERR {error}"
            if done.untold:
                bases = ", ".join(done.untold)
                return f"-ERR forgotten: {done.count}; Redis could not be told, others will be later: {bases}"
            return f"+OK forgotten: {done.count}"
    return USAGE


def _status() -> str:
    integration = PROCESS.integration(STARTS_WITHIN)
    if integration is None:
        return _wrong(PROCESS.problems) or "-ERR it is still starting"
    lines = [f"+OK {settings_file()}{' has changed: reload' if PROCESS.outdated() else ''}"]
    if PROCESS.problems:
        lines += [f"not read again: {problem}" for problem in PROCESS.problems]
    for base, state in integration.health().items():
        told = [f"{name}={value}" for name, value in state.items() if value not in (None, "")]
        lines.append(" ".join([f"base={base}", *told]))
    return "\n".join(lines)


def _wrong(problems: list[str]) -> str:
    return "\n".join(f"-ERR {problem}" for problem in problems)


def _looked_up(caller: Caller) -> str:
    if caller.error is not None:
        return f"-ERR {caller.result}: {caller.error.message}"
    return (
        f"+OK {caller.result} asked_as={caller.asked_as} took={caller.took * 1000:.0f}ms"
        f" category={caller.category or '-'} manager={caller.manager or '-'} title={caller.title or '-'}"
    )


def _popped(pop: ScreenPop) -> str:
    if pop.error is not None:
        return f"-ERR {pop.outcome}: {pop.error.message}"
    return f"+OK {pop.outcome} took={pop.took * 1000:.0f}ms"
