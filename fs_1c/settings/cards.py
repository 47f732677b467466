"""When a client's card opens, and by whose key."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, SecretStr

from fs_1c.settings.types import Duration, LongDuration, ReadableFile, Section


class PopWhen(StrEnum):
    """When a card opens."""

    ANSWER = "answer"
    RING = "ring"  # at each subscriber whose telephone rings; at whoever answers without that, too


class ScreenPopSettings(Section):
    """When a client's card opens."""

    when: PopWhen = PopWhen.ANSWER
    """`answer`: when a subscriber and the client hear each other; `ring`: at every subscriber whose
    telephone rings for the client.
    """
    outgoing: bool = False
    """Also when a subscriber has called the client."""
    useful_for: Duration = 30.0
    """A card that could not be asked for in this time after the conversation began does not open any more."""


class SubscribersSettings(Section):
    """A subscriber's key in 1C, a credential: looked for in `[subscribers.keys]`, then in `file`, then in
    FreeSWITCH's directory.
    """

    keys: dict[str, SecretStr] = Field(default_factory=dict)
    """Extension, or login = the subscriber's key in 1C: `"244" = "gW3cyUJAtl50PhF"`."""
    file: ReadableFile | None = None
    """A CSV file, `extension,key`; read again when it changes."""
    directory: bool = False
    """And as `fs_1c_key` of the user in FreeSWITCH's directory; `[[esl.inbound]]` only."""
    directory_for: LongDuration = 300.0
    """The directory is asked again after so long."""
