"""Reviews to decide on: ordinary ones of about 5 KB, as the API server sends them, and huge ones."""

from __future__ import annotations

import copy
import json

from support import admission
from support.webhook import review

Json = admission.Json
ORDINARY_BYTES = 5_000
LARGE_BYTES = 1_500_000

_LIMITS = {"cpu": "500m", "memory": "256Mi"}
_PROBE = {"failureThreshold": 3, "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}  # fmt: skip
_ENV = {
    "LOG_LEVEL": "info",
    "AGENT_TOOLS": "web/web_search,web/read_file",
    "ANTHROPIC_MODEL": "claude-sonnet",
    "API_URL": "https://api.example.com/v1",
    "HOME": "/home/agent",
    "MAX_STEPS": "25",
    "PORT": "8080",
    "TZ": "UTC",
}
_TOKEN = {
    "defaultMode": 420,
    "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        {
            "downwardAPI": {
                "items": [
                    {
                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                        "path": "namespace",
                    }
                ]
            }
        },
    ],
}
"""What the ServiceAccount admission plugin adds to a pod (kube-api-access-*)."""
_ENDING = "x7k2p"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names (k8s.io/apimachinery, pkg/util/rand)."""
_TOLERATION = {"effect": "NoExecute", "operator": "Exists", "tolerationSeconds": 300}


def pod(agent: str, space: str) -> Json:
    """A pod of the agent with two containers, defaulted, compliant, labels and account its own."""
    body = admission.pod()
    body["metadata"] = {
        "name": f"{agent}-5d8f7c9b6-{_ENDING}",
        "generateName": f"{agent}-5d8f7c9b6-",
        "namespace": space,
        "creationTimestamp": None,
        "labels": {
            "app.kubernetes.io/name": agent,
            "pod-template-hash": "5d8f7c9b6",
            "policyc.dev/agent": agent,
        },
        "annotations": {"policyc.dev/agent": agent, "prometheus.io/scrape": "true"},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"{agent}-5d8f7c9b6",
                "uid": "0c4f4b0c-7d0e-4f3a-9a3d-0d9f3c0f1e11",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    spec = body["spec"]
    spec["serviceAccountName"] = spec["serviceAccount"] = agent
    spec["securityContext"]["seccompProfile"]["localhostProfile"] = f"policyc/{agent}.json"
    volume = f"kube-api-access-{_ENDING}"
    spec["containers"] = [
        _container(spec["containers"][0], name, volume) for name in ("agent", "metrics")
    ]
    spec["volumes"] = [
        {"name": "work", "emptyDir": {}},
        {"name": volume, "projected": copy.deepcopy(_TOKEN)},
    ]
    spec |= {
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", **_TOLERATION}
            for key in ("not-ready", "unreachable")
        ],
    }
    body["status"] = {"phase": "Pending", "qosClass": "Burstable"}
    return _filled(body)


def replica(agent: str, space: str, number: int) -> Json:
    """The pod, with a name and a volume of the token as no other replica has them."""
    ending = "".join(_LETTERS[number // len(_LETTERS) ** i % len(_LETTERS)] for i in range(5))
    text = json.dumps(pod(agent, space))
    made: Json = json.loads(text.replace(_ENDING, ending))
    return made


def _container(body: Json, name: str, token: str) -> Json:
    return {
        **copy.deepcopy(body),
        "name": name,
        "args": ["--serve", "--config=/config/agent.yaml"],
        "env": [{"name": key, "value": value} for key, value in _ENV.items()],
        "imagePullPolicy": "IfNotPresent",
        "livenessProbe": copy.deepcopy(_PROBE),
        "readinessProbe": copy.deepcopy(_PROBE),
        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
        "resources": {"limits": dict(_LIMITS), "requests": dict(_LIMITS)},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"mountPath": "/work", "name": "work"},
            {
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                "name": token,
                "readOnly": True,
            },
        ],
    }


def _filled(body: Json) -> Json:
    """The object with a field of ``managedFields`` that brings the review to its size."""
    short = ORDINARY_BYTES - len(json.dumps(review(admission.request(body))))
    fields = {f"f:{i:03}": {} for i in range(max(0, short) // len('"f:000": {}, '))}
    body["metadata"]["managedFields"] = [
        {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": fields}
    ]
    return body


def deployment(agent: str, space: str) -> Json:
    """The Deployment whose pods are those, as people write it: without what mutation adds."""
    made = pod(agent, space)
    spec = made["spec"]
    for name in ("runtimeClassName", "securityContext"):
        del spec[name]
    for container in spec["containers"]:
        del container["securityContext"], container["resources"]["limits"]
    spec["volumes"].pop()
    labels = {"app.kubernetes.io/name": agent}
    metadata = {
        "name": agent,
        "namespace": space,
        "labels": labels,
        "managedFields": made["metadata"]["managedFields"],
    }
    template = {"metadata": {"labels": dict(labels)}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": dict(labels)},
            "strategy": {"type": "RollingUpdate"},
            "template": template,
        },
    }


def large(agent: str, space: str) -> dict[str, Json]:
    """What is huge in a pod -> the pod; all but the containers' own faults are compliant."""

    def changed(**parts: Json) -> Json:
        body = pod(agent, space)
        body["metadata"]["annotations"] |= parts.pop("annotations", {})
        return body

    variables, containers = changed(), changed()
    variables["spec"]["containers"][0]["env"] = [
        {"name": f"E{i}", "value": "v"} for i in range(10_000)
    ]
    first = containers["spec"]["containers"][0]
    containers["spec"]["containers"] = [{**first, "name": f"c{i}"} for i in range(1_000)]
    filler = {f"example.com/{i:05}": "x" * 100 for i in range(LARGE_BYTES // 128)}
    return {
        "1.5 MB of annotations": changed(annotations=filler),
        "an annotation of 256 KiB": changed(annotations={"a": "x" * 256 * 1024}),
        "10,000 variables": variables,
        "1,000 containers": containers,
    }
