"""The compiled envelope: all domains exactly, for the webhook and every later judgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from policyc.core.canonical import Json
from policyc.emit.base import Artifact, Emission, lines_of
from policyc.envelope.axes import Extent
from policyc.envelope.codec import decode, encode
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope, Grant
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Domain, Region

PATH = "envelope.json"
_LONGEST = 120
"""Characters of a box that its line quotes."""

_SEVERAL = 2
_FORM = Derivation(Step.FIXED, note="who the envelope is for, and the facts it was compiled with")


ELSEWHERE = frozenset(
    {
        "capabilities",
        "egress_ip",
        "egress_peer",
        "ingress_ip",
        "ingress_peer",
        "kube",
        "kube_url",
        "syscalls",
    }
)
"""Domains whose every line is explained in an artifact of their own, for agents with a workload."""


class EnvelopeEmitter:
    """One file for every agent, managed ones too."""

    kind = "envelope"
    domains = frozenset(DOMAINS)

    def emit(self, envelope: Envelope) -> Emission:
        document = encode(envelope)
        explain: dict[str, tuple[str, tuple[Derivation, ...]]] = {}
        for name in DOMAINS:
            if name in ELSEWHERE:
                explain[f"/spec/domains/{name}"] = (f"all of {name}", _all_reasons(envelope, name))
                continue
            for i, box in enumerate(envelope.domains[name].boxes()):
                explain.update(_explained(envelope, name, f"/spec/domains/{name}/{i}", box))
        return Emission((Artifact(PATH, document, lines_of(explain, _FORM)),))

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        del envelope
        return self.read(documents).domains

    def read(self, documents: Mapping[str, Json]) -> Envelope:
        """All that the document says, as the webhook reads it."""
        return decode(documents[PATH])

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        return envelope.domains


ENVELOPE = EnvelopeEmitter()


def _all_reasons(envelope: Envelope, name: str) -> tuple[Derivation, ...]:
    """The reasons of a whole domain; the form of the document where it is empty."""
    found = (d for grant in envelope.grants.get(name, ()) for d in grant.derivations)
    return tuple(dict.fromkeys(found)) or (_FORM,)


def _explained(
    envelope: Envelope, name: str, pointer: str, box: Mapping[str, Extent]
) -> Iterator[tuple[str, tuple[str, tuple[Derivation, ...]]]]:
    """A line for the box, and one for each pattern of its longest axis."""
    domain = DOMAINS[name]
    region = domain.box(box)
    grants = [g for g in envelope.grants.get(name, ()) if g.region & region]
    words = "; ".join(region.describe())
    short = words if len(words) <= _LONGEST else words[:_LONGEST] + " ..."
    every = tuple(dict.fromkeys(d for grant in grants for d in grant.derivations))
    yield pointer, (f"{name}: {short}", every)
    patterns = {axis: domain.axis(axis).write(extent) for axis, extent in box.items()}
    longest = max(patterns, key=lambda axis: len(patterns[axis]), default=None)
    if longest is None or len(patterns[longest]) < _SEVERAL:
        return
    reasons: dict[str, list[Derivation]] = {pattern: [] for pattern in patterns[longest]}
    for grant in grants:
        for pattern in _touched(domain, grant, longest, patterns[longest]):
            reasons[pattern] += grant.derivations
    for i, pattern in enumerate(patterns[longest]):
        why = tuple(dict.fromkeys(reasons[pattern]))
        yield f"{pointer}/{longest}/{i}", (f"{name} {longest} {pattern}", why)


def _touched(domain: Domain, grant: Grant, axis: str, patterns: tuple[str, ...]) -> Iterable[str]:
    """The patterns of an axis that the grant has a part in."""
    for box in grant.region.boxes():
        if axis not in box:
            yield from patterns
            continue
        own = domain.axis(axis).write(box[axis])
        if all(pattern in patterns for pattern in own):
            yield from own
        else:
            extent = box[axis]
            yield from (
                p for p in patterns if p.startswith("!") or domain.axis(axis).extent(p) & extent
            )
