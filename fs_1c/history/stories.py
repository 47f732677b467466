"""A story as it is kept, and as it is read again. Pure."""

from __future__ import annotations

import json
from typing import Any

from fs_1c.call import How
from fs_1c.talk import Ring, Story, Talk


def as_json(story: Story) -> str:
    """The story; `of_json` understands it."""
    return json.dumps(
        (
            (story.call_uuid, story.number, story.destination, story.base, story.outgoing, story.extension),
            (story.began, story.ended, story.cause, story.asked_by, story.switch, story.internal),
            [(ring.extension, ring.leg_uuid, ring.at, ring.until, ring.cause) for ring in story.rings],
            [
                (talk.extension, talk.leg_uuid, talk.at, talk.until, talk.how, talk.by, talk.name)
                for talk in story.talks
            ],
            story.recordings,
            story.clients,
        )
    )


def of_json(text: str) -> Story:
    """The story. Raises ValueError if it is none."""
    try:
        who, state, rings, talks, recordings, clients = json.loads(text)
        call_uuid, number, destination, base, outgoing, extension = who
        began, ended, cause, asked_by, switch, *internal = state
        return Story(
            call_uuid,
            number,
            destination,
            base,
            outgoing,
            extension,
            began,
            tuple(Ring(*ring) for ring in rings),
            tuple(_talk(*talk) for talk in talks),
            tuple(recordings),
            ended,
            cause,
            tuple(clients),
            asked_by,
            switch,
            bool(internal and internal[0]),
        )
    except (TypeError, RecursionError) as error:
        raise ValueError(f"no story: {error}") from None


def _talk(extension: str, leg: str, at: float, until: float | None, how: str, *rest: Any) -> Talk:
    return Talk(extension, leg, at, until, How(how), *rest)
