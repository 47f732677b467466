"""What is still English in a text that was said in Russian: what no catalogue has, or was put together in a
way in which it cannot be known again.
"""

from __future__ import annotations

import re
from functools import cache

from fs_1c.language import retold, speak

ENGLISH = frozenset(
    "the is are was were of an to not no it its and or in on at has have by with for be that this as from "
    "there does do which who what when if cannot can than".split()
)
"""Words without which hardly any English sentence is."""
_CODE = re.compile(r"`[^`]*`|<[^>]*>|«[^»]*»|\"[^\"]*\"|'[^']*'")
_FOREIGN = re.compile(
    r"это не TOML: .*|это не образец: .*|-ERR .*|unable to get local issuer certificate|\[X509: .*"
    r"|self-signed certificate in certificate chain|IP address mismatch, .*|Port out of range .*|\*\*\* .*"
)
"""What libraries and FreeSWITCH say, which nobody translates; and what is masked."""


@cache  # `check` says the same of most things
def english(text: str) -> list[str]:
    """English words in the Russian of this text."""
    try:
        speak("ru")
        said = retold(text)
    finally:
        speak("en")
    said = _CODE.sub("", _FOREIGN.sub("", said))
    return [word for word in re.findall(r"(?<![\w./=-])[a-z]+(?![\w=/-]|\.\w)", said) if word in ENGLISH]
