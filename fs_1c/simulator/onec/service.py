"""The 1C service itself: which published operation a request calls. Pure.

Mobilon's description of the 1C integration gives the operations (see `dialects`). The wording of faults
follows 1C's web services in manner, not letter by letter: no program should depend on it.
"""

from collections.abc import Mapping

from fs_1c.simulator.onec.dialects import Signature, inner_xml
from fs_1c.simulator.onec.envelope import Fault, Operation

__all__ = ["check", "inner_xml"]


def check(operation: Operation, namespace: str, published: Mapping[str, Signature]) -> Signature:
    """The published operation that was called. Names are compared as 1C does: case counts.

    Raises Fault: an unknown operation or namespace, a parameter that is missing, repeated or unknown.
    """
    signature = published.get(operation.name)
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
