"""The texts of the code. Pure: of source to what is said in it.

`extract` is Babel's way in (pyproject.toml, `make locale`): `_`, `ngettext` and `N_` wherever they stand, and
of a typer command its docstring, paragraph by paragraph, and each `help`, which `--help` says. In rooms with
the option `told` it is every text, f-strings as they stand: there they are made for logs and programs, too,
and are only said in another language at the terminal (`fs_1c.language.retold`). The option `first` names
functions of a file whose first argument is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BufferedReader

MARKS = ("_", "ngettext", "pgettext", "N_")
LEAST = 3
"""Letters, beside the values, by which a text can be known again."""
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_HELPED = ("command", "callback")
_WORDS = re.compile(
    r"[A-Za-z]{2,}[,;:.)»\"]*\s+[(«\"]*[A-Za-z]{2,}|[A-Za-z]{2,}[,;:.]?\s+\{\}|\{\}[,;:.]?\s+[a-z]{2,}"
)
"""Two words, or one beside a value: a text that somebody reads."""
_NO_WORDS = re.compile(
    r"[a-z]+: (--[a-z]+: )?\{\}(: \{\})*|Bearer \{\}|[a-z]+ [a-z]+( --[a-z-]+ \S+)+|\[[a-z ]+\]\{\}\[/\]"
)
"""But for a command's name before what it says, a header, a command to be typed, a colour."""
SAID_TO_NOBODY = {
    "passed over",  # what the journal has kept, compared
    "in his place",
    "talked to the client last",
    "turned away",
    "bold red",
    "access list",  # what FreeSWITCH is asked and says
    "invalid gateway",
    "user_exists id {} {}",
    "sofia status gateway {}",
    "not found",
    "module_exists mod_xml_curl",
    "xml_locate configuration configuration name lua.conf",
    "Invalid value",  # what tomllib says
    "{} cannot be read: ",  # taken away from a text
    "Value error, ",  # what Pydantic says before it
}
_WRITTEN = ("log", "re", "logging")
"""What texts are given that are no words to whoever has typed a command."""
_GIVEN = "Option _option Argument Typer Field NewType TypeVar pattern RuntimeError".split()
"""What is given texts that are found otherwise, or that nobody reads: a mistake of ours, with a traceback."""


@dataclass(frozen=True)
class Text:
    """A text of the source.

    Attributes:
        said: With {} in place of each value.
        wrapped: By which of `MARKS`; empty: none.
    """

    line: int
    said: str
    wrapped: str
    node: ast.expr
    inside: bool  # of a function


def name_of(call: ast.Call) -> str:
    """`f` of `f()` and of `a.f()`."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def said(node: ast.expr) -> str | None:
    """A constant or an f-string as it reads, with {} in place of each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def template(node: ast.expr) -> str:
    """The same with a {name} in place of each value. One that stands in the text itself, for `str.format` or
    to be read, is such a place, too; other braces are doubled.
    """
    parts, names = [], dict[str, str]()
    for one in node.values if isinstance(node, ast.JoinedStr) else [node]:
        if isinstance(one, ast.FormattedValue):
            source = ast.unparse(one)
            name = wanted = _place(one.value)
            count = 1
            while names.setdefault(name, source) != source:
                count += 1
                name = f"{wanted}{count}"
            parts.append(f"{{{name}}}")
        elif isinstance(one, ast.Constant):
            rest = enumerate(_NAMED.split(str(one.value)))
            parts += [_named(one) if i % 2 else one.replace("{", "{{").replace("}", "}}") for i, one in rest]
    return "".join(parts)


_NAMED = re.compile(r"(\{[A-Za-z_]+(?::[a-z])?\})")


def _named(place: str) -> str:
    return place.partition(":")[0].rstrip("}") + "}"


def _place(value: ast.expr) -> str:
    """What stands in a place, in a word; as the code calls it."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Subscript(value=ast.Name(id=name)):
            return name.strip("_").lower()
        case ast.Call(func=ast.Attribute(attr="join"), args=[one, *_]):
            return _place(one)
        case ast.Call(func=ast.Attribute(attr=name)):
            return name.strip("_").lower()
        case ast.Call(func=ast.Name(id="len" | "sorted" | "str" | "plain" | "round"), args=[one, *_]):
            return _place(one)
        case ast.Call(func=ast.Name(id=name)):
            return name.strip("_").lower()
        case ast.BinOp(left=one) | ast.BoolOp(values=[one, *_]) | ast.IfExp(body=one):
            return _place(one)
        case ast.GeneratorExp(generators=[ast.comprehension(iter=one), *_]):
            return _place(one)
    return "value"


def _is_read(text: str) -> bool:
    if "\r\n" in text:  # of a protocol
        return False
    return bool(_WORDS.search(text)) and not _NO_WORDS.fullmatch(text) and text not in SAID_TO_NOBODY


def _not_for_people(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            owner, called = function.value.id, function.attr
            if owner in _WRITTEN or called in ("api", "execute", "add_parser", "compile"):
                return True
        return name_of(node) in _GIVEN
    return isinstance(node, ast.AnnAssign) and "Literal" in ast.unparse(node.annotation)


def texts(tree: ast.AST) -> list[Text]:
    """All texts that people might read, wrapped or not."""
    return list(_texts(tree, "", inside=False))


def _texts(node: ast.AST, wrapped: str, *, inside: bool) -> Iterator[Text]:
    if _not_for_people(node) or (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated"):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.expr) and (text := said(node)) is not None and (wrapped or _is_read(text)):
        yield Text(node.lineno, text, wrapped, node, inside)
        if isinstance(node, ast.Constant):
            return
    is_mark = isinstance(node, ast.Call) and name_of(node) in MARKS
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            marked = ""
            if is_mark and field == "args":
                marked = name_of(node)  # type: ignore[arg-type]
            function = field == "body" and isinstance(node, _FUNCTION)
            if field in ("decorator_list", "annotation", "returns"):
                continue
            if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
                continue
            yield from _texts(child, marked, inside=inside or function)


def extract(
    file: BufferedReader, keywords: Collection[str], tags: Collection[str], options: dict[str, str]
) -> Iterator[tuple[int, str, str | tuple[str, ...], list[str]]]:
    """Line, function, message or messages, no comments, as Babel wants them."""
    tree = ast.parse(file.read())
    yield from messages(tree, options.get("first", "").split())
    if options.get("told"):
        for one in texts(tree):
            if not one.wrapped and is_whole(one.said):
                yield one.line, "pgettext", ("told", template(one.node)), []


def is_whole(text: str) -> bool:
    """Are there words enough to know it by again?"""
    between = text.startswith("{}") and text.endswith("{}")  # two values around it: most texts have such two
    return len(re.sub("[^A-Za-z]", "", text.replace("{}", ""))) >= (2 * LEAST if between else LEAST)


def messages(
    tree: ast.AST, first: Collection[str] = ()
) -> Iterator[tuple[int, str, str | tuple[str, ...], list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [one for one in node.decorator_list if isinstance(one, ast.Call)]
            told = ast.get_docstring(node)
            if told and any(name_of(one) in _HELPED for one in decorators):
                for paragraph in told.split("\n\n"):
                    yield node.lineno, "_", " ".join(paragraph.split()), []
        elif isinstance(node, ast.Call):
            name = name_of(node)
            if name in MARKS:
                found = [_constant(one) for one in node.args[: 2 if name.endswith("gettext") else 1]]
                if all(found):
                    yield node.lineno, name, tuple(found) if len(found) > 1 else found[0], []
            elif name in ("Option", "Argument", "Typer"):
                for keyword in node.keywords:
                    if keyword.arg == "help" and isinstance(keyword.value, ast.Constant):
                        yield node.lineno, "_", str(keyword.value.value), []
            elif name in first and node.args and (text := _constant(node.args[0])):
                yield node.lineno, "_", text, []


def _constant(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""  # `_(name)` of a text that `N_` has marked
