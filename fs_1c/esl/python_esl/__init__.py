"""Both doors over python-ESL, FreeSWITCH's own event socket library: `line` is a connection of it, which
carries what the same state machines say. Loaded only where it is wanted.
"""
