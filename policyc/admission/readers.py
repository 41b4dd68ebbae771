"""Who reads a ConfigMap: the registered agents whose pods refer to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import agent_of
from policyc.admission.extract.environment import listed
from policyc.admission.pods import Pod, pod_in
from policyc.admission.view import Key, View, key_of
from policyc.core.canonical import Json
from policyc.kube.workloads import WORKLOAD_KINDS

Readers = Mapping[Key, tuple[tuple[Agent, Pod], ...]]
"""Namespace and name of a ConfigMap -> the agents' pods and templates that refer to it."""


def readers(view: View, bundle: Bundle) -> Readers:
    """The index of a view, worked out once."""
    return view.memo(("readers of ConfigMaps", bundle), lambda: _readers(view, bundle))


def _readers(view: View, bundle: Bundle) -> Readers:
    found: dict[Key, list[tuple[Agent, Pod]]] = {}
    for row in WORKLOAD_KINDS:
        for body in view.all(row.group, row.kind):
            namespace = key_of(body)[0]
            pod = pod_in(row.group, row.kind, body) if namespace in bundle.by_namespace else None
            agent = agent_of(namespace, pod, bundle) if pod is not None else None
            if agent is None or pod is None:
                continue
            for name in set(config_maps_of(pod)):
                found.setdefault((namespace, name), []).append((agent, pod))
    return {key: tuple(pairs) for key, pairs in found.items()}


def config_maps_of(pod: Pod) -> Iterator[str]:
    """The names of the ConfigMaps that a pod refers to."""
    for container in pod.containers():
        for entry in listed(container.body.get("env")):
            source = entry.get("valueFrom")
            if isinstance(source, dict):
                yield from _name(source.get("configMapKeyRef"))
        for source in listed(container.body.get("envFrom")):
            yield from _name(source.get("configMapRef"))
    for volume in listed(pod.spec.get("volumes")):
        yield from _name(volume.get("configMap"))
        projected = volume.get("projected")
        sources = projected.get("sources") if isinstance(projected, dict) else None
        for source in listed(sources):
            yield from _name(source.get("configMap"))


def _name(reference: Json) -> Iterator[str]:
    name = reference.get("name") if isinstance(reference, dict) else None
    if isinstance(name, str):
        yield name
