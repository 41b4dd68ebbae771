"""Probes at returns: only on kernels where no seccomp filter can kill a program for them."""

from __future__ import annotations

import platform

import pytest

from recorder import traps
from recorder.traps import Tried

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("bare", "filtered", "safe"),
    [
        (Tried.UNKNOWN, Tried.UNKNOWN, True),  # until 6.10 it is a breakpoint
        (Tried.KILLED, Tried.REFUSED, False),  # 6.11 to 6.13
        (Tried.KILLED, Tried.KILLED, True),  # from 6.14 on
        (Tried.REFUSED, Tried.REFUSED, False),  # the recorder is under such a filter itself
        (Tried.REFUSED, Tried.KILLED, False),
    ],
)
def test_what_children_show(bare: Tried, filtered: Tried, *, safe: bool) -> None:
    assert traps.judged(bare, filtered) is safe


def test_this_kernel() -> None:
    """It has the call from 6.11 on, and lets it past filters from 6.14 on; between them nothing is asserted."""
    major, minor = map(int, platform.release().split(".")[:2])
    if not (6, 11) <= (major, minor) < (6, 14):
        assert traps.are_safe()
