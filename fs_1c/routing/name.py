"""The name that a phone shows for a call: `routing.name` says whether it is 1C's, and in which letters."""

from __future__ import annotations

import unicodedata

from anyascii import anyascii

from fs_1c import channel
from fs_1c.settings import NameShown

# Latin has no use for them: they stand for ъ and ь, too, and a phone that needs Latin has no « ».
_QUOTES = dict.fromkeys(map(ord, "\"'`«»„“”‟‹›‘’‚‛′″"))


def shown(title: str, name: str, how: NameShown) -> str:
    """What takes the place of the name that the caller brings; empty: it stays.

    Args:
        title: The client, as 1C has him.
        name: The caller's own display name.
    """
    match how:
        case NameShown.AS_IS:
            return channel.text(title) or _safer(name)
        case NameShown.LATIN:
            return latin(title) or (_safer(name) if name.isascii() else latin(name))
        case NameShown.OFF:
            return _safer(name)


def latin(text: str) -> str:
    """`text` in ASCII, harmless in a channel. What looks like nothing in ASCII may become code there
    (`＄｛` → `${`), so it is made harmless afterwards.
    """
    whole = unicodedata.normalize("NFC", text[: 16 * channel.MAX_TEXT]).translate(_QUOTES)
    return channel.text(anyascii(whole).translate(_QUOTES)[: channel.MAX_TEXT])


def _safer(name: str) -> str:
    """The caller's own display name is code too, if it is written like that; a harmless one is left alone.

    One with quotes in it, such as ООО "Ромашка", costs the call: FreeSWITCH 1.10 makes a From header of it
    that it then refuses itself, and no phone rings.
    """
    name = name.replace("\\", "")  # FreeSWITCH leaves SIP's backslash before a quote
    return channel.text(name) if "${" in name or '"' in name else ""
