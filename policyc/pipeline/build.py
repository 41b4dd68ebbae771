"""One agent: lowered, emitted, re-read and proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TypeAlias

from policyc.converge.assess import assess
from policyc.converge.faults import faults
from policyc.converge.findings import refusal
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Outcome, Severity, has_errors
from policyc.core.errors import InternalError
from policyc.emit.backstop import Row, row_of
from policyc.emit.base import Artifact, Emission, Emitter, Line, Narrowing, Slack
from policyc.emit.envelope import ENVELOPE
from policyc.emit.registry import EMITTERS
from policyc.envelope.codec import travelling
from policyc.envelope.index import Entry, entry_of
from policyc.envelope.model import Envelope
from policyc.envelope.provenance import Derivation, Step
from policyc.lower import lower
from policyc.lower.bounds import beyond
from policyc.lower.candidates import place
from policyc.pipeline.artifacts import from_bytes, to_bytes
from policyc.pipeline.inputs import observed_in, own, recordings
from policyc.pipeline.sidecar import SIDECAR, Reasons, policy_lines, write
from policyc.profiles.base import AgentProfile
from policyc.reconcile.findings import late
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.threats.judge import with_threats

_STAMP = Derivation(Step.FIXED, note="ties the file to its envelope and its provenance")


@dataclass(frozen=True, slots=True)
class AgentBuild:
    """What one agent gives: its files by name, and all that was said on the way.

    ``files`` is empty when ``diagnostics`` holds an error.  ``row`` and ``entry`` are its
    parts of what is made for the build as a whole.
    """

    agent: str
    envelope: Envelope | None
    files: Mapping[str, bytes]
    slack: tuple[Slack, ...]
    diagnostics: tuple[Diagnostic, ...]
    row: Row | None = None
    entry: Entry | None = None


def lower_agent(
    root: Path, agent: CheckedAgent, policy: CheckedPolicy, as_of: date
) -> tuple[Envelope | None, list[Diagnostic]]:
    """The agent's envelope from its policy and its profiles; None after an error."""
    outcome = lowered(root, agent, policy, as_of)
    return (outcome.value if outcome.ok else None), outcome.diagnostics


def lowered(
    root: Path, agent: CheckedAgent, policy: CheckedPolicy, as_of: date
) -> Outcome[Envelope]:
    """The agent's envelope with its threats, as far as it goes, and all that was said."""
    return _lowered(recordings(root, agent), agent, policy, as_of)


_Recordings: TypeAlias = Outcome[list[tuple[str, AgentProfile]]]


def _lowered(
    profiles: _Recordings, agent: CheckedAgent, policy: CheckedPolicy, as_of: date
) -> Outcome[Envelope]:
    observed = observed_in(profiles, agent)
    plain = lower(agent, observed.value, policy, as_of=as_of)
    threatened = with_threats(agent, plain.value, policy, as_of, own(agent, profiles.value))
    said = [*observed.diagnostics, *plain.diagnostics, *threatened.diagnostics]
    return Outcome(threatened.value, said)


def _known_well_enough(
    profiles: _Recordings, agent: CheckedAgent, policy: CheckedPolicy
) -> list[Diagnostic]:
    """What keeps an agent from being enforced: bad recordings, or a profile that has not converged."""
    if agent.stage != "enforce":
        return []
    mine = own(agent, profiles.value)
    bad = faults(mine)
    if bad:
        return bad
    assessment = assess(agent, policy, mine)
    return [] if assessment.converged else [refusal(agent, assessment)]


def build_agent(root: Path, agent: CheckedAgent, policy: CheckedPolicy, as_of: date) -> AgentBuild:
    """Lower, emit, write, read back, prove.

    Raises InternalError when the envelope exceeds the policy's lines, or an artifact its
    ceiling: nothing is written then.
    """
    profiles = recordings(root, agent)
    outcome = _lowered(profiles, agent, policy, as_of)
    envelope = outcome.value
    diagnostics = [*outcome.diagnostics, *late(agent, as_of)]
    diagnostics += _known_well_enough(profiles, agent, policy) if outcome.ok else []
    if has_errors(diagnostics):
        return AgentBuild(agent.name, None, {}, (), tuple(diagnostics))
    prove_bounded(agent, envelope, policy, as_of)
    emissions = [(emitter, emitter.emit(envelope)) for emitter in EMITTERS]
    stamp = _digest_of(emissions)
    reasons = Reasons()
    files: dict[str, bytes] = {}
    lines: dict[str, tuple[Line, ...]] = {}
    slack: list[Slack] = []
    for emitter, emission in emissions:
        slack += emission.slack
        diagnostics += [_reported(n, agent) for n in emission.narrowed]
        documents: dict[str, Json] = {}
        for artifact in emission.artifacts:
            stamped = _stamped(artifact, stamp, reasons)
            files[artifact.path] = to_bytes(artifact.path, stamped.document)
            lines[artifact.path] = stamped.lines
            documents[artifact.path] = from_bytes(artifact.path, files[artifact.path])
        if emitter is ENVELOPE:
            prove_whole(documents, envelope)
        elif documents:
            prove_sound(emitter, documents, envelope)
    said = policy_lines(agent)
    files[SIDECAR] = write(agent.name, said, lines, reasons, slack)
    emitted = (artifact.document for _, emission in emissions for artifact in emission.artifacts)
    row, entry = row_of(envelope, emitted), entry_of(envelope, stamp, said.agent, said.caps)
    return AgentBuild(agent.name, envelope, files, tuple(slack), tuple(diagnostics), row, entry)


def _digest_of(emissions: list[tuple[Emitter, Emission]]) -> str:
    """The envelope's digest, as its own artifact bears it."""
    for _, emission in emissions:
        for artifact in emission.artifacts:
            match artifact.document:
                case {"kind": "AgentEnvelope", "digest": str(found)}:
                    return found
    raise InternalError("no emitter wrote the envelope")


def prove_sound(emitter: Emitter, documents: Mapping[str, Json], envelope: Envelope) -> None:
    """What the documents permit is at most the emitter's ceiling, in every domain it speaks of."""
    ceiling = emitter.ceiling(envelope)
    for domain, region in emitter.denote(documents, envelope).items():
        if not region <= ceiling[domain]:
            excess = "; ".join((region - ceiling[domain]).describe()[:3])
            raise InternalError(
                f"{emitter.kind} of agent {envelope.subject.agent} would permit more than its "
                f"envelope in {domain}: {excess}"
            )


def prove_bounded(
    agent: CheckedAgent, envelope: Envelope, policy: CheckedPolicy, as_of: date
) -> None:
    """What was lowered keeps to every line of the policy: INVARIANT of lowering."""
    for fault in beyond(agent, envelope, policy, as_of):
        raise InternalError(f"the envelope of agent {agent.name} would hold {fault}")


def prove_whole(documents: Mapping[str, Json], envelope: Envelope) -> None:
    """The compiled envelope says all that was lowered: the webhook knows nothing else."""
    told, meant = ENVELOPE.read(documents), travelling(envelope)
    for part in fields(Envelope):
        if getattr(told, part.name) != getattr(meant, part.name):
            raise InternalError(
                f"the compiled envelope of agent {envelope.subject.agent} has other {part.name} "
                "than were lowered"
            )


def _stamped(artifact: Artifact, envelope: str, reasons: Reasons) -> Artifact:
    """The artifact with the two digests as annotations, where its form has annotations."""
    document = artifact.document
    if not (isinstance(document, dict) and isinstance(document.get("metadata"), dict)):
        return artifact
    metadata = dict(document["metadata"])  # type: ignore[arg-type]  # narrowed above
    if artifact.path.endswith(".json"):
        return artifact  # the envelope carries its own digest
    base = "/metadata/annotations/policyc.dev~1"
    lines = (
        *artifact.lines,
        Line(base + "envelope", "digest of the envelope", (_STAMP,)),
        Line(base + "provenance", "digest of the provenance", (_STAMP,)),
    )
    annotations = metadata.get("annotations")
    metadata["annotations"] = {
        **(annotations if isinstance(annotations, dict) else {}),
        "policyc.dev/envelope": envelope,
        "policyc.dev/provenance": reasons.digest(lines),
    }
    return Artifact(artifact.path, {**document, "metadata": metadata}, lines)


def _reported(narrowing: Narrowing, agent: CheckedAgent) -> Diagnostic:
    """At the `allow` line that grants it, else at the line that names the recordings."""
    lines = {place for why in narrowing.derivations for place in why.places}
    learned = agent.learning.span if agent.learning is not None else agent.span
    return Diagnostic(
        narrowing.code,
        f"agent `{agent.name}`: {narrowing.message}",
        span=next((c.span for c in agent.allows if place(c.span) in lines), learned),
        help=narrowing.help,
        severity=Severity.WARNING,
    )
