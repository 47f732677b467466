"""The documents that people read: pages, their headings as a git host anchors them, links, blocks of code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests import ROOT

PAGES = sorted(
    [ROOT / "README.md", *(page for page in (ROOT / "docs").rglob("*.md") if "overrides" not in page.parts)]
)
_FENCED = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    """As tests are called by it."""
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """What follows `#` in a link to each of its headings."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        found[anchor] = found.get(anchor, 0) + 1
    return {anchor if not n else f"{anchor}-{n}" for anchor, times in found.items() for n in range(times)}


def links(page: Path) -> list[tuple[str, str]]:
    """(path, anchor) of each link that leads to this project; either may be empty."""
    found = re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", prose(page))
    return [(path, anchor) for path, anchor in found]


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code in that language."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^\1```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return [text for _, text in found]


def shell(page: Path) -> list[str]:
    """The commands of its `sh` blocks, each as it is typed, without remarks."""
    found = []
    for block in blocks(page, "sh"):
        command = ""
        for line in block.splitlines():
            command = f"{command}\n{line}" if command else re.sub(r"(^|\s)#.*", "", line)
            if not command.strip():
                command = ""
            elif _is_whole(command):
                found.append(command.replace("\\\n", "").strip())
                command = ""
        assert not command, f"{page}: {command}"
    return found


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:  # a quote that has not ended
        return False
    return not command.endswith("\\")
