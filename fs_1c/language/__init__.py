"""The language that people are spoken to in: texts stand in the code in English, and in `fs_1c/locale` as
gettext catalogues have them.

`_("{count} of {all}", count=1, all=2)` says a text; its words stand in the call as they are (no f-string), or
no catalogue can have them. `ngettext` says one that counts, `pgettext` one whose
meaning depends; `N_` marks a text that is said elsewhere, by
`_(name)`. Until `speak` everything is English, and so are all logs, whatever is answered to programs, and
the service itself: only the command line speaks another language, after `choice` has looked who reads.
"""

from fs_1c.language.language import FOLDER, LANGUAGES, N_, _, choice, fits, ngettext, pgettext, speak
from fs_1c.language.told import retold

__all__ = ["FOLDER", "LANGUAGES", "N_", "_", "choice", "fits", "ngettext", "pgettext", "retold", "speak"]
