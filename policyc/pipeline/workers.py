"""Agents in parallel: forked workers that share the checked policy."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

_FEW = 8  # below this many items a fork costs more than it saves
# Objects more than before that make a child collect.  Python's 700 cost a tenth of its time for
# nothing: an agent's build makes no cycles, and what it leaves in caches is to stay.
_ALLOCATIONS = 1_000_000

# The work of the pool's children: set before they are forked, read in them.
_work: Callable[[int], object] | None = None


def run_all(work: Callable[[int], T], count: int, jobs: int | None = None) -> Iterator[T]:
    """``work(0)`` .. ``work(count - 1)`` in order, on ``jobs`` processors.

    Results cross a pipe, so they must pickle; what ``work`` closes over need not.
    Without fork (not Linux) the work is done in this process.
    """
    jobs = jobs or len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if jobs == 1 or count < _FEW:
        yield from map(work, range(count))
        return
    import multiprocessing  # noqa: PLC0415  # 30 ms that a small build does not need

    global _work  # noqa: PLW0603  # what forked children see is module state
    _work = work
    # Frozen, the policy stays shared with the children, and no collection looks at it.
    gc.freeze()
    try:
        fork = multiprocessing.get_context("fork")
        with fork.Pool(jobs, gc.set_threshold, (_ALLOCATIONS,)) as pool:
            yield from pool.imap(_call, range(count), chunksize=_chunk(count, jobs))
    finally:
        gc.unfreeze()
        _work = None


def _call(index: int) -> object:
    assert _work is not None
    return _work(index)


def _chunk(count: int, jobs: int) -> int:
    """Big enough to make pipes cheap, small enough to keep all busy to the end."""
    return max(1, min(4, count // (jobs * 4)))
