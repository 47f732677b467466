"""What 1C says of the client it has found, written well or in ways that are not."""

from dataclasses import dataclass, replace

from fs_1c.simulator.onec import dialects
from fs_1c.simulator.onec.clients import Client
from fs_1c.simulator.onec.dialects import Dialect, Signature, embed, plain_text

DECLARATION = '<?xml version="1.0"?>'


@dataclass(frozen=True, slots=True)
class Saying:
    """1C answers about the client it found. Faults of a title or a phone leave the unknown alone."""

    dialect: Dialect
    operation: dialects.Operation
    signature: Signature
    client: Client | None

    @property
    def text(self) -> str:
        """What m:return says when all is well."""
        return self.signature.answer(self.client)

    def write(self, text: str) -> bytes:
        return self.dialect.answer(self.operation, text).body

    def markup(self, inside: str) -> bytes:
        return self.element(dialects.return_element(inside))

    def element(self, markup: str) -> bytes:
        return dialects.write_element(self.operation, markup)

    def about(self, **changed: str) -> bytes:
        """The answer about the client if he were like that."""
        return self.write(self.signature.answer(self.client and replace(self.client, **changed)))

    def phone(self, text: str) -> bytes:
        return self.about(manager=text)

    def joined(self, text: str) -> bytes:
        """As a module writes XML that joins strings."""
        if self.client is None or self.signature.answer is plain_text:
            return self.about(title=text)
        return self.write(embed(text, self.client.category, self.client.manager))

    def layer(self, part: str, start: str, mark: str = "", entity: str = "") -> bytes:
        """The embedded XML, or the envelope around it, after `start` instead of its declaration."""
        xml = self.text if part == "inner" else self.write(self.text).decode()
        xml = start + xml.removeprefix(DECLARATION).lstrip("\n").replace(mark or "\0", entity)
        return self.write(xml) if part == "inner" else xml.encode()

    def entity(self, part: str, declared: str, entity: str) -> bytes:
        """A document type in one of the two, and the entity as the title of whoever was asked for."""
        mark = "ENTITY-GOES-HERE"
        titled = replace(self, client=replace(self.client or Client("0", ""), title=mark))
        root = "data" if part == "inner" else "soap:Envelope"
        return titled.layer(part, f"{DECLARATION}\n<!DOCTYPE {root} [{declared}]>\n", mark, entity)
