"""Bugs that are planted on purpose: each must make a test, or the fault matrix, fail."""
