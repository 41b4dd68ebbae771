"""Whose a pod is, from the kubelet of this node: it knows its pods when the API server does not answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from recorder.api import RefusedError, Server, in_cluster
from recorder.errors import ExitCode, RecorderError
from recorder.owners import Fetch, Object

_PODS = "/api/v1/namespaces/{}/pods/{}"


@dataclass(slots=True)
class Kubelet:
    """Asks the kubelet for pods, and ``above`` for what controls their controllers.

    Without ``above``, names and labels that Kubernetes makes itself lead from a ReplicaSet to its Deployment.
    """

    server: Server
    above: Fetch | None
    pods: dict[str, Object] = field(default_factory=dict)
    """Those of the last answer, by their path in the API."""

    def get(self, path: str) -> Object | None:
        """As ``owners.Fetch``: the list is asked for again when a pod is not in it."""
        if not path.startswith("/api/v1/"):
            return self.above(path) if self.above else None
        if path not in self.pods:
            self.pods = _by_path(self.server.request("GET", "/pods"))
        return self.pods.get(path)


def kubelet(address: str, above: Fetch | None) -> Kubelet:
    """The kubelet at http://HOST:10255, its read-only port, or https://HOST:10250; RecorderError for another address.

    Over https it is asked as this pod's ServiceAccount, which needs to `get` nodes/pods (KubeletFineGrainedAuthz,
    on since Kubernetes 1.33; GetRequestAttributes in pkg/kubelet/server/auth.go), and its certificate must be
    the cluster's.  An IPv6 address may stand without brackets, as the API gives that of a node.
    """
    scheme, _, place = address.partition("://")
    host, _, port = place.rstrip("/").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if (
        scheme not in {"http", "https"}
        or not re.fullmatch(r"[^/@\[\]]+", host)
        or not _is_port(port)
    ):
        raise RecorderError(
            ExitCode.USAGE,
            f"`{address}` is no address of a kubelet",
            "write it as https://HOST:10250 or http://HOST:10255",
        )
    if scheme == "http":
        return Kubelet(Server(host, int(port), None), above)
    cluster = in_cluster()
    return Kubelet(Server(host, int(port), cluster.context, cluster.account), above)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 16


def _by_path(listed: Object) -> dict[str, Object]:
    items = listed.get("items")
    if not isinstance(items, list):
        raise RefusedError(200, "the kubelet's answer is no list of pods")
    found: dict[str, Object] = {}
    for pod in items:
        metadata = pod.get("metadata") if isinstance(pod, dict) else None
        if isinstance(metadata, dict):
            found[_PODS.format(metadata.get("namespace"), metadata.get("name"))] = pod
    return found
