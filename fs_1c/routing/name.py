"""The name that a phone shows for a call: `routing.name` says whether it is 1C's, and in which letters."""

from __future__ import annotations

import unicodedata

from anyascii import anyascii

from fs_1c import channel
from fs_1c.settings import NameShown

# Latin has no use for them: they stand for ъ and ь, too, and a phone that needs Latin has no « ».
_QUOTES = dict.fromkeys(map(ord, "\"'`«»„“”‟‹›‘’‚‛′″"))
# Nor has it what `channel.text` makes of these.
_SIGNS = {**_QUOTES, **dict.fromkeys(map(ord, "(){}[]<>"), " "), ord("#"): "No"}


def shown(title: str, name: str, how: NameShown) -> str:
    """What takes the place of the name that the caller brings; empty: it stays.

    Args:
        title: The client, as 1C has him.
        name: The caller's own display name.
    """
    match how:
        case NameShown.AS_IS:
            return channel.text(title) or channel.text(_to_be_mended(name))
        case NameShown.LATIN:
            return latin(title) or latin(_to_be_mended(name) if name.isascii() else name)
        case NameShown.OFF:
            return channel.text(_to_be_mended(name))


def latin(text: str) -> str:
    """`text` in ASCII, harmless in a channel. What looks like nothing in ASCII may become code there
    (`＄｛` → `${`), so it is made harmless afterwards.
    """
    whole = unicodedata.normalize("NFC", text[: 16 * channel.MAX_TEXT]).translate(_QUOTES)
    said = channel.text(anyascii(whole).translate(_SIGNS)[: channel.MAX_TEXT])
    return " ".join(said.replace("–", "").split())


def _to_be_mended(name: str) -> str:
    """The caller's own display name is code too, if it is written like that. A harmless one stays as it came,
    and is empty here.

    One with quotes in it, such as ООО "Ромашка", costs the call: FreeSWITCH 1.10 makes a From header of it
    that it then refuses itself, and no phone rings.
    """
    name = name.replace("\\", "")  # FreeSWITCH leaves SIP's backslash before a quote
    return name if "${" in name or '"' in name else ""
