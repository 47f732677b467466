"""In which language the commands speak, and with which signs."""

from __future__ import annotations

import codecs
import gettext
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any

from fs_1c.cli.speaking.typers import Translated
from fs_1c.language import FOLDER, LANGUAGES, choice, fits, speak

_PLAINER = str.maketrans({"«": '"', "»": '"', "„": '"', "“": '"', "—": "-", "–": "-", "→": "->", "…": "..."})


class Speaking(Translated):
    """All commands, in the language of whoever has typed one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for stream in (sys.stdout, sys.stderr):
            _write_whatever(stream)
        language = _asked(args) or choice()
        if not fits(language, sys.stdout.encoding or "ascii"):
            language = "en"
        speak(language)
        # Of typer's own words those are translated that it asks gettext for.
        gettext.textdomain("fs_1c" if language != "en" else "messages")
        if language != "en":
            os.environ["LANGUAGE"] = language
            gettext.bindtextdomain("fs_1c", str(FOLDER))
        return super().parse_args(ctx, args)


def _asked(args: Sequence[str]) -> str:
    """The language after `--lang`, which stands before the command; empty: none that there is."""
    for one, following in zip(args, [*args, ""][1:], strict=True):
        if not one.startswith("-"):
            break
        name, equals, value = one.partition("=")
        wanted = value if equals else following
        if name == "--lang" and wanted in LANGUAGES:
            return wanted
    return ""


def _write_whatever(stream: object) -> None:
    """A terminal that lacks a sign gets a plainer one, or `?`: no client's name ends a command."""
    if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
        codecs.register_error("fs-1c", _plainer)
        stream.reconfigure(errors="fs-1c")


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end].translate(_PLAINER)
    return wrong.encode(error.encoding, "replace"), error.end
