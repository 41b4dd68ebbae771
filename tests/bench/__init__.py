"""Benchmarks: each prints a figure and its ratio to a floor measured in the same run."""
