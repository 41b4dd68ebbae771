"""The API server's words: verbs of the authorizer and the built-in resources.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/ and the
discovery documents of Kubernetes 1.34.  Resources of other groups are custom ones
and are taken as written.
"""

from __future__ import annotations

from functools import cache

from policyc.core.suggest import distance

RESOURCE_VERBS = frozenset(
    "get list watch create update patch delete deletecollection use bind escalate impersonate approve sign attest".split()
)
NONRESOURCE_VERBS = frozenset("get head post put patch delete options".split())

NAMELESS_VERBS = frozenset({"create", "deletecollection"})
"""Requests that carry no object name, so a name restriction can never match them."""

BUILT_IN: dict[str, frozenset[str]] = {
    "": frozenset(
        """bindings componentstatuses configmaps endpoints events limitranges namespaces nodes
        persistentvolumeclaims persistentvolumes pods podtemplates replicationcontrollers resourcequotas secrets
        serviceaccounts services users groups""".split()
    ),
    "apps": frozenset(
        "controllerrevisions daemonsets deployments replicasets statefulsets".split()
    ),
    "batch": frozenset("cronjobs jobs".split()),
    "autoscaling": frozenset("horizontalpodautoscalers".split()),
    "networking.k8s.io": frozenset(
        "ingressclasses ingresses networkpolicies ipaddresses servicecidrs".split()
    ),
    "policy": frozenset("poddisruptionbudgets".split()),
    "rbac.authorization.k8s.io": frozenset(
        "clusterrolebindings clusterroles rolebindings roles".split()
    ),
    "storage.k8s.io": frozenset(
        "csidrivers csinodes csistoragecapacities storageclasses volumeattachments".split()
    ),
    "coordination.k8s.io": frozenset("leases leasecandidates".split()),
    "discovery.k8s.io": frozenset("endpointslices".split()),
    "events.k8s.io": frozenset("events".split()),
    "certificates.k8s.io": frozenset("certificatesigningrequests signers".split()),
    "authentication.k8s.io": frozenset("tokenreviews selfsubjectreviews userextras uids".split()),
    "authorization.k8s.io": frozenset(
        "localsubjectaccessreviews selfsubjectaccessreviews selfsubjectrulesreviews subjectaccessreviews".split()
    ),
    "admissionregistration.k8s.io": frozenset(
        """mutatingwebhookconfigurations validatingwebhookconfigurations validatingadmissionpolicies
        validatingadmissionpolicybindings mutatingadmissionpolicies mutatingadmissionpolicybindings""".split()
    ),
    "apiextensions.k8s.io": frozenset({"customresourcedefinitions"}),
    "apiregistration.k8s.io": frozenset({"apiservices"}),
    "scheduling.k8s.io": frozenset({"priorityclasses"}),
    "node.k8s.io": frozenset({"runtimeclasses"}),
}

_SUBRESOURCES: dict[tuple[str, str], str] = {
    ("", "namespaces"): "finalize",
    # The kubelet's own: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
    ("", "nodes"): "checkpoint configz healthz log metrics pods proxy spec stats statusz",
    ("", "pods"): "attach binding ephemeralcontainers eviction exec log portforward proxy resize",
    ("", "replicationcontrollers"): "scale",
    ("", "serviceaccounts"): "token",
    ("", "services"): "proxy",
    ("apps", "deployments"): "scale",
    ("apps", "replicasets"): "scale",
    ("apps", "statefulsets"): "scale",
    ("certificates.k8s.io", "certificatesigningrequests"): "approval",
}
_WITH_STATUS = frozenset(
    """namespaces nodes persistentvolumeclaims persistentvolumes pods replicationcontrollers
    resourcequotas services daemonsets deployments replicasets statefulsets cronjobs jobs
    horizontalpodautoscalers ingresses networkpolicies servicecidrs poddisruptionbudgets
    volumeattachments certificatesigningrequests validatingadmissionpolicies
    customresourcedefinitions apiservices""".split()
)


@cache
def subresources(group: str, plural: str) -> frozenset[str]:
    """The subresources of a built-in resource; those of ``userextras`` are any key."""
    known = frozenset(_SUBRESOURCES.get((group, plural), "").split())
    return known | {"status"} if plural in _WITH_STATUS else known


@cache
def built_in_resources() -> frozenset[str]:
    """Every built-in ``plural[/sub][.group]``."""
    return frozenset(
        written + (f".{group}" if group else "")
        for group, plurals in BUILT_IN.items()
        for plural in plurals
        for written in (plural, *(f"{plural}/{sub}" for sub in subresources(group, plural)))
    )


@cache
def is_custom_group(group: str) -> bool:
    """Whether the group can be a custom resource's, of which anything is taken as written.

    The API server asks for a dot in such a group.  One edit away from a built-in group
    it is a mistake: a line about it would match no request.
    """
    return (
        "." in group
        and group not in BUILT_IN
        and all(distance(group, known, 1) > 1 for known in BUILT_IN)
    )


def split_resource(written: str) -> tuple[str, str]:
    """``(group, resource[/sub])`` of ``plural[/sub][.group]``."""
    plural, slash, rest = written.partition("/")
    if slash:
        sub, _, group = rest.partition(".")
        return group, f"{plural}/{sub}"
    plural, _, group = written.partition(".")
    return group, plural


STANDARD_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""What ``*`` is written out as: the special verbs (escalate, bind, impersonate, ...) are named or absent."""

CLUSTER_SCOPED = frozenset(
    {("", plural) for plural in ("componentstatuses", "nodes", "persistentvolumes")}
    | {
        (group, plural)
        for group in (
            "admissionregistration.k8s.io",
            "apiextensions.k8s.io",
            "apiregistration.k8s.io",
            "certificates.k8s.io",
            "node.k8s.io",
            "scheduling.k8s.io",
        )
        for plural in BUILT_IN[group]
    }
    | {
        ("rbac.authorization.k8s.io", "clusterroles"),
        ("rbac.authorization.k8s.io", "clusterrolebindings"),
    }
    | {
        ("storage.k8s.io", plural)
        for plural in ("csidrivers", "csinodes", "storageclasses", "volumeattachments")
    }
    | {
        ("networking.k8s.io", plural)
        for plural in ("ingressclasses", "ipaddresses", "servicecidrs")
    }
    | {("authentication.k8s.io", plural) for plural in BUILT_IN["authentication.k8s.io"]}
    # What is impersonated (k8s.io/apiserver pkg/endpoints/filters/impersonation.go); of it only
    # ServiceAccounts have a namespace.
    | {("", plural) for plural in ("groups", "users")}
    | {
        ("authorization.k8s.io", plural)
        for plural in (
            "selfsubjectaccessreviews",
            "selfsubjectrulesreviews",
            "subjectaccessreviews",
        )
    }
)
"""(group, plural) of built-in resources whose requests never have a namespace.

Not so ``namespaces``: a request for one is made in it
(k8s.io/apiserver pkg/endpoints/request/requestinfo.go).
"""

_OF_ALL_NAMESPACES = frozenset({"create", "deletecollection", "list", "watch"})


def is_cluster_scoped(group: str, resource: str, verb: str) -> bool:
    """Whether requests with this verb for ``resource[/sub]`` never have a namespace."""
    if (group, resource) == ("", "namespaces"):
        return verb in _OF_ALL_NAMESPACES
    return (group, resource.partition("/")[0]) in CLUSTER_SCOPED


def is_plain(resource: str) -> bool:
    """Whether it is one resource and no subresource, the creation of which carries no name."""
    return "/" not in resource and resource != "*"
