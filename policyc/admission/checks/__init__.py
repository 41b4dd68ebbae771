"""The checks: each looks at one aspect of a case and yields what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policyc.admission.case import Case
from policyc.admission.checks import (
    accounts,
    agent_resources,
    capabilities,
    config_maps,
    pins,
    shadows,
)
from policyc.admission.verdict import Finding

Check = Callable[[Case], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    *accounts.CHECKS,
    *capabilities.CHECKS,
    *agent_resources.CHECKS,
    *config_maps.CHECKS,
    *pins.CHECKS,
    *shadows.CHECKS,
)
"""Each is called with every case and passes over those that it has no say on."""
