"""Grants to rules: what RBAC can say of a region, and what it cannot.

A rule lists verbs for one resource, and for one name or all.  RBAC has words and the
one wildcard ``*``; a region also has prefixes, exceptions and requests without a name.
What a rule cannot say is left out and reported, never widened.

Which requests carry a name (k8s.io/apiserver pkg/endpoints/request/requestinfo.go, 1.34):
one to a named object its name; list and watch that of a ``metadata.name`` field
selector, so a rule with resourceNames admits exactly those; deletecollection, and the
creation of an object, none.  The creation of a subresource has the name of its object,
but no rule of ours restricts ``create`` by name: reviewers read such a rule as one that
never matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from policyc.catalog.kube_api import STANDARD_VERBS, is_cluster_scoped, is_plain
from policyc.emit.base import Narrowing
from policyc.envelope.axes import ALL, Axis, Extent
from policyc.envelope.domains import KUBE, KUBE_URL
from policyc.envelope.model import Envelope, Grant
from policyc.envelope.patterns import unescape
from policyc.envelope.provenance import Derivation
from policyc.kube.names import fault_of_label

CLUSTER = ""
"""The scope of the ClusterRole; other scopes are namespaces."""

RuleKey = tuple[str, str, str]
"""Group, resource, and name (empty: every name)."""

Verbs = dict[str, list[Derivation]]
"""Each verb with its reasons."""


@dataclass(slots=True)
class Rules:
    """All that is granted, by scope and rule."""

    resources: dict[str, dict[RuleKey, Verbs]] = field(default_factory=dict)
    urls: dict[str, Verbs] = field(default_factory=dict)
    narrowed: dict[Narrowing, None] = field(default_factory=dict)

    @property
    def scopes(self) -> list[str]:
        return sorted(self.resources.keys() | ({CLUSTER} if self.urls else set()))


def rules_of(envelope: Envelope) -> Rules:
    """The least rules that say all of the envelope that RBAC can say."""
    rules = Rules()
    for grant in envelope.grants.get("kube", ()):
        for box in grant.region.boxes():
            _Said(rules, grant).resources(box)
    for grant in envelope.grants.get("kube_url", ()):
        for box in grant.region.boxes():
            _Said(rules, grant).urls(box)
    return rules


@dataclass(frozen=True, slots=True)
class _Said:
    """One grant on its way into the rules."""

    rules: Rules
    grant: Grant

    def resources(self, box: Mapping[str, Extent]) -> None:
        groups = self._words(KUBE.axis("group"), box, wildcard=True)
        resources = self._words(KUBE.axis("resource"), box, wildcard=True)
        verbs = self._verbs(box.get("verb", ALL))
        for group in groups:
            for resource in resources:
                for verb in verbs:
                    for scope in self._scopes(box, group, resource, verb):
                        for name in self._names(box, resource, verb):
                            known = self.rules.resources.setdefault(scope, {})
                            self._add(known.setdefault((group, resource, name), {}), verb)

    def urls(self, box: Mapping[str, Extent]) -> None:
        verbs = self._words(KUBE_URL.axis("verb"), box, wildcard=True)
        axis = KUBE_URL.axis("url")
        for text, is_prefix in self._patterns(axis, box.get("url", ALL)):
            # The authorizer strips every final star, so a literal one cannot be said.
            if text.endswith("*") or not (text or is_prefix):
                self._narrow(f"the URL `{text}` literally")
                continue
            for verb in verbs:
                self._add(self.rules.urls.setdefault(text + "*" * is_prefix, {}), verb)

    def _add(self, verbs: Verbs, verb: str) -> None:
        known = verbs.setdefault(verb, [])
        known += [d for d in self.grant.derivations if d not in known]

    def _narrow(self, what: str) -> None:
        shown = "; ".join(self.grant.region.describe()[:1])
        found = Narrowing(
            "PC6201",
            self.grant.region.domain.name,
            f"RBAC cannot say {what}: {shown}",
            "grant the names themselves; the agent is refused what is not written out",
            self.grant.derivations,
        )
        self.rules.narrowed[found] = None

    # -- axes ---------------------------------------------------------------------

    def _patterns(self, axis: Axis, extent: Extent) -> Iterator[tuple[str, bool]]:
        """Texts and prefixes that lie wholly inside; what is said with exceptions is reported."""
        for text, is_prefix, is_whole in _read(axis, extent):
            if is_whole:
                yield text, is_prefix
            else:
                self._narrow(f"a pattern of {axis.name}s with exceptions")

    def _words(self, axis: Axis, box: Mapping[str, Extent], *, wildcard: bool = False) -> list[str]:
        """The literal members, or ``*`` for everything where RBAC has that wildcard."""
        words = []
        for text, is_prefix in self._patterns(axis, box.get(axis.name, ALL)):
            if is_prefix and not text and wildcard:
                words.append("*")
            elif is_prefix:
                self._narrow(f"a pattern of {axis.name}s")
            elif wildcard and "*" in text:
                self._narrow(f"the {axis.name} `{text}` literally")
            else:
                words.append(text)
        return words

    def _verbs(self, extent: Extent) -> list[str]:
        """Named verbs, and of a pattern the standard ones: the others are named or absent.

        ``*`` in a rule would hand out escalate, bind and impersonate.
        """
        axis = KUBE.axis("verb")
        standard = _standard(extent)
        written = _read(axis, extent)
        if any(is_prefix or "*" in text for text, is_prefix, _ in written):
            self._narrow("a pattern of verbs without the special ones")
        named = [text for text, is_prefix, _ in written if not is_prefix and "*" not in text]
        return sorted({*standard, *named})

    def _scopes(self, box: Mapping[str, Extent], group: str, resource: str, verb: str) -> list[str]:
        """The namespaces, or the cluster for all of them."""
        extent = box.get("namespace", ALL)
        if extent == ALL:
            return [CLUSTER]
        words = self._words(KUBE.axis("namespace"), {"namespace": extent})
        if is_cluster_scoped(group, resource, verb):
            if CLUSTER in words:
                return [CLUSTER]
            self._narrow(f"a namespace for `{verb}` on {resource}")
            return []
        if CLUSTER in words:
            self._narrow("all namespaces at once and no single one")
        for word in words:
            if word and fault_of_label(word):
                self._narrow(f"the namespace `{word}`, which is no name of one")
        return [word for word in words if word and not fault_of_label(word)]

    def _names(self, box: Mapping[str, Extent], resource: str, verb: str) -> list[str]:
        """The names, or one empty name for all of them."""
        extent = box.get("name", ALL)
        if extent == ALL:
            return [""]
        axis = KUBE.axis("name")
        if verb == "deletecollection" or (verb == "create" and is_plain(resource)):
            if axis.extent("") <= extent:
                return [""]
            self._narrow(f"a name for `{verb}`")
            return []
        if verb == "create":
            self._narrow(f"a name for `{verb}`")
            return []
        words = self._words(axis, {"name": extent})
        if "" in words:
            self._narrow("requests without a name and no others")
        return [word for word in words if word]


@lru_cache(maxsize=1 << 12)
def _read(axis: Axis, extent: Extent) -> tuple[tuple[str, bool, bool], ...]:
    """Each pattern that adds to the extent: its text, whether it is a prefix, and lies inside."""
    return tuple(
        (*unescape(pattern), axis.extent(pattern) <= extent)
        for pattern in axis.write(extent)
        if not pattern.startswith("!")
    )


@lru_cache(maxsize=1 << 10)
def _standard(extent: Extent) -> tuple[str, ...]:
    axis = KUBE.axis("verb")
    return tuple(v for v in STANDARD_VERBS if axis.extent(v) <= extent)
