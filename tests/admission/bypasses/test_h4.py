"""Pods that look like agents and are registered as none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.admission import SETTINGS, in_kind, judge, kind, pod, request, view
from support.cases.identities import SHADOWS, web
from support.cases.row import Row, each
from support.samples import ROOT

from policyc.admission.pods import pod_in
from policyc.admission.shadow import THRESHOLD, evidence, score
from policyc.admission.verdict import Level
from policyc.admission.view import View, key_of
from policyc.kube.workloads import WORKLOAD_KINDS
from policyc.kube.yaml import load_all

CASES = ROOT / "tests" / "cases" / "admission" / "shadow"


def documents(name: str, folder: Path = CASES) -> list[Any]:
    return load_all((folder / f"{name}.yaml").read_text(encoding="utf-8"))


def found(body: Any, folder: Path = CASES) -> int:
    read = pod_in("", "Pod", body)
    assert read is not None
    return score(evidence(read, "teams", View.of(documents("cluster", folder))))


@each(SHADOWS)
@pytest.mark.parametrize("row", WORKLOAD_KINDS, ids=lambda row: row.kind)
def test_by_mode_it_is_warned_about_or_denied(row: Any, asked: Row) -> None:
    body = in_kind(row, asked.made)
    verdict = judge(request(body))
    assert verdict.allowed
    assert [f.reason for f in verdict.warnings] == ["SHADOW_AGENT"]
    assert verdict.warnings[0].path.startswith(".".join((*row.template, "spec.containers[0]")))
    strict = judge(request(body), settings=replace(SETTINGS, shadow=Level.DENY))
    assert [f.reason for f in strict.denials] == ["SHADOW_AGENT"]
    quiet = judge(request(body), settings=replace(SETTINGS, shadow=Level.NOTE))
    assert not quiet.warnings and quiet.allowed


@pytest.mark.parametrize("namespace", ["kube-system", "default", "elsewhere"])
def test_in_every_namespace(namespace: str) -> None:
    body = web(env=[{"name": "OPENAI_API_KEY", "value": "x"}])
    body["metadata"]["namespace"] = namespace
    assert [f.reason for f in judge(request(body)).warnings] == ["SHADOW_AGENT"]


def test_a_registered_agent_is_no_shadow() -> None:
    body = pod()
    body["spec"]["containers"][0]["env"] = [{"name": "ANTHROPIC_API_KEY", "value": "x"}]
    assert judge(request(in_kind(kind("Deployment"), body))).findings == ()


def test_a_configuration_for_servers_is_a_sign() -> None:
    body = web()
    body["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "t"}}]
    data = {"x.json": '{"mcpServers": {"a": {"url": "http://a/mcp"}}}'}
    metadata = {"name": "t", "namespace": "agents"}
    cluster = view({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    assert [f.reason for f in judge(request(body), cluster).warnings] == ["SHADOW_AGENT"]


def test_precision_and_recall_over_the_labelled_set(capsys: pytest.CaptureFixture[str]) -> None:
    """The set has agents that nothing in the pod gives away: recall below one is honest."""
    agents = {key_of(body)[1]: found(body) >= THRESHOLD for body in documents("agents")}
    others = {key_of(body)[1]: found(body) >= THRESHOLD for body in documents("others")}
    hits, false = sum(agents.values()), sum(others.values())
    precision, recall = hits / (hits + false), hits / len(agents)
    missed = sorted(name for name, hit in agents.items() if not hit)
    with capsys.disabled():
        print(
            f"\nshadow agents: {len(agents)} agents, {len(others)} others, "
            f"precision {precision:.2f}, recall {recall:.2f}, missed {', '.join(missed)}"
        )
    assert len(agents) + len(others) == 40
    assert [name for name, hit in others.items() if hit] == []
    assert precision == 1
    assert missed == ["own-names", "silent"]
    assert recall >= 0.85


def test_precision_and_recall_over_the_set_held_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Written after the signs and never used to choose one: what is wrong here stays so.

    What is missed has no sign in the pod that only agents have; the gateway holds the key of
    its own clients.  docs/reference/admission.md gives the figures.
    """
    held = CASES / "held-out"
    agents = {key_of(b)[1]: found(b, held) >= THRESHOLD for b in documents("agents", held)}
    others = {key_of(b)[1]: found(b, held) >= THRESHOLD for b in documents("others", held)}
    hits, false = sum(agents.values()), sum(others.values())
    precision, recall = hits / (hits + false), hits / len(agents)
    with capsys.disabled():
        print(f"\nheld out: {len(agents)} agents, {len(others)} others, precision {precision:.2f}, recall {recall:.2f}")  # fmt: skip
    assert (len(agents), len(others)) == (20, 36)
    assert [name for name, hit in others.items() if hit] == ["gateway"]
    missed = [name for name, hit in agents.items() if not hit]
    assert missed == ["release-notes", "vertex", "self-hosted", "all-in-a-secret", "workflow"]
    page = (ROOT / "docs" / "reference" / "admission.md").read_text(encoding="utf-8")
    assert f"precision {precision:.2f} and recall {recall:.2f}" in page


@pytest.mark.parametrize("value", ["agent", "tool"])
def test_a_platforms_tool_is_no_agent(value: str) -> None:
    body = web()
    body["metadata"]["labels"] = {"kagenti.io/type": value}
    words = [f.reason for f in judge(request(body)).warnings]
    assert words == (["SHADOW_AGENT"] if value == "agent" else [])
