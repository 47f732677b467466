"""Recordings of calls: the addresses by which 1C finds them, signed and dated."""

from fs_1c.recordings.links import Links, NoFile, WrongLink, address, address_or_file, links_of

__all__ = ["Links", "NoFile", "WrongLink", "address", "address_or_file", "links_of"]
