"""The page of each diagnostic: what it means, an example, what to do."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import policyc


def page(code: str) -> str:
    """The text of the code's page: packaged in a wheel, in docs/ in a checkout."""
    packaged = resources.files(policyc) / "_diagnostics" / f"{code}.md"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(policyc.__path__[0]).parent / "docs" / "reference" / "diagnostics"
    return (checkout / f"{code}.md").read_text(encoding="utf-8")
