"""The pod security baseline, as a strategic-merge patch for the agent's workload.

The levels are those of the Pod Security Standards
(https://kubernetes.io/docs/concepts/security/pod-security-standards/, 1.34).
"""

from __future__ import annotations

from collections.abc import Mapping

from policyc.catalog.capabilities import ADDABLE
from policyc.core.canonical import Json
from policyc.core.errors import InternalError
from policyc.emit.base import Artifact, Emission, Narrowing, lines_of
from policyc.envelope.domains import CAPABILITIES
from policyc.envelope.model import Envelope, WorkloadRef
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind

PATH = "pod-security.yaml"
_BASELINE = Derivation(Step.BASELINE, note="the pod security baseline of the class")
_FORM = Derivation(Step.FIXED, note="names the workload that the patch is for")


class PodSecurityEmitter:
    """One patch: it only ever narrows the pod that it is applied to."""

    kind = "pod-security"
    domains = frozenset({"capabilities"})

    def emit(self, envelope: Envelope) -> Emission:
        """None for managed agents, which have no pod of ours."""
        workload = envelope.subject.workload
        if workload is None:
            return Emission()
        row = next(
            k for k in WORKLOAD_KINDS if (k.kind, k.group) == (workload.kind, workload.group)
        )
        capabilities, narrowed = _capabilities(envelope)
        container = _container(envelope, sorted(capabilities))
        document = _nested(row, envelope, container)
        at = "".join(f"/{key}" for key in (*row.template, "spec"))
        explain: dict[str, tuple[str, tuple[Derivation, ...]]] = {
            at: ("pod security baseline", (_BASELINE,))
        }
        for i, name in enumerate(sorted(capabilities)):
            pointer = f"{at}/{_list_of(workload)}/0/securityContext/capabilities/add/{i}"
            explain[pointer] = (f"capability {name}", tuple(capabilities[name]))
        artifact = Artifact(PATH, document, lines_of(explain, _FORM))
        return Emission((artifact,), (), tuple(narrowed))

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        """The capabilities that the container gets: what is added to an empty set.

        InternalError when the patch lets the pod out of its own filter, account or namespaces.
        """
        subject = envelope.subject
        pod = _find(documents[PATH], "serviceAccountName")
        match pod:
            case {
                "serviceAccountName": str(account),
                "hostIPC": False,
                "hostNetwork": False,
                "hostPID": False,
                **lists,
            } if account == subject.service_account.partition("/")[2]:
                pass
            case _:
                raise InternalError("the patch does not keep the pod in its account and namespaces")
        is_init = subject.workload is not None and subject.workload.is_init
        match lists.get("initContainers" if is_init else "containers"):
            case [
                {
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "privileged": False,
                        "capabilities": {"drop": ["ALL"], **rest},
                        "seccompProfile": {"type": "Localhost", "localhostProfile": str(profile)},
                    }
                }
            ] if profile == f"policyc/{subject.agent}.json":
                added = rest.get("add") or []
                assert isinstance(added, list)
            case _:
                raise InternalError("the patch does not confine the container")
        return {
            "capabilities": CAPABILITIES.union(
                CAPABILITIES.written({"name": str(n)}) for n in added
            )
        }

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        return {"capabilities": envelope.domains["capabilities"]}


POD_SECURITY = PodSecurityEmitter()


def _list_of(workload: WorkloadRef) -> str:
    """The list of the pod's spec that the container is in.

    A strategic merge patch that names it in the other one would add a container
    (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/).
    """
    return "initContainers" if workload.is_init else "containers"


def _capabilities(envelope: Envelope) -> tuple[dict[str, list[Derivation]], list[Narrowing]]:
    """The granted capabilities that the level lets a pod add."""
    addable = ADDABLE[envelope.pod.level]
    granted: dict[str, list[Derivation]] = {}
    narrowed: list[Narrowing] = []
    for grant in envelope.grants.get("capabilities", ()):
        for box in grant.region.boxes():
            for name in CAPABILITIES.axis("name").write(box["name"]) if box else ():
                if name in addable:
                    known = granted.setdefault(name, [])
                    known += [d for d in grant.derivations if d not in known]
                else:
                    narrowed.append(
                        Narrowing(
                            "PC6301",
                            "capabilities",
                            f"the level `{envelope.pod.level}` does not let a pod add {name}",
                            "set a wider level in the class's `pod` block, or do without it",
                            grant.derivations,
                        )
                    )
    return granted, narrowed


def _container(envelope: Envelope, capabilities: list[str]) -> Json:
    assert envelope.subject.workload is not None
    limits: dict[str, Json] = {"drop": ["ALL"]}
    if capabilities:
        limits["add"] = list(capabilities)
    context: dict[str, Json] = {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": envelope.pod.read_only_root,
        "capabilities": limits,
        "seccompProfile": {
            "type": "Localhost",
            "localhostProfile": f"policyc/{envelope.subject.agent}.json",
        },
    }
    if envelope.pod.level == "restricted":
        context["runAsNonRoot"] = True
    if envelope.pod.run_as_user is not None:
        context["runAsUser"] = envelope.pod.run_as_user
    if envelope.pod.apparmor == "runtime-default":
        context["appArmorProfile"] = {"type": "RuntimeDefault"}
    elif envelope.pod.apparmor:
        context["appArmorProfile"] = {
            "type": "Localhost",
            "localhostProfile": envelope.pod.apparmor,
        }
    return {"name": envelope.subject.workload.container, "securityContext": context}


def _nested(row: WorkloadKind, envelope: Envelope, container: Json) -> dict[str, Json]:
    subject = envelope.subject
    assert subject.workload is not None
    uses_api = bool(envelope.domains["kube"] or envelope.domains["kube_url"])
    spec: dict[str, Json] = {
        "serviceAccountName": subject.service_account.partition("/")[2],
        "automountServiceAccountToken": uses_api,
        "hostIPC": False,
        "hostNetwork": False,
        "hostPID": False,
        _list_of(subject.workload): [container],
    }
    if envelope.pod.runtime_class:
        spec["runtimeClassName"] = envelope.pod.runtime_class
    template: dict[str, Json] = {
        "metadata": {
            "annotations": {"policyc.dev/agent": subject.agent},
            "labels": dict(subject.pod_labels),
        },
        "spec": spec,
    }
    head: dict[str, Json] = {
        "apiVersion": row.api_version,
        "kind": row.kind,
        "metadata": {"name": subject.workload.name, "namespace": subject.workload.namespace},
    }
    if not row.template:
        return {**head, "spec": spec}
    body: Json = template
    for key in reversed(row.template):
        body = {key: body}
    assert isinstance(body, dict)
    return {**head, **body}


def _find(value: Json, key: str) -> Json:
    """The only object below ``value`` that has the ``key``."""
    if isinstance(value, dict):
        if key in value:
            return value
        for child in value.values():
            found = _find(child, key)
            if found is not None:
                return found
    return None
