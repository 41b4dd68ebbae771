"""Envelopes of one policy root by agent, each lowered when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from policyc.core.diagnostics import Diagnostic, Severity
from policyc.core.strict_json import loads
from policyc.envelope.codec import decode
from policyc.envelope.model import Envelope
from policyc.pipeline.build import lower_agent
from policyc.semantics.model import CheckedAgent, CheckedPolicy


@dataclass(slots=True)
class Lowered:
    """``get`` gives None for an agent that cannot be lowered; ``faults`` then says why.

    ``compiled`` has the documents of envelopes that a build of this tree has lowered on this
    day: those are read, and have no reasons.
    """

    root: Path
    policy: CheckedPolicy
    as_of: date
    compiled: Mapping[str, bytes] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)
    _agents: dict[str, CheckedAgent] = field(init=False)
    _known: dict[str, Envelope | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._agents = {agent.name: agent for agent in self.policy.agents}

    def __contains__(self, agent: str) -> bool:
        return agent in self._agents

    def get(self, agent: str) -> Envelope | None:
        if agent in self.compiled and agent not in self._known:
            self._known[agent] = decode(loads(self.compiled[agent]))
        if agent not in self._known:
            found, said = lower_agent(self.root, self._agents[agent], self.policy, self.as_of)
            self.faults += [d for d in said if d.severity is Severity.ERROR]
            self._known[agent] = found
        return self._known[agent]

    def reach(self, agent: str) -> Iterator[str]:
        """The agent and all that it hands work to, over any number of hands; itself first."""
        seen = {agent: None}
        waiting = [agent]
        while waiting:
            for delegate in self._agents[waiting.pop()].delegates:
                if delegate not in seen:
                    seen[delegate] = None
                    waiting.append(delegate)
        yield from seen
