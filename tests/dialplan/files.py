"""The files of `dialplan/`, as they are shipped."""

from __future__ import annotations

from lxml import etree

from tests import ROOT

PROJECT = ROOT
FOLDER = PROJECT / "dialplan"

NUMBER, SECOND_NUMBER = "74951234567", "74957654321"
"""The dialled numbers in the examples."""

DIALPLANS = tuple(sorted([*FOLDER.glob("*.xml"), FOLDER / "mod_python" / "mod_python.xml"]))
"""Files with extensions in them."""
CONFIGURATIONS = (*sorted(FOLDER.glob("autoload_configs/*.xml")), FOLDER / "mod_python" / "python.conf.xml")
DIRECTORY = tuple(sorted(FOLDER.glob("directory/*.xml")))
EVERY = (*DIALPLANS, *CONFIGURATIONS, *DIRECTORY)


def extensions(text: str) -> list[etree._Element]:
    """The extensions of a file, without its comments. Raises etree.XMLSyntaxError."""
    parser = etree.XMLParser(remove_comments=True, resolve_entities=False, no_network=True)
    return list(etree.fromstring(text.encode(), parser).iter("extension"))
