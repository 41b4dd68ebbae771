"""What an agent's containers may use up, and the devices that come in the same words."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_words
from policyc.admission.request import Object
from policyc.admission.verdict import Finding

_NATIVE = ("kubernetes.io/", "hugepages-")


@of_words
def memory(case: Case) -> Iterator[Finding]:
    """An agent without a memory limit can take the node's memory from others."""
    bound = case.bound
    if bound is None:
        return
    pod, _ = bound
    if has_memory_limit(pod.spec):
        return
    for container in pod.containers():
        # Ephemeral containers have no resources of their own.
        if container.field != "ephemeralContainers" and not has_memory_limit(container.body):
            yield case.finding(
                "NO_LIMIT",
                f"{container.title} has no memory limit",
                f"{container.path}.resources.limits.memory",
                level=case.settings.no_limit,
            )


def has_memory_limit(owner: Object) -> bool:
    """Whether a container, or a pod's spec, limits its memory."""
    resources = owner.get("resources")
    limits = resources.get("limits") if isinstance(resources, dict) else None
    return isinstance(limits, dict) and bool(limits.get("memory"))


@of_words
def devices(case: Case) -> Iterator[Finding]:
    """Extended resources are devices of the node: a plugin may mount and permit what it likes."""
    bound = case.bound
    if bound is None:
        return
    pod, _ = bound
    for kind, name in _devices(pod.spec, case.settings.devices):
        text = f"the pod asks for device `{name}`"
        path = pod.at(f"spec.resources.{kind}['{name}']")
        yield case.finding("DEVICES", text, path)
    for container in pod.containers():
        for kind, name in _devices(container.body, case.settings.devices):
            text = f"{container.title} asks for device `{name}`"
            path = f"{container.path}.resources.{kind}['{name}']"
            yield case.finding("DEVICES", text, path)


def _devices(owner: Object, known: frozenset[str]) -> list[tuple[str, str]]:
    """The devices that a container or a pod's spec asks for, without the known ones."""
    found: list[tuple[str, str]] = []
    resources = owner.get("resources")
    if not isinstance(resources, dict):
        return found
    for kind in ("limits", "requests"):
        amounts = resources.get(kind)
        for name in amounts if isinstance(amounts, dict) else ():
            if "/" in name and is_device(name) and name not in known:
                found.append((kind, name))
    return found


def is_device(name: str) -> bool:
    """Extended resources have a domain of their own in front."""
    return "/" in name and not name.startswith(_NATIVE)


CHECKS = (memory, devices)
