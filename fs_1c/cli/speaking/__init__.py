"""In which language the commands speak, and that `--help` and typer's complaints do, too."""

from fs_1c.cli.speaking.speaking import Speaking
from fs_1c.cli.speaking.typers import Translated

__all__ = ["Speaking", "Translated"]
