"""Benchmarks, apart from the tests (`make bench`): they compare within one run and assert nothing."""
