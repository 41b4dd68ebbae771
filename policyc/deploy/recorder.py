"""The definition of AgentProfile, which recorders write: its contents follow the one JSON Schema.

apiextensions.k8s.io/v1 (Kubernetes 1.36) takes structural schemas: each field has a type, and
what is not named is dropped by the API server, or refused where the writer asks for it
(``fieldValidation=Strict``).
"""

from __future__ import annotations

import json
from importlib import resources

import policyc
from policyc.core.canonical import Json
from policyc.deploy.definitions import GROUP, VERSION

FILE = "crd-agentprofiles.yaml"
PLURAL = "agentprofiles"
_NAME = "policyc-recorder"
_COLUMNS = {
    "Kind": ".spec.workload.kind",
    "Workload": ".spec.workload.name",
    "Container": ".spec.workload.container",
    "Tool": ".spec.source.tool",
}


def definition() -> dict[str, Json]:
    """The CustomResourceDefinition: one object a workload template and container, in the workload's namespace."""
    path = resources.files(policyc) / "schemas" / "agent-profile.schema.json"
    schema = json.loads(path.read_bytes())
    version: Json = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "description": schema["description"],
                "type": "object",
                "required": ["spec"],
                "properties": {"spec": structural(schema["properties"]["spec"])},
            }
        },
        "additionalPrinterColumns": [
            {"name": name, "type": "string", "jsonPath": path} for name, path in _COLUMNS.items()
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {"app.kubernetes.io/name": _NAME},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "AgentProfile",
                "listKind": "AgentProfileList",
                "plural": PLURAL,
                "singular": "agentprofile",
            },
            "versions": [version],
        },
    }


def structural(schema: Json) -> Json:
    r"""A JSON Schema of ours as the API server takes it.

    A closed object is one whose fields are all named, so ``additionalProperties: false`` goes; a
    choice of texts says that it is a text; ``\d`` is Go's, too.
    """
    if isinstance(schema, list):
        return [structural(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: structural(value) for name, value in schema.items()}
    if made.get("additionalProperties") is False:
        del made["additionalProperties"]
    return {"type": "string", **made} if "enum" in made else made
