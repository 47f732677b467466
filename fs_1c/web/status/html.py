"""The page and its login form, put together from their files: one document each, which needs nothing else."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

LANGUAGES = ("en", "ru")
_SIGN_IN = {
    "en": {
        "lead": "This page shows calls and clients. The token is http.token of the settings.",
        "token": "Token",
        "enter": "Sign in",
        "wrong": "That is not the token.",
    },
    "ru": {
        "lead": "На этой странице звонки и клиенты. Токен — это http.token из настроек.",
        "token": "Токен",
        "enter": "Войти",
        "wrong": "Это не тот токен.",
    },
}


@dataclass(frozen=True, slots=True)
class Document:
    """HTML in one of the languages.

    Attributes:
        policy: The Content-Security-Policy: only its own script and style, only words with this service.
    """

    text: str
    policy: str


def language(asked: str, accepted: str) -> str:
    """The page's language: as the address asks, or else as `Accept-Language` does; English otherwise."""
    if asked in LANGUAGES:
        return asked
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted[:500].split(",")):
        tag, _, quality = part.strip().lower().partition(";q=")
        try:
            ranked.append((-float(quality or 1), place, tag.partition("-")[0]))
        except ValueError:
            continue
    return next((tag for rank, _, tag in sorted(ranked) if tag in LANGUAGES and rank < 0), "en")


@cache
def page(lang: str) -> Document:
    script = _file("words.js") + _file("chart.js") + _file("page.js")
    return _document("page.html", script, {"lang": lang})


@cache
def sign_in(lang: str, wrong: bool) -> Document:
    words = {name: escape(word) for name, word in _SIGN_IN[lang].items()}
    return _document("sign_in.html", "", {**words, "lang": lang, "wrong": words["wrong"] if wrong else ""})


def _document(name: str, script: str, words: dict[str, str]) -> Document:
    style = _file("page.css")
    text = _file(name)
    for word, value in words.items():
        text = text.replace(f"%{word}%", value)
    text = text.replace("%style%", style).replace("%script%", script)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}" if script else "script-src 'none'",
            f"style-src {_hash(style)}",
            "img-src data:",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )
    return Document(text, policy)


def _file(name: str) -> str:
    return files("fs_1c.web.status").joinpath("files", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
