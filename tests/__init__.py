"""The tests; see each file for what it shows."""
