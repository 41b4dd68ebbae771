"""Tools, models, memory and capabilities: exactly what was seen."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.envelope.domains import CAPABILITIES, MEMORY, MODELS, TOOLS
from policyc.envelope.observation import CapabilitySeen, MemorySeen, ModelSeen, Sighting, ToolSeen
from policyc.envelope.provenance import Step
from policyc.envelope.region import Domain
from policyc.lower.candidates import Candidate, seen
from policyc.lower.lines import pattern, quoted


def capability(observation: CapabilitySeen) -> Iterator[Candidate]:
    """Only those that the kernel granted: to ask is not to have."""
    if observation.granted:
        line = f"capabilities {observation.name}"
        yield _exact(CAPABILITIES, {"name": observation.name}, observation.sighting, line)


def tool(observation: ToolSeen) -> Iterator[Candidate]:
    point = {"server": observation.server, "tool": observation.tool}
    line = f"tool {observation.server}: {pattern(observation.tool)}"
    yield _exact(TOOLS, point, observation.sighting, line)


def model(observation: ModelSeen) -> Iterator[Candidate]:
    point = {"model": observation.model, "gateway": observation.gateway}
    via = f" via {observation.gateway}" if observation.gateway else ""
    line = f"model {pattern(observation.model)}{via}"
    yield _exact(MODELS, point, observation.sighting, line)


def memory(observation: MemorySeen) -> Iterator[Candidate]:
    point = {
        "store": observation.store,
        "operation": observation.operation,
        "scope": observation.scope,
    }
    scope = f" scope {quoted(observation.scope)}" if observation.scope else ""
    line = f"memory {observation.operation} on {observation.store}{scope}"
    yield _exact(MEMORY, point, observation.sighting, line)


def _exact(domain: Domain, point: dict[str, str], sighting: Sighting, line: str) -> Candidate:
    region = domain.box({name: domain.axis(name).single(text) for name, text in point.items()})
    return Candidate(region, seen(Step.OBSERVED, sighting), line)
