"""All manifests of the webhook: a kustomize base, one object a file."""

from __future__ import annotations

from collections.abc import Mapping

from policyc.core.canonical import Json
from policyc.deploy.configurations import Target, mutating, validating
from policyc.deploy.objects import Rollout, objects
from policyc.kube.yaml import dump

KUSTOMIZATION = "kustomization.yaml"


def manifests(target: Target, rollout: Rollout) -> dict[str, bytes]:
    """File name -> YAML, ``kustomization.yaml`` last.

    The configurations stand behind all that they depend on: until they are applied nothing
    is intercepted, and a removal begins with them.
    """
    documents: Mapping[str, dict[str, Json]] = {
        **objects(target, rollout),
        "mutating-webhook.yaml": mutating(target),
        "validating-webhook.yaml": validating(target),
    }
    kustomization: dict[str, Json] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*documents],
        # kustomize would put the configurations first, and the namespace behind them
        "sortOptions": {"order": "fifo"},
    }
    files = {name: dump(document) for name, document in documents.items()}
    return {**files, KUSTOMIZATION: dump(kustomization)}


def stream(files: Mapping[str, bytes]) -> bytes:
    """The objects as one YAML stream, for ``kubectl apply -f -``."""
    return b"---\n".join(data for name, data in files.items() if name != KUSTOMIZATION)
