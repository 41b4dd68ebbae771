"""What an agent's containers may use up, and the devices that come in the same words."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.request import Object
from policyc.admission.verdict import Finding

_NATIVE = ("kubernetes.io/", "hugepages-")


def memory(case: Case) -> Iterator[Finding]:
    """An agent without a memory limit can take the node's memory from others."""
    if case.bound is None:
        return
    pod, _ = case.bound
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
    match owner.get("resources"):
        case {"limits": {"memory": limit}} if limit:
            return True
    return False


def devices(case: Case) -> Iterator[Finding]:
    """Extended resources are devices of the node: a plugin may mount and permit what it likes."""
    if case.bound is None:
        return
    pod, _ = case.bound
    owners = [("the pod", pod.at("spec"), pod.spec)]
    owners += [(c.title, c.path, c.body) for c in pod.containers()]
    for title, path, owner in owners:
        resources = owner.get("resources")
        for kind in ("limits", "requests"):
            amounts = resources.get(kind) if isinstance(resources, dict) else None
            for name in amounts if isinstance(amounts, dict) else ():
                if is_device(name) and name not in case.settings.devices:
                    text = f"{title} asks for device `{name}`"
                    yield case.finding("DEVICES", text, f"{path}.resources.{kind}['{name}']")


def is_device(name: str) -> bool:
    """Extended resources have a domain of their own in front."""
    return "/" in name and not name.startswith(_NATIVE)


CHECKS = (memory, devices)
