"""The AppArmor profile of each of an agent's containers, where the policy speaks of one.

The fields are since 1.30; where a container has none, its annotation counts, then the pod's
field: https://kubernetes.io/docs/tutorials/security/apparmor/ (1.36).
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_words
from policyc.admission.pods import Container, Pod
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding
from policyc.core.canonical import Json

ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
_TYPES = {"runtime/default": "RuntimeDefault", "unconfined": "Unconfined"}


@of_words
def profile(case: Case) -> Iterator[Finding]:
    """The profile that the policy names; the runtime's own is also what holds where none is set."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    wanted = agent.envelope.pod.apparmor
    if not wanted:
        return
    for container in pod.containers():
        found = effective(pod, container)
        if not _is_wanted(found, wanted):
            text = f"{container.title} has AppArmor profile {shown(found)}, not `{wanted}`"
            yield case.finding("APPARMOR", text, _path(pod, container))


def effective(pod: Pod, container: Container) -> Json:
    """What the container's profile is; None when nothing says."""
    own = container.context.get("appArmorProfile")
    if own is not None:
        return own
    annotation = pod.annotations.get(ANNOTATION + container.name)
    if annotation is not None:
        return _as_field(annotation)
    return pod.context.get("appArmorProfile")


def _path(pod: Pod, container: Container) -> str:
    """Where the container's profile is, or would be."""
    key = ANNOTATION + container.name
    if container.context.get("appArmorProfile") is None and key in pod.annotations:
        return pod.at(f"metadata.annotations['{key}']")
    return f"{container.path}.securityContext.appArmorProfile"


def _as_field(annotation: str) -> Json:
    name = annotation.removeprefix("localhost/")
    if name != annotation:
        return {"type": "Localhost", "localhostProfile": name}
    return {"type": _TYPES.get(annotation, annotation)}


def _is_wanted(found: Json, wanted: str) -> bool:
    if found is None:
        return wanted == "runtime-default"
    match found:
        case {"type": "RuntimeDefault"}:
            return wanted == "runtime-default"
        case {"type": "Localhost", "localhostProfile": name}:
            return name == wanted
    return False


CHECKS = (profile,)
