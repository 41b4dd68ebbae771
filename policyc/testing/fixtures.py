"""The fixtures of a run that names a policy root: ``policy``, ``agent`` and ``law``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from policyc.core.errors import PolicycError
from policyc.envelope.timeline import day_of
from policyc.testing.laws import LAWS, Law
from policyc.testing.root import BadPoliciesError, PolicyAgent, PolicyRoot

_POLICY = pytest.StashKey[PolicyRoot]()


def begin(config: pytest.Config) -> None:
    """Remember the root of this run; it is compiled when the first test wants it."""
    config.stash[_POLICY] = PolicyRoot(_root(config), _day(config.getoption("--as-of")))


@pytest.fixture(scope="session")
def policy(request: pytest.FixtureRequest) -> PolicyRoot:
    """The policy root that `--policies` or the setting `policies` names."""
    return request.config.stash[_POLICY]


@pytest.fixture
def agent(policy: PolicyRoot, policyc_agent: str) -> PolicyAgent:
    """Each agent of the policies in turn."""
    return policy.agents[policyc_agent]


@pytest.fixture
def law(policyc_law: str) -> Law:
    """Each law of ``policyc.testing.laws`` in turn."""
    return LAWS[policyc_law]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of an agent or a law is one of each; nothing is read for other tests."""
    if "policyc_law" in metafunc.fixturenames:
        metafunc.parametrize("policyc_law", list(LAWS))
    if "policyc_agent" in metafunc.fixturenames:
        try:
            names = list(metafunc.config.stash[_POLICY].agents)
        except (PolicycError, BadPoliciesError) as fault:
            raise pytest.UsageError(str(fault)) from None
        metafunc.parametrize("policyc_agent", names)


def _root(config: pytest.Config) -> Path:
    """The option is below the working directory, the setting below the folder of its file."""
    option = config.getoption("--policies")
    return Path(option) if option else config.rootpath / str(config.getini("policies"))


def _day(written: str | None) -> date:
    try:
        return date.fromisoformat(written or day_of(datetime.now(UTC)))
    except ValueError:
        hint = "write it as 2026-12-31"
        raise pytest.UsageError(f"--as-of: `{written}` is no day: {hint}") from None
