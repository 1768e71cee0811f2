"""Benchmarks: the search against its peers on measured curves, and the CPU share of the embedded AWS."""
