"""The lookup that every peer's service does: a remembered answer, else SayName of 1C by requests and lxml."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import requests
from cachetools import TTLCache
from lxml import etree

_ASK = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
<SayName xmlns="http://VATS"><Number>{number}</Number></SayName></soap:Body></soap:Envelope>"""


@dataclass(frozen=True, slots=True)
class Client:
    """What 1C says about a number."""

    number: str
    title: str
    category: str
    manager: str

    def variables(self) -> str:
        """The argument of `multiset`: the variables that fs-1c sets."""
        return (
            f"^^|fs_1c_result=found|fs_1c_number=+7{self.number[1:]}|fs_1c_title={self.title}"
            f"|fs_1c_category={self.category}|fs_1c_manager={self.manager}"
            f"|effective_caller_id_name={self.title}|fs_1c_target={self.target()}"
        )

    def target(self) -> str:
        """The dial string of the manager."""
        return f"[progress_timeout=3,leg_timeout=20]user/{self.manager}@${{domain}}"


class Lookup:
    """Clients by number; for any number of threads.

    Args:
        url: Of 1C's web service.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Content-Type"] = "text/xml; charset=utf-8"
        self._clients: TTLCache[str, Client] = TTLCache(100_000, 300.0)
        self._lock = threading.Lock()

    def remembered(self, number: str) -> Client | None:
        with self._lock:
            return self._clients.get(number)

    def find(self, number: str) -> Client:
        """A remembered answer, or 1C's. Raises what requests and lxml raise."""
        client = self.remembered(number)
        if client is None:
            client = self._ask(number)
            with self._lock:
                self._clients[number] = client
        return client

    def _ask(self, number: str) -> Client:
        response = self._session.post(self._url, _ASK.format(number=number).encode(), timeout=5)
        response.raise_for_status()
        returned = etree.fromstring(response.content).findtext(".//{http://VATS}return")
        data = etree.fromstring((returned or "").encode())
        return Client(
            number,
            (data.findtext("title") or "").strip(),
            (data.findtext("category") or "").strip(),
            (data.findtext("manager/phone") or "").strip(),
        )
