"""`python -m fs_1c` is `fs-1c`."""

from fs_1c.cli import main

main()
