"""What an emitter is, and what it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from policyc.core.canonical import Json, digest
from policyc.envelope.model import Envelope
from policyc.envelope.provenance import Derivation
from policyc.envelope.region import Region
from policyc.kube.names import fault_of_subdomain

_STEM, _MARK = 100, 12
"""Characters of an agent's name, and of its digest, in the name of an object."""

LineT = TypeVar("LineT")


class Line(NamedTuple):
    """A part of a document and why it stands there: a leaf, or all below a pointer.

    ``pointer`` is RFC 6901 into the artifact's document.  ``says`` names the
    permission in words that do not depend on where the line stands, so that two
    builds can be compared: ``egress tcp 443 to 203.0.113.7/32``.
    """

    pointer: str
    says: str
    derivations: tuple[Derivation, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file: one document, and the lines that explain it.

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
        emitter's documented steps add to them (DNS, start-up set, unseen calls, resolved addresses).
        """


def lines_of(
    explain: Mapping[str, tuple[str, tuple[Derivation, ...]]], form: Derivation
) -> tuple[Line, ...]:
    """The explained pointers, and ``form`` for the document as a whole.

    A pointer stands for everything below it that is not explained itself, so every
    leaf of the document has exactly one line: that of its longest explained prefix.
    """
    lines = [Line(pointer, says, why) for pointer, (says, why) in explain.items()]
    return (Line("", "form of the artifact", (form,)), *lines)


def object_name(agent: str, suffix: str = "") -> str:
    """``policyc-AGENT`` and the suffix; no two agents have one name.

    An agent whose name Kubernetes would refuse has a digest of it in the name.
    """
    name = f"policyc-{agent}{suffix}"
    if fault_of_subdomain(name) is None:
        return name
    stem = re.sub(r"[^a-z0-9]+", "-", agent.lower())[:_STEM].strip("-")
    mark = digest(agent.encode()).removeprefix("sha256:")[:_MARK]
    return f"policyc-{stem}-{mark}{suffix}"


def line_for(pointer: str, lines: Mapping[str, LineT]) -> LineT:
    """The line that explains a pointer: that of its longest prefix among ``lines``."""
    while pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines[pointer]
