"""A policy root as tests see it: compiled once, with the cluster that it describes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from policyc.admission.bundle import Bundle, read_bundle
from policyc.admission.pods import kind_that_starts_pods
from policyc.admission.request import Object
from policyc.admission.view import View, kind_of
from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Severity, has_errors
from policyc.core.render import render_text
from policyc.emit.base import Artifact
from policyc.emit.registry import EMITTERS
from policyc.envelope.model import Envelope
from policyc.envelope.observation import Observed
from policyc.envelope.region import Region
from policyc.kube.workloads import template_of
from policyc.kube.yaml import load_all
from policyc.pipeline.artifacts import from_bytes
from policyc.pipeline.build import lower_agent
from policyc.pipeline.compile import checked, compile_root
from policyc.pipeline.inputs import observe
from policyc.semantics.load import Workspace
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.syntax.nodes import Cluster, ClusterManifests

_PATCH = "pod-security.yaml"
_NAME = "kubernetes.io/metadata.name"


class BadPoliciesError(AssertionError):
    """The policies do not compile: there is nothing to test."""

    def __init__(self, found: list[Diagnostic]) -> None:
        errors = [d for d in found if d.severity is Severity.ERROR]
        super().__init__("the policies do not compile\n" + render_text(errors, color=False))


@dataclass(frozen=True)
class PolicyRoot:
    """The policies below ``root``, as they are on the day ``as_of``.

    Everything is worked out when it is first asked for.  PolicycError when there is no such
    folder, BadPoliciesError when the policies have errors.
    """

    root: Path
    as_of: date

    @property
    def today(self) -> str:
        """``as_of`` as YYYY-MM-DD."""
        return self.as_of.isoformat()

    @cached_property
    def _checked(self) -> tuple[Workspace, CheckedPolicy]:
        workspace, policy, found = checked(self.root)
        if has_errors(found):
            raise BadPoliciesError(found)
        return workspace, policy

    @property
    def workspace(self) -> Workspace:
        return self._checked[0]

    @property
    def policy(self) -> CheckedPolicy:
        return self._checked[1]

    @cached_property
    def agents(self) -> Mapping[str, PolicyAgent]:
        """By name, sorted."""
        return {agent.name: PolicyAgent(self, agent) for agent in self.policy.agents}

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """What ``policyc compile`` would write: path -> bytes."""
        compiled = compile_root(self.root, as_of=self.as_of, jobs=1)
        if not compiled.ok:
            raise BadPoliciesError(list(compiled.diagnostics))
        return compiled.files

    @cached_property
    def bundle(self) -> Bundle:
        """The registered agents, read from those files as the webhook reads them."""
        return read_bundle(self.files)

    @cached_property
    def manifests(self) -> tuple[Object, ...]:
        """The objects of the manifests that the `cluster` block names."""
        patterns = [
            pattern.value
            for file in self.workspace.files.values()
            for node in file.declarations
            if isinstance(node, Cluster)
            for member in node.members
            if isinstance(member, ClusterManifests)
            for pattern in member.files
        ]
        paths = sorted({path for pattern in patterns for path in self.root.glob(pattern)})
        return tuple(body for path in paths for body in _objects(path.read_text(encoding="utf-8")))

    @cached_property
    def cluster(self) -> View:
        """The manifests but for workloads, the compiled objects, and the namespaces of all of them."""
        bodies = [body for body in self.manifests if kind_that_starts_pods(*kind_of(body)) is None]
        for path, data in self.files.items():
            if path.endswith(".yaml") and path.count("/") == 1 and not path.endswith(_PATCH):
                bodies += [] if path.startswith("_") else _objects(data.decode("utf-8"))
        return View.of([*bodies, *_namespaces(bodies)])


@dataclass(frozen=True, eq=False)
class PolicyAgent:
    """One agent of a policy root."""

    root: PolicyRoot
    checked: CheckedAgent

    @property
    def name(self) -> str:
        return self.checked.name

    def __repr__(self) -> str:
        return f"agent `{self.name}`"

    @cached_property
    def envelope(self) -> Envelope:
        """The envelope with its reasons, as the compiler lowers it."""
        found, said = lower_agent(self.root.root, self.checked, self.root.policy, self.root.as_of)
        if found is None:
            raise BadPoliciesError(said)
        return found

    @cached_property
    def observed(self) -> Observed:
        """What its recordings say."""
        return observe(self.root.root, self.checked).value

    @cached_property
    def artifacts(self) -> Mapping[str, Json]:
        """Its compiled documents by path, read from their bytes."""
        return {
            path: from_bytes(path, self.root.files[f"{self.name}/{path}"])
            for emitter in EMITTERS
            for path in (a.path for a in emitter.emit(self.envelope).artifacts)
        }

    @cached_property
    def enforced(self) -> Mapping[str, Region]:
        """Domain -> what its artifacts permit, as they are read back: NetworkPolicy, RBAC, seccomp, ..."""
        return enforced(self.envelope, lambda artifact: self.artifacts[artifact.path])

    @cached_property
    def workload(self) -> Object | None:
        """Its workload, patched as the compiler says; None for an agent that a cloud runs.

        It is that of the cluster's manifests, else a plain one.
        """
        patch = self.artifacts.get(_PATCH)
        if not isinstance(patch, dict):
            return None
        written = next((b for b in self.root.manifests if _is_same(b, patch)), None)
        merged = _merged(written or {}, patch)
        assert isinstance(merged, dict)
        return merged

    def pod_of(self, body: Object) -> tuple[Object, Object]:
        """The pod's spec in the agent's workload or a copy of it, and the agent's container there."""
        row, workload = kind_that_starts_pods(*kind_of(body)), self.checked.workload
        template = template_of(row, body) if row is not None else None
        spec = template.get("spec") if isinstance(template, dict) else None
        assert isinstance(spec, dict) and workload is not None, f"the workload of {self} has a pod"
        listed = spec.get("initContainers" if workload.is_init else "containers")
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict) and item.get("name") == workload.container:
                return spec, item
        raise AssertionError(f"the patch of {self} names its container")


def enforced(envelope: Envelope, read: Callable[[Artifact], Json]) -> Mapping[str, Region]:
    """Domain -> what the artifacts of an envelope permit; ``read`` finds the document of one."""
    found: dict[str, Region] = {}
    for emitter in EMITTERS:
        documents = {a.path: read(a) for a in emitter.emit(envelope).artifacts}
        if documents and emitter.kind != "envelope":
            found |= emitter.denote(documents, envelope)
    return found


def _objects(text: str) -> list[Object]:
    found: list[Object] = []
    for document in load_all(text):
        items = document.get("items") if isinstance(document, dict) else None
        listed = items if isinstance(items, list) else [document]
        found += [body for body in listed if isinstance(body, dict) and body.get("kind")]
    return found


def _namespaces(bodies: list[Object]) -> Iterator[Object]:
    names = {_metadata(body).get("namespace") for body in bodies}
    there = {_metadata(body).get("name") for body in bodies if body.get("kind") == "Namespace"}
    for name in sorted(str(name) for name in names - there - {None}):
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {_NAME: name}},
        }


def _metadata(body: Object) -> Object:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _is_same(body: Object, patch: Object) -> bool:
    one, other = _metadata(body), _metadata(patch)
    return body.get("kind") == patch.get("kind") and all(
        one.get(key) == other.get(key) for key in ("namespace", "name")
    )


def _merged(old: Json, new: Json) -> Json:
    """A strategic merge of what our patches have: mappings, and lists of containers by name."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    if isinstance(new, list) and all(isinstance(i, dict) and "name" in i for i in new):
        listed = old if isinstance(old, list) else []
        by_name = {str(item["name"]): item for item in new if isinstance(item, dict)}
        known = [item for item in listed if isinstance(item, dict)]
        kept = [_merged(item, by_name.pop(str(item.get("name")), {})) for item in known]
        return [*kept, *by_name.values()]
    return copy.deepcopy(new)
