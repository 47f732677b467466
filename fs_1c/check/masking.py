"""Secrets never get into a finding, whoever repeats them: 1C in a fault, a library in an exception."""

from __future__ import annotations

import re
import threading
from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote

from fs_1c.check.finding import Finding

MAX_TEXT = 600
"""Characters of each text of a finding."""
_SHORT = 4


class Mask:
    """The secrets that are known so far. Safe in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._longest_first: tuple[str, ...] | None = ()

    def learn(self, secret: str, username: str = "") -> None:
        """From now on it is shown as `***`, also as it stands in a URL or in Basic authentication."""
        if not secret:
            return
        basic = b64encode(f"{username}:{secret}".encode("utf-8", "replace")).decode()
        with self._lock:
            self._forms |= {secret, quote(secret, safe="", errors="replace"), basic}
            self._longest_first = None

    def text(self, text: str) -> str:
        """`text` on one line, without secrets, control characters and more than `MAX_TEXT` characters."""
        with self._lock:
            if self._longest_first is None:
                self._longest_first = tuple(sorted(self._forms, key=len, reverse=True))
            forms = self._longest_first
        for form in forms:
            if form not in text:
                continue
            if len(form) >= _SHORT:
                text = text.replace(form, "***")
            else:  # as a word of its own only, or half of every text would be gone
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", text)
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"

    def finding(self, finding: Finding) -> Finding:
        return replace(
            finding,
            what=self.text(finding.what),
            why=self.text(finding.why),
            remedy=self.text(finding.remedy),
            where=self.text(finding.where),
        )
