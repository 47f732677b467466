"""`python -m tests.docs.reference`: writes the pages."""

from tests.docs.reference.pages import pages

for path, text in pages().items():
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
