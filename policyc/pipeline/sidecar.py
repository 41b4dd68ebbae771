"""The provenance sidecar: why each line of each artifact of one agent stands there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policyc.core.canonical import (
    Json,
    canonical_json,
    digest,
    object_json,
    row_json,
    rows_json,
)
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


class Reasons:
    """The distinct reasons of one agent's lines, each written once and known by its number."""

    def __init__(self) -> None:
        self.written: list[Json] = []
        self._numbers: dict[Derivation, int] = {}
        # Artifacts share the objects: an id is found in a tenth of the time that a hash takes.
        self._by_id: dict[int, tuple[int, Derivation]] = {}

    def number(self, derivation: Derivation) -> int:
        found = self._by_id.get(id(derivation))
        if found is not None:
            return found[0]
        number = self._numbers.setdefault(derivation, len(self.written))
        if number == len(self.written):
            self.written.append(_reason(derivation))
        self._by_id[id(derivation)] = (number, derivation)  # held, so that the id stays its own
        return number

    def digest(self, lines: Iterable[Line]) -> str:
        """The digest that an artifact carries of its own provenance: its lines and their reasons."""
        own: dict[int, int] = {}
        rows: list[Json] = []
        for line in lines:
            row: list[Json] = [line.pointer, line.says]
            for derivation in line.derivations:
                row.append(own.setdefault(self.number(derivation), len(own)))
            rows.append(row)
        return digest(canonical_json([rows, [self.written[number] for number in own]]))


def write(
    agent: str,
    policy: PolicyLines,
    artifacts: Mapping[str, Sequence[Line]],
    reasons: Reasons,
    slack: Iterable[Slack],
) -> bytes:
    """The sidecar's file: a row for each pointer, and for each reason."""
    explained = {
        path: rows_json(
            {
                line.pointer: [line.says, *map(reasons.number, line.derivations)]
                for line in artifacts[path]
            },
            3,
        )
        for path in sorted(artifacts)
    }
    caps: dict[str, Json] = {domain: [*places] for domain, places in policy.caps.items()}
    left: list[Json] = [
        {"domain": s.domain, "message": s.message, "coveredBy": s.covered_by}
        for s in sorted(slack, key=lambda s: (s.domain, s.message))
    ]
    parts = {
        "apiVersion": row_json("policyc.dev/v1"),
        "kind": row_json("Provenance"),
        "agent": row_json(agent),
        "policy": object_json({"agent": row_json(policy.agent), "caps": rows_json(caps, 3)}, 2),
        "artifacts": object_json(explained, 2),
        "reasons": rows_json(reasons.written, 2),
        "slack": rows_json(left, 2),
    }
    return (object_json(parts, 1) + "\n").encode()


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
