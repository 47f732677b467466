"""The running service, spoken to through its HTTP door."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import requests

from fs_1c.language import _, retold
from fs_1c.settings import Address, HttpSettings

NOBODY, STRANGER = 0, 1
"""In place of a status: nobody listens there, or not this service."""


def address(http: HttpSettings) -> Address:
    """Where it can be reached from this machine."""
    every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  listens everywhere, is called here
    return Address(every.get(http.listen.host, http.listen.host), http.listen.port)


def stranger(http: HttpSettings) -> str:
    """What is said of an answer that the service would not give."""
    return _("what answers at {address} is not this service", address=address(http))


def tell(
    http: HttpSettings, path: str, body: dict[str, Any], within: float
) -> tuple[int, str, dict[str, Any]]:
    """Tells the running service something. Returns the status, why it is not 200, and what it said if it has
    done so, or a part of it (503).

    Raises OSError or UnicodeDecodeError if the token cannot be read.
    """
    return _exchange(http, "POST", path, within, json=body)


def ask(
    http: HttpSettings, path: str, asked: dict[str, str], within: float
) -> tuple[int, str, dict[str, Any]]:
    """Asks it something, which changes nothing; the same comes back."""
    return _exchange(http, "GET", path, within, params=asked)


def _exchange(
    http: HttpSettings, method: str, path: str, within: float, **more: Any
) -> tuple[int, str, dict[str, Any]]:
    where, token = address(http), http.secret()
    with requests.Session() as session:
        session.trust_env = False  # a proxy would be given the token, and .netrc would replace it
        try:
            answer = session.request(
                method,
                f"http://{where}{path}",
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=within,
                allow_redirects=False,
                **more,
            )
            if answer.status_code == 200:
                return 200, "", dict(answer.json())
        except (requests.ConnectionError, requests.Timeout) as error:
            status = STRANGER if isinstance(error, requests.ReadTimeout) else NOBODY
            return status, _("the service cannot be reached at {where}; is it running?", where=where), {}
        except (requests.RequestException, ValueError, TypeError):
            return STRANGER, stranger(http), {}
        if answer.status_code == 503:
            with suppress(ValueError, TypeError):  # somebody else's 503, or words
                return 503, _("refused by {where}: {status}", where=where, status=503), dict(answer.json())
    why = retold("".join(c if c.isprintable() else " " for c in answer.text[:200]).strip())
    if answer.status_code != 400:
        refused = _("refused by {where}: {status}", where=where, status=answer.status_code)
        why = f"{refused} {why}"
    return answer.status_code, why, {}
