"""Generalise by meaning: what an observation stands for, a module for each family of domains.

Each function maps a point to the class of points that mean the same.  Classes do not
overlap, so each is extensive (what was seen is in the result), monotone and
idempotent.  The ladder, which needs several observations, is in ``policyc.lower.ladder``.

All raise ValueError on an observation that no domain has a place for, and its subclass
UnnamedError on a server or model that no one declaration fits.
"""

from __future__ import annotations

from collections.abc import Iterable

from policyc.envelope.observation import (
    CapabilitySeen,
    ExecSeen,
    FileSeen,
    KubeSeen,
    MemorySeen,
    ModelSeen,
    Observation,
    PeerSeen,
    SyscallSeen,
    ToolSeen,
)
from policyc.lower.candidates import Candidate
from policyc.lower.generalise import calls, kube, paths, peers, syscalls
from policyc.semantics.model import CheckedAgent, CheckedPolicy


def generalise(
    observation: Observation, agent: CheckedAgent, policy: CheckedPolicy
) -> Iterable[Candidate]:
    """What one observation of the agent would grant; nothing where it shows a refusal."""
    match observation:
        case SyscallSeen():
            return syscalls.generalise(observation)
        case ExecSeen():
            return paths.executed(observation)
        case FileSeen():
            return paths.opened(observation)
        case PeerSeen():
            return peers.generalise(observation, policy)
        case KubeSeen():
            return kube.generalise(observation)
        case CapabilitySeen():
            return calls.capability(observation)
        case ToolSeen():
            return calls.tool(observation, agent, policy)
        case ModelSeen():
            return calls.model(observation, agent, policy)
        case MemorySeen():
            return calls.memory(observation)
