"""Whose pod it is: from a pod up to the workload template that made it, through the API server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from recorder.api import RefusedError, UnansweredError
from recorder.identity import Container
from recorder.profile import Workload

Object: TypeAlias = "Mapping[str, object]"
Fetch: TypeAlias = "Callable[[str], Object | None]"
"""A path of the API -> the object there, or None; UnansweredError when nobody answers, RefusedError when it may not be asked for."""
Owner: TypeAlias = "tuple[str, str, str]"
"""API version, kind and name."""

AGAIN_SECONDS = 5.0
"""How long nobody is asked after nobody answered: each question takes a time-out."""
KEPT = 4096
NOBODY_TOLD = "whose pod it was: the API server did not answer"
POD_IS_GONE = "whose pod it was: it was gone before its owner was asked for"
_MADE_BY_OTHERS = {("apps/v1", "ReplicaSet"): "replicasets", ("batch/v1", "Job"): "jobs"}
"""Kinds that a further controller may own (Deployment or a rollout; CronJob), with their plurals."""
_POD_HASH = "pod-template-hash"
_HASHES = (_POD_HASH, "controller-revision-hash")
_MINUTES = re.compile(r"[2-6]\d{7}")  # 2008 to 2103
_SPECS = ("containers", "initContainers", "ephemeralContainers")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(slots=True)
class Owners:
    """Asks once about each ReplicaSet and Job: who controls one never changes."""

    fetch: Fetch
    known: dict[str, Object] = field(default_factory=dict)
    silent_until: float = 0.0
    unanswered: int = 0

    def resolve(self, container: Container, now: float) -> Container:
        """As the function; unchanged, to be asked about again, when nobody answers.

        ``now`` is on the monotonic clock.
        """
        if not container.pod or now < self.silent_until:
            return container
        try:
            return resolve(container, self._fetch)
        except (UnansweredError, RefusedError):
            self.unanswered += 1
            self.silent_until = now + AGAIN_SECONDS
            return container

    def _fetch(self, path: str) -> Object | None:
        if path in self.known:
            return self.known[path]
        found = self.fetch(path)
        if found is not None and not path.startswith("/api/v1/"):
            if len(self.known) >= KEPT:
                self.known.clear()
            self.known[path] = {"metadata": found.get("metadata")}
        return found


def resolve(container: Container, fetch: Fetch) -> Container:
    """The container with its pod's owner as the workload; UnansweredError or RefusedError."""
    if not container.pod:
        return container
    pod = container.workload
    found = fetch(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")
    if found is None:
        return replace(container, pod=False, blind=(POD_IS_GONE,))
    asked = _template(found, pod.namespace, fetch) or ("v1", "Pod", pod.name)
    labels = _labels(found)
    return replace(
        container,
        workload=Workload(asked[0], asked[1], pod.namespace, asked[2], pod.container),
        pod=False,
        template_hash=next((labels[name] for name in _HASHES if name in labels), ""),
        image_digest=_digest(found, pod.container) or container.image_digest,
    )


def _template(pod: Object, namespace: str, fetch: Fetch) -> Owner | None:
    """What has the template: the last of the controllers that is known of."""
    owner = _controller(pod)
    while owner and (plural := _MADE_BY_OTHERS.get(owner[:2])):
        found = fetch(f"/apis/{owner[0]}/namespaces/{namespace}/{plural}/{owner[2]}")
        if found is None:
            return _named(owner, _labels(pod)) or owner
        above = _controller(found)
        if above is None:
            return owner
        owner = above
    return owner


def _named(owner: Owner, labels: Mapping[str, str]) -> Owner | None:
    """What made a ReplicaSet or Job that is gone, by the name that it was given.

    A Deployment names them `NAME-HASH` and labels their pods with the hash (pkg/controller/deployment/sync.go);
    a CronJob `NAME-MINUTES` since 1970 (pkg/controller/cronjob/utils.go, getJobName; Kubernetes 1.36).
    """
    name, _, last = owner[2].rpartition("-")
    if owner[:2] == ("apps/v1", "ReplicaSet") and name and labels.get(_POD_HASH) == last:
        return "apps/v1", "Deployment", name
    if owner[:2] == ("batch/v1", "Job") and name and _MINUTES.fullmatch(last):
        return "batch/v1", "CronJob", name
    return None


def _controller(found: Object) -> Owner | None:
    """API version, kind and name of what controls an object."""
    references = _mapping(found.get("metadata")).get("ownerReferences")
    for entry in references if isinstance(references, list) else ():
        owner = _mapping(entry)
        if owner.get("controller") is True:
            return str(owner["apiVersion"]), str(owner["kind"]), str(owner["name"])
    return None


def _digest(pod: Object, container: str) -> str:
    """Of the image that runs, as the kubelet reports it; until it does, of the one that was asked for."""
    for part, lists, told in (("status", _STATUSES, "imageID"), ("spec", _SPECS, "image")):
        for name in lists:
            found = _mapping(pod.get(part)).get(name)
            for entry in map(_mapping, found if isinstance(found, list) else ()):
                digest = str(entry.get(told, "")).partition("@")[2]
                if entry.get("name") == container and digest:
                    return digest
    return ""


def _labels(found: Object) -> dict[str, str]:
    labels = _mapping(_mapping(found.get("metadata")).get("labels"))
    return {str(name): str(value) for name, value in labels.items()}


def _mapping(value: object) -> Object:
    return value if isinstance(value, dict) else {}
