"""Tools, models, memory and capabilities: exactly what was seen, under the names of declarations."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.envelope.domains import CAPABILITIES, MEMORY, MODELS, TOOLS
from policyc.envelope.observation import CapabilitySeen, MemorySeen, ModelSeen, Sighting, ToolSeen
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Domain
from policyc.lower.candidates import Candidate, seen
from policyc.lower.lines import pattern, quoted
from policyc.lower.names import model_of, server_of
from policyc.semantics.model import CheckedAgent, CheckedPolicy


def capability(observation: CapabilitySeen) -> Iterator[Candidate]:
    """Only those that the kernel granted: to ask is not to have."""
    if observation.granted:
        line = f"capabilities {observation.name}"
        yield _exact(CAPABILITIES, {"name": observation.name}, _seen(observation.sighting), line)


def tool(observation: ToolSeen, agent: CheckedAgent, policy: CheckedPolicy) -> Iterator[Candidate]:
    server = server_of(observation, agent, policy)
    point = {"server": server.name, "tool": observation.tool}
    line = f"tool {server.name}: {pattern(observation.tool)}"
    yield _exact(TOOLS, point, server.reason(observation.sighting, f"mcp {server.name}"), line)


def model(
    observation: ModelSeen, agent: CheckedAgent, policy: CheckedPolicy
) -> Iterator[Candidate]:
    called, gateway = model_of(observation, agent, policy)
    point = {"model": called.name, "gateway": gateway}
    via = f" via {gateway}" if gateway else ""
    line = f"model {pattern(called.name)}{via}"
    yield _exact(MODELS, point, called.reason(observation.sighting, line), line)


def memory(observation: MemorySeen) -> Iterator[Candidate]:
    point = {
        "store": observation.store,
        "operation": observation.operation,
        "scope": observation.scope,
    }
    scope = f" scope {quoted(observation.scope)}" if observation.scope else ""
    line = f"memory {observation.operation} on {observation.store}{scope}"
    yield _exact(MEMORY, point, _seen(observation.sighting), line)


def _seen(sighting: Sighting) -> Derivation:
    return seen(Step.OBSERVED, sighting)


def _exact(domain: Domain, point: dict[str, str], why: Derivation, line: str) -> Candidate:
    return Candidate(domain.single(point), why, line)
