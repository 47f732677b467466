"""What a base says about itself at `?wsdl`: read, and compared with what the settings say about it. Pure."""

from fs_1c.wsdl.described import Described, Mismatch, compare, fitting, history, read

__all__ = ["Described", "Mismatch", "compare", "fitting", "history", "read"]
