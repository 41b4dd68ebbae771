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
_SERVED = ("K3", "K4", "K17", "K18")
"""Faults that are brought about in a whole cluster."""


def _each(numbers: str, why: str) -> dict[str, str]:
    return dict.fromkeys(numbers.split(), why)


WITHOUT_API_SERVER: Mapping[str, str] = {
    **_each("D10", "the control plane of the tests has no node whose files could differ"),
    **_each("H20 H22", "a fault of clock or watch is brought about in a process of its own"),
    **_each(" ".join(i for i in IDS if i.startswith("I")), "no API server sends this: posted"),
    **_each("J6 J7", "bundles are loaded by the process, whoever asks it"),
    **_each("J9 J10", "somebody else than the API server asks"),
    **_each(
        " ".join(i for i in IDS if i.startswith("K") and i not in _SERVED),
        "a fault under load, or of the log: reviews are posted",
    ),
}
"""Id -> why its tests ask the evaluator or a webhook process and no API server."""


@pytest.fixture(autouse=True)
def case(request: pytest.FixtureRequest) -> str:
    """The id of the case that a test is about; a module imports it to use ``of``."""
    return str(getattr(request, "param", ""))


def of(number: str) -> pytest.MarkDecorator:
    """The test's id begins with the case's; write it below other marks."""
    return pytest.mark.parametrize("case", [number], indirect=True)
