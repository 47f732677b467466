"""The tests, room by room; see each file for what it shows."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The project."""
