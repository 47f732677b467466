"""The documents about FreeSWITCH and systemd, and what is in them to be tried."""

from __future__ import annotations

import re
from pathlib import Path

from tests.dialplan.files import EVERY, PROJECT
from tests.docs.markdown import PAGES

ENGLISH = (
    PROJECT / "docs/freeswitch/README.md",
    PROJECT / "docs/systemd/README.md",
    PROJECT / "docs/freeswitch/troubleshooting.md",
)
RUSSIAN = PROJECT / "docs/ru/freeswitch.md"
DOCUMENTS = (*ENGLISH, RUSSIAN)
UNIT = PROJECT / "docs/systemd/fs-1c.service"


def blocks(document: Path, language: str) -> list[str]:
    """The code blocks of a document in that language."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", document.read_text(), re.DOTALL | re.MULTILINE)
    return [text for _, text in found]


def shell(document: Path) -> list[str]:
    """The commands of a document's `sh` blocks, without their comments."""
    lines = "".join(blocks(document, "sh")).splitlines()
    return [stripped for line in lines if (stripped := re.sub(r"\s+#.*", "", line).strip())]


def commands_for_fs_cli() -> list[str]:
    """What documents and examples have people type after `fs_cli -x`."""
    texts = [path.read_text("utf-8") for path in (*PAGES, *EVERY)]
    found = [command for text in texts for command in re.findall(r"fs_cli -x '([^']+)'", text)]
    return [command for command in dict.fromkeys(found) if not command.startswith("python ")]
