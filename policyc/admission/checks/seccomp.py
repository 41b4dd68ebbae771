"""The seccomp profile of each of an agent's containers is the one made for the agent.

Which profile holds, and that the annotations mean nothing since 1.27:
https://kubernetes.io/docs/reference/node/seccomp/ (1.36).
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding, Level
from policyc.admission.view import annotations_of
from policyc.core.canonical import Json

POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_ANNOTATION = "container.seccomp.security.alpha.kubernetes.io/"


def profile_of(agent: Agent) -> str:
    """The file of the agent's profile, below the kubelet's seccomp folder."""
    return f"policyc/{agent.name}.json"


def profile(case: Case) -> Iterator[Finding]:
    """The container's profile holds where it has one, else the pod's; none is unconfined."""
    if case.bound is None:
        return
    pod, agent = case.bound
    for container in pod.containers():
        own = container.get("securityContext").get("seccompProfile")
        path = f"{container.path}.securityContext.seccompProfile"
        if own is None:
            own = pod.security_context.get("seccompProfile")
        yield from _profile(case, container.title, own, path, agent)
    yield from _of_the_sandbox(case, pod.security_context.get("seccompProfile"), agent)


def _profile(case: Case, owner: str, found: Json, path: str, agent: Agent) -> Iterator[Finding]:
    wanted = profile_of(agent)
    match found:
        case {"type": "Localhost", "localhostProfile": name} if name == wanted:
            return
        case None:
            text = f"{owner} has no seccomp profile; it must be `Localhost`, `{wanted}`"
            yield case.finding("SECCOMP_MISSING", text, path)
        case {"type": "Localhost"}:
            assert isinstance(found, dict)
            name = shown(found.get("localhostProfile"))
            text = f"{owner} has seccomp profile {name}, not `{wanted}`"
            yield case.finding("SECCOMP_PROFILE", text, f"{path}.localhostProfile")
        case _:
            text = f"{owner} has a seccomp profile {shown(found)}, not `Localhost`, `{wanted}`"
            yield case.finding("SECCOMP_TYPE", text, f"{path}.type")


def _of_the_sandbox(case: Case, found: Json, agent: Agent) -> Iterator[Finding]:
    """The pod's own profile confines at least the pause container."""
    match found:
        case None | {"type": "RuntimeDefault"}:
            return
    assert case.pod is not None
    yield from _profile(case, "the pod", found, case.pod.at("spec.securityContext.seccompProfile"), agent)  # fmt: skip


def old_annotations(case: Case) -> Iterator[Finding]:
    """The old annotations are ignored by Kubernetes: who writes them may believe otherwise."""
    if case.bound is None:
        return
    pod, agent = case.bound
    for key, value in annotations_of(pod.template).items():
        is_seccomp = key == POD_ANNOTATION or key.startswith(CONTAINER_ANNOTATION)
        if is_seccomp and value != f"localhost/{profile_of(agent)}":
            yield case.finding(
                "SECCOMP_ANNOTATION",
                f"annotation `{key}` says `{value}`; it has no effect, the fields decide",
                pod.at(f"metadata.annotations['{key}']"),
                level=Level.WARN,
            )


CHECKS = (profile, old_annotations)
