"""What each command's exit code says: shown below its `--help`, and in the reference of commands.

They are part of the contract: 0 well, 2 wrong input or settings, 3 1C knows nobody, 4 1C failed, 5 the
service stood still and has ended itself, 1 anything else.
"""

from __future__ import annotations

from fs_1c.language import N_

SERVE = N_("Exit code: 0 stopped; 1 an address is taken; 2 settings; 5 it stood still, and ended itself.")
LOOKUP = N_("Exit code: 0 found; 2 wrong input or settings; 3 unknown, or not asked; 4 1C failed.")
POP = N_("Exit code: 0 accepted; 2 wrong input or settings, or no key; 4 not accepted.")
FORGET = N_(
    "Exit code: 0 forgotten; 1 the service is not reached or refuses, or other services could not be told; "
    "2 wrong input or settings."
)
ERASE = N_("Exit code: 0 erased; 1 something could not be told or erased; 2 wrong input or settings.")
CALL = N_(
    "Exit code: 0 it rings; 1 the service is not reached or refuses; 2 wrong input or settings, or "
    "`calls.allow`; 4 the call came to nothing."
)
JOURNAL = N_(
    "Exit code: 0 well; 1 the journal cannot be read, or a service did not answer; 2 wrong input or settings."
)
HISTORY = N_("Exit code: 0 well; 1 the service is not reached or refuses; 2 wrong input or settings.")
PRESENCE = N_(
    "Exit code: 0 well; 1 the service is not reached or refuses, or listens to no switch; 2 wrong input or "
    "settings."
)
CHECK = N_("Exit code: 0 no problem; 1 a problem; 2 settings.")
SETUP = N_(
    "Exit code: 0 written, or shown; 1 an answer does not work, something is there already, or it cannot be "
    "written; 2 wrong input."
)
DEMO = N_("Exit code: 0 all went as it should; 1 something did not.")
ONEC = N_("Exit code: 0 stopped; 1 the address is taken; 2 wrong input.")
SWITCH = N_("Exit code: 0 somebody answered; 1 nobody did, or an address is taken; 2 wrong input.")
