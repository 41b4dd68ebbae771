"""Signed output folders: what was built is what is enforced, and never an older build.

The folder itself stays as the compiler wrote it; the signature lies beside it.  See
docs/reference/bundle.md.
"""
