"""What is said to people, in whole sentences."""

from __future__ import annotations


def _(text: str, **values: object) -> str:
    return text.format(**values) if values else text
