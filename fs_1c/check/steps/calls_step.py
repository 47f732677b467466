"""Calls that 1C asks for: who could listen to its tokens, and what a stolen one could dial."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from fs_1c.check.finding import Finding, ok, problem, warning
from fs_1c.check.steps.routing_step import dear_of
from fs_1c.settings import Settings

STEP = "calls"


def calls(settings: Settings) -> list[Finding]:
    """What `[calls]` lets be done; nothing, where nobody can be called."""
    if settings.calls.dial is None:
        return []
    return list(_found(settings)) or [ok(STEP, "no dear number, and none abroad, can be asked for")]


def _found(settings: Settings) -> Iterator[Finding]:
    own = settings.calls
    if dear := list(dear_of(settings, own.number_format, own.allow)):
        yield warning(
            STEP,
            f"calls.allow lets the trunk be given {', '.join(dear)}",
            "Whoever has a token or a subscriber's key has it called at the company's cost.",
            'Leave "own-country", and add only patterns of numbers that clients have.',
        )
    if not settings.esl.inbound:
        yield problem(
            STEP,
            "there is no [[esl.inbound]]",
            "Calls are made over that connection to a switch: without one 1C is told that there is none.",
            "Add the switch as [[esl.inbound]].",
        )
    if own.record and not settings.recordings.enabled:
        yield warning(
            STEP,
            f"calls are recorded to {own.record}, and there is no [recordings]",
            "1C gets no address at which they can be listened to.",
            "Set recordings.folder and recordings.link.",
        )
    if own.is_open and not own.cert_file:
        yield warning(
            STEP,
            f"calls.listen {own.listen} can be reached from elsewhere, and is plain http",
            "Whoever is on the way reads tokens and keys, and calls by them.",
            "Listen on 127.0.0.1 behind a proxy that speaks https, or set cert_file and key_file.",
        )
    if own.cert_file and own.key_file:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(own.cert_file, own.key_file)
        except OSError as error:
            why = getattr(error, "reason", "") or error.strerror or type(error).__name__
            yield problem(
                STEP,
                f"calls.cert_file and key_file cannot be used: {why}",
                "The service does not start with them.",
                "Both in PEM: the certificate with its chain, and its key without a password.",
            )
