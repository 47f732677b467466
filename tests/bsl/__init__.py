"""The modules of docs/1c executed without 1C: by OneScript, against stubs of the platform in lib/.

It shows the modules' logic. The platform itself stays open: rights, real locks, collation, its loader.
Skipped where there is no `oscript` on PATH.
"""
