"""The seccomp profile of each of an agent's containers is the one made for the agent.

Which profile holds, and that the annotations mean nothing since 1.27:
https://kubernetes.io/docs/reference/node/seccomp/ (1.36).
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.checks.scope import of_words
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding, Level
from policyc.core.canonical import Json

POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_ANNOTATION = "container.seccomp.security.alpha.kubernetes.io/"


def profile_of(agent: Agent) -> str:
    """The file of the agent's profile, below the kubelet's seccomp folder."""
    return f"policyc/{agent.name}.json"


@of_words
def profile(case: Case) -> Iterator[Finding]:
    """The container's profile holds where it has one, else the pod's; none is unconfined."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    wanted = profile_of(agent)
    of_all = pod.context.get("seccompProfile")
    for container in pod.containers():
        own = container.context.get("seccompProfile")
        found = of_all if own is None else own
        if not _is_wanted(found, wanted):
            path = f"{container.path}.securityContext.seccompProfile"
            yield from _profile(case, container.title, found, path, wanted)
    if not _is_wanted(of_all, wanted):
        yield from _of_the_sandbox(case, of_all, wanted)


def _is_wanted(found: Json, wanted: str) -> bool:
    return (
        isinstance(found, dict)
        and found.get("type") == "Localhost"
        and found.get("localhostProfile") == wanted
    )


def _profile(case: Case, owner: str, found: Json, path: str, wanted: str) -> Iterator[Finding]:
    """What is wrong with a profile that is not the wanted one."""
    match found:
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


def _of_the_sandbox(case: Case, found: Json, wanted: str) -> Iterator[Finding]:
    """The pod's own profile confines at least the pause container."""
    match found:
        case None | {"type": "RuntimeDefault"}:
            return
    assert case.pod is not None
    yield from _profile(case, "the pod", found, case.pod.at("spec.securityContext.seccompProfile"), wanted)  # fmt: skip


@of_words
def old_annotations(case: Case) -> Iterator[Finding]:
    """The old annotations are ignored by Kubernetes: who writes them may believe otherwise."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    for key, value in pod.annotations.items():
        is_seccomp = key == POD_ANNOTATION or key.startswith(CONTAINER_ANNOTATION)
        if is_seccomp and value != f"localhost/{profile_of(agent)}":
            yield case.finding(
                "SECCOMP_ANNOTATION",
                f"annotation `{key}` says `{value}`; it has no effect, the fields decide",
                pod.at(f"metadata.annotations['{key}']"),
                level=Level.WARN,
            )


CHECKS = (profile, old_annotations)
