"""`fs-1c setup`: asks what is needed, tries it at once, writes settings, passwords and the dialplan.

`answers` reads what somebody typed, `texts` and `plan` make files of it: pure. `interview` has the questions,
`trying` tries the answers by the doctor's own steps (`check`), `placing` writes all files or none.
"""

from fs_1c.setup.run import Where, run

__all__ = ["Where", "run"]
