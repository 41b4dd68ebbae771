"""What a Binding makes of its pod: it brings a node, and labels and annotations of its own."""

from __future__ import annotations

from dataclasses import replace

from policyc.admission.request import Object, Operation, Request
from policyc.admission.view import View, annotations_of, key_of, labels_of
from policyc.core.canonical import Json

KIND = ("", "Binding")


def pod_of(request: Request, view: View) -> Object | None:
    """The pod that a Binding is about, as the cluster has it; None when it is not known.

    A Binding has its pod's name, by either way of making one: ``pods/binding`` and ``bindings``.
    """
    name = request.name or key_of(request.object or {})[1]
    return view.get("", "Pod", request.namespace, name)


def update_by(request: Request, view: View) -> Request | None:
    """The update of the pod that a Binding is; None for what is none, or of a pod that is not known.

    Its labels and annotations replace the pod's own (``setPodNodeAndMetadata`` of
    pkg/registry/core/pod/storage/storage.go, Kubernetes 1.36; the labels since 1.33).
    """
    binding = request.object
    if (request.group, request.kind) != KIND or binding is None:
        return None
    old = pod_of(request, view)
    if old is None:
        return None
    metadata, spec, status, target = (
        value if isinstance(value, dict) else {}
        for value in (
            old.get("metadata"),
            old.get("spec"),
            old.get("status"),
            binding.get("target"),
        )
    )
    labels: Json = {**labels_of(old), **labels_of(binding)}
    annotations: Json = {**annotations_of(old), **annotations_of(binding)}
    scheduled: Json = [{"type": "PodScheduled", "status": "True"}]
    new: Object = {
        **old,
        "metadata": {**metadata, "labels": labels, "annotations": annotations},
        "spec": {**spec, "nodeName": target.get("name")},
        "status": {**status, "conditions": scheduled},
    }
    return replace(
        request,
        operation=Operation.UPDATE,
        kind="Pod",
        resource="pods",
        subresource="",
        object=new,
        old=old,
    )
