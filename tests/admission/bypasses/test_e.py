"""Lists of tools and hosts, in every disguise that a container's variables allow."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import IMAGE, in_kind, judge, kind, pod, reasons, request, view
from support.cases.lists import DENIED, GROUP_E, with_env
from support.cases.row import Row, each

from policyc.kube.workloads import WORKLOAD_KINDS


@each(GROUP_E)
def test_lists_are_read_in_any_spelling(asked: Row) -> None:
    verdict = judge(request(asked.made), view(*asked.there))
    assert reasons(verdict) == asked.denied, verdict.findings
    assert all(f.agent == "research" for f in verdict.denials)


@each(DENIED)
def test_what_is_wrong_has_its_place(asked: Row) -> None:
    assert all(f.path.startswith("spec.") for f in judge(request(asked.made)).denials)


@pytest.mark.parametrize("row", WORKLOAD_KINDS, ids=lambda row: f"E1-{row.kind}")
@pytest.mark.parametrize("field", ["initContainers", "containers", "ephemeralContainers"])
def test_a_fault_keeps_its_verdict_in_every_list_and_kind(row: Any, field: str) -> None:
    body = pod()
    other = {
        "name": "other",
        "image": IMAGE,
        "env": [{"name": "AGENT_TOOLS", "value": "shell_exec"}],
    }
    body["spec"].setdefault(field, []).append(other)
    verdict = judge(request(in_kind(row, body)))
    (finding,) = [f for f in verdict.denials if f.reason == "TOOL"]
    where = ".".join((*row.template, "spec"))
    assert finding.path.startswith(f"{where}.{field}[")
    assert finding.path.endswith("].env[0].value")
    assert "agents.agentpol:" in finding.change


def test_a_deployment_names_the_place() -> None:
    body = in_kind(kind("Deployment"), with_env(AGENT_TOOLS="shell_exec"))
    (finding,) = judge(request(body)).denials
    assert finding.path == "spec.template.spec.containers[0].env[0].value"
    assert "`shell_exec`" in finding.message
