"""FreeSWITCH's event socket: the wire format, the commands, and the two doors."""
