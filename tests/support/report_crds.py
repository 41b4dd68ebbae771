"""The kinds of wgpolicyk8s.io/v1alpha2 that reports are written in, as far as we use them.

Fields and their types: https://github.com/kubernetes-sigs/wg-policy-prototypes,
policy-report/crd/v1alpha2.  What the schema does not name, the API server drops.
"""

from __future__ import annotations

from typing import Any

Json = Any

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}


def _record(**fields: Json) -> Json:
    return {"type": "object", "properties": fields}


_REFERENCE = _record(apiVersion=_TEXT, kind=_TEXT, name=_TEXT, namespace=_TEXT)
_RESULT = _record(
    policy=_TEXT,
    rule=_TEXT,
    result={"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]},
    message=_TEXT,
    source=_TEXT,
    resources={"type": "array", "items": _REFERENCE},
    properties={"type": "object", "additionalProperties": _TEXT},
) | {"required": ["policy"]}
_SUMMARY = _record(**dict.fromkeys(("pass", "fail", "warn", "error", "skip"), _NUMBER))


def definition(kind: str) -> Json:
    """The CustomResourceDefinition of PolicyReport or ClusterPolicyReport."""
    plural = kind.lower() + "s"
    schema = _record(
        apiVersion=_TEXT,
        kind=_TEXT,
        metadata={"type": "object"},
        results={"type": "array", "items": _RESULT},
        summary=_SUMMARY,
    )
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.wgpolicyk8s.io"},
        "spec": {
            "group": "wgpolicyk8s.io",
            "scope": "Cluster" if kind.startswith("Cluster") else "Namespaced",
            "names": {"kind": kind, "plural": plural, "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1alpha2",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
