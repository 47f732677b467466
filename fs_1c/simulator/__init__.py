"""A 1C and a FreeSWITCH to rehearse against, shipped with the library."""
