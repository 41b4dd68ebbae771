"""What an agent is made of, what of it is not said, how far it reaches, and the four mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.threats import DAY, THREAT, WITHOUTS, build, closure, codes, records, root

from policyc.cli.main import main
from policyc.envelope.model import Envelope
from policyc.pipeline.build import lowered
from policyc.pipeline.compile import checked
from policyc.semantics.model import CheckedAgent, CheckedPolicy
from policyc.threats.applies import applicable
from policyc.threats.components import Component, components, unsaid
from policyc.threats.lints import lints, paper


def made(folder: Path) -> tuple[CheckedAgent, Envelope, CheckedPolicy]:
    _, policy, _ = checked(folder)
    (agent,) = [a for a in policy.agents if a.name == "bot"]
    return agent, lowered(folder, agent, policy, DAY).value, policy


def parts(folder: Path) -> dict[str, Component]:
    return {part.name: part for part in components(*made(folder))}


def test_m1_m2_components_of_all_categories_with_their_fields(tmp_path: Path) -> None:
    found = parts(root(tmp_path))
    assert {p.category for p in found.values()} == {"inference", "tools", "identity", "substrate"}
    assert "reviewed at p.agentpol" in found["tracker"].trust
    assert "read" in found["tracker"].blast and "write" not in found["tracker"].blast
    assert "configmaps" in found["demo/bot"].blast
    assert {"kubelet", "network plugin", "metadata service", "api server"} <= {
        p.kind for p in found.values()
    }


def test_m3_a_nested_agent_is_an_edge_with_threats_of_its_own(tmp_path: Path) -> None:
    edge = THREAT.replace("applies when tools", "applies when delegates")
    agent, envelope, policy = made(root(tmp_path, edge))
    (found,) = [p for p in components(agent, envelope, policy) if p.kind == "delegation"]
    assert found.name == "bot -> helper"
    assert "helper" in found.blast
    assert [t.id for t in applicable(policy.catalogue, envelope)] == ["T1"]
    helper = next(a for a in policy.agents if a.name == "helper")
    alone = lowered(tmp_path, helper, policy, DAY).value
    assert applicable(policy.catalogue, alone) == []


def test_m1_an_empty_field_is_reported(tmp_path: Path) -> None:
    """Nothing records the agent and nothing closes its threats: nobody would hear of its server."""
    found = [d.message for d in unsaid(*made(root(tmp_path)))]
    assert any("`tracker`" in message and "signal" in message for message in found)


def test_m1_a_closure_that_is_shown_is_a_signal_source(tmp_path: Path) -> None:
    found = parts(root(tmp_path, THREAT + closure()))
    assert found["tracker"].signal == "mcp.manifest.unchanged"
    assert found["tracker"].empty == ()


def test_m2_a_missing_category_without_a_reason_fails_the_compile(tmp_path: Path) -> None:
    compiled = build(root(tmp_path, members=""))
    assert codes(compiled) == ["PC3103", "PC3103"]  # bot and helper
    assert all("`memory`" in d.message for d in compiled.diagnostics if d.code == "PC3103")


def test_m2_a_reason_of_the_agent_or_of_its_class_is_enough(tmp_path: Path) -> None:
    assert build(root(tmp_path / "class")).ok
    of_agent = build(root(tmp_path / "agent", members="", lines=WITHOUTS))
    assert codes(of_agent) == ["PC3103"]  # the other agent has none


# -- reach ---------------------------------------------------------------------------------


# -- lints ---------------------------------------------------------------------------------

PROCESS = """
threat T1 theft compromise {
  on identity, tools
  says "A process takes the token."
}
"""


def shell(signal: str) -> str:
    return closure().replace("mcp.manifest.unchanged", signal)


def test_m60_old_tools_only(tmp_path: Path) -> None:
    token = {
        "kind": "kube-audit",
        "at": "2026-08-06T09:12:41Z",
        "agent": "bot",
        "fields": {"objectRef.resource": "serviceaccounts", "objectRef.subresource": "token"},
    }
    folder = root(
        tmp_path,
        PROCESS + shell("audit.token.request.none"),
        files={"poisoned.json": records(token)},
    )
    assert [d.code for d in lints(*made(folder))] == ["PC3116"]
    assert [d.code for d in lints(*made(root(tmp_path / "new", THREAT + closure())))] == []


@pytest.mark.parametrize(("stage", "found"), [("observe", []), ("audit", ["PC3117"])])
def test_m60_no_baseline(tmp_path: Path, stage: str, found: list[str]) -> None:
    assert [d.code for d in lints(*made(root(tmp_path, stage=stage)))] == found


def test_m60_compliance_as_documents(tmp_path: Path) -> None:
    duty = THREAT.replace("MCP03:2025", "AIACT-14:2024, AIRMF-MEASURE-2.7:2023")
    assert [d.code for d in paper(made(root(tmp_path / "a", duty))[2].catalogue)] == ["PC3119"]
    for more in (
        "refs MCP03:2025, AIACT-14:2024",
        "refs AIACT-14:2024\n  shown by mcp.call.logged",
    ):
        threat = THREAT.replace("refs MCP03:2025", more)
        assert not [*paper(made(root(tmp_path / str(len(more)), threat))[2].catalogue)]


def test_m60_shadow_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workload = """apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: demo}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
        - name: main
          image: x
          env: [{name: ANTHROPIC_API_KEY, value: y}]
---
"""
    head = 'cluster {\n  manifests "*.yaml"\n}\n'
    text = workload.replace("NAME", "bot") + workload.replace("NAME", "helper")
    files = {"a.yaml": text + workload.replace("NAME", "stranger")}
    folder = root(tmp_path, head=head, files=files)
    assert main(["threats", "list", str(folder), "--format", "sarif", "--as-of", "2026-09-01"]) == 1
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    shadows = [r["message"]["text"] for r in results if r["ruleId"] == "PC3118"]
    assert len(shadows) == 1 and "demo/stranger" in shadows[0]


# -- the verb ------------------------------------------------------------------------------


def test_m13_show_exports_all_of_an_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = root(tmp_path, "", head='import "policyc:threats" as std')
    assert main(["threats", "show", "STD11", str(folder), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    for field in (
        "attackerAction",
        "authorisation",
        "example",
        "primaryEvidence",
        "detectionLayer",
        "mitigation",
    ):
        assert shown[field], field
    assert shown["references"]["MCP03:2025"] == "Tool Poisoning"
    assert shown["agents"] == {"bot": "open", "helper": "open"}


def test_m1_m5_show_of_an_agent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = root(tmp_path, THREAT + closure())
    assert main(["threats", "show", "bot", str(folder), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["reach"]["size"] == len(shown["reach"]["paths"]) * len(shown["reach"]["actions"])
    assert shown["without"] == {"memory": "it keeps nothing"}
    assert [t["state"] for t in shown["threats"]] == ["closed"]
    assert main(["threats", "show", "bot", str(folder)]) == 0
    assert "reach:" in capsys.readouterr().out


def test_an_unknown_name_is_suggested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = root(tmp_path)
    assert main(["threats", "show", "bott", str(folder)]) == 2
    assert "did you mean `bot`?" in capsys.readouterr().err
    assert main(["threats", "list", str(folder), "--agent", "helpr"]) == 2
    assert "did you mean `helper`?" in capsys.readouterr().err


def test_list_is_clean_when_nothing_is_open_or_unsaid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threat = THREAT.replace("applies when tools", "applies when memory")
    main(["threats", "list", str(root(tmp_path, threat)), "--format", "json"])
    assert json.loads(capsys.readouterr().out) == []
