"""What FreeSWITCH's dialplan says of this service: which extensions ask it, for which number, who rings then.

Read from the XML that `xml_locate dialplan` gives. Pure.
"""

from fs_1c.dialplan.reading import EXAMPLE, Asking, asking, takes, users

__all__ = ["EXAMPLE", "Asking", "asking", "takes", "users"]
