"""Settings of the whole suite: Hypothesis profiles, the golden flag, and who runs beside whom."""

from __future__ import annotations

import os
from collections.abc import Generator

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


def _is_alone(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and _is_system(item) and is_alone(item.module)


def _is_system(item: pytest.Item) -> bool:
    return item.get_closest_marker("system") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `--dist loadgroup`: those that are alone go to one worker, which is never kept waiting by another."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("alone" if _is_alone(item) else str(item.path)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """From before the fixtures until after them."""
    if not _is_alone(item):
        return (yield)
    with alone():
        return (yield)
