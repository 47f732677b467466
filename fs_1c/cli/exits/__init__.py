"""What each command's exit code says: shown below its `--help`, and in the reference of commands.

They are part of the contract: 0 well, 2 wrong input or settings, 3 1C knows nobody, 4 1C failed, 5 the
service stood still and has ended itself, 1 anything else.
"""

from __future__ import annotations

_CODES = "Exit code: "
SERVE = f"{_CODES}0 stopped; 1 an address is taken; 2 settings; 5 it stood still, and ended itself."
LOOKUP = f"{_CODES}0 found; 2 wrong input or settings; 3 unknown, or not asked; 4 1C failed."
POP = f"{_CODES}0 accepted; 2 wrong input or settings, or no key; 4 not accepted."
FORGET = (
    f"{_CODES}0 forgotten; 1 the service is not reached or refuses, or other services could not be told; "
    "2 wrong input or settings."
)
ERASE = f"{_CODES}0 erased; 1 something could not be told or erased; 2 wrong input or settings."
CALL = (
    f"{_CODES}0 it rings; 1 the service is not reached or refuses; 2 wrong input or settings, or "
    "`calls.allow`; 4 the call came to nothing."
)
JOURNAL = (
    f"{_CODES}0 well; 1 the journal cannot be read, or a service did not answer; 2 wrong input or settings."
)
HISTORY = f"{_CODES}0 well; 1 the service is not reached or refuses; 2 wrong input or settings."
PRESENCE = (
    f"{_CODES}0 well; 1 the service is not reached or refuses, or listens to no switch; 2 wrong input or "
    "settings."
)
CHECK = f"{_CODES}0 no problem; 1 a problem; 2 settings."
SETUP = f"{_CODES}0 written, or shown; 1 a mistake, or something is there already; 2 wrong input."
DEMO = f"{_CODES}0 all went as it should; 1 something did not."
ONEC = f"{_CODES}0 stopped; 1 the address is taken; 2 wrong input."
SWITCH = f"{_CODES}0 somebody answered; 1 nobody did, or an address is taken; 2 wrong input."
