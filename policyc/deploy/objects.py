"""The webhook's own objects: what it runs as, where, and what it may do and reach."""

from __future__ import annotations

from dataclasses import dataclass

from policyc.admission.manifests import plural
from policyc.admission.view import WATCHED, WATCHED_IF_SERVED
from policyc.core.canonical import Json
from policyc.deploy.configurations import GROUP, NAME, Target
from policyc.deploy.definitions import GROUP as OWN
from policyc.deploy.definitions import PLURALS, definitions
from policyc.kube.workloads import WORKLOAD_KINDS

PORT = 8443
HEALTH_PORT = 8081
DRAIN_SECONDS = 15
"""How long a pod serves on after it was asked to end; endpoints are slow to forget it."""
_ETC = "/etc/policyc"
_LOG = "/var/lib/policyc/log"
_LOG_LIMIT = "2Gi"  # some 2.5 million decisions
_LABELS: dict[str, Json] = {"app.kubernetes.io/name": NAME}


@dataclass(frozen=True, slots=True)
class Rollout:
    """Images should be given by digest; with less than 2 ``replicas`` a node's end is an outage.

    ``bundle`` is an image that holds the signed output folder as ``generated`` and, beside
    it, ``generated.sig``: it is mounted as a volume (KEP-4639, on by default since Kubernetes 1.35).  With ``from_objects`` nothing is
    mounted, and envelopes are taken from the cluster's own objects.  ``log_claim`` is a
    claim of a volume that all pods may write at once, each in a folder of its own; without
    one the decision log goes with its pod.  Without ``client_certificates`` everybody who
    reaches the port is answered: for API servers that show webhooks no certificate.
    """

    image: str
    bundle: str
    replicas: int = 2
    from_objects: bool = False
    log_claim: str = ""
    client_certificates: bool = True


def objects(target: Target, rollout: Rollout) -> dict[str, dict[str, Json]]:
    """File name -> object, in the order in which they are applied."""
    return {
        "namespace.yaml": _namespace(target),
        **definitions(),
        "serviceaccount.yaml": _named("v1", "ServiceAccount", target)
        | {"automountServiceAccountToken": False},
        "clusterrole.yaml": _cluster_role(),
        "clusterrolebinding.yaml": _cluster_role_binding(target),
        "networkpolicy.yaml": _network_policy(target),
        "service.yaml": _service(target),
        "poddisruptionbudget.yaml": _budget(target),
        "deployment.yaml": _deployment(target, rollout),
    }


def watched_resources() -> list[tuple[str, str]]:
    """(group, plural) of the kinds that decisions may ask for."""
    own = {(row.group, row.kind): row.resource for row in WORKLOAD_KINDS}
    return sorted((g, own.get((g, k)) or plural(k)) for g, k in WATCHED | WATCHED_IF_SERVED)


def _named(version: str, kind: str, target: Target | None) -> dict[str, Json]:
    metadata: dict[str, Json] = {"name": NAME, "labels": dict(_LABELS)}
    if target is not None:
        metadata["namespace"] = target.home
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _namespace(target: Target) -> dict[str, Json]:
    level = "pod-security.kubernetes.io/enforce"
    labels: dict[str, Json] = {**_LABELS, level: "restricted"}
    metadata: dict[str, Json] = {"name": target.home, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _cluster_role() -> dict[str, Json]:
    """Reads what decisions need; writes its own two configurations and nothing else.

    ``create`` cannot be limited to a name: RBAC does not know it before the object is made.
    """
    reads: dict[str, list[str]] = {}
    for group, resource in watched_resources():
        reads.setdefault(group, []).append(resource)
    rules: list[Json] = [
        {"apiGroups": [group], "resources": [*plurals], "verbs": ["get", "list", "watch"]}
        for group, plurals in reads.items()
    ]
    rules.append({"apiGroups": [OWN], "resources": [*PLURALS], "verbs": ["get", "list", "watch"]})
    own: list[Json] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
    rules.append(
        {
            "apiGroups": [GROUP],
            "resources": own,
            "resourceNames": [NAME],
            "verbs": ["get", "list", "update", "watch"],
        }
    )
    rules.append({"apiGroups": [GROUP], "resources": own, "verbs": ["create"]})
    return {**_named("rbac.authorization.k8s.io/v1", "ClusterRole", None), "rules": rules}


def _cluster_role_binding(target: Target) -> dict[str, Json]:
    return {
        **_named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", None),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": target.home}],
    }


def _network_policy(target: Target) -> dict[str, Json]:
    """In: reviews and metrics.  Out: names, and the API server, whose address no label tells."""
    return {
        **_named("networking.k8s.io/v1", "NetworkPolicy", target),
        "spec": {
            "podSelector": {"matchLabels": dict(_LABELS)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [_tcp(PORT), _tcp(HEALTH_PORT)]}],
            "egress": [
                {
                    "to": [
                        {
                            "namespaceSelector": {
                                "matchLabels": {"kubernetes.io/metadata.name": "kube-system"}
                            },
                            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                        }
                    ],
                    "ports": [{"port": 53, "protocol": "UDP"}, _tcp(53)],
                },
                {"ports": [_tcp(443), _tcp(6443)]},
            ],
        },
    }


def _tcp(port: int) -> Json:
    return {"port": port, "protocol": "TCP"}


def _service(target: Target) -> dict[str, Json]:
    return {
        **_named("v1", "Service", target),
        "spec": {
            "selector": dict(_LABELS),
            "ports": [{"name": "https", "port": 443, "targetPort": "https"}],
        },
    }


def _budget(target: Target) -> dict[str, Json]:
    """A drained node never takes the last pod; unready pods may go, or a drain would hang."""
    return {
        **_named("policy/v1", "PodDisruptionBudget", target),
        "spec": {
            "minAvailable": 1,
            "selector": {"matchLabels": dict(_LABELS)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _deployment(target: Target, rollout: Rollout) -> dict[str, Json]:
    return {
        **_named("apps/v1", "Deployment", target),
        "spec": {
            "replicas": rollout.replicas,
            "selector": {"matchLabels": dict(_LABELS)},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": dict(_LABELS)}, "spec": _pod(target, rollout)},
        },
    }


def _pod(target: Target, rollout: Rollout) -> dict[str, Json]:
    """Spread over nodes, before other pods; nothing of it may depend on the webhook itself."""
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        # Variables that Kubernetes makes of Services could be taken for settings.
        "enableServiceLinks": False,
        "priorityClassName": "system-cluster-critical",
        "terminationGracePeriodSeconds": 2 * DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(_LABELS)},
            }
        ],
        "containers": [_container(target, rollout)],
        "volumes": [
            *_bundle_volume(rollout),
            {"name": "keys", "configMap": {"name": f"{NAME}-keys"}},
            {"name": "tls", "secret": {"secretName": f"{NAME}-tls", "defaultMode": 0o440}},
            {"name": "log-key", "secret": {"secretName": f"{NAME}-log-key", "defaultMode": 0o440}},
            {"name": "log", **_log_volume(rollout)},
            # Keys pass through files there (webhook/tls.py): never through a disk.
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        ],
    }


def _bundle_volume(rollout: Rollout) -> list[Json]:
    if rollout.from_objects:
        return []
    return [{"name": "bundle", "image": {"reference": rollout.bundle}}]


def _log_volume(rollout: Rollout) -> dict[str, Json]:
    """The kubelet ends a pod whose emptyDir outgrows its limit; the next one begins anew."""
    if rollout.log_claim:
        return {"persistentVolumeClaim": {"claimName": rollout.log_claim}}
    return {"emptyDir": {"sizeLimit": _LOG_LIMIT}}


def _container(target: Target, rollout: Rollout) -> dict[str, Json]:
    return {
        "name": "webhook",
        "image": rollout.image,
        "args": _arguments(target, rollout),
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [
            {"name": "https", "containerPort": PORT},
            {"name": "health", "containerPort": HEALTH_PORT},
        ],
        "readinessProbe": _probe("/readyz", 2),
        "livenessProbe": _probe("/healthz", 10),
        "startupProbe": {**_probe("/healthz", 1), "failureThreshold": 30},
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": _mounts(rollout),
    }


def _mounts(rollout: Rollout) -> list[Json]:
    """What is read, and the two places that are written."""
    read: list[Json] = [
        {"name": name, "mountPath": f"{_ETC}/{name}", "readOnly": True}
        for name in (*(() if rollout.from_objects else ("bundle",)), "keys", "tls", "log-key")
    ]
    return [
        *read,
        # A log has one writer: each pod has a folder, and a log, of its own name.
        {"name": "log", "mountPath": _LOG, "subPathExpr": "$(POD_NAME)"},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # a volume of the pod's own
    ]


def _arguments(target: Target, rollout: Rollout) -> list[Json]:
    """The flags of ``policyc webhook run``; only the API server, by its certificate, is answered."""
    clients = [f"--client-ca={_ETC}/keys/api-server-ca.crt"]
    return [
        "webhook",
        "run",
        "--bundle-objects" if rollout.from_objects else f"--bundle={_ETC}/bundle/generated",
        f"--public-keys={_ETC}/keys/bundle.pub",
        *(clients if rollout.client_certificates else ()),
        f"--tls-cert={_ETC}/tls/tls.crt",
        f"--tls-key={_ETC}/tls/tls.key",
        f"--port={PORT}",
        f"--health-port={HEALTH_PORT}",
        f"--drain-seconds={DRAIN_SECONDS}",
        f"--log-folder={_LOG}",
        f"--log-key={_ETC}/log-key/log.key",
        "--log-name=$(POD_NAME)",
        "--guard",
        f"--ca-file={_ETC}/tls/ca.crt",
        f"--home={target.home}",
        *(f"--operators={user}" for user in sorted({*target.operators, target.account})),
        *(f"--renewers={user}" for user in sorted(target.renewers)),
        *(f"--pod-annotations={key}" for key in sorted(target.pod_annotations)),
    ]


def _probe(path: str, period_seconds: int) -> dict[str, Json]:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": period_seconds,
        "timeoutSeconds": 2,
    }
