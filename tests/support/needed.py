"""What a test needs and a machine may not have."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """The test fails in CI, which is to have everything, and is skipped elsewhere."""
    assert not os.environ.get("CI"), f"CI is to have it: {what}"
    pytest.skip(what)
