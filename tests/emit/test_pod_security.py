"""The patch names containers that the workload has, in the list that it has them in."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policyc.core.diagnostics import has_errors
from policyc.pipeline.artifacts import from_bytes
from policyc.pipeline.build import build_agent
from policyc.pipeline.compile import checked

POLICY = """edition 2026
tiers low < high
cluster {
  manifests "cluster.yaml"
}
class base {
  tier low
  cap {
    capabilities NET_BIND_SERVICE
  }
}
agent bot is base {
  workload CronJob demo/bot container CONTAINER
  identity demo/bot
  allow capabilities NET_BIND_SERVICE because "R-1"
}
"""
WORKLOAD = """apiVersion: batch/v1
kind: CronJob
metadata: {name: bot, namespace: demo}
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: bot}}
        spec:
          restartPolicy: Never
          initContainers: [{name: init, image: x}]
          containers: [{name: main, image: x}]
"""
OTHER = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: demo}\nspec: {}\n"


def patched(root: Path, container: str, manifests: str) -> Any:
    """The pod's spec in the patch; Any: JSON."""
    (root / "p.agentpol").write_text(POLICY.replace("CONTAINER", container), encoding="utf-8")
    (root / "cluster.yaml").write_text(manifests, encoding="utf-8")
    _, policy, found = checked(root)
    build = build_agent(root, policy.agents[0], policy, date(2026, 9, 1))
    assert not has_errors([*found, *build.diagnostics])
    document: Any = from_bytes("pod-security.yaml", build.files["pod-security.yaml"])
    return document["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    ("container", "manifests", "where"),
    [
        ("init", WORKLOAD, "initContainers"),
        ("main", WORKLOAD, "containers"),
        ("init", OTHER, "containers"),
    ],
)
def test_the_container_stands_in_its_list(
    tmp_path: Path, container: str, manifests: str, where: str
) -> None:
    spec = patched(tmp_path, container, manifests)
    (one,) = spec.pop(where)
    assert one["name"] == container
    assert one["securityContext"]["capabilities"] == {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}
    assert not spec.keys() & {"containers", "initContainers", "ephemeralContainers"}
