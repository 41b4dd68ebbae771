"""Every diagnostic code, once.  Each has a page docs/reference/diagnostics/CODE.md.

1xxx syntax, 2xxx names and imports, 3xxx rules of the language, 4xxx lowering,
5xxx profiles, 6xxx artifacts, 7xxx files and environment.
"""

from __future__ import annotations

CODES: dict[str, str] = {
    # 1xxx syntax
    "PC1001": "an unknown statement",
    "PC1002": "something else was expected",
    "PC1003": "a statement that ends too early",
    "PC1004": "something after the end of a statement",
    "PC1005": "a text that is not closed",
    "PC1006": "a stray character",
    "PC1007": "a block that is not closed",
    "PC1008": "a brace that closes nothing",
    "PC1009": "an invisible or control character",
    "PC1010": "a character outside of ASCII",
    "PC1011": "no edition",
    "PC1012": "an unknown edition",
    "PC1013": "the edition is not first",
    "PC1801": "the formatter refuses a file",
    # 2xxx names and imports
    # 3xxx rules of the language
    # 4xxx lowering
    # 5xxx profiles
    # 6xxx artifacts
    # 7xxx files and environment
    "PC7050": "a file cannot be read",
    "PC7051": "a profile lies outside the policy root",
    "PC7052": "the output folder is not ours",
    "PC7053": "the output folder cannot be written",
    "PC7054": "no profile matches",
    "PC7055": "the policy root does not exist",
    "PC7056": "no agent is declared",
    "PC7057": "an unknown code, schema or pointer",
}
"""Code -> title: a short noun phrase, the same as the heading of its page."""
