"""Users, privileges and capabilities of an agent's containers.

A container's own setting wins over the pod's: Kubernetes API reference 1.36, SecurityContext.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_words
from policyc.admission.pods import Container, Pod
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding
from policyc.catalog.capabilities import ADDABLE
from policyc.core.canonical import Json

_DROP = 'write `capabilities: {drop: ["ALL"]}`; what is needed is added by name, and granted by the policy'


@of_words
def user(case: Case) -> Iterator[Finding]:
    """At level `restricted` nobody is root; a user that the policy names is that user."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    wanted = agent.envelope.pod
    for container in pod.containers():
        number = effective(pod, container, "runAsUser")
        if wanted.level == "restricted":
            if effective(pod, container, "runAsNonRoot") is not True:
                text = f"{container.title} may run as root: `runAsNonRoot` is not true"
                at = f"{container.path}.securityContext.runAsNonRoot"
                yield case.finding("ROOT", text, at)
            if number == 0:
                text = f"{container.title} would run as root: `runAsUser` is 0"
                at = f"{container.path}.securityContext.runAsUser"
                yield case.finding("ROOT", text, at)
        if wanted.run_as_user is not None and number != wanted.run_as_user:
            text = f"{container.title} would run as user {shown(number)}, not {wanted.run_as_user}"
            yield case.finding(
                "RUN_AS_USER",
                text,
                f"{container.path}.securityContext.runAsUser",
                remedy=f"write `runAsUser: {wanted.run_as_user}`, or another `run-as-user` into the policy",
            )


def effective(pod: Pod, container: Container, key: str) -> Json:
    """The container's setting or else the pod's; None when neither says anything."""
    own = container.context.get(key)
    return own if own is not None else pod.context.get(key)


@of_words
def escalation(case: Case) -> Iterator[Finding]:
    """Nothing that an agent starts may have more privileges than the agent."""
    bound = case.bound
    if bound is None:
        return
    for container in bound[0].containers():
        if container.context.get("allowPrivilegeEscalation") is not False:
            yield case.finding(
                "ESCALATION",
                f"{container.title} may gain privileges: `allowPrivilegeEscalation` is not false",
                f"{container.path}.securityContext.allowPrivilegeEscalation",
            )


@of_words
def root_filesystem(case: Case) -> Iterator[Finding]:
    """Where the policy wants it, the image's files stay as the digest says."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    if not agent.envelope.pod.read_only_root:
        return
    for container in pod.containers():
        if container.context.get("readOnlyRootFilesystem") is not True:
            yield case.finding(
                "WRITABLE_ROOT",
                f"{container.title} may change its image's files: `readOnlyRootFilesystem` is not true",
                f"{container.path}.securityContext.readOnlyRootFilesystem",
            )


@of_words
def capabilities(case: Case) -> Iterator[Finding]:
    """All are dropped; those of the envelope may be added as far as the level allows."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    for container in pod.containers():
        found = container.context.get("capabilities")
        listed = found if isinstance(found, dict) else {}
        dropped, added = listed.get("drop"), listed.get("add")
        if not (isinstance(dropped, list) and "ALL" in dropped):
            text = f"{container.title} keeps the runtime's capabilities: `drop` does not have `ALL`"
            at = f"{container.path}.securityContext.capabilities.drop"
            yield case.finding("CAPABILITY", text, at, remedy=_DROP)
        for i, written in enumerate(added if isinstance(added, list) else ()):
            name = _canonical(written)
            is_granted = {"name": name} in agent.envelope.domains["capabilities"]
            is_addable = name in ADDABLE[agent.envelope.pod.level]
            if not (is_granted and is_addable):
                at = f"{container.path}.securityContext.capabilities"
                text = f"{container.title} would add capability {shown(written)}"
                domain = "capabilities" if is_addable else ""  # no line permits the others
                yield case.finding("CAPABILITY", text, f"{at}.add[{i}]", domain=domain)


def _canonical(written: Json) -> str:
    """Runtimes take names in any case, and some of them with the kernel's prefix."""
    return written.upper().removeprefix("CAP_") if isinstance(written, str) else ""


CHECKS = (user, escalation, root_filesystem, capabilities)
