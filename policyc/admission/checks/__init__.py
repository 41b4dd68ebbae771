"""The checks: each looks at one aspect of a case and yields what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policyc.admission.case import Case
from policyc.admission.checks import (
    accounts,
    apparmor,
    closed_world,
    commands,
    connections,
    containers,
    images,
    resources,
    scheduling,
    seccomp,
    security,
    tokens,
    volumes,
)
from policyc.admission.verdict import Finding

Check = Callable[[Case], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    *accounts.CHECKS,
    *apparmor.CHECKS,
    *closed_world.CHECKS,
    *commands.CHECKS,
    *connections.CHECKS,
    *containers.CHECKS,
    *images.CHECKS,
    *resources.CHECKS,
    *scheduling.CHECKS,
    *seccomp.CHECKS,
    *security.CHECKS,
    *tokens.CHECKS,
    *volumes.CHECKS,
)
"""Each is called with every case and passes over those that it has no say on."""
