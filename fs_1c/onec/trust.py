"""The certificates by which a base is trusted."""

from __future__ import annotations

import ssl
import threading
from functools import lru_cache

import certifi

from fs_1c.settings import OneCSettings

_loading = threading.Lock()


@lru_cache(maxsize=64)
def _trust(ca_file: str) -> ssl.SSLContext | OSError:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        return error


def prepare(settings: OneCSettings) -> ssl.SSLContext | OSError | None:
    """The certificates by which a base with https is trusted, or why there are none; None for http.

    Loading them takes a tenth of a second in which no other thread runs and no call is decided: so it is done
    once, at the start, and not for every connection.
    """
    if not settings.url.startswith("https:"):
        return None
    with _loading:
        return _trust(str(settings.ca_file or certifi.where()))
