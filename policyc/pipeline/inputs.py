"""The files that a build reads: found below the policy root, never beyond it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from policyc.core.diagnostics import Diagnostic, Outcome, Related
from policyc.core.errors import PolicycError
from policyc.envelope.observation import Observed
from policyc.profiles.base import AgentProfile
from policyc.profiles.observed import is_about, observed, strangers
from policyc.profiles.registry import read_profiles
from policyc.semantics.model import CheckedAgent


def recordings(root: Path, agent: CheckedAgent) -> Outcome[list[tuple[str, AgentProfile]]]:
    """The profiles of the agent's files, each with its file's path below the root."""
    matching = _matching(root, agent)
    diagnostics = _without_match(agent, matching)
    profiles: list[tuple[str, AgentProfile]] = []
    for path in _profile_files(root, matching):
        label = path.relative_to(root).as_posix()
        outcome = read_profiles(label, _read(path, label))
        diagnostics += outcome.diagnostics
        profiles += [(label, profile) for profile in outcome.value]
    return Outcome(profiles, diagnostics)


def observe(root: Path, agent: CheckedAgent) -> Outcome[Observed]:
    """What the agent's profiles say of its container."""
    return observed_in(recordings(root, agent), agent)


def observed_in(
    profiles: Outcome[list[tuple[str, AgentProfile]]], agent: CheckedAgent
) -> Outcome[Observed]:
    """The same of profiles that have been read."""
    since = agent.learning.since if agent.learning is not None else ""
    seen = observed(profiles.value, agent.workload, agent.service_account, since)
    return Outcome(seen, [*profiles.diagnostics, *_of_others(agent, profiles.value)])


def _of_others(
    agent: CheckedAgent, profiles: list[tuple[str, AgentProfile]]
) -> Iterator[Diagnostic]:
    """PC5007 for each file that says nothing about the agent.

    Where none of its files does, the agent is written otherwise than what was recorded.
    """
    found = strangers(profiles, agent.workload, agent.service_account)
    is_none_its_own = found.keys() == {label for label, _ in profiles}
    line = agent.learning.span if agent.learning is not None else agent.span
    where = agent.workload_span or agent.identity_span
    mine = f"ServiceAccount {agent.service_account}"
    if (own := agent.workload) is not None:
        mine = f"{own.kind} {own.namespace}/{own.name} container {own.container}"
    for label, subjects in found.items():
        hint = "the pattern of the `learn` line matches too much"
        if is_none_its_own:
            hint = "correct the agent's line, or the pattern of its `learn` line"
        yield Diagnostic(
            "PC5007",
            f"agent `{agent.name}` learns from `{label}`, which is not about `{mine}`",
            line,
            (Related(where, "the agent is this"),) if where is not None else (),
            help=f"it is about {', '.join(f'`{s}`' for s in subjects[:3])}: {hint}",
        )


def own(
    agent: CheckedAgent, profiles: list[tuple[str, AgentProfile]]
) -> list[tuple[str, AgentProfile]]:
    """Those of the profiles that are about the agent: a file may hold several containers."""
    return [
        (label, profile)
        for label, profile in profiles
        if is_about(profile, agent.workload, agent.service_account)
    ]


def _matching(root: Path, agent: CheckedAgent) -> dict[str, list[Path]]:
    """The files that each pattern of the agent names."""
    patterns = () if agent.learning is None else agent.learning.files
    return {p: [path for path in root.glob(p) if path.is_file()] for p in patterns}


def _profile_files(root: Path, matching: Mapping[str, list[Path]]) -> list[Path]:
    """The agent's profile files, sorted; a link that leads out of the root is refused."""
    home = root.resolve()
    found = {path for paths in matching.values() for path in paths}
    for path in found:
        if not path.resolve().is_relative_to(home):
            raise PolicycError(
                "PC7051",
                f"`{path.relative_to(root).as_posix()}` leads out of the policy root",
                help="copy the profile below the policy root instead of linking to it",
            )
    return sorted(found)


def _read(path: Path, label: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise PolicycError("PC7050", f"cannot read `{label}`: {fault.strerror}") from fault


def _without_match(agent: CheckedAgent, matching: Mapping[str, list[Path]]) -> list[Diagnostic]:
    """Each pattern of the agent that names no file: what it was to learn would be missing."""
    return [
        Diagnostic(
            "PC7054",
            f"agent `{agent.name}` learns from `{pattern}`, and no file matches",
            span=agent.learning.span if agent.learning is not None else agent.span,
            help="correct the pattern, which is relative to the policy root; "
            "an agent without recordings leaves the line out",
        )
        for pattern, found in matching.items()
        if not found
    ]
