"""The pytest plugin: fixtures of a policy root, in runs that name one.

pytest loads it in every project of an environment that policyc is installed in.  So this
module imports nothing but the standard library until a root is named.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_MISSING = "PC7073"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("policyc", "policies under test")
    group.addoption("--policies", metavar="ROOT", help="the policy root under test")
    group.addoption(
        "--as-of", metavar="DATE", help="the day of the test, as 2026-12-31 (today, UTC)"
    )
    parser.addini("policies", "the policy root under test, below the root folder of the tests")


def pytest_configure(config: pytest.Config) -> None:
    if not (config.getoption("--policies") or config.getini("policies")):
        return
    if importlib.util.find_spec("hypothesis") is None:
        import pytest  # noqa: PLC0415  # it is there: it called us

        says = f"error[{_MISSING}]: tests of policies need `hypothesis`, which is not installed"
        raise pytest.UsageError(f"{says}\n  help: pip install 'policyc[testing]'")
    fixtures = importlib.import_module("policyc.testing.fixtures")
    fixtures.begin(config)
    config.pluginmanager.register(fixtures, "policyc-fixtures")
