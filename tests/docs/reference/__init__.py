"""docs' reference of settings and of commands, written from the models and from typer: `python -m
tests.docs.reference` writes the pages, and a test finds those that lag.

What stands in the code is English. The Russian pages are the same, by the catalogue docs/ru/reference.po,
whose entries are these very texts: one that was changed is one that has no translation yet.
"""
