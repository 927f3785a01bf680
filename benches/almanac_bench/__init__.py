"""Shared code of the benchmarks: servers, load, request bodies, a synthetic network, reports."""
