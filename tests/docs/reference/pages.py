"""The pages of the reference, in both languages."""

from __future__ import annotations

from pathlib import Path

from tests import ROOT
from tests.docs.reference import commands, settings
from tests.docs.reference.catalogue import Catalogue, english
from tests.docs.reference.catalogue import russian as spoken

DOCS = ROOT / "docs"


def pages(russian: Catalogue | None = None) -> dict[Path, str]:
    """Each file, and what it must hold."""
    say = russian or spoken()
    return {
        DOCS / "reference" / "settings.md": settings.page(english, "../examples"),
        DOCS / "reference" / "commands.md": commands.page(english),
        DOCS / "ru" / "reference" / "settings.md": settings.page(say, "../../examples"),
        DOCS / "ru" / "reference" / "commands.md": commands.page(say),
    }
