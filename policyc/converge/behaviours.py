"""Representativeness: the behaviours that must have been seen, and what profiles can say of them.

Calls of models and tools and the use of memory are items of a profile; a second run is a
restart, a second template a rollout, a connection to a delegate a delegation.  That a tool
failed, that a call was denied or that somebody approved it, no item shows: it is decided
only where a run says so under `behaviours`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policyc.catalog.labels import stable_labels
from policyc.converge.evidence import Evidence, times
from policyc.envelope.domains import MEMORY
from policyc.profiles.base import AgentProfile, Value, join_profiles
from policyc.semantics.model import CheckedAgent, CheckedPolicy

_ITEM_DOMAINS = {"llm call": "models", "tool call": "tools"}


class Answer(StrEnum):
    SEEN = "seen"
    NOT_SEEN = "not seen"
    UNDECIDABLE = "not decidable"  # no recording says anything that it could be seen by


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One behaviour: how often it must and how often at least it was seen, and who asks."""

    name: str
    wanted: int
    seen: int
    answer: Answer
    asked_by: str


def behaviours(
    agent: CheckedAgent,
    policy: CheckedPolicy,
    evidence: Evidence,
    profiles: tuple[AgentProfile, ...],
    must_see: Mapping[str, int],
) -> tuple[Behaviour, ...]:
    """The window's behaviours and the agent's operating modes, sorted by name."""
    wanted = {name: (count, "the window") for name, count in must_see.items()}
    for name, line in operating_modes(agent).items():
        wanted.setdefault(name, (1, line))
    return tuple(
        _judged(name, count, asked_by, agent, policy, evidence, profiles)
        for name, (count, asked_by) in sorted(wanted.items())
    )


def operating_modes(agent: CheckedAgent) -> dict[str, str]:
    """What the agent's own lines say that it does -> the line: each must have been seen once."""
    modes: dict[str, str] = {}
    for clause in agent.allows:
        match clause.domain:
            case "tools":
                modes.setdefault("tool call", f"`allow {clause.text}`")
            case "models":
                modes.setdefault("llm call", f"`allow {clause.text}`")
            case "memory":
                for operation in ("read", "write"):
                    if clause.region & MEMORY.single({"operation": operation}):
                        modes.setdefault(f"memory {operation}", f"`allow {clause.text}`")
    if agent.delegates:
        modes["delegation"] = f"`delegates to {', '.join(agent.delegates)}`"
    return modes


def _judged(
    name: str,
    wanted: int,
    asked_by: str,
    agent: CheckedAgent,
    policy: CheckedPolicy,
    evidence: Evidence,
    profiles: tuple[AgentProfile, ...],
) -> Behaviour:
    said = [dict(run.behaviours)[name] for run in evidence.runs if name in dict(run.behaviours)]
    shown = _shown(name, agent, policy, evidence, profiles)
    seen = max(sum(said), shown or 0)
    if seen >= wanted:
        answer = Answer.SEEN
    elif said or shown is not None:
        answer = Answer.NOT_SEEN
    else:
        answer = Answer.UNDECIDABLE
    return Behaviour(name, wanted, seen, answer, asked_by)


def _shown(
    name: str,
    agent: CheckedAgent,
    policy: CheckedPolicy,
    evidence: Evidence,
    profiles: tuple[AgentProfile, ...],
) -> int | None:
    """How often items and runs show it at least; None where none of them could."""
    match name:
        case "llm call" | "tool call":
            return _items(evidence, _ITEM_DOMAINS[name], "")
        case "memory read" | "memory write":
            return _items(evidence, "memory", name)
        case "restart":
            return max(0, len(_lives(evidence)) - 1) if evidence.runs else None
        case "rollout":
            templates = {run.template_hash for run in evidence.runs if run.template_hash}
            return len(templates) - 1 if templates else None
        case "delegation":
            return _delegations(agent, policy, evidence, profiles)
        case _:
            return None


def _items(evidence: Evidence, domain: str, beginning: str) -> int | None:
    traces = {t: trace for t, trace in evidence.traces.items() if t.domain == domain}
    if not traces:
        return None
    return sum(trace.count for t, trace in traces.items() if t.line.startswith(beginning))


def _lives(evidence: Evidence) -> list[str]:
    return [run.id for run in evidence.runs if run.coverage in ("from-creation", "from-exec")]


def _delegations(
    agent: CheckedAgent,
    policy: CheckedPolicy,
    evidence: Evidence,
    profiles: tuple[AgentProfile, ...],
) -> int | None:
    """Connections to pods with the labels of a delegate, in its namespace."""
    delegates = [
        (other.workload.namespace, set(other.pod_labels))
        for other in policy.agents
        if other.name in agent.delegates and other.workload is not None
    ]
    runs = frozenset(run.id for run in evidence.runs)
    peers = [
        (dict(item.values), times(item, runs))
        for profile in join_profiles(profiles)
        for item in profile.items.get("egress", ())
        if not item.is_vain
    ]
    pods = [(values, count) for values, count in peers if values.get("podLabels")]
    if not pods or not delegates:
        return None
    seen = 0
    for values, count in pods:
        labels = set(stable_labels(_labels(values["podLabels"])))
        name = _labels(values.get("namespaceLabels", ())).get("kubernetes.io/metadata.name")
        if any(name == namespace and wanted <= labels for namespace, wanted in delegates):
            seen += count
    return seen


def _labels(value: Value) -> dict[str, str]:
    """The labels of a peer, by the table of fields."""
    pairs = value if isinstance(value, tuple) else ()
    return {pair[0]: pair[1] for pair in pairs if isinstance(pair, tuple)}
