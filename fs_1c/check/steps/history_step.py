"""Whether 1C can be told of whole calls, as far as the settings show it."""

from __future__ import annotations

from collections.abc import Iterator

from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.check.keys import Keys
from fs_1c.numbers import is_extension
from fs_1c.onec import dialects
from fs_1c.settings import Role, Settings

STEP = "history"
_OFF = "history.enabled is off: 1C is told of cards, and not of whole calls"
_NOT_TOLD = "1C is told of cards alone: no document of a call, no missed one."


def history(settings: Settings, keys: Keys) -> list[Finding]:
    """What keeps 1C from being told, and who would not be named."""
    if not settings.tells_history:
        return [] if _nobody_could(settings) else [skipped(STEP, _OFF)]
    found = [*_heard(settings), *_kept(settings), *_owner(settings, keys)]
    return found or [ok(STEP, "calls are heard of, and what 1C is to be told of them is kept")]


def _nobody_could(settings: Settings) -> bool:
    """Nobody has asked for it, nor could every base be told."""
    return settings.history.enabled is None and bool(settings.esl.inbound)


def _heard(settings: Settings) -> Iterator[Finding]:
    if not settings.esl.inbound:
        yield problem(
            STEP,
            "history.enabled is on, and no switch is listened to",
            f"Only the inbound door hears of whole calls. {_NOT_TOLD}",
            "Add the switch as [[esl.inbound]], or set history.enabled = false.",
        )
    deaf = [name for name, base in settings.onec.items() if not dialects.of(base).tells]
    if deaf and len(deaf) == len(settings.onec):
        yield problem(
            STEP,
            f"history.enabled is on, and no base takes it: {', '.join(deaf)}",
            f"Dialect {settings.onec[deaf[0]].dialect.value} has no words for whole calls. {_NOT_TOLD}",
            "Set history.enabled = false, or have 1C speak a dialect that has them (docs/1c).",
        )
    elif deaf:
        yield skipped(STEP, f"told of no calls, for want of words: {', '.join(deaf)}")
    if settings.esl.inbound and all(one.role is Role.RESERVE for one in settings.esl.inbound):
        yield skipped(STEP, "this service is a reserve everywhere: the own ones tell 1C of calls")


def _kept(settings: Settings) -> Iterator[Finding]:
    if settings.state.folder is None:
        yield warning(
            STEP,
            "history.enabled is on without a state.folder",
            "What 1C has not been told is lost with the service; after its start, some may be told twice.",
            'Set state.folder, for example to "/var/lib/fs-1c".',
        )


def _owner(settings: Settings, keys: Keys) -> Iterator[Finding]:
    owner = settings.history.missed_owner
    if not owner.isdecimal():
        return
    remedy = "Set history.missed_owner to manager, last-rung, nobody, or a subscriber's extension."
    if not is_extension(owner, settings.numbers.plan()):
        yield problem(
            STEP,
            f"history.missed_owner: {owner} is no extension here",
            f"Extensions have up to {settings.numbers.extension_digits} digits (numbers.extension_digits). "
            "1C finds nobody by it: missed calls are nobody's.",
            remedy,
        )
    elif not (keys.unread or settings.subscribers.directory) and owner not in keys.of:
        told = {dialects.of(base).tells for base in settings.onec.values()}
        if "mobilon" in told:
            yield warning(
                STEP,
                f"history.missed_owner: extension {owner} has no key",
                "1C knows the owner of a missed call by his key: missed calls are nobody's.",
                f"Give {owner} a key in [subscribers], or name somebody else.",
            )
