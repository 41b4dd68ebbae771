"""What is found of every agent, by workers: their results and diagnostics, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic
from policyc.core.source import Source
from policyc.pipeline.wire import pack, unpack
from policyc.pipeline.workers import run_all
from policyc.semantics.load import Workspace

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with the number of agents done and the number of all."""


def each(
    work: Callable[[int], tuple[T, Iterable[Diagnostic]]],
    count: int,
    source: Callable[[str], Source],
    jobs: int | None,
    progress: Progress | None,
) -> Iterator[tuple[T, list[Diagnostic]]]:
    """``work(0)`` .. ``work(count - 1)`` as ``run_all`` has it; diagnostics cross without their texts."""

    def packed(index: int) -> tuple[T, list[Json]]:
        found, said = work(index)
        return found, [pack(d) for d in said]

    for done, (found, said) in enumerate(run_all(packed, count, jobs), start=1):
        yield found, [unpack(value, source) for value in said]
        if progress:
            progress(done, count)


def sources(root: Path, workspace: Workspace | None = None) -> Callable[[str], Source]:
    """The texts that diagnostics point into: those of the workspace, and what else lies in the root."""
    known = {source.path: source for source in workspace.sources} if workspace else {}

    def find(path: str) -> Source:
        if path not in known:
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            known[path] = Source(path, text)
        return known[path]

    return find
