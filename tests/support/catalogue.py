"""The marks of catalogue cases, for tests that are functions rather than rows of a table."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def case(request: pytest.FixtureRequest) -> str:
    """The id of the case that a test is about; a module imports it to use ``of``."""
    return str(getattr(request, "param", ""))


def of(number: str) -> pytest.MarkDecorator:
    """The test's id begins with the case's; write it below other marks."""
    return pytest.mark.parametrize("case", [number], indirect=True)
