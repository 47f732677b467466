"""The 1C service itself: an operation and the clients → what 1C says. Pure.

Mobilon's description of the 1C integration gives the operations. The wording of faults follows 1C's web
services in manner, not letter by letter: no program should depend on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from xml.sax.saxutils import escape

from fs_1c.simulator.onec.clients import Client, ClientBook
from fs_1c.simulator.onec.envelope import Fault, Operation

ACCEPTED = "1"


@dataclass(frozen=True, slots=True)
class Signature:
    """An operation that is published.

    parameters: names in order, case-sensitive, each required, each a string.
    run: the clients and the parameters → the text of m:return.
    """

    parameters: tuple[str, ...]
    run: Callable[[ClientBook, Mapping[str, str]], str]


def say_name(book: ClientBook, parameters: Mapping[str, str]) -> str:
    """Who is it: the embedded XML; with empty tags when nobody has this number."""
    return inner_xml(book.find(parameters["Number"]))


def incoming_call(book: ClientBook, parameters: Mapping[str, str]) -> str:
    """Open the card. 1C always says 1, also for a key nobody has: accepted is not shown."""
    return ACCEPTED


OPERATIONS: Mapping[str, Signature] = MappingProxyType(
    {
        "SayName": Signature(("Number",), say_name),
        "IncomingCall": Signature(("NumFrom", "Key"), incoming_call),
    }
)


def inner_xml(client: Client | None) -> str:
    """What 1C puts, escaped once more, into m:return of SayName."""
    title, category, phone = (client.title, client.category, client.manager) if client else ("", "", "")
    return f"""\
<?xml version="1.0"?>
<data>
    <title>{escape(title)}</title>
    <category>{escape(category)}</category>
    <manager>
        <phone>{escape(phone)}</phone>
    </manager>
</data>
"""


def check(operation: Operation, namespace: str) -> Signature:
    """The published operation that was called. Names are compared as 1C does: case counts.

    Raises Fault: an unknown operation or namespace, a parameter that is missing, repeated or unknown.
    """
    signature = OPERATIONS.get(operation.name)
    if signature is None or operation.namespace != namespace:
        called = f"{{{operation.namespace}}}{operation.name}"
        raise Fault(operation.version, f"Неизвестная операция веб-сервиса: {called}")
    for name in signature.parameters:
        if name not in operation.parameters:
            raise Fault(
                operation.version,
                "Ошибка преобразования данных XDTO:\n"
                f"Чтение объекта типа: {{{namespace}}}{operation.name}\n"
                f"Проверка свойства '{name}':\n"
                f"форма: Элемент\nимя: {{{namespace}}}{name}\nтип: {{http://www.w3.org/2001/XMLSchema}}string\n"
                "Отсутствует обязательное свойство",
            )
    unknown = [f"{{{namespace}}}{name}" for name in operation.parameters if name not in signature.parameters]
    for qualified in (*unknown, *operation.unexpected):
        raise Fault(
            operation.version,
            "Ошибка преобразования данных XDTO:\n"
            f"НачалоСвойства: {qualified}\nФорма: Элемент\n"
            f"Свойство не соответствует типу: {{{namespace}}}{operation.name}",
        )
    return signature
