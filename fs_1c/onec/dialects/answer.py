"""The text inside SayName's `return` → what it says about the client. Read as tolerantly as 1C writes it.
Pure.

Widely installed 1C code builds this XML by joining strings and escapes nothing, so `ООО "Рога & Копыта"` or
`A < B` breaks every parser, and a parser that recovers silently drops what follows: the manager's phone.
Hence it is read tag by tag. What stands between a tag and its own end tag is taken as it is; where the end
tag is missing, up to the next tag that we know. A base of the oldest dialect sends no tags at all but
`VIP:Ренессанс Капитал`.
"""

from __future__ import annotations

import html
import json
import re

from fs_1c.onec.dialects.protocol import MAX_PHONE, MAX_TITLE, Answer
from fs_1c.onec.errors import OneCError, Reached

MAX_ANSWER = 64 * 1024
"""Characters of an answer that are read."""

_NAMES = "data|title|category|manager|phone|error"
_KNOWN_TAG = re.compile(rf"</?(?:[\w.-]+:)?(?:{_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_FIELDS = "title|category|manager|phone|error"
_OTHER_TAG = re.compile(rf"<(?!/|\?)(?:[\w.-]+:)?(?!(?:{_NAMES})[\s/>])", re.IGNORECASE)
_DECLARATION = re.compile(r"<\?[^<>]*>")
_ATTRIBUTES = re.compile(r"<(?:title|manager|phone|data)\s{1,20}(?!xsi:)[^\s<>=:]{1,40}=", re.IGNORECASE)
_NAMESPACES = re.compile(r"\sxmlns(?::[\w.-]{1,100})?=(?:\"[^\"<>]*\"|'[^'<>]*')")
_NOTHING = re.compile(r"(?:<([\w.:-]+)\s*/>|<([\w.:-]+)>\s*</\2>)?")
_BROKEN = re.compile(r"<(?:объект не найден|object not found)>", re.IGNORECASE)  # (94:8f4d…) follows
_NO_NAMES = frozenset(
    ("", *"0 1 true false null none nil nan undefined неопределено истина ложь да нет".split())
)
_CATEGORY = re.compile(r"\s*([^\s:<>]{1,20}):\s*(.*)", re.DOTALL)


def read(text: str) -> Answer:
    """Understands the text of SayName's `return`. Never raises."""
    text = text[:MAX_ANSWER].lstrip("\ufeff \t\r\n")
    if not _KNOWN_TAG.search(text) and "&lt;" in text:  # escaped twice
        text = _resolved(text)
    if text.startswith(("{", "[")):
        return read_json(text)
    if not _KNOWN_TAG.search(text):
        return _plain(text)
    if (strange := _strange_markup(text)) != "":
        return Answer(strange=strange)
    phones = _elements(_managers_part(text), "phone", whole=True) or _elements(text, "manager", whole=True)
    cleaned = [
        phone for phone in (_phone(phone) for phone in phones[:10]) if phone and not _BROKEN.match(phone)
    ]
    found = Answer(
        title=_named(_text(next(iter(_elements(text, "title")), ""))),
        category=_line(text, "category", MAX_PHONE),
        manager=", ".join(cleaned)[:MAX_PHONE].rstrip(", \u00a0\u202f"),
        error=_line(text, "error", MAX_TITLE),
    )
    told_by_attributes = not found.known and not found.error and _ATTRIBUTES.search(_NAMESPACES.sub("", text))
    return Answer(strange=_shape(text)) if told_by_attributes else found


def checked(answer: Answer) -> Answer:
    """The answer, unless it is 1C's report of its own failure, or none at all: then raises `OneCError`."""
    if answer.error:
        raise OneCError("reported", f"1C reports: {answer.error}", Reached.YES, base_down=False)
    if answer.strange:
        message = f"1C answers something that is not understood: {answer.strange}"
        raise OneCError("not-understood", message, Reached.YES, base_down=False)
    return answer


def _line(text: str, name: str, limit: int) -> str:
    """The first element of that name as one line of text."""
    return _clean(next(iter(_elements(text, name)), ""), limit)


def _plain(text: str) -> Answer:
    """An answer without tags: `category:name`, or a name alone."""
    if _BROKEN.match(text):
        return Answer()
    if text.startswith("<"):  # markup, but none of ours: nothing that a person should see as a name
        bare = _NAMESPACES.sub("", _DECLARATION.sub("", text)).strip()
        return Answer() if _NOTHING.fullmatch(bare) else Answer(strange=_shape(text))
    text = _clean(text, MAX_TITLE)
    if not text:
        return Answer()
    if text.strip('"').lower() in _NO_NAMES:
        return Answer(strange=f"`{text}`")
    match = _CATEGORY.fullmatch(text)
    return Answer(title=match[2], category=match[1]) if match else Answer(title=text)


def _strange_markup(text: str) -> str:
    """What is strange about markup that holds a tag of ours; empty: nothing."""
    if re.search(rf"<(?:[\w.-]+:)?(?:{_FIELDS})[\s/>]", text, re.IGNORECASE):
        return ""
    tags = re.findall(r"<[^<>]*", _NAMESPACES.sub("", _DECLARATION.sub("", text)))
    bare = not any("=" in tag for tag in tags)
    between = re.sub(r"<[^<>]*>", "", text)
    return "" if bare and not between.strip() and not _OTHER_TAG.search(text) else _shape(text)


def _shape(text: str) -> str:
    """Markup by the names in it: what stands between them may be a client's."""
    names = dict.fromkeys(re.findall(r"<(?:[\w.-]{1,40}:)?([^\W\d][\w.-]{0,39})", text[:4096]))
    return f"XML with the tags {', '.join(list(names)[:8])}" if names else "something like XML"


def read_json(text: str) -> Answer:
    """`{"title": …, "category": …, "manager": {"phone": …}}`, or flat `name` (`contact_name`) and
    `responsible`. Never raises.
    """
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return Answer(strange="something like JSON")
    if not isinstance(found, dict):
        return Answer(strange="JSON that is no object")
    fields = {str(name).lower(): value for name, value in found.items()}
    if "contact_name" in fields:
        fields["name"] = fields["contact_name"]
    if not fields.keys() & {"title", "name", "manager", "responsible", "error"}:
        return Answer(strange=f"JSON with {_names(found) or 'nothing in it'}")
    if any(isinstance(fields.get(name), dict | list) for name in ("title", "name", "error")):
        return Answer(strange=f"JSON with {_names(found)}, in a shape of its own")
    manager = fields.get("manager")
    phone = (
        {str(name).lower(): value for name, value in manager.items()}.get("phone")
        if isinstance(manager, dict)
        else manager
    )
    return Answer(
        title=_named(_scalar(fields.get("title")) or _scalar(fields.get("name"))),
        category=_clean(_scalar(fields.get("category")), MAX_PHONE),
        manager=_phone(_scalar(phone) or _scalar(fields.get("responsible"))),
        error=_clean(_scalar(fields.get("error")), MAX_TITLE),
    )


def _names(found: dict[str, object]) -> str:
    """What looks like a name of a field; anything else may be a client's."""
    return ", ".join(name for name in list(found)[:8] if re.fullmatch(r"[^\W\d][\w.-]{0,39}", name))


def _scalar(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _named(title: str) -> str:
    """A client's name, unless it is what 1C writes of a reference that leads nowhere."""
    return "" if _BROKEN.match(title.strip()) else " ".join(title.split())[:MAX_TITLE].rstrip()


def _managers_part(text: str) -> str:
    """Where the manager's phone may stand; outside it is the client's own, unless no manager is named."""
    start = re.search(r"<(?:[\w.-]+:)?manager\b[^<>]*?(/?)>", text, re.IGNORECASE)
    if start is None:
        return text
    end = re.compile(r"</(?:[\w.-]+:)?manager\s*>", re.IGNORECASE).search(text, start.end())
    return "" if start[1] else text[start.end() : end.end() if end else len(text)]


def _elements(text: str, name: str, *, whole: bool = False) -> list[str]:
    """The raw insides of all elements of that name, whatever its case and prefix, in their order.

    Args:
        whole: Leave out one that the text breaks off in: half a phone number is somebody else's.
    """
    start = re.compile(rf"<(?:[\w.-]+:)?{name}(?:\s[^<>]*?)?(/?)>", re.IGNORECASE)
    end = re.compile(rf"</(?:[\w.-]+:)?{name}\s*>", re.IGNORECASE)
    found: list[str] = []
    at = 0
    # Two searches and a cursor, not one expression: an answer full of start tags must not be read over and
    # over.
    while (opening := start.search(text, at)) is not None and len(found) < 100:
        at = opening.end()
        if opening[1]:
            found.append("")
            continue
        closing = end.search(text, at)
        if closing is None:
            following = _KNOWN_TAG.search(text, at)
            if following or not whole:
                found.append(text[at : following.start() if following else len(text)])
            break
        found.append(text[at : closing.start()])
        at = closing.end()
    return found


def _phone(raw: str) -> str:
    """A phone on one line. The no-break space stays: it stands inside a number, a plain space between two."""
    return " ".join(re.split(r"[^\S\u00a0\u202f]+", _text(raw))).strip()[:MAX_PHONE].rstrip()


def _clean(raw: str, limit: int) -> str:
    return " ".join(_text(raw).split())[:limit].rstrip()


def _text(raw: str) -> str:
    """The text of an element: CDATA opened, XML's entities resolved once."""
    value, cdata = _CDATA.subn(lambda match: match[1], raw)
    # Only the entities of XML: `&copy` in an unescaped name is just what somebody typed.
    return value if cdata else _resolved(raw)


def _resolved(text: str) -> str:
    """Python's own function fails over a character with five thousand digits."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)
