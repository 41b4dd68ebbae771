"""What the API server lets every ServiceAccount do before anybody grants it anything.

An agent's account may have it beyond its envelope: discovery of the API's own shape, and
questions about oneself.  It is written down here, and not read from the cluster's roles of
the same names: whoever widens ``system:discovery`` widens every account.

Sources: kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go (1.34), roles
``system:basic-user``, ``system:discovery``, ``system:public-info-viewer``,
``system:service-account-issuer-discovery`` and ``system:cluster-trust-bundle-discovery``;
kubeadm cmd/kubeadm/app/phases/bootstraptoken/clusterinfo (1.34), role
``kubeadm:bootstrap-signer-clusterinfo``, which anonymous requests have too.
"""

from __future__ import annotations

from policyc.core.canonical import Json

_HEALTH = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_SHAPE = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")
_ISSUER = (
    "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/",
    "/openid/v1/jwks",
    "/openid/v1/jwks/",
)


def _rule(group: str, resources: str, verbs: str, *names: str) -> Json:
    rule: dict[str, Json] = {
        "apiGroups": [group],
        "resources": list(resources.split()),
        "verbs": list(verbs.split()),
    }
    return {**rule, "resourceNames": list(names)} if names else rule


DEFAULT_RULES: tuple[tuple[str, Json], ...] = (
    ("", {"nonResourceURLs": [*_HEALTH, *_SHAPE, *_ISSUER], "verbs": ["get"]}),
    (
        "",
        _rule("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
    ),
    ("", _rule("authentication.k8s.io", "selfsubjectreviews", "create")),
    ("", _rule("certificates.k8s.io", "clustertrustbundles", "get list watch")),
    ("kube-public", _rule("", "configmaps", "get", "cluster-info")),
)
"""The namespace that a rule is bound in (empty: everywhere), and the rule."""

BOUND_TO_EVERYBODY: frozenset[str] = frozenset(
    {
        "kube-public/kubeadm:bootstrap-signer-clusterinfo",
        "system:basic-user",
        "system:cluster-trust-bundle-discovery",
        "system:discovery",
        "system:public-info-viewer",
        "system:service-account-issuer-discovery",
    }
)
"""ClusterRoles, and one Role with its namespace, of which a fresh cluster makes every account a holder: to widen one widens every agent."""
