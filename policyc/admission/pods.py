"""The pod in an object: one reading of it for every kind that starts pods."""

from __future__ import annotations

import marshal
from typing import Any

from policyc.admission.remembered import LONGEST
from policyc.admission.request import Object, Request
from policyc.admission.view import annotations_of, labels_of
from policyc.core.canonical import Json
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind, template_of

CONTAINER_FIELDS = ("initContainers", "containers", "ephemeralContainers")
_MOST_REMEMBERED = 64
"""Containers; the words of more would be too long, and take long to find that out."""
_TOKEN_VOLUME = "kube-api-access-"  # noqa: S105  # plugin/pkg/admission/serviceaccount/admission.go, 1.36
_TITLES = {
    "initContainers": "init container",
    "containers": "container",
    "ephemeralContainers": "ephemeral container",
}


class Container:
    """One container: ``path`` is its JSON path in the object, ``field`` and ``index`` its place.

    ``context`` is its security context, empty where it has none.  A plain class: a request
    makes them anew, and a frozen one costs three times as much to make.
    """

    __slots__ = ("body", "context", "field", "index", "name", "path")

    def __init__(self, path: str, field: str, index: int, body: Object) -> None:
        self.path = path
        self.field = field
        self.index = index
        self.body = body
        self.name = str(body.get("name", ""))
        self.context = self.get("securityContext")

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{_TITLES[self.field]} `{self.name}`"

    def get(self, key: str) -> Object:
        """The object in a field; what is no object counts as empty."""
        value = self.body.get(key)
        return value if isinstance(value, dict) else {}


class Pod:
    """A pod or a template of one; ``path`` is the JSON path of the template, empty for a Pod.

    Its parts are taken apart once, when the first check asks for them.  ``account`` is the
    ServiceAccount that it would run as (the API's default is ``default``), ``context`` its
    own security context, which containers override, ``workload`` the name of the object
    that holds the template, ``token`` the random name of the volume that the API server adds
    for the token, empty where there is none.
    """

    __slots__ = (
        "_containers",
        "_volumes",
        "_words",
        "account",
        "annotations",
        "context",
        "kind",
        "labels",
        "path",
        "spec",
        "template",
        "token",
        "workload",
    )

    def __init__(self, kind: WorkloadKind, path: str, template: Object, workload: str) -> None:
        self.kind = kind
        self.path = path
        self.template = template
        self.workload = workload
        self.labels = labels_of(template)
        self.annotations = annotations_of(template)
        spec = template.get("spec")
        self.spec: Object = spec if isinstance(spec, dict) else {}
        self.account = account_of(self.spec)
        context = self.spec.get("securityContext")
        self.context: Object = context if isinstance(context, dict) else {}
        self.token = self._name_of_token()
        self._volumes: tuple[tuple[str, Object], ...] | None = None
        self._containers: tuple[Container, ...] | None = None
        self._words: bytes | None = None

    @property
    def volumes(self) -> tuple[tuple[str, Object], ...]:
        """The JSON path and body of each volume; what is no object is passed over."""
        if self._volumes is None:
            self._volumes = tuple([(at, body) for at, _, body in self._listed("volumes")])
        return self._volumes

    def containers(self) -> tuple[Container, ...]:
        """Init containers, containers and ephemeral ones; what is no object is passed over."""
        if self._containers is None:
            self._containers = tuple(
                [
                    Container(at, name, i, body)
                    for name in CONTAINER_FIELDS
                    for at, i, body in self._listed(name)
                ]
            )
        return self._containers

    def words(self) -> bytes:
        """All that the spec and the annotations say, as a key that replicas have in common.

        What is equal says the same, types included (1 equals True in Python, not here).
        Only the name of the volume for the token is left out, which is random.  Empty
        where it is longer than what is worth to be remembered.
        """
        if self._words is None and sum(map(len, self._lists().values())) > _MOST_REMEMBERED:
            self._words = b""
        if self._words is None:
            try:
                words = marshal.dumps((self.spec_with(()), self.annotations))
            except ValueError:  # nested too deeply
                words = b""
            self._words = words if len(words) <= LONGEST else b""
        return self._words

    def know(self, words: bytes) -> None:
        """Another pod that says the same has these words."""
        self._words = words

    def spec_with(self, name: Any) -> dict[str, Any]:  # a name that no JSON has
        """The spec with another name for the volume of the token, here and where it is mounted."""
        if not self.token:
            return self.spec
        made: dict[str, Any] = {**self.spec}
        made["volumes"] = _renamed(self.spec["volumes"], self.token, name)
        for field, bodies in self._lists().items():
            made[field] = [_mounting(body, self.token, name) for body in bodies]
        return made

    def _lists(self) -> dict[str, list[Json]]:
        """Field of the spec -> what it lists as containers."""
        return {
            field: listed
            for field in CONTAINER_FIELDS
            if isinstance(listed := self.spec.get(field), list)
        }

    def _name_of_token(self) -> str:
        listed = self.spec.get("volumes")
        for volume in listed if isinstance(listed, list) else ():
            name = volume.get("name") if isinstance(volume, dict) else None
            if isinstance(name, str) and name.startswith(_TOKEN_VOLUME):
                return name
        return ""

    def at(self, place: str) -> str:
        """The JSON path of a place in the template."""
        return f"{self.path}.{place}" if self.path else place

    def _listed(self, name: str) -> list[tuple[str, int, Object]]:
        listed = self.spec.get(name)
        if not isinstance(listed, list):
            return []
        path = f"{self.path}.spec.{name}" if self.path else f"spec.{name}"
        return [
            (f"{path}[{i}]", i, body) for i, body in enumerate(listed) if isinstance(body, dict)
        ]


def _renamed(listed: Json, name: str, new: object) -> list[Any]:
    """Volumes or mounts with a new name for one of them."""
    assert isinstance(listed, list)
    return [
        {**item, "name": new} if isinstance(item, dict) and item.get("name") == name else item
        for item in listed
    ]


def _mounting(body: Json, name: str, new: object) -> Any:  # as marshal takes it
    """A container with a new name for the volume where it is mounted."""
    mounts = body.get("volumeMounts") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(mounts, list):
        return body
    return {**body, "volumeMounts": _renamed(mounts, name, new)}


def account_of(spec: Object) -> str:
    """The ServiceAccount that a pod would run as: the API's default is ``default``."""
    return str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")


WORDS = "words"
"""Of a request's readings: the pod's words, where they are known before it is read."""
_ROWS = {(row.group, row.kind): row for row in WORKLOAD_KINDS}


def kind_that_starts_pods(group: str, kind: str) -> WorkloadKind | None:
    """The row of the table; versions of one kind are one kind."""
    return _ROWS.get((group, kind))


def pod_of(request: Request) -> Pod | None:
    """The pod that the request's object would start, read once for all who ask."""
    if "pod" not in request.readings:
        made = pod_in(request.group, request.kind, request.object)
        if made is not None and WORDS in request.readings:
            made.know(request.readings[WORDS])
        request.readings["pod"] = made
    found: Pod | None = request.readings["pod"]
    return found


def pod_in(group: str, kind: str, body: Object | None) -> Pod | None:
    """The pod that an object of that kind would start; None when it starts none."""
    row = kind_that_starts_pods(group, kind)
    if row is None or body is None:
        return None
    template = template_of(row, body)
    if not isinstance(template, dict):
        return None
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return Pod(row, ".".join(row.template), template, str(name or ""))
