"""The decision log: what admission decided, so that later changes to it are seen.

See docs/reference/audit.md for the format, and for what it can and cannot prove.
"""
