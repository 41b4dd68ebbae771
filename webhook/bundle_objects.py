"""Envelopes out of the cluster's own objects, by watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Any
from weakref import WeakValueDictionary

from policyc.admission.view import Kind, View, key_of
from policyc.bundle.load import Envelopes
from policyc.bundle.objects import BUNDLE, GROUP, Build, read_build, read_envelope
from policyc.core.errors import VerificationError
from policyc.envelope.codec import KIND as ENVELOPE
from policyc.envelope.sealed import Packed
from policyc.kube.client import Object
from policyc.signing.keys import Verifier
from policyc.signing.notes import signers
from webhook.cluster_view import ClusterView, Source
from webhook.logs import Talk

ENVELOPES: Kind = (GROUP, ENVELOPE)
BUNDLES: Kind = (GROUP, BUNDLE)
_UNSIGNED_BYTES = 4 << 20
"""Of all that no trusted key signed: five indices of 10,000 agents.  Whoever may write the objects
has no key for that, and may write many."""
_CLAIM_BYTES = 1024
"""What one takes besides its texts, about."""


class _Claim:
    """An EnvelopeBundle, judged by the keys of the moment.

    What no key signed is kept as it came, since the key that did may come after it; or dropped,
    where there is too much of that.
    """

    def __init__(self, body: Object) -> None:
        match body.get("spec"):
            case {"signature": str(note), "agents": str(packed)}:
                self._body: Object = {"spec": {"signature": note, "agents": packed}}
            case _:
                self._body = {}
        self._build: Build | None = None
        self._dropped_by: Collection[Verifier] | None = None
        self.fault = ""
        """Why the last judgement was a refusal."""

    def judged_by(self, keys: Collection[Verifier]) -> Build | None:
        """The build, if one of the keys signed it."""
        if self._build is not None:
            return self._build if signers(self._build.note, keys) else None
        try:
            self._build = read_build(self._body, keys)
        except VerificationError as fault:
            self.fault = fault.message
        else:
            self._body = {}
        return self._build

    @property
    def unsigned_bytes(self) -> int:
        """What is kept of it for a key that may come; 0 for nothing."""
        texts = self._body.get("spec", {}).values()
        return sum(map(sys.getsizeof, texts)) + _CLAIM_BYTES if texts else 0

    def drop(self, keys: Collection[Verifier]) -> None:
        """Keep nothing of what none of these keys signed."""
        self._body = {}
        self._dropped_by = keys

    def is_missed_by(self, keys: Collection[Verifier]) -> bool:
        """Whether one of the keys may have signed what was dropped."""
        return self._dropped_by is not None and self._dropped_by != keys


class ObjectSource:
    """The build that the cluster's objects hold.

    Args:
        cluster: The API server.
        public_keys: One of them, as they are now, signed what is taken.
        stale_seconds: As of ClusterView.  A bundle does not become unknown with time.
        talk: Where refusals are said.

    """

    where = "the cluster's EnvelopeBundle objects"

    def __init__(
        self,
        cluster: Source,
        public_keys: Callable[[], Collection[Verifier]],
        stale_seconds: float,
        talk: Talk,
    ) -> None:
        self._public_keys = public_keys
        self._talk = talk
        self._like = b""
        self._unsigned: WeakValueDictionary[str, _Claim] = WeakValueDictionary()
        self.watch = ClusterView(
            cluster,
            (ENVELOPES, BUNDLES),
            stale_seconds,
            talk,
            keep=lambda kind, body: (
                self._packed(body) if kind == ENVELOPES else self._verified(body)
            ),
        )

    def look(self) -> tuple[View, Collection[Verifier]] | None:
        """Another one when an object or a key has changed; None before all were listed once."""
        return (self.watch.view(), self._public_keys()) if self.watch.is_primed else None

    def read(self) -> Envelopes:
        """The newest build that is whole; VerificationError PC7113 when there is none.

        A newer one that is on its way waits until it is whole.
        """
        builds, packed = self._held()
        missing = ""
        for build in sorted(builds, key=lambda b: b.statement.serial, reverse=True):
            absent = [e.subject.agent for e in build.entries if e.digest not in packed]
            if not absent:
                return _envelopes(build, packed)
            missing = (
                f"of serial {build.statement.serial} {len(absent)} envelopes are not there, "
                f"such as that of `{absent[0]}`"
            )
            self._talk.warning("bundle is not whole", detail=missing)
        why = missing or "none that a known key signed is there"
        raise VerificationError("PC7113", why, help="apply what `policyc bundle objects` prints")

    def _held(self) -> tuple[list[Build], dict[str, Packed]]:
        view = self.watch.view()
        # Any: these bodies hold what is kept of an object in the place of its JSON.
        bundles: list[Any] = list(view.all(*BUNDLES))
        envelopes: list[Any] = list(view.all(*ENVELOPES))
        keys = self._public_keys()
        if any(body["claim"].is_missed_by(keys) for body in bundles):
            self.watch.list_again(BUNDLES)
        builds = [build for body in bundles if (build := body["claim"].judged_by(keys))]
        return builds, {body["digest"]: body["packed"] for body in envelopes if "digest" in body}

    def _packed(self, body: Object) -> Object:
        """An envelope as it is kept: a hundredth of what its object takes."""
        kept = {"metadata": _named(body)}
        found = read_envelope(body)
        if found is None:
            self._refuse(body, "it is no envelope")
            return kept
        code, document = found
        self._like = self._like or document
        return {**kept, "digest": code, "packed": Packed.of(document, self._like)}

    def _verified(self, body: Object) -> Object:
        claim, keys = _Claim(body), self._public_keys()
        if claim.judged_by(keys) is None:
            self._refuse(body, claim.fault)
            self._make_room(key_of(body)[1], claim, keys)
        return {"metadata": _named(body), "claim": claim}

    def _make_room(self, name: str, claim: _Claim, keys: Collection[Verifier]) -> None:
        """Drop a claim for which there is none; it takes the place of the last one of its name."""
        self._unsigned.pop(name, None)
        others = sum(other.unsigned_bytes for other in self._unsigned.values())
        if others + claim.unsigned_bytes > _UNSIGNED_BYTES:
            claim.drop(keys)
        else:
            self._unsigned[name] = claim

    def _refuse(self, body: Object, why: str) -> None:
        kind, name = str(body.get("kind")), key_of(body)[1]
        self._talk.error("object refused", kind=kind, name=name, detail=why)


def _named(body: Object) -> Object:
    return {"name": key_of(body)[1]}


def _envelopes(build: Build, packed: dict[str, Packed]) -> Envelopes:
    own = {entry.subject.agent: packed[entry.digest] for entry in build.entries}
    said = build.statement
    return Envelopes(build.entries, own, said.manifest, said.serial, build.note)
