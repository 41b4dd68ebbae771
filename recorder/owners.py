"""Whose pod it is: from a pod up to the workload template that made it, through the API server."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from recorder.errors import ExitCode, RecorderError
from recorder.identity import Container
from recorder.profile import Workload

Object: TypeAlias = "Mapping[str, object]"
Fetch: TypeAlias = "Callable[[str], Object]"
"""A path of the API -> the object there; empty when there is none or nobody answers."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT_SECONDS = 2
_MADE_BY_OTHERS = {("apps/v1", "ReplicaSet"): "replicasets", ("batch/v1", "Job"): "jobs"}
"""Kinds that a further controller may own (Deployment or a rollout; CronJob), with their plurals."""
_HASHES = ("pod-template-hash", "controller-revision-hash")


def resolve(container: Container, fetch: Fetch) -> Container:
    """The container with its pod's owner as the workload; unchanged when nobody tells."""
    if not container.pod:
        return container
    pod, asked = container.workload, container.workload
    found = fetch(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")
    if not found:
        return container
    owner = _controller(found)
    while owner:
        asked = Workload(owner[0], owner[1], pod.namespace, owner[2], pod.container)
        plural = _MADE_BY_OTHERS.get(owner[:2])
        path = f"/apis/{owner[0]}/namespaces/{pod.namespace}/{plural}/{owner[2]}"
        owner = _controller(fetch(path)) if plural else None
    labels = _mapping(_mapping(found.get("metadata")).get("labels"))
    template = next((str(labels[name]) for name in _HASHES if name in labels), "")
    return replace(
        container,
        workload=asked,
        pod=False,
        template_hash=template,
        image_digest=_digest(found, pod.container),
    )


def in_cluster(account: Path = ACCOUNT) -> Fetch:
    """Ask the API server of this cluster as this pod's ServiceAccount; RecorderError outside of one."""
    host, port = (
        os.environ.get("KUBERNETES_SERVICE_HOST"),
        os.environ.get("KUBERNETES_SERVICE_PORT"),
    )
    try:
        context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    except OSError as error:
        raise _outside() from error
    if not host or not port:
        raise _outside()
    base = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def fetch(path: str) -> Object:
        # The token is renewed in its file.
        token = (account / "token").read_text().strip()
        request = urllib.request.Request(  # noqa: S310  # https, by construction
            base + path, headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(  # noqa: S310  # as above
                request, timeout=TIMEOUT_SECONDS, context=context
            ) as answer:
                return _mapping(json.loads(answer.read()))
        except (OSError, ValueError, urllib.error.URLError):
            return {}

    return fetch


def _outside() -> RecorderError:
    return RecorderError(
        ExitCode.USAGE,
        "there is no cluster to ask: this is no pod with a ServiceAccount",
        "leave out --kubernetes, or run in a pod that may get pods, replicasets and jobs",
    )


def _controller(found: Object) -> tuple[str, str, str] | None:
    """API version, kind and name of what controls an object."""
    references = _mapping(found.get("metadata")).get("ownerReferences")
    for entry in references if isinstance(references, list) else ():
        owner = _mapping(entry)
        if owner.get("controller") is True:
            return str(owner["apiVersion"]), str(owner["kind"]), str(owner["name"])
    return None


def _digest(pod: Object, container: str) -> str:
    statuses = _mapping(pod.get("status")).get("containerStatuses")
    for entry in statuses if isinstance(statuses, list) else ():
        status = _mapping(entry)
        if status.get("name") == container:
            return str(status.get("imageID", "")).rpartition("@")[2]
    return ""


def _mapping(value: object) -> Object:
    return value if isinstance(value, dict) else {}
