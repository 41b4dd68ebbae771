"""Settings of the whole suite: Hypothesis profiles and the golden flag."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# Wall-clock deadlines fail on busy machines and prove nothing.
_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("default", max_examples=100, **_COMMON)
settings.register_profile("nightly", max_examples=2000, **_COMMON)
# A change is judged by the same cases as the one before it; people and the night draw new ones.
settings.register_profile("ci", max_examples=100, derandomize=True, **_COMMON)
_USUAL = "ci" if os.environ.get("CI") else "default"
settings.load_profile(os.environ.get("POLICYC_HYPOTHESIS", _USUAL))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="rewrite golden files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--golden"))
