"""What the cluster holds, as far as decisions need it: a snapshot, whoever took it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from policyc.admission.request import Object, Operation, Request
from policyc.core.canonical import Json
from policyc.kube.workloads import WORKLOAD_KINDS

T = TypeVar("T")
Kind = tuple[str, str]
"""API group (empty: core) and kind."""
Key = tuple[str, str]
"""Namespace (empty: cluster-scoped) and name."""

_NOTHING = object()
RBAC = "rbac.authorization.k8s.io"
WATCHED: frozenset[Kind] = frozenset(
    {
        ("", "Namespace"),
        ("", "Pod"),
        ("", "ServiceAccount"),
        ("", "ConfigMap"),
        ("", "Service"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("networking.k8s.io", "NetworkPolicy"),
        (RBAC, "Role"),
        (RBAC, "RoleBinding"),
        (RBAC, "ClusterRole"),
        (RBAC, "ClusterRoleBinding"),
    }
) | {(row.group, row.kind) for row in WORKLOAD_KINDS}
"""The kinds that decisions may ask for; the webhook watches them, the scan lists them."""

WATCHED_IF_SERVED: frozenset[Kind] = frozenset(
    {
        ("kagent.dev", "Agent"),
        ("kagent.dev", "SandboxAgent"),
        ("kagent.dev", "MCPServer"),
        ("kagent.dev", "ModelConfig"),
        ("kagent.dev", "RemoteMCPServer"),
        ("toolhive.stacklok.dev", "MCPToolConfig"),
        ("toolhive.stacklok.dev", "MCPServer"),
    }
)
"""Custom kinds that decisions may ask for: a cluster that does not serve one has none of it."""


def kind_of(body: Object) -> Kind:
    group, slash, _ = str(body.get("apiVersion", "")).partition("/")
    return (group if slash else "", str(body.get("kind", "")))


def key_of(body: Object) -> Key:
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        return ("", "")
    return (str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))


class View:
    """Immutable: a change makes a new view, so a request sees one state.

    ``unknown`` are kinds whose state is not known, or too old: a decision that needs
    one of them is refused.
    """

    def __init__(
        self, objects: Mapping[Kind, Mapping[Key, Object]], unknown: frozenset[Kind] = frozenset()
    ) -> None:
        self.objects = objects
        self.unknown = unknown
        self._facts: dict[frozenset[Kind], dict[Hashable, object]] = {}
        self._read: dict[Kind, dict[int, tuple[Object, object]]] = {}

    @classmethod
    def of(cls, bodies: Iterable[Object]) -> View:
        """The view of a cluster that holds these objects and no others."""
        objects: dict[Kind, dict[Key, Object]] = {}
        for body in bodies:
            objects.setdefault(kind_of(body), {})[key_of(body)] = body
        return cls(objects)

    def get(self, group: str, kind: str, namespace: str, name: str) -> Object | None:
        return self.objects.get((group, kind), {}).get((namespace, name))

    def all(self, group: str, kind: str, namespace: str | None = None) -> Iterator[Object]:
        """Objects of a kind, of one namespace where one is given."""
        for (space, _), body in self.objects.get((group, kind), {}).items():
            if namespace is None or space == namespace:
                yield body

    def namespace_labels(self, namespace: str) -> Mapping[str, str]:
        """What is known of a namespace's labels, whether it is here or not.

        Its name is always one: the API server sets it
        (https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name).
        """
        body = self.get("", "Namespace", "", namespace)
        given = {} if body is None or ("", "Namespace") in self.unknown else labels_of(body)
        return {**given, "kubernetes.io/metadata.name": namespace}

    def after(self, request: Request) -> View:
        """What the cluster would hold if the request were admitted."""
        kind = (request.group, request.kind)
        held = self.objects.get(kind, {})
        goes = request.operation is Operation.DELETE
        # A request about a namespace is made in it: requestinfo.go of k8s.io/apiserver.
        space = "" if kind == ("", "Namespace") else request.namespace
        bodies = [body for body in (request.old, request.object) if body is not None]
        names = {key_of(body)[1] for body in bodies} | ({request.name} if goes else set())
        changed = dict(held)
        for name in names:
            changed.pop((space, name), None)
        if not goes and request.object is not None:
            changed[(space, key_of(request.object)[1])] = request.object
        return self.with_kind(kind, changed)

    def before(self, request: Request) -> View:
        """What the cluster holds without what the request brings: the old object, or none."""
        old = request.old
        undone = replace(request, operation=Operation.UPDATE, object=old)
        if old is None:
            undone = replace(request, operation=Operation.DELETE, old=request.object)
        return self.after(undone)

    def with_kind(self, kind: Kind, objects: Mapping[Key, Object]) -> View:
        """This view with other objects of one kind."""
        later = self._succeeded({**self.objects, kind: objects}, self.unknown)
        # A copy: what is read of a request's object must not stay when the request is gone.
        later._read = {**self._read, kind: dict(self._read.get(kind, {}))}  # noqa: SLF001  # one of us
        return later

    def followed_by(
        self, objects: Mapping[Kind, Mapping[Key, Object]], unknown: frozenset[Kind] = frozenset()
    ) -> View:
        """A later view; what is known of kinds and objects that are the very same is kept."""
        later = self._succeeded(objects, unknown)
        for kind, known in self._read.items():
            left = known
            if self.objects.get(kind) is not objects.get(kind):
                ids = map(id, objects.get(kind, {}).values())
                left = {i: known[i] for i in ids if i in known}
            later._read[kind] = left  # noqa: SLF001  # one of us
        return later

    def _succeeded(
        self, objects: Mapping[Kind, Mapping[Key, Object]], unknown: frozenset[Kind]
    ) -> View:
        later = View(objects, unknown)
        kinds = self.objects.keys() | objects.keys()
        changed = {k for k in kinds if self.objects.get(k) is not objects.get(k)}
        changed |= unknown ^ self.unknown
        later._facts = {
            rests_on: known
            for rests_on, known in list(self._facts.items())
            if changed.isdisjoint(rests_on)
        }
        return later

    def reading(self, kind: Kind, body: Object, read: Callable[[Object], T]) -> T:
        """What ``read``, the one reader of the kind, makes of an object of this view, read once."""
        known = self._read.setdefault(kind, {})
        found = known.get(id(body))
        if found is None:  # the object is kept with it, so its id stays its own
            found = known[id(body)] = (body, read(body))
        return found[1]  # type: ignore[return-value]  # a kind has one reader

    def memo(self, key: Hashable, make: Callable[[], T], kinds: frozenset[Kind] = WATCHED) -> T:
        """A fact derived from this view, worked out once.

        ``kinds`` are those that it is derived from: it outlives changes of the others.
        """
        known = self._facts.get(kinds)
        if known is None:
            known = self._facts.setdefault(kinds, {})
        found = known.get(key, _NOTHING)
        if found is _NOTHING:
            found = known[key] = make()
        return found  # type: ignore[return-value]  # a key has one maker


def labels_of(body: Json) -> dict[str, str]:
    """The labels of an object or a pod template; what is no label is left out."""
    return _texts(body, "labels")


def annotations_of(body: Json) -> dict[str, str]:
    """The annotations of an object or a pod template."""
    return _texts(body, "annotations")


def _texts(body: Json, name: str) -> dict[str, str]:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    found = metadata.get(name) if isinstance(metadata, dict) else None
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}
