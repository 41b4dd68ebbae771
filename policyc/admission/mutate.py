"""The mutating half: what an agent's pod does not say is said for it, as its envelope wants it.

Only what narrows is added, and only where nothing stands: what is there and wrong is left
for validation to refuse.  A second run finds nothing to add.  Agents that are not enforced
are left alone, since a profile that is added is one that is enforced.
"""

from __future__ import annotations

from policyc.admission.bundle import Agent
from policyc.admission.case import Case
from policyc.admission.checks.accounts import CLAIM
from policyc.admission.checks.apparmor import effective
from policyc.admission.checks.resources import has_memory_limit
from policyc.admission.checks.seccomp import profile_of
from policyc.admission.checks.tokens import uses_api
from policyc.admission.patch import Draft
from policyc.admission.pods import Container, Pod, kind_that_starts_pods, pod_in
from policyc.admission.request import Object, Operation
from policyc.admission.settings import Settings
from policyc.core.canonical import Json

ENVELOPE = "policyc.dev/envelope"


def mutate(case: Case) -> list[Json]:
    """The JSON patch (RFC 6902) of a request's object; empty where there is nothing to add."""
    if case.bound is None or not _is_changeable(case):
        return []
    today, pod = case.of_today().agent, case.pod
    assert pod is not None and today is not None
    if not isinstance(pod.template.get("spec"), dict):
        return []
    draft = Draft(pod.template)
    _narrow_containers(draft, pod, today, case.settings)
    _narrow_pod(draft, pod, today)
    _mark(draft, pod, today)
    return draft.operations("".join([f"/{key}" for key in pod.kind.template]))


def _is_changeable(case: Case) -> bool:
    """Whether a change is possible, and safe from a quarrel with a controller.

    Pods' specs cannot change later.  A ReplicaSet that differs from its Deployment's
    template makes the controller create another one, without end: templates that a
    controller copied from one of ours are left as they are.  An update of a template
    that stays as it was must not start a rollout.
    """
    asked, pod, agent = case.request, case.pod, case.agent
    assert pod is not None and agent is not None and asked.object is not None
    if agent.stage != "enforce" or asked.subresource or _is_ending(asked.object):
        return False
    if asked.operation is Operation.CREATE:
        return not pod.kind.template or not _is_copy(asked.object)
    if asked.operation is not Operation.UPDATE or not pod.kind.template or _is_copy(asked.object):
        return False
    old = pod_in(asked.group, asked.kind, asked.old)
    return old is None or old.template != pod.template


def _metadata(body: Object) -> Object:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _is_ending(body: Object) -> bool:
    return bool(_metadata(body).get("deletionTimestamp"))


def _is_copy(body: Object) -> bool:
    """Whether the controller of a kind that starts pods made the object of its own template."""
    owners = _metadata(body).get("ownerReferences")
    for owner in owners if isinstance(owners, list) else ():
        match owner:
            case {"controller": True, "apiVersion": str(version), "kind": str(kind)}:
                group = version.rpartition("/")[0]
                if kind_that_starts_pods(group, kind) is not None:
                    return True
    return False


def _narrow_pod(draft: Draft, pod: Pod, agent: Agent) -> None:
    """Settings of the whole pod; those that containers may override only where one has none."""
    wanted = agent.envelope.pod
    if not uses_api(agent):
        draft.default("spec", "automountServiceAccountToken", value=False)
    if wanted.runtime_class:
        draft.default("spec", "runtimeClassName", value=wanted.runtime_class)
    defaults: dict[str, Json] = {
        "seccompProfile": {"type": "Localhost", "localhostProfile": profile_of(agent)}
    }
    if wanted.level == "restricted":
        defaults["runAsNonRoot"] = True
    if wanted.run_as_user is not None:
        defaults["runAsUser"] = wanted.run_as_user
    for key, value in defaults.items():
        if None in [c.context.get(key) for c in pod.containers()]:
            draft.default("spec", "securityContext", key, value=value)


def _narrow_containers(draft: Draft, pod: Pod, agent: Agent, settings: Settings) -> None:
    is_limited = has_memory_limit(pod.spec)
    for container in pod.containers():
        place = ("spec", container.field, container.index)
        _narrow_container(draft, place, pod, container, agent)
        # Ephemeral containers have no resources of their own.
        if (
            settings.memory_limit
            and not is_limited
            and container.field != "ephemeralContainers"
            and not has_memory_limit(container.body)
        ):
            limit = _requested_memory(container.body) or settings.memory_limit
            draft.default(*place, "resources", "limits", "memory", value=limit)


def _narrow_container(
    draft: Draft, place: tuple[str | int, ...], pod: Pod, container: Container, agent: Agent
) -> None:
    wanted, at = agent.envelope.pod, (*place, "securityContext")
    if not container.context.get("privileged"):  # no valid pod with the next: it is refused anyway
        draft.default(*at, "allowPrivilegeEscalation", value=False)
    if wanted.read_only_root:
        draft.default(*at, "readOnlyRootFilesystem", value=True)
    if wanted.apparmor not in ("", "runtime-default") and effective(pod, container) is None:
        named: Json = {"type": "Localhost", "localhostProfile": wanted.apparmor}
        draft.default(*at, "appArmorProfile", value=named)
    listed = container.context.get("capabilities")
    dropped = listed.get("drop") if isinstance(listed, dict) else None
    if not isinstance(dropped, list):
        draft.default(*at, "capabilities", "drop", value=["ALL"])
    elif "ALL" not in dropped:
        draft.put(*at, "capabilities", "drop", value=[*dropped, "ALL"])


def _requested_memory(container: Object) -> Json:
    """A limit below the request would be no valid pod."""
    match container.get("resources"):
        case {"requests": {"memory": amount}}:
            return amount
    return None


def _mark(draft: Draft, pod: Pod, agent: Agent) -> None:
    """The labels that select the agent's pods, its name, and on pods the envelope of the moment.

    A template does not carry the digest: each new envelope would start a rollout.
    """
    for key, value in agent.envelope.subject.pod_labels:
        draft.default("metadata", "labels", key, value=value)
    draft.default("metadata", "annotations", CLAIM, value=agent.name)
    if not pod.kind.template and agent.digest:
        draft.default("metadata", "annotations", ENVELOPE, value=agent.digest)
        annotations = _metadata(pod.template).get("annotations")
        if isinstance(annotations, dict) and annotations.get(ENVELOPE) not in (None, agent.digest):
            draft.put("metadata", "annotations", ENVELOPE, value=agent.digest)
