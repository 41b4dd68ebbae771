"""The catalogue of bypasses and faults: its ids, and the marks of tests that are about one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

GROUPS: Mapping[str, int] = {
    "A": 18,  # kinds that hold a pod
    "B": 22,  # operations and subresources
    "C": 33,  # the pod's spec
    "D": 10,  # seccomp
    "E": 22,  # lists of tools and hosts
    "F": 13,  # objects of the network
    "G": 14,  # grants
    "H": 22,  # identity and exceptions
    "I": 22,  # protocol
    "J": 10,  # the webhook's own objects
    "K": 20,  # faults
}
"""Group -> how many cases it has; they are numbered from 1."""
IDS = tuple(f"{group}{n}" for group, count in GROUPS.items() for n in range(1, count + 1))
AWAITED = frozenset("J1 J4 J5 J9 J10 K8 K16 K17 K18 K19".split())
"""Ids whose tests are being written elsewhere."""


@pytest.fixture(autouse=True)
def case(request: pytest.FixtureRequest) -> str:
    """The id of the case that a test is about; a module imports it to use ``of``."""
    return str(getattr(request, "param", ""))


def of(number: str) -> pytest.MarkDecorator:
    """The test's id begins with the case's; write it below other marks."""
    return pytest.mark.parametrize("case", [number], indirect=True)
