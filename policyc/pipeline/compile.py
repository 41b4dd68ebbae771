"""A whole policy root: checked, built agent by agent, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import policyc
from policyc.core.canonical import Json, digest, pretty_json
from policyc.core.diagnostics import Diagnostic, has_errors, in_order
from policyc.core.errors import PolicycError
from policyc.emit.backstop import Row
from policyc.emit.base import Slack
from policyc.envelope.index import PATH as INDEX
from policyc.envelope.index import Entry, write_index
from policyc.pipeline.build import AgentBuild, build_agent
from policyc.pipeline.cluster import cluster_files
from policyc.pipeline.each import Progress, each, sources
from policyc.pipeline.output import MANIFEST
from policyc.semantics.check import check
from policyc.semantics.echoes import without_echoes
from policyc.semantics.load import Workspace, load
from policyc.semantics.model import CheckedPolicy
from policyc.threats.judge import judged


@dataclass(frozen=True, slots=True)
class AgentSummary:
    """What was made for one agent, for the command line's report."""

    agent: str
    files: tuple[str, ...]
    slack: tuple[Slack, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The output folder's files and their digests by path (empty after an error), and what was said."""

    files: Mapping[str, bytes]
    digests: Mapping[str, str]
    agents: tuple[AgentSummary, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return not has_errors(self.diagnostics)


def checked(
    root: Path, *, standard: bool = False
) -> tuple[Workspace, CheckedPolicy, list[Diagnostic]]:
    """Read, parse, resolve and check the root; PolicycError PC7055 when there is none.

    ``standard``: with the standard assertions among the claims.
    """
    if not root.is_dir():
        why = f"there is no policy root `{root}`"
        if root.exists():
            why = f"the policy root `{root}` is a file, not a folder"
        raise PolicycError("PC7055", why, help="name the folder that holds your .agentpol files")
    workspace = load(root)
    outcome = check(workspace.value, standard=standard)
    found = without_echoes(workspace.diagnostics, outcome.diagnostics, workspace.value)
    policy = judged(root, outcome.value)
    said = [*workspace.diagnostics, *found, *policy.diagnostics]
    return workspace.value, policy.value, said


def nothing_to_judge(root: Path) -> PolicycError:
    """What a root without agents is."""
    return PolicycError(
        "PC7056",
        f"`{root}` declares no agent",
        help="declare one, or name the folder that holds your .agentpol files",
    )


def compile_root(
    root: Path, *, as_of: date, jobs: int | None = None, progress: Progress | None = None
) -> Compiled:
    """Everything that belongs into the output folder; a pure function of the root and the date."""
    workspace, policy, diagnostics = checked(root)
    if has_errors(diagnostics):
        return Compiled({}, {}, (), tuple(in_order(diagnostics)))
    agents = policy.agents
    if not agents:
        raise nothing_to_judge(root)

    def work(index: int) -> tuple[AgentBuild, tuple[Diagnostic, ...]]:
        build = build_agent(root, agents[index], policy, as_of)
        return replace(build, envelope=None, diagnostics=()), build.diagnostics

    files: dict[str, bytes] = {}
    digests: dict[str, str] = {}
    summaries: list[AgentSummary] = []
    rows: list[Row] = []
    entries: list[Entry] = []
    for build, said in each(work, len(agents), sources(root, workspace), jobs, progress):
        diagnostics += said
        for name, data in build.files.items():
            path = f"{build.agent}/{name}"
            files[path], digests[path] = data, digest(data)  # hashed while the next are built
        summaries.append(AgentSummary(build.agent, tuple(sorted(build.files)), build.slack))
        rows += [build.row] if build.row is not None else []
        entries += [build.entry] if build.entry is not None else []
    if has_errors(diagnostics):
        return Compiled({}, {}, (), tuple(in_order(diagnostics)))
    cluster = cluster_files(rows)
    diagnostics += cluster.diagnostics
    rest = {**cluster.value, INDEX: write_index(entries)}
    digests |= {path: digest(data) for path, data in rest.items()}
    rest[MANIFEST] = _manifest(digests)
    digests[MANIFEST] = digest(rest[MANIFEST])
    return Compiled(files | rest, digests, tuple(summaries), tuple(in_order(diagnostics)))


def _manifest(digests: Mapping[str, str]) -> bytes:
    listed: dict[str, Json] = dict(sorted(digests.items()))
    return pretty_json(
        {
            "apiVersion": "policyc.dev/v1",
            "kind": "Manifest",
            "compiler": policyc.__version__,
            "files": listed,
        }
    )
