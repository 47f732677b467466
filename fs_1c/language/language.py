"""gettext's catalogues, one of which is in use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

LANGUAGES = ("ru", "en")
_ENGLISH = "en"
FOLDER = Path(__file__).parent.parent / "locale"
_NEEDS = {"ru": "АЯаяЁё"}
"""Letters without which a language cannot be written."""

_spoken: NullTranslations = NullTranslations()


def speak(language: str) -> None:
    """From now on, in this process. Without its catalogue: English."""
    global _spoken
    _spoken = _catalogue(language)


@cache
def _catalogue(language: str) -> NullTranslations:
    """One object a language: gettext makes another each time, and what is made of its texts is kept by it."""
    if language == _ENGLISH:
        return NullTranslations()
    return translation("fs_1c", FOLDER, [language], fallback=True)


def spoken() -> NullTranslations:
    """What is in use."""
    return _spoken


def choice(environment: Mapping[str, str] = os.environ) -> str:
    """The language that somebody with this environment reads, as gettext finds it: by the first of `LC_ALL`,
    `LC_MESSAGES` and `LANG` that is set; where that is a language at all, `LANGUAGE` goes before it.
    """
    named = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in named if (value := environment.get(name))), "C")
    if _short(locale) in ("c", "posix"):
        return _ENGLISH
    wished = [one for one in environment.get("LANGUAGE", "").split(":") if one]
    known = (short for one in (*wished, locale) if (short := _short(one)) in LANGUAGES)
    return next(known, _ENGLISH)


def fits(language: str, encoding: str) -> bool:
    """Can it be written in that encoding?"""
    try:
        _NEEDS.get(language, "").encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _short(locale: str) -> str:
    """`ru` of `ru_RU.UTF-8@variant`."""
    for separator in "@._":
        locale = locale.partition(separator)[0]
    return locale.lower()


def _(message: str, /, **values: object) -> str:
    """The text, with what belongs into its {places}; without `values` braces are only braces."""
    said = _spoken.gettext(message)
    return said.format(**values) if values else said


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The text that fits the number, which is its {count}, too."""
    return _spoken.ngettext(one, many, count).format(count=count, **values)


def pgettext(context: str, message: str, /) -> str:
    """A word that means another thing elsewhere."""
    return _spoken.pgettext(context, message)


def N_(message: str, /) -> str:
    """The same text; it is in the catalogues, and whoever says it uses `_`."""
    return message
