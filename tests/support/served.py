"""What the API server's own discovery says can be written or connected to, and why some of it is not asked for.

The extract in tests/cases/admission/served.json is that of the Kubernetes version that the
control plane is built from, with all versions of its API and its features switched on;
tests/e2e/test_pod_schema.py compares it with a running server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from support.samples import ROOT

FILE = ROOT / "tests" / "cases" / "admission" / "served.json"
EVERYTHING = ("--runtime-config=api/all=true", "--feature-gates=AllAlpha=true,AllBeta=true")
"""Flags of an API server that serves all that it has."""
_OPERATIONS = {
    "create": "CREATE",
    "update": "UPDATE",
    "patch": "UPDATE",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}

Json = Any  # discovery documents, looked at by path


def committed() -> Json:
    return json.loads(FILE.read_text(encoding="utf-8"))


def extract(version: str, lists: Iterable[tuple[str, Json]]) -> Json:
    """``resources``: ``plural[/sub].group`` -> the operations that admission sees of it.

    ``lists`` are the APIResourceLists, each with its group; versions of one resource are one.
    """
    found: dict[str, set[str]] = {}
    for group, listed in lists:
        for entry in listed["resources"]:
            operations = set(_operations(entry))
            if operations:
                found.setdefault(f"{entry['name']}.{group}", set()).update(operations)
    return {
        "source": f"discovery of kube-apiserver {version}",
        "resources": {name: sorted(operations) for name, operations in sorted(found.items())},
    }


def _operations(entry: Json) -> Iterator[str]:
    """A connection is told by its kind, whose name ends in Options; its verbs are those of HTTP."""
    if entry["kind"].endswith("Options"):
        yield "CONNECT"
        return
    yield from (_OPERATIONS[verb] for verb in entry["verbs"] if verb in _OPERATIONS)


NOT_ASKED: Mapping[str, str] = {
    "a report of what is; what is wanted was judged": """
        cronjobs/status.batch daemonsets/status.apps deployments/status.apps jobs/status.batch
        replicasets/status.apps replicationcontrollers/status.
        statefulsets/status.apps ingresses/status.networking.k8s.io nodes/status.
        horizontalpodautoscalers/status.autoscaling persistentvolumeclaims/status.
        persistentvolumes/status. poddisruptionbudgets/status.policy resourcequotas/status.
        podgroups/status.scheduling.k8s.io events. events.events.k8s.io
        resourceclaims/status.resource.k8s.io resourcepoolstatusrequests/status.resource.k8s.io
        devicetaintrules/status.resource.k8s.io servicecidrs/status.networking.k8s.io
        storageversionmigrations/status.storagemigration.k8s.io
        storageversions/status.internal.apiserver.k8s.io
        validatingadmissionpolicies/status.admissionregistration.k8s.io
        flowschemas/status.flowcontrol.apiserver.k8s.io
        prioritylevelconfigurations/status.flowcontrol.apiserver.k8s.io
        volumeattachments/status.storage.k8s.io""",
    "how many pods, not what they may do; each pod is judged": """
        deployments/scale.apps replicasets/scale.apps replicationcontrollers/scale.
        statefulsets/scale.apps horizontalpodautoscalers.autoscaling""",
    "an old template; the pods that are made of it are judged": "controllerrevisions.apps",
    "when and where pods run; each pod is judged": """
        pods/eviction. poddisruptionbudgets.policy
        priorityclasses.scheduling.k8s.io podgroups.scheduling.k8s.io workloads.scheduling.k8s.io
        nodes. leases.coordination.k8s.io leasecandidates.coordination.k8s.io""",
    "amounts and defaults of amounts": "limitranges. resourcequotas.",
    "devices are refused in agents' pods": """
        deviceclasses.resource.k8s.io devicetaintrules.resource.k8s.io resourceclaims.resource.k8s.io
        resourceclaimtemplates.resource.k8s.io resourcepoolstatusrequests.resource.k8s.io
        resourceslices.resource.k8s.io""",
    "storage; what stands behind a claim is the administrator's choice": """
        csidrivers.storage.k8s.io csinodes.storage.k8s.io csistoragecapacities.storage.k8s.io
        persistentvolumeclaims. persistentvolumes. storageclasses.storage.k8s.io
        volumeattachments.storage.k8s.io volumeattributesclasses.storage.k8s.io""",
    "a way in from outside, which NetworkPolicies must let through": """
        ingresses.networking.k8s.io ingressclasses.networking.k8s.io""",
    "addresses that the cluster gives out; NetworkPolicies decide who is reached": """
        ipaddresses.networking.k8s.io servicecidrs.networking.k8s.io""",
    "a question to the API server, which changes nothing": """
        localsubjectaccessreviews.authorization.k8s.io selfsubjectaccessreviews.authorization.k8s.io
        selfsubjectreviews.authentication.k8s.io selfsubjectrulesreviews.authorization.k8s.io
        subjectaccessreviews.authorization.k8s.io tokenreviews.authentication.k8s.io""",
    "the API server sends these to no webhook; the guard watches the webhook's own": """
        mutatingadmissionpolicies.admissionregistration.k8s.io
        mutatingadmissionpolicybindings.admissionregistration.k8s.io
        mutatingwebhookconfigurations.admissionregistration.k8s.io
        validatingadmissionpolicies.admissionregistration.k8s.io
        validatingadmissionpolicybindings.admissionregistration.k8s.io
        validatingwebhookconfigurations.admissionregistration.k8s.io""",
    "the API server's own machinery, which administrators write": """
        apiservices.apiregistration.k8s.io apiservices/status.apiregistration.k8s.io
        customresourcedefinitions.apiextensions.k8s.io
        customresourcedefinitions/status.apiextensions.k8s.io
        flowschemas.flowcontrol.apiserver.k8s.io
        prioritylevelconfigurations.flowcontrol.apiserver.k8s.io
        storageversionmigrations.storagemigration.k8s.io storageversions.internal.apiserver.k8s.io
        runtimeclasses.node.k8s.io""",
    "certificates: whoever approves and signs them decides, and agents' pods mount none": """
        certificatesigningrequests.certificates.k8s.io
        certificatesigningrequests/approval.certificates.k8s.io
        certificatesigningrequests/status.certificates.k8s.io
        clustertrustbundles.certificates.k8s.io podcertificaterequests.certificates.k8s.io
        podcertificaterequests/status.certificates.k8s.io""",
}
"""Why admission need not be asked -> the resources, all operations of them."""

NOT_ASKED_WHEN_DELETED: Mapping[str, str] = {
    "what starts no pod any more asks for nothing": """
        cronjobs.batch daemonsets.apps deployments.apps jobs.batch pods. podtemplates.
        replicasets.apps replicationcontrollers. statefulsets.apps""",
    "a grant that goes widens nobody": """
        clusterroles.rbac.authorization.k8s.io clusterrolebindings.rbac.authorization.k8s.io
        rolebindings.rbac.authorization.k8s.io secrets.""",
    "all that is in it is deleted first, by requests of their own": "namespaces.",
}
