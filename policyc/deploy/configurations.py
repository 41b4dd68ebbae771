"""The two webhook configurations, made of the table for one cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from policyc.catalog.cloud import ON_PODS
from policyc.core.canonical import Json
from policyc.deploy import conditions
from policyc.deploy.conditions import Condition
from policyc.deploy.reach import Reach
from policyc.deploy.scope import (
    FAIL_CLOSED_SECONDS,
    FAIL_OPEN_SECONDS,
    MUTATING,
    VALIDATING,
    Entry,
    Filter,
    Rule,
    Where,
)

NAME = "policyc"
"""Of both configurations, and of everything else that there is one of."""
GROUP = "admissionregistration.k8s.io"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Set by the API server to the namespace's name, and immutable (Kubernetes 1.22, KEP-2161)."""
FILLED_LATER = "policyc.dev/ca-bundle"
"""Annotation of a configuration whose caBundle the webhook writes when it starts."""
INJECTED = "cert-manager.io/inject-ca-from"
"""Annotation that lets cert-manager write the caBundle (cert-manager.io/docs/concepts/ca-injector)."""

SERIAL = "policyc.dev/bundle-serial"
"""Annotation of a live configuration: the highest serial that a replica of the webhook has seen."""


MOST_CHARACTERS = 75_000
"""Of the names of namespaces with agents, as CEL writes them: with those of ``reach`` and the rest an
expression stays below the 100,000 characters that cel-go reads, and a configuration below the
1.5 MiB that etcd stores.  Names of 17 characters: some 3,500."""


class TooMany(ValueError):  # noqa: N818  # the text says it
    """More namespaces with agents than a match condition holds."""


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster that the manifests are for.

    ``namespaces`` are those with registered agents; ``home`` is the webhook's own, which
    may not be one of them.  ``url`` replaces the Service where the webhook runs outside of
    the cluster.  ``ca_bundle`` is PEM in base64; empty, the webhook fills it in itself.
    ``operators`` are users who may change the webhook's objects, ``renewers`` those who may renew
    its certificate.  ``pod_annotations`` are keys that may change on agents' pods unasked: those of a
    network plug-in, and none that ``is_free`` refuses.  ``reach`` is what
    concerns agents from elsewhere, as far as the cluster is known.

    Raises:
        TooMany: The names of the namespaces are longer than ``MOST_CHARACTERS`` together.
        ValueError: Agents are where a cluster starts.

    """

    namespaces: tuple[str, ...]
    home: str = "policyc-system"
    url: str = ""
    ca_bundle: str = ""
    operators: frozenset[str] = field(default_factory=frozenset)
    reach: Reach = field(default_factory=Reach)
    renewers: frozenset[str] = field(default_factory=frozenset)
    pod_annotations: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for name in (self.home, "kube-system"):
            if name in self.namespaces:
                raise ValueError(
                    f"agents in `{name}` would let a cluster stop that starts without a webhook"
                )

        for key in sorted(self.pod_annotations):
            if not is_free(key):
                raise ValueError(f"changes of the annotation `{key}` are judged")
        if (length := len(conditions.texts(self.namespaces))) > MOST_CHARACTERS:
            raise TooMany(
                f"the names of {len(self.namespaces):,} namespaces with agents have {length:,} "
                f"characters in a match condition, which holds {MOST_CHARACTERS:,}"
            )

    @property
    def account(self) -> str:
        """The user that the webhook itself is."""
        return f"system:serviceaccount:{self.home}:{NAME}"


def is_free(key: str) -> bool:
    """Whether no verdict depends on an annotation: neither ours, nor Kubernetes', nor of a cloud role."""
    domain, slash, name = key.partition("/")
    judged = ("policyc.dev", "kubernetes.io", "k8s.io")
    is_judged = any(f".{domain}".endswith(f".{one}") for one in judged)
    return bool(domain and slash and name) and not is_judged and key not in ON_PODS


def validating(target: Target) -> dict[str, Json]:
    """The ValidatingWebhookConfiguration (admissionregistration.k8s.io/v1, 1.36)."""
    entries = [_entry(e, target, "/validate") for e in rows(VALIDATING, target)]
    return _configuration("ValidatingWebhookConfiguration", entries, target)


def mutating(target: Target) -> dict[str, Json]:
    """The MutatingWebhookConfiguration; called again when another webhook changed the object."""
    entries: list[dict[str, Json]] = [
        {**_entry(e, target, "/mutate"), "reinvocationPolicy": "IfNeeded"}
        for e in rows(MUTATING, target)
    ]
    return _configuration("MutatingWebhookConfiguration", entries, target)


def condition(chosen: Filter, target: Target) -> Condition:
    """The match condition of an entry for this cluster."""
    match chosen:
        case Filter.BINDS_AN_AGENT:
            return conditions.binds_an_agent(target.namespaces)
        case Filter.HELD_BY_AGENTS:
            return conditions.held_by_agents(target.namespaces, target.reach.roles)
        case Filter.HELD_BY_OTHERS:
            return conditions.held_by_others(target.namespaces, target.reach.roles)
        case Filter.PEERS_LABELS:
            return conditions.peers_labels(target.reach.labels)
        case Filter.OTHER_LABELS:
            return conditions.other_labels(target.reach.labels)
        case Filter.TAKES_ADDRESSES:
            return conditions.takes_addresses()
        case Filter.TAKES_NO_ADDRESS:
            return conditions.takes_no_address()
        case Filter.NOT_OPERATORS:
            return conditions.not_operators(target.operators | {target.account})
        case Filter.NOT_RENEWERS:
            return conditions.not_renewers(target.renewers, f"{NAME}-tls")
        case Filter.BY_PEOPLE:
            return conditions.by_people()
        case Filter.CHANGES_SOMETHING:
            return conditions.changes_something(target.pod_annotations)
        case Filter.CHANGES_MORE_THAN_NOTES:
            return conditions.changes_more_than_notes()
        case Filter.INSTALLS:
            return conditions.installs(NAME)
        case Filter.INSTALLS_NOTHING:
            return conditions.installs_nothing(NAME)
        case Filter.NOT_AT_START:
            return conditions.not_at_start()
        case Filter.NOT_KUBELET:
            return conditions.not_kubelet()
        case Filter.NOT_THE_SCHEDULER:
            return conditions.not_the_scheduler()
        case Filter.IS_TOKEN:
            return conditions.is_token()
        case Filter.NOT_CONTROLLERS:
            return conditions.not_controllers()


def rows(table: tuple[Entry, ...], target: Target) -> tuple[Entry, ...]:
    """The rows for this cluster: without agents nothing but the webhook's own objects is held up."""
    return tuple(
        entry
        for entry in table
        if target.namespaces or not entry.fails_closed or entry.where is Where.HOME
    )


def _configuration(kind: str, entries: list[dict[str, Json]], target: Target) -> dict[str, Json]:
    metadata: dict[str, Json] = {
        "name": NAME,
        "labels": {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": NAME},
    }
    if not target.ca_bundle:
        metadata["annotations"] = {FILLED_LATER: "written by the webhook when it starts"}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": metadata,
        "webhooks": [*entries],
    }


def _entry(entry: Entry, target: Target, path: str) -> dict[str, Json]:
    made: dict[str, Json] = {
        "name": entry.name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": _client(target, path),
        "failurePolicy": "Fail" if entry.fails_closed else "Ignore",
        "matchPolicy": "Equivalent",
        "namespaceSelector": selector(entry.where, target),
        "objectSelector": {},
        "rules": [_rule(rule) for rule in entry.rules],
        "sideEffects": "None",
        "timeoutSeconds": FAIL_CLOSED_SECONDS if entry.fails_closed else FAIL_OPEN_SECONDS,
    }
    if entry.filters:
        chosen = [condition(f, target) for f in entry.filters]
        made["matchConditions"] = [{"name": c.name, "expression": c.expression} for c in chosen]
    return made


def selector(where: Where, target: Target) -> dict[str, Json]:
    """The namespaceSelector: always by the label that cannot be changed."""
    agents: list[Json] = [*sorted(target.namespaces)]
    chosen: Mapping[Where, tuple[str, list[Json]]] = {
        Where.AGENTS: ("In", agents),
        Where.ELSEWHERE: ("NotIn", [*agents, target.home]),
        Where.OUTSIDE: ("NotIn", agents),
        Where.HOME: ("In", [target.home]),
        Where.EVERYWHERE: ("NotIn", []),
    }
    operator, values = chosen[where]
    if operator == "NotIn" and not values:
        return {}
    return {"matchExpressions": [{"key": NAMESPACE_LABEL, "operator": operator, "values": values}]}


def _client(target: Target, path: str) -> dict[str, Json]:
    made: dict[str, Json] = {}
    if target.url:
        made["url"] = target.url.rstrip("/") + path
    else:
        made["service"] = {"name": NAME, "namespace": target.home, "path": path, "port": 443}
    if target.ca_bundle:
        made["caBundle"] = target.ca_bundle
    return made


def _rule(rule: Rule) -> dict[str, Json]:
    return {
        "apiGroups": [rule.group],
        "apiVersions": [rule.version],
        "operations": [*rule.operations],
        "resources": [*rule.resources],
        "scope": "Cluster" if rule.is_cluster else "Namespaced",
    }
