"""The table of what must reach the webhook, and what happens while no webhook answers.

Only what concerns a namespace with registered agents fails closed, and what reaches into one
from elsewhere and no start of a cluster needs.  Namespaces are told by
``kubernetes.io/metadata.name``, which the API server sets and nobody can change; any other
label could be taken off.  No entry has an objectSelector: objects' labels belong to users.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from policyc.catalog.kube_api import BUILT_IN
from policyc.kube.workloads import WORKLOAD_KINDS

CREATE, UPDATE, DELETE, CONNECT = "CREATE", "UPDATE", "DELETE", "CONNECT"
WRITES = (CREATE, UPDATE)
CHANGES = (CREATE, UPDATE, DELETE)
RBAC = "rbac.authorization.k8s.io"

FAIL_CLOSED_SECONDS = 5
FAIL_OPEN_SECONDS = 2
"""How long the API server waits: little where it goes on without us, for all pay for it."""


class Where(StrEnum):
    """The namespaces that an entry is about."""

    AGENTS = "those with registered agents"
    ELSEWHERE = "all others"
    OUTSIDE = "all without registered agents, the webhook's own too"
    EVERYWHERE = "all, and what has none"
    HOME = "the webhook's own"


class Filter(StrEnum):
    """Which match condition an entry has; policyc.deploy.conditions writes them."""

    CHANGES_SOMETHING = "changes_something"
    CHANGES_MORE_THAN_NOTES = "changes_more_than_notes"
    BY_PEOPLE = "by_people"
    NOT_AT_START = "not_at_start"
    NOT_KUBELET = "not_kubelet"
    NOT_THE_SCHEDULER = "not_the_scheduler"
    IS_TOKEN = "is_token"  # noqa: S105  # a word, no secret
    BINDS_AN_AGENT = "binds_an_agent"
    HELD_BY_AGENTS = "held_by_agents"
    HELD_BY_OTHERS = "held_by_others"
    PEERS_LABELS = "peers_labels"
    OTHER_LABELS = "other_labels"
    TAKES_ADDRESSES = "takes_addresses"
    TAKES_NO_ADDRESS = "takes_no_address"
    NOT_CONTROLLERS = "not_controllers"
    NOT_OPERATORS = "not_operators"
    NOT_RENEWERS = "not_renewers"
    INSTALLS = "installs"
    INSTALLS_NOTHING = "installs_nothing"


_PAIRS = {
    Filter.HELD_BY_AGENTS: Filter.HELD_BY_OTHERS,
    Filter.PEERS_LABELS: Filter.OTHER_LABELS,
    Filter.TAKES_ADDRESSES: Filter.TAKES_NO_ADDRESS,
    Filter.INSTALLS: Filter.INSTALLS_NOTHING,
}
REVERSE = _PAIRS | {other: one for one, other in _PAIRS.items()}
"""Conditions of which exactly one holds: two entries share the requests between them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests by group, resources (``plural`` or ``plural/sub``) and operations.

    ``is_cluster`` says that the objects have no namespace; Namespaces are of this kind.
    """

    group: str
    resources: tuple[str, ...]
    operations: tuple[str, ...]
    is_cluster: bool = False

    @property
    def version(self) -> str:
        """Built-in kinds have one version that all others are converted to; of others any."""
        if self.group not in BUILT_IN:
            return "*"
        return "v2" if self.group == "autoscaling" else "v1"

    def requests(self) -> Iterator[tuple[str, str, str]]:
        """(group, resource, operation) of each."""
        for resource in self.resources:
            for operation in self.operations:
                yield (self.group, resource, operation)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a webhook configuration."""

    name: str
    where: Where
    fails_closed: bool
    rules: tuple[Rule, ...]
    filters: tuple[Filter, ...]


def _rules_of(
    pairs: dict[str, list[str]], operations: tuple[str, ...], *, is_cluster: bool = False
) -> tuple[Rule, ...]:
    return tuple(
        Rule(group, tuple(pairs[group]), operations, is_cluster) for group in sorted(pairs)
    )


def _workloads() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in WORKLOAD_KINDS:
        found.setdefault(row.group, []).append(row.resource)
    return found


def _templates() -> dict[str, list[str]]:
    found = {group: [r for r in names if r != "pods"] for group, names in _workloads().items()}
    return {group: names for group, names in found.items() if names}


AGENT_RESOURCES = {
    # https://github.com/kagent-dev/kagent, api/v1alpha1 and v1alpha2; kmcp has its group
    "kagent.dev": ["agents", "mcpservers", "modelconfigs", "remotemcpservers", "sandboxagents"],
    # https://github.com/stacklok/toolhive, cmd/thv-operator/api
    "toolhive.stacklok.dev": ["mcpservers", "mcptoolconfigs"],
    # https://github.com/kubernetes-sigs/kube-agentic-networking, api/v0alpha0 and api/v1alpha1
    "agentic.networking.x-k8s.io": ["xaccesspolicies"],
    "agentic.prototype.x-k8s.io": ["xaccesspolicies"],
    # https://github.com/envoyproxy/ai-gateway, api/v1alpha1
    "aigateway.envoyproxy.io": ["mcproutes"],
}
"""Group -> resources that say which tools, servers and models an agent gets."""

_OF_ONE_NAMESPACE = frozenset({"agents", "modelconfigs", "sandboxagents"})
"""Those that give something only to agents of their own namespace."""


def _agent_resources(*, is_shared: bool) -> dict[str, list[str]]:
    found = {
        group: [name for name in names if (name not in _OF_ONE_NAMESPACE) == is_shared]
        for group, names in AGENT_RESOURCES.items()
    }
    return {group: names for group, names in found.items() if names}


_CLUSTER_POLICIES = {
    "cilium.io": ["ciliumclusterwidenetworkpolicies"],
    "crd.antrea.io": ["clusternetworkpolicies"],
    "crd.projectcalico.org": ["globalnetworkpolicies"],
    "projectcalico.org": ["globalnetworkpolicies"],
    "policy.networking.k8s.io": [
        "adminnetworkpolicies",
        "baselineadminnetworkpolicies",
        "clusternetworkpolicies",
    ],
}
"""Group -> resources of network plug-ins' policies that hold in every namespace."""

WORKLOADS = (
    *_rules_of(_workloads(), WRITES),
    # Labels and annotations of a pod can be changed by its status (registry/core/pod, 1.36).
    Rule("", ("pods/ephemeralcontainers", "pods/resize", "pods/status"), (UPDATE,)),
)
# Those of a namespace too (registry/core/namespace), and where it is finalized.
_NAMESPACES = (
    Rule("", ("namespaces",), WRITES, is_cluster=True),
    Rule("", ("namespaces/finalize", "namespaces/status"), (UPDATE,), is_cluster=True),
)
CONNECTIONS = (
    Rule("", ("pods/attach", "pods/exec", "pods/portforward", "pods/proxy"), (CONNECT,)),
    Rule("", ("services/proxy",), (CONNECT,)),
)
DEFAULTS = (Rule("", ("pods",), (CREATE,)), *_rules_of(_templates(), WRITES))

VALIDATING: tuple[Entry, ...] = (
    Entry(
        "workloads.policyc.dev",
        Where.AGENTS,
        fails_closed=True,
        rules=(*WORKLOADS, *_rules_of(AGENT_RESOURCES, WRITES)),
        filters=(Filter.CHANGES_SOMETHING,),
    ),
    Entry(
        "connections.policyc.dev",
        Where.AGENTS,
        fails_closed=True,
        rules=CONNECTIONS,
        filters=(),
    ),
    # A Binding replaces labels and annotations of its pod.  The scheduler's never has any.
    Entry(
        "placements.policyc.dev",
        Where.AGENTS,
        fails_closed=True,
        rules=(Rule("", ("bindings", "pods/binding"), (CREATE,)),),
        filters=(Filter.NOT_THE_SCHEDULER,),
    ),
    Entry(
        "surroundings.policyc.dev",
        Where.AGENTS,
        fails_closed=True,
        rules=(
            Rule("", ("configmaps", "endpoints", "serviceaccounts", "services"), CHANGES),
            Rule("", ("services/status",), (UPDATE,)),
            Rule("discovery.k8s.io", ("endpointslices",), CHANGES),
            Rule("networking.k8s.io", ("networkpolicies",), CHANGES),
            Rule("cilium.io", ("ciliumnetworkpolicies",), CHANGES),
            Rule("crd.antrea.io", ("networkpolicies",), CHANGES),
            Rule("crd.projectcalico.org", ("networkpolicies",), CHANGES),
            Rule("projectcalico.org", ("networkpolicies",), CHANGES),
            Rule(RBAC, ("roles",), CHANGES),
            *_NAMESPACES,
        ),
        filters=(Filter.BY_PEOPLE,),
    ),
    Entry(
        "tokens.policyc.dev",
        Where.AGENTS,
        fails_closed=True,
        rules=(Rule("", ("serviceaccounts/token",), (CREATE,)), Rule("", ("secrets",), WRITES)),
        filters=(Filter.NOT_KUBELET, Filter.IS_TOKEN),
    ),
    Entry(
        "bindings.policyc.dev",
        Where.EVERYWHERE,
        fails_closed=True,
        rules=(
            Rule(RBAC, ("rolebindings",), WRITES),
            Rule(RBAC, ("clusterrolebindings",), WRITES, is_cluster=True),
        ),
        filters=(Filter.NOT_AT_START, Filter.BINDS_AN_AGENT),
    ),
    # Whoever may write a role that is bound to an agent needs no binding.
    Entry(
        "grants.policyc.dev",
        Where.EVERYWHERE,
        fails_closed=True,
        rules=(Rule(RBAC, ("clusterroles",), WRITES, is_cluster=True),),
        filters=(Filter.BY_PEOPLE, Filter.HELD_BY_AGENTS),
    ),
    Entry(
        "roles.policyc.dev",
        Where.ELSEWHERE,
        fails_closed=True,
        rules=(Rule(RBAC, ("roles",), WRITES),),
        filters=(Filter.BY_PEOPLE, Filter.HELD_BY_AGENTS),
    ),
    # They let agents through whatever NetworkPolicies say.  Plug-ins bring the kinds, not objects.
    Entry(
        "networks.policyc.dev",
        Where.EVERYWHERE,
        fails_closed=True,
        rules=_rules_of(_CLUSTER_POLICIES, CHANGES, is_cluster=True),
        filters=(Filter.BY_PEOPLE,),
    ),
    # NetworkPolicies choose namespaces by labels.
    Entry(
        "labels.policyc.dev",
        Where.ELSEWHERE,
        fails_closed=True,
        rules=_NAMESPACES,
        filters=(Filter.PEERS_LABELS,),
    ),
    # Traffic to an address goes to whoever names it in a Service, from every pod (CVE-2020-8554).
    Entry(
        "addresses.policyc.dev",
        Where.OUTSIDE,
        fails_closed=True,
        rules=(Rule("", ("services",), WRITES),),
        filters=(Filter.BY_PEOPLE, Filter.TAKES_ADDRESSES),
    ),
    # A server, or a grant of its tools, reaches agents of other namespaces, and nothing else than
    # admission holds back what an agent does with a tool.  No start of a cluster needs any.
    Entry(
        "servers.policyc.dev",
        Where.OUTSIDE,
        fails_closed=True,
        rules=_rules_of(_agent_resources(is_shared=True), WRITES),
        filters=(Filter.CHANGES_SOMETHING,),
    ),
    Entry(
        "own.policyc.dev",
        Where.HOME,
        fails_closed=True,
        rules=(
            Rule("", ("configmaps", "secrets", "serviceaccounts"), (UPDATE, DELETE)),
            Rule("", ("services",), CHANGES),
            Rule("", ("namespaces",), (UPDATE, DELETE), is_cluster=True),
            Rule("", ("namespaces/finalize", "namespaces/status"), (UPDATE,), is_cluster=True),
            # Whoever starts a pod beside the webhook's has the webhook's keys.
            *_rules_of(_workloads(), WRITES),
            # A status changes labels, too, and whom the Service has no more is not asked.
            Rule("", ("pods/ephemeralcontainers", "pods/resize", "pods/status"), (UPDATE,)),
            *CONNECTIONS,
            Rule("", ("endpoints",), (DELETE,)),
            Rule("apps", ("deployments", "replicasets"), (DELETE,)),
            Rule("apps", ("deployments/scale", "replicasets/scale"), (UPDATE,)),
            Rule("discovery.k8s.io", ("endpointslices",), (DELETE,)),
            Rule("networking.k8s.io", ("networkpolicies",), (UPDATE, DELETE)),
            Rule("policy", ("poddisruptionbudgets",), (UPDATE, DELETE)),
            Rule(RBAC, ("rolebindings", "roles"), CHANGES),
        ),
        filters=(
            Filter.NOT_CONTROLLERS,
            Filter.NOT_OPERATORS,
            Filter.NOT_RENEWERS,
            Filter.CHANGES_MORE_THAN_NOTES,
            Filter.INSTALLS_NOTHING,
        ),
    ),
    # Whoever is the webhook's account may change both configurations, and is asked nothing here.
    Entry(
        "keys.policyc.dev",
        Where.HOME,
        fails_closed=True,
        rules=(
            Rule("", ("serviceaccounts/token",), (CREATE,)),
            Rule("", ("secrets",), (CREATE,)),
        ),
        filters=(Filter.NOT_CONTROLLERS, Filter.NOT_OPERATORS, Filter.IS_TOKEN),
    ),
    # What is gone must be made again without a webhook, by whoever may.
    Entry(
        "installation.policyc.dev",
        Where.HOME,
        fails_closed=False,
        rules=(
            Rule("", ("services",), (CREATE,)),
            Rule("apps", ("deployments",), (CREATE,)),
        ),
        filters=(Filter.NOT_CONTROLLERS, Filter.NOT_OPERATORS, Filter.INSTALLS),
    ),
    Entry(
        "elsewhere.policyc.dev",
        Where.ELSEWHERE,
        fails_closed=False,
        rules=(
            *WORKLOADS,
            *_rules_of(_agent_resources(is_shared=False), WRITES),
            *_NAMESPACES,
        ),
        filters=(Filter.CHANGES_SOMETHING, Filter.OTHER_LABELS),
    ),
    Entry(
        "neighbours.policyc.dev",
        Where.OUTSIDE,
        fails_closed=False,
        rules=(
            Rule("", ("endpoints", "services"), WRITES),
            Rule("", ("services/status",), (UPDATE,)),
            Rule("discovery.k8s.io", ("endpointslices",), WRITES),
        ),
        filters=(Filter.BY_PEOPLE, Filter.TAKES_NO_ADDRESS),
    ),
    # A network plug-in brings ClusterRoles before any pod of the webhook can run.
    Entry(
        "others.policyc.dev",
        Where.ELSEWHERE,
        fails_closed=False,
        rules=(
            Rule(RBAC, ("roles",), WRITES),
            Rule(RBAC, ("clusterroles",), WRITES, is_cluster=True),
        ),
        filters=(Filter.BY_PEOPLE, Filter.HELD_BY_OTHERS),
    ),
    Entry(
        "cluster.policyc.dev",
        Where.EVERYWHERE,
        fails_closed=False,
        rules=(
            # The kubelet's own paths lead into every pod of its node; without a webhook logs and
            # metrics still must be read.
            Rule("", ("nodes/proxy",), (CONNECT,), is_cluster=True),
        ),
        filters=(Filter.BY_PEOPLE,),
    ),
)
"""Validation.  The entries that fail open are those that a cluster's start may need, and what
other namespaces could not work without."""

MUTATING: tuple[Entry, ...] = (
    Entry(
        "defaults.policyc.dev",
        Where.AGENTS,
        fails_closed=True,
        rules=DEFAULTS,
        filters=(Filter.CHANGES_SOMETHING,),
    ),
)
"""A running pod's spec cannot be completed any more, so pods are changed when they are made."""

_ASKED = frozenset(
    (group, resource)
    for entry in VALIDATING
    if entry.where is not Where.HOME  # about the webhook's own objects, whatever their kind
    for rule in entry.rules
    for group, resource, _ in rule.requests()
)


def is_asked(group: str, resource: str) -> bool:
    """Whether admission is asked about a resource (``plural`` or ``plural/sub``) of some namespace."""
    return (group, resource) in _ASKED
