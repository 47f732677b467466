"""One base of 1C over one HTTP connection: a request out, an answer or a `OneCError` back.

A client belongs to one thread (see `desk`): requests' sessions promise nothing about sharing.
"""

from __future__ import annotations

import time

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from fs_1c import __version__
from fs_1c.onec import answer, soap
from fs_1c.onec.errors import OneCError, Reached
from fs_1c.settings import OneCSettings


class Client:
    """SayName and IncomingCall of one base, synchronously.

    Args:
        settings: The base.

    Every method raises `OneCError` and nothing else, and ends within the base's `timeout`.
    """

    def __init__(self, settings: OneCSettings) -> None:
        self._settings = settings
        self._http = requests.Session()
        self._http.trust_env = (
            False  # a proxy or a .netrc of the environment must not surprise a telephone call
        )
        self._http.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
        self._http.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
        if settings.ca_file:
            self._http.verify = str(settings.ca_file)
        self._http.headers.update(
            {
                "Content-Type": soap.CONTENT_TYPE,
                "User-Agent": f"fs-1c/{__version__}",
                "Accept": "text/xml, */*",
            }
        )

    def say_name(self, number: str) -> answer.Answer:
        """Who calls from `number`, which is written in the base's own form."""
        text = self._call("SayName", {"Number": number})
        found = answer.read(text)
        if found.error:
            raise OneCError("reported", f"1C reports: {found.error}", Reached.YES, base_down=False)
        return found

    def incoming_call(self, number: str, key: str) -> bool:
        """Opens the card of `number` at the subscriber with that key. True if 1C answered 1: accepted, not
        shown.
        """
        return self._call("IncomingCall", {"NumFrom": number, "Key": key}) == "1"

    def close(self) -> None:
        self._http.close()

    def _call(self, operation: str, parameters: dict[str, str]) -> str:
        request = soap.envelope(self._settings.namespace, operation, parameters)
        status, body = self._post(request)
        return soap.read_return(status, body, operation)

    def _post(self, request: bytes) -> tuple[int, bytes]:
        limit = self._settings.timeout
        ends = time.monotonic() + limit
        try:
            credentials = self._credentials()
            with self._http.post(
                self._settings.url,
                data=request,
                auth=credentials,
                timeout=(min(limit, 5.0), limit),
                stream=True,
                allow_redirects=False,
            ) as response:
                return response.status_code, _read(response, ends)
        except OneCError:
            raise
        except requests.exceptions.SSLError as error:
            raise OneCError("tls", _reason(error), Reached.NO, base_down=True) from None
        except requests.exceptions.ConnectTimeout:
            raise OneCError("unreachable", "no connection in time", Reached.NO, base_down=True) from None
        except requests.exceptions.Timeout:
            raise OneCError(
                "timeout", f"no answer within {limit:g} s", Reached.MAYBE, base_down=True
            ) from None
        except requests.exceptions.ConnectionError as error:
            raise _connection_error(error) from None
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            raise OneCError("broken", _reason(error), Reached.MAYBE, base_down=True) from None

    def _credentials(self) -> HTTPBasicAuth | None:
        if not self._settings.username:
            return None
        # As octets: requests would write a Cyrillic login in Latin-1, that is, not at all.
        try:
            return HTTPBasicAuth(self._settings.username.encode(), self._settings.secret().encode())
        except OSError as error:
            message = f"password_file cannot be read: {error.strerror}"
            raise OneCError("settings", message, Reached.NO, base_down=True) from None


def _read(response: requests.Response, ends: float) -> bytes:
    """The body, bounded in octets and in time: a server that drips a byte a second must not keep a worker."""
    body = bytearray()
    # read1 gives what has arrived; read would wait for a whole block, however slowly it comes.
    while chunk := response.raw.read1(16 * 1024, decode_content=True):
        body += chunk
        if len(body) > soap.MAX_RESPONSE:
            raise OneCError(
                "too-large", f"an answer over {soap.MAX_RESPONSE} octets", Reached.YES, base_down=True
            )
        if time.monotonic() > ends:
            raise OneCError("timeout", "the answer did not end in time", Reached.YES, base_down=True)
    return bytes(body)


def _connection_error(error: requests.exceptions.ConnectionError) -> OneCError:
    # urllib3 says by its type whether a connection was ever made; only then can octets have left.
    cause = getattr(error.args[0], "reason", None) if error.args else None
    name = type(cause).__name__
    if name in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError"):
        return OneCError("unreachable", _reason(cause), Reached.NO, base_down=True)
    return OneCError("broken", _reason(error), Reached.MAYBE, base_down=True)


def _reason(error: object) -> str:
    """The last and most telling part of a nested message, without object addresses and the URL."""
    text = str(error)
    for marker in ("[Errno", "(_ssl", "certificate verify failed", "Connection aborted", "Remote end closed"):
        if marker in text:
            text = text[text.index(marker) :] if marker != "(_ssl" else text[: text.index(marker)]
    return text.strip(" ()'\",")[:200]
