"""Where an answer ends, and whose it is.

An answer belongs to the request that it follows on a kept connection, and to nothing else. So a connection on
which anything but one clean answer came (an interim 102 or 103, octets behind the answer, its length told
twice, a body that breaks off) is never used again: what comes next there might be the answer to somebody
else's question. Neither is one on which something comes before the whole question has left. What cannot be
told from an answer is a second one that comes after that: HTTP has no name for whose it is.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
from typing import Any

from fs_1c.onec.progress import here
from fs_1c.onec.reading import MAX_FRAMING, MAX_RESPONSE, Octets

MAX_INTERIM = 10
"""Interim answers (1xx) before the answer."""
NO_END = "nobody can say where the answer ends"


class Answer(http.client.HTTPResponse):
    """An answer that notices what is not one clean answer."""

    unclean = False

    def __init__(self, sock: socket.socket, *given: Any, **more: Any) -> None:
        super().__init__(sock, *given, **more)
        heard = None if here.progress is None else here.progress.heard
        self._octets = Octets(self.fp.detach(), heard)
        self.fp = io.BufferedReader(self._octets)
        self._interim = 0

    def _read_status(self) -> tuple[str, int, str]:
        """As http.client reads it, but that passes over any number of 100, and takes 102 for an answer."""
        while self._interim < MAX_INTERIM:
            read: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= read[1] < 200 or read[1] == 101:
                return read
            self._interim += 1
            self.unclean = self.unclean or read[1] != 100
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {MAX_INTERIM} interim answers")

    def begin(self) -> None:
        super().begin()
        self._octets.left += MAX_RESPONSE + MAX_FRAMING
        self._is_framed_once()
        if self.unclean or self.status == 101:
            self.unclean = self.will_close = True

    def _is_framed_once(self) -> None:
        """Raises `HTTPException` if two things tell where the body ends (RFC 9112, 6.3). Nobody knows by
        which of them a proxy on the way has gone, and so whether these octets answer our question.
        """
        lengths = [length.strip() for length in self.headers.get_all("Content-Length") or []]
        encodings = [one.strip().lower() for one in self.headers.get_all("Transfer-Encoding") or []]
        # int() takes +5 and 5_0 for numbers, too.
        well = all(re.fullmatch("[0-9]{1,18}", length) for length in lengths) and len(set(lengths)) < 2
        if not well or encodings not in ([], ["chunked"]) or (encodings and lengths):
            self.will_close = True
            told = [
                *(f"Content-Length {one}" for one in lengths),
                *(f"Transfer-Encoding {one}" for one in encodings),
            ]
            raise http.client.HTTPException(f"{NO_END}: {', '.join(told)[:100]}")
        self.unclean = self.unclean or len(lengths) > 1

    def _close_conn(self) -> None:
        # What has come behind the body lies in the buffer, which http.client forgets with the answer. What
        # is still in the socket is found there before the next question is sent.
        if self.fp is not None and not self.will_close:
            self._octets.ended = True
            with contextlib.suppress(ValueError):
                self.unclean = self.unclean or bool(self.fp.peek(1))
        super()._close_conn()  # type: ignore[misc]
