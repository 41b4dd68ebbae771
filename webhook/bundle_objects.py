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
_UNNAMED_BYTES = 32 << 20
"""Of all envelopes that no signed index names, and of copies of those that one does.  There are those
of a build on its way, whose index comes last: three builds of 10,000 agents, or 30,000 objects."""
_CLAIM_BYTES = 1024
"""What one takes besides its texts, about."""


class _Claim:
    """An EnvelopeBundle, judged by the keys of the moment.

    What no key signed is kept as it came, since the key that did may come after it.
    """

    def __init__(self, body: Object) -> None:
        match body.get("spec"):
            case {"signature": str(note), "agents": str(packed)}:
                self._body: Object = {"spec": {"signature": note, "agents": packed}}
            case _:
                self._body = {}
        self._build: Build | None = None
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


class _Room:
    """How many bytes may be kept of what nobody vouches for."""

    def __init__(self, size_bytes: int) -> None:
        self.left_bytes = size_bytes

    def take(self, size_bytes: int, name: str) -> _Place | None:
        """A place of that size for the object of that name; None when there is none."""
        return _Place(self, size_bytes, name) if size_bytes <= self.left_bytes else None


class _Place:
    """So much room is taken until it is left, or nobody holds it any more."""

    def __init__(self, room: _Room, size_bytes: int, name: str) -> None:
        self._room, self._size_bytes, self.name = room, size_bytes, name
        room.left_bytes -= size_bytes

    def leave(self) -> None:
        self._room.left_bytes += self._size_bytes
        self._size_bytes = 0

    __del__ = leave


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
        self._judged_by: Collection[Verifier] | None = None
        """The keys when an EnvelopeBundle was dropped; None when none was since the last list."""
        self._unnamed = _Room(_UNNAMED_BYTES)
        self._named: frozenset[str] = frozenset()
        """Digests of the envelopes that signed indices name."""
        self._first: WeakValueDictionary[str, _Place] = WeakValueDictionary()
        """Such a digest -> the place of the object that has it and takes no room; copies of it under
        other names do."""
        self._is_short = False
        """Whether envelopes were dropped that a signed index may name later."""
        self.dropped = 0
        """AgentEnvelopes of which nothing was kept, since the start."""
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
        if self._judged_by is not None and self._judged_by != keys:
            self._judged_by = None
            self.watch.list_again(BUNDLES)
        builds = [build for body in bundles if (build := body["claim"].judged_by(keys))]
        self._named = frozenset(entry.digest for build in builds for entry in build.entries)
        packed = {}
        for body in envelopes:
            packed[body["digest"]] = body["packed"]
            if body["digest"] in self._named and self._is_first(body["digest"], body["place"].name):
                self._first[body["digest"]] = body["place"]
                body["place"].leave()
        if self._is_short and not packed.keys() >= self._named:
            self._is_short = False
            self.watch.list_again(ENVELOPES)
        return builds, packed

    def _packed(self, body: Object) -> Object:
        """An envelope as it is kept: a hundredth of what its object takes; or nothing of it."""
        found = read_envelope(body)
        if found is None:
            self._refuse(body, "it is no envelope")
            return {}
        code, document = found
        self._like = self._like or document
        packed = Packed.of(document, self._like)
        name = key_of(body)[1]
        is_free = code in self._named and self._is_first(code, name)
        place = self._unnamed.take(0 if is_free else len(packed.data) + _CLAIM_BYTES, name)
        if place is None:
            self._drop(body)
            return {}
        if is_free:
            self._first[code] = place
        # Any: a view holds what is kept of an object in the place of its JSON.
        kept: Any = {"metadata": _named(body), "digest": code, "packed": packed, "place": place}
        return kept  # type: ignore[no-any-return]  # as above

    def _is_first(self, code: str, name: str) -> bool:
        """Whether no object of another name has the digest; a newer state of one has its name."""
        first = self._first.get(code)
        return first is None or first.name == name

    def _drop(self, body: Object) -> None:
        if not self._is_short:
            self._talk.error(
                "no room for envelopes that no signed index names",
                code="PC7120",
                name=key_of(body)[1],
            )
        self._is_short = True
        self.dropped += 1

    def _verified(self, body: Object) -> Object:
        claim, keys = _Claim(body), self._public_keys()
        if claim.judged_by(keys) is None:
            self._refuse(body, claim.fault)
            if not self._has_room(key_of(body)[1], claim):
                self._judged_by = keys
                return {}
        kept: Any = {"metadata": _named(body), "claim": claim}  # Any: as above
        return kept  # type: ignore[no-any-return]  # as above

    def _has_room(self, name: str, claim: _Claim) -> bool:
        """Whether there is room for a claim, which takes the place of the last one of its name."""
        self._unsigned.pop(name, None)
        others = sum(other.unsigned_bytes for other in self._unsigned.values())
        if others + claim.unsigned_bytes > _UNSIGNED_BYTES:
            return False
        self._unsigned[name] = claim
        return True

    def _refuse(self, body: Object, why: str) -> None:
        kind, name = str(body.get("kind")), key_of(body)[1]
        self._talk.error("object refused", kind=kind, name=name, detail=why)


def _named(body: Object) -> Object:
    return {"name": key_of(body)[1]}


def _envelopes(build: Build, packed: dict[str, Packed]) -> Envelopes:
    own = {entry.subject.agent: packed[entry.digest] for entry in build.entries}
    said = build.statement
    return Envelopes(build.entries, own, said.manifest, said.serial, build.note)
