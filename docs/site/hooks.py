"""The documents are written to be read in the repository; on the site the same links must lead somewhere.

README.md is the first page. A file of the project that a page links to (a dialplan, an example) is on the
site, too; a folder, or a file that is none of the documents (a test), is a name without a link. Each page has
the language that it is written in.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
SHOWN = ("dialplan", "requirements.lock", "LICENSE")
"""Beside docs: what pages link to."""
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")
_MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FLOOR = re.compile(r'subgraph \w+\["([^"]*)"\]\n(.*?)\n *end$', re.DOTALL | re.MULTILINE)
TOGETHER = {
    "index.md": "ru/README.md",
    "freeswitch/README.md": "ru/freeswitch.md",
    "freeswitch/troubleshooting.md": "ru/freeswitch.md",
    "systemd/README.md": "ru/freeswitch.md",
    "1c/README.md": "ru/1c.md",
    "monitoring/README.md": "ru/monitoring.md",
    "compose/README.md": "ru/compose.md",
    "SECURITY.md": "ru/security.md",
}
"""English page → the Russian one, where that is not of the same name."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """README.md, and what lies beside docs, join the documents."""
    files.append(File.generated(config, "index.md", content=(ROOT / "README.md").read_text("utf-8")))
    for name in SHOWN:
        for path in sorted((ROOT / name).rglob("*")) or [ROOT / name]:
            if path.is_file() and "__pycache__" not in path.parts:
                inside = f"project/{path.relative_to(ROOT).as_posix()}"
                files.append(File.generated(config, inside, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they lead on the site."""
    source = page.file.src_uri
    folder = "" if source == "index.md" else posixpath.dirname(f"docs/{source}")

    def lead(match: re.Match[str]) -> str:
        mark, text, link, anchor = match[1], match[2], match[3], match[4] or ""
        there = posixpath.normpath(posixpath.join(folder, link))
        inside = there.removeprefix("docs/") if there.startswith("docs/") else f"project/{there}"
        inside = "index.md" if there == "README.md" else inside
        if files.get_file_from_path(inside) is None and (ROOT / there).exists():
            return text
        return f"{mark}[{text}]({posixpath.relpath(inside, posixpath.dirname(source) or '.')}{anchor})"

    return _LINK.sub(lead, _MERMAID.sub(_floors, markdown))


def _floors(picture: re.Match[str]) -> str:
    """The house as a table, floor by floor: Mermaid would be loaded from somebody else's host."""
    names = dict(re.findall(r'^ *(\w+)\["(\w+)"\]$', picture[1], re.MULTILINE))
    below: dict[str, list[str]] = {}
    for room, dotted, other in re.findall(r"^ *(\w+) -(-|\.-)> (\w+)$", picture[1], re.MULTILINE):
        shown = f"`{names.get(other, other)}`"
        below.setdefault(room, []).append(shown if dotted == "-" else f"*{shown}*")
    rows = ["| floor | room | imports (in italics: when it is wanted) |", "| --- | --- | --- |"]
    for floor, rooms in _FLOOR.findall(picture[1]):
        for number, room in enumerate(word.partition("[")[0] for word in rooms.split()):
            told = ", ".join(below.get(room, []))
            rows.append(f"| {'' if number else floor} | `{names.get(room, room)}` | {told} |")
    return "\n".join(rows)


def on_page_context(context: Any, page: Page, config: MkDocsConfig, nav: Any) -> Any:
    """The theme's own words, and the page's `lang`, in the language of the page; the way to the other one."""
    source = page.file.src_uri
    russian = source.startswith("ru/")
    config.theme["language"] = "ru" if russian else "en"
    pages = {one.file.src_uri: one for one in nav.pages}
    first = next((one for one, other in TOGETHER.items() if other == source), source.removeprefix("ru/"))
    english = pages.get(first if russian else source, pages["index.md"])
    other = pages.get(source if russian else TOGETHER.get(source, f"ru/{source}"), pages["ru/README.md"])
    config.extra["alternate"] = [
        {"name": "English", "link": english.url, "lang": "en"},
        {"name": "Русский", "link": other.url, "lang": "ru"},
    ]
    return context


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Both builds of the same documents are the same octets."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    return config
