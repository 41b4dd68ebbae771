"""The checks: each looks at one aspect of a case and yields what is wrong with it."""

from __future__ import annotations

from functools import lru_cache

from policyc.admission.checks import (
    accounts,
    agent_resources,
    apparmor,
    capabilities,
    claims,
    closed_world,
    cloud,
    commands,
    config_maps,
    connections,
    containers,
    flows,
    foreign,
    generated,
    grants,
    images,
    namespaces,
    pins,
    resources,
    scheduling,
    seccomp,
    security,
    services,
    shadows,
    threats,
    tokens,
    volumes,
)
from policyc.admission.checks.scope import Check, Situation, concerns

CHECKS: tuple[Check, ...] = (
    *accounts.CHECKS,
    *agent_resources.CHECKS,
    *apparmor.CHECKS,
    *capabilities.CHECKS,
    *claims.CHECKS,
    *closed_world.CHECKS,
    *cloud.CHECKS,
    *commands.CHECKS,
    *config_maps.CHECKS,
    *connections.CHECKS,
    *containers.CHECKS,
    *flows.CHECKS,
    *foreign.CHECKS,
    *generated.CHECKS,
    *grants.CHECKS,
    *images.CHECKS,
    *namespaces.CHECKS,
    *pins.CHECKS,
    *resources.CHECKS,
    *scheduling.CHECKS,
    *seccomp.CHECKS,
    *security.CHECKS,
    *services.CHECKS,
    *shadows.CHECKS,
    *threats.CHECKS,
    *tokens.CHECKS,
    *volumes.CHECKS,
)
"""Each may be called with any case and passes over those that it has no say on."""
_LONGEST_CACHED = 512
"""Of names: what is kept must not grow with what is sent."""


def checks_of(situation: Situation) -> tuple[Check, ...]:
    """Those that may have a say, in the same order."""
    is_short = len(situation.resource) + sum(map(len, situation.kind)) <= _LONGEST_CACHED
    return _cached(situation) if is_short else _found(situation)


@lru_cache(maxsize=1024)
def _cached(situation: Situation) -> tuple[Check, ...]:
    return _found(situation)


def _found(situation: Situation) -> tuple[Check, ...]:
    return tuple(check for check in CHECKS if concerns(check, situation))
