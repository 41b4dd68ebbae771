"""The pod in an object: one reading of it for every kind that starts pods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from policyc.admission.request import Object
from policyc.core.canonical import Json
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind

CONTAINER_FIELDS = ("initContainers", "containers", "ephemeralContainers")
_TITLES = {
    "initContainers": "init container",
    "containers": "container",
    "ephemeralContainers": "ephemeral container",
}


@dataclass(frozen=True, slots=True)
class Container:
    """One container: ``path`` is its JSON path in the object, ``field`` its list's name."""

    path: str
    field: str
    body: Object

    @property
    def name(self) -> str:
        return str(self.body.get("name", ""))

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{_TITLES[self.field]} `{self.name}`"

    def get(self, key: str) -> Object:
        """The object in a field; what is no object counts as empty."""
        value = self.body.get(key)
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Pod:
    """A pod or a template of one; ``path`` is the JSON path of the template, empty for a Pod.

    Every check asks for its parts: they are taken apart once (no slots, for that reason).
    """

    kind: WorkloadKind
    path: str
    template: Object
    workload: str  # name of the object that holds the template

    def at(self, place: str) -> str:
        """The JSON path of a place in the template."""
        return f"{self.path}.{place}" if self.path else place

    @cached_property
    def spec(self) -> Object:
        spec = self.template.get("spec")
        return spec if isinstance(spec, dict) else {}

    @cached_property
    def security_context(self) -> Object:
        """The pod's own, which containers override."""
        context = self.spec.get("securityContext")
        return context if isinstance(context, dict) else {}

    @cached_property
    def volumes(self) -> tuple[tuple[str, Object], ...]:
        """The JSON path and body of each volume; what is no object is passed over."""
        return tuple(self._listed("volumes"))

    def containers(self) -> tuple[Container, ...]:
        """Init containers, containers and ephemeral ones; what is no object is passed over."""
        return self._containers

    @cached_property
    def _containers(self) -> tuple[Container, ...]:
        return tuple(
            Container(path, name, body)
            for name in CONTAINER_FIELDS
            for path, body in self._listed(name)
        )

    def _listed(self, name: str) -> Iterator[tuple[str, Object]]:
        listed = self.spec.get(name)
        for i, body in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(body, dict):
                yield self.at(f"spec.{name}[{i}]"), body


def kind_that_starts_pods(group: str, kind: str) -> WorkloadKind | None:
    """The row of the table; versions of one kind are one kind."""
    for row in WORKLOAD_KINDS:
        if (row.group, row.kind) == (group, kind):
            return row
    return None


def pod_in(group: str, kind: str, body: Object | None) -> Pod | None:
    """The pod that an object of that kind would start; None when it starts none."""
    row = kind_that_starts_pods(group, kind)
    if row is None or body is None:
        return None
    template: Json = body
    for key in row.template:
        template = template.get(key) if isinstance(template, dict) else None
    if not isinstance(template, dict):
        return None
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return Pod(row, ".".join(row.template), template, str(name or ""))
