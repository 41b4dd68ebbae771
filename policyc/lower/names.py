"""What policies call the servers, gateways and models that recordings show.

A recorder knows a program, a host name or an address, and the model's name in the request; a
policy knows what was declared and reviewed.  Both are one thing exactly if the declaration says
the same place.  Where none does, or more than one, nothing is granted and the author hears why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policyc.envelope.domains import MODELS
from policyc.envelope.observation import ModelSeen, Sighting, ToolSeen
from policyc.envelope.provenance import Derivation, Step
from policyc.lower.candidates import place, seen
from policyc.lower.whereabouts import (
    Recorded,
    at_line,
    declared_at,
    in_reach,
    is_program_of,
    recorded,
    where,
)
from policyc.semantics.model import CheckedAgent, CheckedPolicy, Declared, Transport

_NEAR = 3
"""How many declarations a finding names."""
_KINDS = {"mcp": "MCP server", "gateway": "gateway"}
_WORDS = re.compile(r"[a-z0-9]+")


class UnnamedError(ValueError):
    """Something was seen that no one declaration fits; as text, what was seen.

    ``said`` goes behind the thing that was seen, ``hint`` is what to do.
    """

    def __init__(self, line: str, said: str, hint: str) -> None:
        super().__init__(line)
        self.said = said
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Meaning:
    """A name as policies have it; ``by`` is the declaration that says so, None for one as recorded."""

    name: str
    text: str  # as recorded
    by: Declared | None = None

    def reason(self, sighting: Sighting, called: str) -> Derivation:
        """The sighting, by way of the declaration: the reason goes with either."""
        if self.by is None:
            return seen(Step.OBSERVED, sighting)
        note = f"`{self.text}` is {called}"
        return Derivation(Step.NAMED, (place(self.by.span),), sighting.evidence, 1, note)


def server_of(observation: ToolSeen, agent: CheckedAgent, policy: CheckedPolicy) -> Meaning:
    """The MCP server of a tool call; UnnamedError where that is not certain."""
    text = observation.server
    found = recorded(text, agent, policy)
    things = declared_at("mcp", found, agent, policy)
    if found.program:
        things = things or _at_stdio(found, observation.tool, agent, policy)
    if len(things) == 1:
        return Meaning(things[0].name, text, None if things[0].name == text else things[0])
    if agent.cap("tools") is None:
        return Meaning(text, text)  # nobody's domain, whoever the server is
    line = f"tool {observation.tool} of {text}"
    raise _unnamed(line, "mcp", found, things, agent, policy)


def model_of(
    observation: ModelSeen, agent: CheckedAgent, policy: CheckedPolicy
) -> tuple[Meaning, str]:
    """The model as ``provider/name``, and its gateway or ""; UnnamedError where that is not certain."""
    found = recorded(observation.gateway, agent, policy) if observation.gateway else None
    if found is None:
        readings = _anywhere(observation.model, agent, policy)
    else:
        things = declared_at("gateway", found, agent, policy)
        readings = [(name, t) for t in things for name in _served(observation.model, t, agent)]
        if not things and agent.cap("models") is not None:
            line = f"model {observation.model} at {observation.gateway}"
            raise _unnamed(line, "gateway", found, (), agent, policy)
    match readings:
        case [(name, thing)]:
            return _meant(observation, name, thing)
        case [] if found is None or agent.cap("models") is None:
            return Meaning(observation.model, observation.model), observation.gateway
    raise _unclear(observation, readings)


def _meant(observation: ModelSeen, name: str, thing: Declared | None) -> tuple[Meaning, str]:
    gateway = thing.name if thing is not None else ""
    is_as_recorded = (name, gateway) == (observation.model, observation.gateway)
    at = f" at {observation.gateway}" if observation.gateway else ""
    text = f"{observation.model}{at}"
    return Meaning(name, text, None if is_as_recorded else thing), gateway


def _at_stdio(
    found: Recorded, tool: str, agent: CheckedAgent, policy: CheckedPolicy
) -> list[Declared]:
    """The servers at stdio with the program's name; else those in reach that have the tool.

    The program is often an interpreter, whose name says nothing of the server.
    """
    servers = [
        thing
        for thing in policy.declared.values()
        if thing.kind == "mcp"
        and thing.endpoint is not None
        and thing.endpoint.transport is Transport.STDIO
    ]
    return [s for s in servers if is_program_of(s, found.program)] or [
        s for s in servers if tool in s.surface and in_reach(s, agent)
    ]


_Reading = tuple[str, Declared | None]
"""A model as ``provider/name``, and the gateway that serves it or None."""


def _anywhere(model: str, agent: CheckedAgent, policy: CheckedPolicy) -> list[_Reading]:
    """What a model of an unknown place may be: by the agent's cap, at a gateway or directly."""
    gateways = [t for t in policy.declared.values() if t.kind == "gateway" and in_reach(t, agent)]
    return [
        (name, thing)
        for thing in (None, *gateways)
        for name in _served(model, thing, agent)
        if _is_capped(name, thing, agent)
    ]


def _served(model: str, gateway: Declared | None, agent: CheckedAgent) -> list[str]:
    """The full names that a recorded model may have there; of several, those of the agent's cap.

    A name that stands as it was recorded is meant so.
    """
    axis = MODELS.axis("model")
    surface = gateway.surface if gateway is not None else ()
    offered = axis.parse(surface or ("*",))
    prefixes = {p for pattern in (*surface, *_capped(agent)) for p in _providers(pattern)}
    names = [model, *sorted(f"{prefix}{model}" for prefix in prefixes)]
    served = [name for name in names if axis.single(name) & offered]
    if len(served) > 1:
        served = [name for name in served if _is_capped(name, gateway, agent)] or served
    return served[:1] if served[:1] == [model] else served


def _providers(pattern: str) -> Iterator[str]:
    """``a/`` and ``a/b/`` of ``a/b/c*``; none of a pattern that is one before its first slash."""
    for found in re.finditer("/", pattern.partition("*")[0]):
        yield pattern[: found.end()]


def _capped(agent: CheckedAgent) -> Iterator[str]:
    """The patterns of models that the classes' caps hold."""
    for level in agent.caps:
        for box in level.regions["models"].encode() if "models" in level.regions else ():
            models = box.get("model") if isinstance(box, dict) else None
            yield from (str(pattern) for pattern in models) if isinstance(models, list) else ()


def _is_capped(model: str, gateway: Declared | None, agent: CheckedAgent) -> bool:
    cap = agent.cap("models")
    point = {"model": model, "gateway": gateway.name if gateway is not None else ""}
    return cap is not None and point in cap


def _unnamed(
    line: str,
    kind: str,
    found: Recorded,
    things: Iterable[Declared],
    agent: CheckedAgent,
    policy: CheckedPolicy,
) -> UnnamedError:
    word, several = _KINDS[kind], tuple(things)
    if several:
        said = f"which is more than one {word}: {_listed(several)}"
        return UnnamedError(
            line, said, "give each a place of its own, or leave one of them in the agent's cap"
        )
    fits = at_line(found, policy)
    if fits is None:
        hint = (
            "keep the manifest of its Service, with the `clusterIP`, among the `manifests` of the "
            "`cluster` block, or have the agent reach it by a name"
        )
    else:
        hint = (
            f"declare it: `{kind} NAME {{ {fits} ... }}`, have it reviewed, and name it in the cap"
        )
    near = _near(kind, found, agent, policy)
    if near:
        hint = f"declared are {_listed(near)}: if it is one of them, correct its `at` line; else {hint}"
    return UnnamedError(line, f"which is no declared {word}", hint)


def _unclear(observation: ModelSeen, readings: Iterable[_Reading]) -> UnnamedError:
    at = f" at {observation.gateway}" if observation.gateway else ""
    line = f"model {observation.model}{at}"
    named = [f"`{name}{f' via {t.name}' if t is not None else ''}`" for name, t in readings]
    if not named:
        hint = "name it in the gateway's `models` line, as `provider/name`, once that is reviewed"
        return UnnamedError(line, "which the gateway declared there does not serve", hint)
    return UnnamedError(
        line,
        f"which may be {' or '.join(sorted(named))}",
        "leave only one of them in the agent's cap, or have the agent ask for it by its whole name",
    )


def _near(kind: str, found: Recorded, agent: CheckedAgent, policy: CheckedPolicy) -> list[Declared]:
    """The declarations most like it: those in the agent's reach, then by the words they share."""
    words = set(_WORDS.findall(found.text))
    things = [thing for thing in policy.declared.values() if thing.kind == kind]

    def rank(thing: Declared) -> tuple[bool, int, str]:
        shared = words & set(_WORDS.findall(f"{thing.name} {where(thing.endpoint)}"))
        return (not in_reach(thing, agent), -len(shared), thing.name)

    return sorted(things, key=rank)[:_NEAR]


def _listed(things: Iterable[Declared]) -> str:
    return ", ".join(f"`{thing.name}` ({where(thing.endpoint)})" for thing in things)
