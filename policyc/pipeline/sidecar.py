"""The provenance sidecar: why each line of each artifact of one agent stands there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policyc.core.canonical import Json, canonical_json, digest
from policyc.emit.base import Line, Slack
from policyc.envelope.provenance import Derivation, Evidence, Place, Step
from policyc.lower.candidates import place
from policyc.semantics.model import CheckedAgent

SIDECAR = "provenance.json"


@dataclass(frozen=True, slots=True)
class Explained:
    """One line as the sidecar holds it."""

    pointer: str
    says: str
    derivations: tuple[Derivation, ...]


def lines_digest(lines: Sequence[Line]) -> str:
    """The digest that an artifact carries of its own provenance."""
    return digest(canonical_json([[n.pointer, n.says, _reasons(n.derivations)] for n in lines]))


@dataclass(frozen=True, slots=True)
class PolicyLines:
    """Where the policy speaks of an agent: its own line, and the caps of each domain."""

    agent: str
    caps: Mapping[str, tuple[str, ...]]


def policy_lines(agent: CheckedAgent) -> PolicyLines:
    """``path:line:column`` of what would have to change for the agent to have more."""
    caps: dict[str, set[Place]] = {}
    for level in agent.caps:
        for clause in level.clauses:
            caps.setdefault(clause.domain, set()).add(place(clause.span))
    return PolicyLines(
        str(place(agent.span)),
        {domain: tuple(map(str, sorted(places))) for domain, places in sorted(caps.items())},
    )


def encode(
    agent: str, policy: PolicyLines, artifacts: Mapping[str, Sequence[Line]], slack: Iterable[Slack]
) -> dict[str, Json]:
    """The sidecar's document; each distinct reason is written once and named by its number."""
    numbers: dict[Derivation, int] = {}
    reasons: list[Json] = []

    def number(derivation: Derivation) -> Json:
        if derivation not in numbers:
            numbers[derivation] = len(reasons)
            reasons.append(_reason(derivation))
        return numbers[derivation]

    files: dict[str, Json] = {
        path: {
            line.pointer: [line.says, *map(number, line.derivations)] for line in artifacts[path]
        }
        for path in sorted(artifacts)
    }
    return {
        "apiVersion": "policyc.dev/v1",
        "kind": "Provenance",
        "agent": agent,
        "policy": {"agent": policy.agent, "caps": {d: [*p] for d, p in policy.caps.items()}},
        "artifacts": files,
        "reasons": reasons,
        "slack": [
            {"domain": s.domain, "message": s.message, "coveredBy": s.covered_by}
            for s in sorted(slack, key=lambda s: (s.domain, s.message))
        ],
    }


def decode(document: Json) -> dict[str, dict[str, Explained]]:
    """Artifact -> pointer -> line; ValueError when the document is no sidecar."""
    match document:
        case {"kind": "Provenance", "artifacts": dict(artifacts), "reasons": list(reasons)}:
            known = [_read_reason(reason) for reason in reasons]
        case _:
            raise ValueError("not a provenance sidecar")
    result: dict[str, dict[str, Explained]] = {}
    for path, lines in artifacts.items():
        if not isinstance(lines, dict):
            raise ValueError("not a provenance sidecar")
        result[path] = {
            pointer: _read_line(pointer, line, known) for pointer, line in lines.items()
        }
    return result


def _read_line(pointer: str, line: Json, known: Sequence[Derivation]) -> Explained:
    match line:
        case [str(says), *numbers]:
            chosen = tuple(known[n] for n in numbers if isinstance(n, int))
            return Explained(pointer, says, chosen)
    raise ValueError(f"not a provenance line: {pointer}")


def _reasons(derivations: Iterable[Derivation]) -> Json:
    return [_reason(derivation) for derivation in derivations]


def _reason(derivation: Derivation) -> Json:
    reason: dict[str, Json] = {"step": derivation.step.value}
    if derivation.places:
        reason["places"] = [str(place) for place in derivation.places]
    if derivation.evidence:
        reason["evidence"] = [str(evidence) for evidence in derivation.evidence]
        reason["needed"] = derivation.needed
    if derivation.note:
        reason["note"] = derivation.note
    if derivation.until:
        reason["until"] = derivation.until
    return reason


def _read_reason(reason: Json) -> Derivation:
    match reason:
        case {"step": str(step)}:
            assert isinstance(reason, dict)
            return Derivation(
                Step(step),
                tuple(_read_place(text) for text in _texts(reason.get("places"))),
                tuple(_read_evidence(text) for text in _texts(reason.get("evidence"))),
                needed if isinstance(needed := reason.get("needed"), int) else 0,
                note if isinstance(note := reason.get("note"), str) else "",
                until if isinstance(until := reason.get("until"), str) else "",
            )
    raise ValueError("not a provenance reason")


def _texts(value: Json) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _read_place(text: str) -> Place:
    path, line, column = text.rsplit(":", 2)
    return Place(path, int(line), int(column))


def _read_evidence(text: str) -> Evidence:
    path, _, pointer = text.partition("#")
    return Evidence(path, pointer)
