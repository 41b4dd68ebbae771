"""Settings of the whole suite: Hypothesis profiles, the golden flag, and who runs beside whom."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, settings
from support.alone import alone, is_alone

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
# What a test makes is no job of the `make` that may have started the tests, and not told to keep to its number of jobs.
os.environ.pop("MAKEFLAGS", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="rewrite golden files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--golden"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Who starts a recorder or a container is alone with it, from before its fixtures until after them."""
    is_system = isinstance(item, pytest.Function) and item.get_closest_marker("system")
    with alone() if is_system and is_alone(item.module) else nullcontext():
        return (yield)
