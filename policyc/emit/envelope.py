"""The compiled envelope: all domains exactly, for the webhook and every later judgement."""

from __future__ import annotations

from collections.abc import Mapping

from policyc.core.canonical import Json
from policyc.emit.base import Artifact, Emission, lines_of
from policyc.envelope.codec import decode, encode
from policyc.envelope.domains import DOMAINS
from policyc.envelope.model import Envelope
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region

PATH = "envelope.json"
_FORM = Derivation(Step.FIXED, note="who the envelope is for, and the facts it was compiled with")


class EnvelopeEmitter:
    """One file for every agent, managed ones too."""

    kind = "envelope"
    domains = frozenset(DOMAINS)

    def emit(self, envelope: Envelope) -> Emission:
        document = encode(envelope)
        explain = {
            f"/spec/domains/{name}/{i}": (
                f"{name}: " + _words(name, box),
                _reasons(envelope, name, box),
            )
            for name in DOMAINS
            for i, box in enumerate(envelope.domains[name].encode())  # type: ignore[arg-type]  # a list
        }
        return Emission((Artifact(PATH, document, lines_of(document, explain, _FORM)),))

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        del envelope
        return decode(documents[PATH]).domains

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        return envelope.domains


ENVELOPE = EnvelopeEmitter()


def _words(name: str, box: Json) -> str:
    return "; ".join(DOMAINS[name].decode([box]).describe())


def _reasons(envelope: Envelope, name: str, box: Json) -> tuple[Derivation, ...]:
    """The reasons of every grant that has a part in the box."""
    region = DOMAINS[name].decode([box])
    return tuple(
        dict.fromkeys(
            d for grant in envelope.grants.get(name, ()) if grant.region & region for d in grant.derivations
        )
    )
