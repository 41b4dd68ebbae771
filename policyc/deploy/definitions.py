"""The kinds of our own that a cluster may hold: a signed build, envelope by envelope.

apiextensions.k8s.io/v1 (Kubernetes 1.36).  Contents are not described field by field: the
signature says whether they are right, and an API server that prunes what it does not know
would break it.
"""

from __future__ import annotations

from policyc.core.canonical import Json
from policyc.deploy.configurations import NAME

GROUP, VERSION = "policyc.dev", "v1"
PLURALS = ("agentenvelopes", "envelopebundles")
_DIGEST: Json = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
_ANY: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definitions() -> dict[str, dict[str, Json]]:
    """File name -> CustomResourceDefinition."""
    return {
        "crd-agentenvelopes.yaml": _definition(
            "AgentEnvelope",
            PLURALS[0],
            "What one agent may do, as `policyc compile` wrote it.",
            {"spec": _ANY, "digest": _DIGEST},
            [_column("Agent", ".spec.subject.agent"), _column("Stage", ".spec.subject.stage")],
        ),
        "crd-envelopebundles.yaml": _definition(
            "EnvelopeBundle",
            PLURALS[1],
            "The signature of a build and its index, which names the digests of all envelopes.",
            {"spec": _texts("signature", "agents")},
            [_column("Serial", r".metadata.labels.policyc\.dev/serial")],
        ),
    }


def _texts(*names: str) -> Json:
    return {
        "type": "object",
        "required": [*names],
        "properties": {name: {"type": "string"} for name in names},
    }


def _column(name: str, path: str) -> Json:
    return {"name": name, "type": "string", "jsonPath": path}


def _definition(
    kind: str, plural: str, what: str, members: dict[str, Json], columns: list[Json]
) -> dict[str, Json]:
    schema: Json = {
        "description": what,
        "type": "object",
        "required": [*members],
        "properties": members,
    }
    version: Json = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": columns,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "labels": {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": NAME},
        },
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
            },
            "versions": [version],
        },
    }
