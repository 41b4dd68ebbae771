"""The kinds that start pods: one table, and a template where the API has it."""

from __future__ import annotations

import kubernetes_validate
import pytest

from policyc.core.canonical import Json
from policyc.kube.workloads import WORKLOAD_KINDS, WorkloadKind, template_of, workload_kind

NAMES = [f"{row.kind}.{row.group}" if row.group else row.kind for row in WORKLOAD_KINDS]


def document(row: WorkloadKind, template: Json) -> Json:
    for key in reversed(row.template):
        template = {key: template}
    return template


@pytest.mark.parametrize("row", WORKLOAD_KINDS, ids=NAMES)
def test_a_row_is_found_by_its_names_and_no_other(row: WorkloadKind) -> None:
    assert workload_kind(row.kind) is row
    assert workload_kind(f"{row.kind}.{row.group}") is row
    assert workload_kind(f"{row.kind}.other.example") is None
    assert workload_kind(row.kind.lower()) is None
    assert row.api_version == (f"{row.group}/{row.version}" if row.group else "v1")


def test_a_kind_stands_once() -> None:
    assert len({row.kind for row in WORKLOAD_KINDS}) == len(WORKLOAD_KINDS)


@pytest.mark.parametrize("row", WORKLOAD_KINDS, ids=NAMES)
def test_the_template_stands_at_its_path(row: WorkloadKind) -> None:
    template: Json = {"spec": {"containers": []}}
    assert template_of(row, document(row, template)) == template
    broken_ones: tuple[Json, ...] = (document(row, None), {"spec": "x"}, {}, None, [])
    for broken in broken_ones:
        if row.template:
            assert template_of(row, broken) is None


POD: dict[str, Json] = {"spec": {"containers": [{"name": "main", "image": "x"}]}}
SELECTED: dict[str, Json] = {"selector": {"matchLabels": {"app": "a"}}}
REQUIRED: dict[str, dict[str, Json]] = {
    "Deployment": SELECTED,
    "ReplicaSet": SELECTED,
    "StatefulSet": {**SELECTED, "serviceName": "a"},
    "DaemonSet": SELECTED,
    "CronJob": {"schedule": "@daily"},
}
"""What the specs of the kinds need beside the template."""

BUILT_IN = [row for row in WORKLOAD_KINDS if "x-k8s.io" not in row.group]


@pytest.mark.parametrize("row", BUILT_IN, ids=lambda row: row.kind)
def test_the_api_server_knows_the_path(row: WorkloadKind) -> None:
    """The published schemas, strict: a pod template at any other path would be an unknown field."""
    body = document(row, POD)
    assert isinstance(body, dict)
    if row.kind in REQUIRED:
        spec = body["spec"]
        assert isinstance(spec, dict)
        body["spec"] = {**REQUIRED[row.kind], **spec}
    head: dict[str, Json] = {"apiVersion": row.api_version, "kind": row.kind}
    whole: dict[str, Json] = {**head, "metadata": {"name": "a"}, **body}
    kubernetes_validate.validate(whole, "1.31", strict=True)
    assert template_of(row, whole) == (POD if row.template else whole)
