"""The doors beside their peers: the same work, one machine, one run. `python -m tests.bench.peers`."""
