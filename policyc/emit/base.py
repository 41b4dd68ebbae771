"""What an emitter is, and what it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from policyc.core.canonical import Json
from policyc.envelope.region import Region
from policyc.envelope.model import Envelope
from policyc.envelope.provenance import Derivation


@dataclass(frozen=True, slots=True)
class Line:
    """One emitted leaf (a scalar, or an empty object or list) and why it stands there.

    ``pointer`` is RFC 6901 into the artifact's document.  ``says`` names the
    permission in words that do not depend on where the line stands, so that two
    builds can be compared: ``egress tcp 443 to 203.0.113.7/32``.
    """

    pointer: str
    says: str
    derivations: tuple[Derivation, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file: one document, with a line for every leaf.

    ``path`` is below the agent's folder; its suffix (.yaml or .json) is the form.
    """

    path: str
    document: Json
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Slack:
    """What an artifact permits or cannot hold back beyond the envelope.

    ``covered_by`` names the enforcer that closes it: another artifact, the
    admission webhook, a proxy, or ``nothing``.
    """

    domain: str
    message: str
    covered_by: str


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the envelope permits and the artifact cannot say, so that it does not permit it.

    ``code`` is a 6xxx diagnostic; the build reports it at the places of ``derivations``.
    """

    code: str
    domain: str
    message: str
    help: str
    derivations: tuple[Derivation, ...]


@dataclass(frozen=True, slots=True)
class Emission:
    artifacts: tuple[Artifact, ...] = ()
    slack: tuple[Slack, ...] = ()
    narrowed: tuple[Narrowing, ...] = ()


class Emitter(Protocol):
    """One kind of artifact.

    INVARIANT: for every envelope ``e``, ``denote(emit(e).artifacts, e)`` is at most
    ``ceiling(e)`` in every domain of ``domains``, and ``emit`` is monotone.
    """

    @property
    def kind(self) -> str: ...

    @property
    def domains(self) -> frozenset[str]:
        """The envelope's domains that the artifacts speak of."""

    def emit(self, envelope: Envelope) -> Emission:
        """The artifacts, sorted by path; none where the kind does not apply (managed agents)."""

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        """What the documents, by path and as re-read from their bytes, permit.

        Only ``envelope.cluster`` and ``envelope.subject`` may be looked at: the facts
        about where the artifact will stand, never what it should permit.
        Raises ``InternalError`` on a form that ``emit`` never makes.
        """

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        """The most that the artifacts may permit: the envelope's regions, and what the
        emitter's documented steps add to them (DNS, start-up set, resolved addresses)."""


def lines_of(
    document: Json, explain: Mapping[str, tuple[str, tuple[Derivation, ...]]], rest: Derivation
) -> tuple[Line, ...]:
    """A line for every leaf of ``document``.

    ``explain`` maps a pointer to its words and reasons; a leaf below an explained
    pointer inherits them; any other leaf is form, and gets ``rest``.
    """
    lines: list[Line] = []

    def walk(value: Json, pointer: str, reason: tuple[str, tuple[Derivation, ...]] | None) -> None:
        reason = explain.get(pointer, reason)
        children: Sequence[tuple[str, Json]] = ()
        if isinstance(value, dict):
            children = [(k.replace("~", "~0").replace("/", "~1"), v) for k, v in value.items()]
        elif isinstance(value, list):
            children = [(str(i), v) for i, v in enumerate(value)]
        if children:
            for token, child in children:
                walk(child, f"{pointer}/{token}", reason)
            return
        says, derivations = reason or (f"form {pointer}", (rest,))
        lines.append(Line(pointer, says, derivations))

    walk(document, "", None)
    return tuple(lines)
