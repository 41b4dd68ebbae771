"""Every diagnostic code, once.  Each has a page docs/reference/diagnostics/CODE.md.

1xxx syntax, 2xxx names and imports, 3xxx rules of the language, 4xxx lowering,
5xxx profiles, 6xxx artifacts, 7xxx files and environment.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    # 1xxx syntax
    # 2xxx names and imports
    # 3xxx rules of the language
    # 4xxx lowering
    # 5xxx profiles
    # 6xxx artifacts
    # 7xxx files and environment
}
"""Code -> title: a short noun phrase, the same as the heading of its page."""
