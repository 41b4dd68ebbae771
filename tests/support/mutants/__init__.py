"""Seeded compiler bugs: the table of mutations, and what is asked about each of them."""
