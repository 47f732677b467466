"""FreeSWITCH meets 1C:Enterprise.

A client rings; before the first phone rings, 1C is asked who it is; the client's name shows on the phone, the
call goes to the client's own manager, and the client's card opens on the screen of whoever answers.
"""

__version__ = "0.1.0"
