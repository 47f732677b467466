"""What a base is told of a call, by its dialect: a step of the story → words that 1C is to hear. Pure.

In some dialects a card opens by one of these words (PREANSWER, ACCEPTED), and it must open once and never
late; so that word is the cards' to say, and stands in no table here. What is told twice is harmful where the
base makes something of it each time: a document, a reminder. (FACTS-1c, "The whole call in dialect 3",
"Stock 1С:УНФ".) No dialect can say that nobody knows whether a call was answered: it counts as missed, for
then somebody calls back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from fs_1c.call import CallEvent, Conversation, TalksInside, TalksOutside, Unidentified
from fs_1c.settings import PopWhen
from fs_1c.talk import Story

MANAGER, LAST_RUNG, NOBODY = "manager", "last-rung", "nobody"
"""Who is to own a missed call; anything else is an extension."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing that 1C is to be told.

    Attributes:
        state: The dialect's word for it.
        extension: Whom it is about: a subscriber, or a number where he is none; may be empty.
        owner: He is to own the call if it is missed.
        once: Harmful when told twice.
    """

    state: str
    extension: str = ""
    owner: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say.

    Attributes:
        when: When a card opens.
        missed_owner: Who owns a missed call: `manager`, `last-rung`, `nobody`, or an extension.
    """

    when: PopWhen = PopWhen.ANSWER
    missed_owner: str = MANAGER


Table = Callable[[Story | None, CallEvent, Story, Policy, str], tuple[Telling, ...]]
"""The story before, what happened, the story after, the policy, the manager's extension (or empty) → what
1C is told.
"""


def mobilon(
    before: Story | None, event: CallEvent, after: Story, policy: Policy, manager: str
) -> tuple[Telling, ...]:
    """Dialect 3: START, ANSWER for each who talks, HANGUP, END.

    PREANSWER opens the card, so the cards say it; but for a missed call whose owner's telephone has not rung:
    by that word he becomes its owner.
    """
    told: tuple[Telling, ...] = ()
    if before is None:
        told = (Telling("START", after.extension if after.outgoing else after.destination),)
    if (who := _talks(before, event, after)) is not None:
        told += (Telling("ANSWER", who or after.destination),)
    if after.ended is not None:
        heir = owner(after, policy, manager) if after.unanswered else ""
        last = heir or _last(after)  # the last whom 1C hears of has the call
        if heir and not (policy.when is PopWhen.RING and heir in after.rang):
            told += (Telling("PREANSWER", heir, owner=True, once=True),)
        told += (Telling("HANGUP", last), Telling("END", last, once=True))
    return told


def register(
    before: Story | None, event: CallEvent, after: Story, policy: Policy, manager: str
) -> tuple[Telling, ...]:
    """Dialect 2 with our own extension: START, ANSWER for each who talks, END.

    1C keeps a row for each call, so nothing is harmful twice. END names the owner of a missed call: a card is
    opened by another operation, which makes nobody an owner.
    """
    told: tuple[Telling, ...] = ()
    if before is None:
        told = (Telling("START", after.extension if after.outgoing else ""),)
    if (who := _talks(before, event, after)) is not None:
        told += (Telling("ANSWER", who),)
    if after.ended is not None:
        heir = owner(after, policy, manager) if after.unanswered else ""
        talked = after.talks or after.outgoing
        told += (Telling("END", heir or (_last(after) if talked else ""), owner=bool(heir)),)
    return told


def itoolabs(
    before: Story | None, event: CallEvent, after: Story, policy: Policy, manager: str
) -> tuple[Telling, ...]:
    """«Универсальный itoolabs»: INCOMING or OUTGOING, then COMPLETED or CANCELLED, then `history`.

    ACCEPTED opens the card, so the cards say it. Of an unknown call nothing is taken, so the first word waits
    for somebody whom it can be about, and for no longer than the call lasts. Without a number nothing is.
    """
    if not after.number or after.internal:  # an extension is no telephone number there
        return ()
    first = _first(after, policy, manager)
    over = after.ended is not None
    begins = bool(first) and not (before is not None and _first(before, policy, manager))
    told: tuple[Telling, ...] = ()
    if begins or (over and not first):
        told = (Telling("OUTGOING" if after.outgoing else "INCOMING", first or after.destination, once=True),)
    if over:
        heir = owner(after, policy, manager) if after.unanswered else ""
        last = heir or _last(after) or after.destination
        ended = "COMPLETED" if after.answered else "CANCELLED"
        told += (Telling(ended, last, once=True), Telling("history", last))
    return told


def owner(story: Story, policy: Policy, manager: str) -> str:
    """The extension of who is to own the call if it is missed; empty: nobody."""
    return _heir(story.rings[-1].extension if story.rings else "", policy, manager)


def owns(extension: str, policy: Policy, manager: str) -> bool:
    """Whether he is to own it by the card that opens when his telephone rings. Who will be the last to ring
    nobody knows by then.
    """
    return bool(extension) and _heir(extension, policy, manager) == extension


def _heir(rang_last: str, policy: Policy, manager: str) -> str:
    match policy.missed_owner:
        case "manager":
            return manager or rang_last
        case "last-rung":
            return rang_last
        case "nobody":
            return ""
        case extension:
            return extension


def _talks(before: Story | None, event: CallEvent, after: Story) -> str | None:
    """Who has just begun to talk to the client; empty: nobody knows; None: nobody has."""
    if before is not None and len(after.talks) <= len(before.talks) and after.talks == before.talks:
        return None
    match event:
        case Conversation(ringing=False, extension=extension):
            return extension
        case TalksInside(ringing=False, extension=extension):
            return extension
        case TalksOutside(number=number):
            return number
        case Unidentified():
            return ""
    return None


def _first(story: Story, policy: Policy, manager: str) -> str:
    """Whom a call can be said to be for, as soon as there is anybody."""
    if story.outgoing and story.extension:
        return story.extension
    if story.rings:
        return story.rings[0].extension
    return next((talk.extension or talk.name for talk in story.talks), "") or (
        owner(story, policy, manager) if story.ended is not None else ""
    )


def _last(story: Story) -> str:
    """Who is responsible for a call that is over: the last to talk; who stayed longest, or came last."""
    if story.talks:
        last = max(reversed(story.talks), key=lambda talk: inf if talk.until is None else talk.until)
        return last.extension or last.name
    return story.extension or (story.rings[-1].extension if story.rings else story.destination)
