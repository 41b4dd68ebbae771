"""Who reads a ConfigMap: the registered agents whose pods refer to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.admission.bundle import Agent, Bundle
from policyc.admission.case import agent_of
from policyc.admission.extract.environment import listed
from policyc.admission.pods import Pod, pod_in
from policyc.admission.view import Key, View
from policyc.core.canonical import Json
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind


def readers(view: View, bundle: Bundle, key: Key) -> Iterator[tuple[Agent, Pod]]:
    """The pods and templates of agents that refer to the ConfigMap of a namespace and name.

    The index of a kind and namespace is worked out once, and again when that kind changes.
    """
    namespace, name = key
    for row in WORKLOAD_KINDS:
        for pod in _by_config_map(view, row, namespace).get(name, ()):
            agent = agent_of(namespace, pod, bundle)
            if agent is not None:
                yield agent, pod


def _by_config_map(view: View, row: WorkloadKind, namespace: str) -> Mapping[str, list[Pod]]:
    def indexed() -> dict[str, list[Pod]]:
        found: dict[str, list[Pod]] = {}
        for body in view.all(row.group, row.kind, namespace):
            pod = pod_in(row.group, row.kind, body)
            if pod is not None:
                for name in set(config_maps_of(pod)):
                    found.setdefault(name, []).append(pod)
        return found

    kind = (row.group, row.kind)
    return view.memo(("pods by ConfigMap", kind, namespace), indexed, frozenset({kind}))


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
