"""Envelopes out of the cluster's own objects, by watch."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from policyc.admission.view import Kind, View, key_of
from policyc.bundle.load import Envelopes
from policyc.bundle.objects import BUNDLE, GROUP, Build, read_build, read_envelope
from policyc.core.errors import VerificationError
from policyc.envelope.codec import KIND as ENVELOPE
from policyc.envelope.sealed import Packed
from policyc.kube.client import Object
from policyc.signing.keys import Verifier
from webhook.cluster_view import ClusterView, Source
from webhook.logs import Talk

ENVELOPES: Kind = (GROUP, ENVELOPE)
BUNDLES: Kind = (GROUP, BUNDLE)


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
        self._judged_by = public_keys()
        self._talk = talk
        self._like = b""
        self.watch = ClusterView(
            cluster,
            (ENVELOPES, BUNDLES),
            stale_seconds,
            talk,
            keep=lambda kind, body: (
                self._packed(body) if kind == ENVELOPES else self._verified(body)
            ),
        )

    def look(self) -> View | None:
        """Another one when an object has changed; None before all were listed once.

        Of objects that no key signed nothing is kept: when the keys change they are listed anew.
        """
        if (keys := self._public_keys()) != self._judged_by:
            self._judged_by = keys
            self.watch.list_again(BUNDLES)
        return self.watch.view() if self.watch.is_primed else None

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
        builds = [body["build"] for body in bundles if "build" in body]
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
        kept = {"metadata": _named(body)}
        try:
            return {**kept, "build": read_build(body, self._public_keys())}
        except VerificationError as fault:
            self._refuse(body, fault.message)
            return kept

    def _refuse(self, body: Object, why: str) -> None:
        kind, name = str(body.get("kind")), key_of(body)[1]
        self._talk.error("object refused", kind=kind, name=name, detail=why)


def _named(body: Object) -> Object:
    return {"name": key_of(body)[1]}


def _envelopes(build: Build, packed: dict[str, Packed]) -> Envelopes:
    own = {entry.subject.agent: packed[entry.digest] for entry in build.entries}
    return Envelopes(build.entries, own, build.statement.manifest, build.statement.serial)
