"""A recorder that the kernel gives no memory: what it then does not record is in its ledger."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.memory_cgroup import memory_cgroup
from support.recorder import losses, record

from recorder.layout import DOMAINS

pytestmark = pytest.mark.system

STARVE = Path(__file__).parent / "programs" / "starve.py"
THREADS = 4000
"""Their states take some 2 MB, and each processor may have 256 KB in stock."""
RECORDED = 2000
"""At most so many of them can have found room."""


def test_no_memory_for_the_state_of_a_task(tmp_path: Path) -> None:
    with memory_cgroup() as starved:
        places = (str(starved.folder), str(starved.home), starved.usage, starved.limit)
        command = (sys.executable, str(STARVE), *places, str(THREADS))
        spec = record(tmp_path, *command, under=starved.entering)
    lost = losses(spec)
    assert set(lost) == set(DOMAINS), "what a thread without a state did may be anything"
    assert min(lost.values()) >= THREADS - RECORDED
