"""The seccomp filter of every agent, proved as the program that the kernel runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from policyc.catalog.syscalls import names, number
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, has_errors
from policyc.emit.seccomp import SECCOMP, path_of
from policyc.envelope.model import Envelope
from policyc.pipeline.artifacts import from_bytes, to_bytes
from policyc.pipeline.compile import checked
from policyc.pipeline.each import Progress, each, sources
from policyc.pipeline.lowered import Lowered
from policyc.prove.decide import Level
from policyc.prove.seccomp.prove import Proved, prove_filter
from policyc.semantics.model import CheckedAgent


@dataclass(frozen=True, slots=True)
class FilterRuling:
    """One agent's filter for one architecture."""

    agent: str
    architecture: str
    proved: Proved


def prove_filters(
    root: Path, *, as_of: date, jobs: int | None = None, progress: Progress | None = None
) -> tuple[list[FilterRuling], list[Diagnostic]]:
    """Every filter that a build would write, and what is wrong with one (PC3153)."""
    workspace, policy, found = checked(root)
    if has_errors(found):
        return [], found
    lowered = Lowered(root, policy, as_of)
    agents = policy.agents

    def work(index: int) -> tuple[list[FilterRuling], list[Diagnostic]]:
        envelope = lowered.get(agents[index].name)
        made = list(_of(envelope)) if envelope is not None else []
        return made, lowered.faults

    rulings: list[FilterRuling] = []
    said: list[Diagnostic] = []
    all_found = each(work, len(agents), sources(root, workspace), jobs, progress)
    for agent, (some, faults) in zip(agents, all_found, strict=True):
        rulings += some
        said += [*faults, *(d for r in some for d in _disagreement(r, agent))]
    return rulings, said


def _of(envelope: Envelope) -> Iterator[FilterRuling]:
    ceiling = SECCOMP.ceiling(envelope)["syscalls"]
    artifacts = {a.path: a for a in SECCOMP.emit(envelope).artifacts}
    for architecture in envelope.cluster.architectures:
        artifact = artifacts.get(path_of(architecture))
        if artifact is not None:
            written = to_bytes(artifact.path, artifact.document)
            profile = from_bytes(artifact.path, written)
            assert isinstance(profile, dict)
            granted = [
                name
                for name in sorted(names(architecture))
                if {"architecture": architecture, "name": name} in ceiling
            ]
            proved = prove_filter(profile, architecture, granted)
            yield FilterRuling(envelope.subject.agent, architecture, proved)


def _disagreement(ruling: FilterRuling, agent: CheckedAgent) -> Iterator[Diagnostic]:
    wrong = ruling.proved.disagreement
    if wrong is not None:
        at = {number(ruling.architecture, n): n for n in names(ruling.architecture)}
        name = f" (`{at[wrong.words[0]]}`)" if wrong.words[0] in at else ""
        yield Diagnostic(
            "PC3153",
            f"the {ruling.architecture} filter of agent `{ruling.agent}` answers call {wrong.words[0]}{name} "
            f"of architecture {wrong.words[1]:#010x} with {wrong.answer:#010x}: {wrong.says}",
            agent.span,
            help="this is a fault of policyc or of the installed libseccomp; please report it",
        )


def encode(ruling: FilterRuling) -> dict[str, Json]:
    """The ruling as plain JSON; docs/reference/assertions.md gives the shape."""
    wrong = ruling.proved.disagreement
    shown: Json = None
    if wrong is not None:
        shown = {"words": list(wrong.words), "answer": wrong.answer, "says": wrong.says}
    return {
        "agent": ruling.agent,
        "architecture": ruling.architecture,
        "level": Level.Z3.value,
        "holds": wrong is None,
        "counterexample": shown,
        "leftOut": list(ruling.proved.left_out),
    }
