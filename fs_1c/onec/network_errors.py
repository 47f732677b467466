"""What an exception of requests, urllib3 or a socket means: did the request reach 1C, is the base down?"""

from __future__ import annotations

import requests
import urllib3

from fs_1c import channel
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.onec.framing import NO_END
from fs_1c.onec.progress import Progress


def explain(error: Exception, progress: Progress, limit: float) -> OneCError:
    """The `OneCError` that an exception of requests, urllib3 or the socket stands for."""
    exceptions = requests.exceptions
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidProxyURL):
        return OneCError("settings", reason(error), Reached.NO, base_down=True)
    reached = Reached.MAYBE if progress.left else Reached.NO
    if isinstance(error, exceptions.SSLError) and not progress.too_late:
        return OneCError("tls", reason(error), reached, base_down=True)
    slow = progress.too_late or isinstance(
        error, exceptions.Timeout | urllib3.exceptions.TimeoutError | TimeoutError
    )
    if progress.socket is None:
        why = "no connection in time" if slow else reason(error)
        return OneCError("unreachable", why, reached, base_down=True, passing=True)
    if slow:
        why = f"no answer within {float(f'{limit:.2g}'):g} s"
        return OneCError("timeout", why, reached, base_down=True, passing=not progress.left)
    kind = "broken" if progress.left else "cut"
    return OneCError(kind, reason(error), reached, base_down=True, passing=not progress.left)


_TELLING = (
    NO_END,
    "[Errno",
    "certificate verify failed",
    "Remote end closed",
    "closed before",
    "Name or service",
    "Connection reset",
    "Broken pipe",
)


def reason(error: object) -> str:
    """The most telling part of a nested message on one line, without object addresses and the URL."""
    text = channel.plain(str(error)[:2000])
    if "BadStatusLine(" in text:
        return f"what answers speaks no HTTP: {text.partition('BadStatusLine(')[2].strip(' ()')}"[:200]
    for marker in _TELLING:
        if marker in text:
            text = text[text.index(marker) :]
            break
    return text.partition(" (_ssl")[0].strip(" ()'\",")[:200]
