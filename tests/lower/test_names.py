"""What a recorder calls a server or model is the declared one exactly where its declaration says the same place."""

from __future__ import annotations

from functools import cache

import pytest
from support.agents import lowered, policy_of

from policyc.core.diagnostics import Diagnostic
from policyc.envelope.model import Envelope
from policyc.envelope.observation import ModelSeen, Observation, Observed, Sighting, ToolSeen
from policyc.envelope.provenance import Evidence, Step
from policyc.lower.generalise import generalise
from policyc.reconcile.observed import use
from policyc.semantics.model import CheckedPolicy

SEEN = Sighting((Evidence("rec.json", "/spec/tools/0"),))
REVIEW = 'reviewed by "a@corp.example" on 2026-08-01 because "R-1"'
PROTOCOL = """edition 2026
cluster {{
  manifests "cluster.yaml"
}}
{servers}
class base {{
  cap {{
    egress * * to anywhere
{cap}
  }}
}}
agent bot is base {{
  workload Deployment team/bot container main
  identity team/bot
}}
"""
SERVERS = {
    "slack": "at service slack/slack-mcp:8080",
    "wiki": "at host mcp.wiki.example:443",
    "near": "at service team/near:80",
    "side": "at host 127.0.0.1:8931",
    "shell": "at stdio\n  image ghcr.io/acme/shell-mcp-server-long@sha256:" + "0" * 64,
    "named": "at host idle.infra.svc.cluster.local:80",
}
GATEWAYS = """
gateway llm {
  at service ai/llm:8080
  models anthropic/claude-*, openai/gpt-4o
  REVIEW
}
gateway open {
  at host open.example:443
  REVIEW
}
""".replace("REVIEW", REVIEW)
CAP = """    tool *: *
    model * via llm
    model openai/o-9 via open"""


def service(namespace: str, name: str, address: str, port: int) -> str:
    return f"""---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  clusterIP: {address}
  selector: {{app: {name}}}
  ports: [{{port: {port}, targetPort: 9090}}, {{port: 9, targetPort: 10}}]
"""


MANIFESTS = "".join(
    [
        service("slack", "slack-mcp", "10.96.3.4", 8080),
        service("team", "near", "10.96.3.5", 80),
        service("ai", "llm", "10.96.3.6", 8080),
        service("infra", "idle", "10.96.3.7", 80),
    ]
)


def server(name: str, at: str, *tools: str) -> str:
    return f"mcp {name} {{\n  {at}\n  tools {', '.join(tools or ('post',))}\n  {REVIEW}\n}}\n"


@cache
def policy(more: str = "", cap: str = CAP) -> CheckedPolicy:
    declared = "".join(server(name, at) for name, at in SERVERS.items())
    text = PROTOCOL.format(servers=declared + GATEWAYS + more, cap=cap)
    return policy_of(text, MANIFESTS)


def seen(
    *observations: Observation, chosen: CheckedPolicy | None = None
) -> tuple[Envelope, list[Diagnostic]]:
    return lowered(chosen or policy(), Observed(observations, frozenset(), 1))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("slack", "slack"),
        ("slack-mcp.slack", "slack"),
        ("slack-mcp.slack.svc", "slack"),
        ("slack-mcp.slack.svc.cluster.local", "slack"),
        ("Slack-MCP.slack.svc.cluster.local.", "slack"),
        ("slack-mcp.slack.svc.cluster.local port 8080", "slack"),
        ("10.96.3.4 port 8080", "slack"),
        ("::ffff:10.96.3.4 port 8080", "slack"),
        ("mcp.wiki.example", "wiki"),
        ("mcp.wiki.example port 443", "wiki"),
        ("near.team.svc.cluster.local", "near"),
        ("near", "near"),
        ("127.0.0.1 port 8931", "side"),
        ("::1 port 8931", "side"),
        ("stdio:shell", "shell"),
        ("stdio:shell-mcp-serve", "shell"),
        ("stdio:python3", "shell"),
        ("idle.infra.svc.cluster.local", "named"),
        ("10.96.3.7 port 80", "named"),
    ],
)  # fmt: skip
def test_a_server_is_the_declared_one(text: str, name: str) -> None:
    envelope, found = seen(ToolSeen(text, "post", SEEN))
    assert not found
    assert envelope.domains["tools"].describe() == [f"server {name}, tool post"]
    (grant,) = envelope.grants["tools"]
    (why,) = grant.derivations
    assert why.evidence == SEEN.evidence
    if text != name:
        assert (why.step, why.note) == (Step.NAMED, f"`{text}` is mcp {name}")
        declaration = policy().declared[f"mcp {name}"]
        assert [p.line for p in why.places] == [declaration.span.begin.line]
    assert use(Observed((ToolSeen(text, "post", SEEN),)), policy().agents[0], policy(), envelope).is_used(grant.region)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("slack-mcp", "`mcp NAME { at host slack-mcp:PORT ... }`"),  # of the agent's namespace
        ("10.96.3.4 port 9", "`mcp NAME { at service slack/slack-mcp:9 ... }`"),
        ("10.0.0.9 port 80", "with the `clusterIP`"),
        ("127.0.0.1 port 1", "at host localhost:1"),
        ("mcp.wiki.example port 8443", "at host mcp.wiki.example:8443"),
        ("mcp.slack.example", "at host mcp.slack.example:PORT"),
        ("wiki.example", "declared are `wiki` (at host mcp.wiki.example:443), "),
    ],
)
def test_another_place_is_another_server(text: str, says: str) -> None:
    envelope, found = seen(ToolSeen(text, "post", SEEN), ToolSeen(text, "read", SEEN))
    assert not envelope.domains["tools"]
    (finding,) = found
    assert finding.code == "PC4015"
    assert f"`tool post of {text}`, `tool read of {text}`, which is no declared MCP server; seen at `rec.json#" in finding.message  # fmt: skip
    assert says in (finding.help or "")
    assert "widen" not in (finding.help or "")


def test_two_servers_of_one_place_are_not_told_apart_but_by_the_cap() -> None:
    more = server("slack-b", SERVERS["slack"], "post")
    call = ToolSeen("10.96.3.4 port 8080", "post", SEEN)
    envelope, (finding,) = seen(call, chosen=policy(more))
    assert not envelope.domains["tools"]
    assert finding.code == "PC4015"
    assert "more than one MCP server: `slack` (at service slack/slack-mcp), `slack-b`" in finding.message  # fmt: skip
    envelope, found = seen(call, chosen=policy(more, CAP.replace("*: *", "slack-b: post")))
    assert not found
    assert envelope.domains["tools"].describe() == ["server slack-b, tool post"]


def test_an_interpreter_names_no_server_that_has_not_the_tool() -> None:
    envelope, found = seen(ToolSeen("stdio:node", "run", SEEN))
    assert (envelope.domains["tools"].describe(), [d.code for d in found]) == ([], ["PC4015"])


def test_where_nobody_may_have_tools_the_cap_is_what_is_said() -> None:
    chosen = policy(cap="")
    _, found = seen(ToolSeen("mcp.x.example", "post", SEEN), chosen=chosen)
    assert [d.code for d in found] == ["PC4002"]


@pytest.mark.parametrize(
    ("model", "gateway", "is_"),
    [
        ("claude-9", "llm.ai.svc.cluster.local", "model anthropic/claude-9, gateway llm"),
        ("claude-9", "10.96.3.6 port 8080", "model anthropic/claude-9, gateway llm"),
        ("anthropic/claude-9", "llm.ai", "model anthropic/claude-9, gateway llm"),
        ("gpt-4o", "llm", "model openai/gpt-4o, gateway llm"),
        ("gpt-4o", "", "model openai/gpt-4o, gateway llm"),
        ("o-9", "open.example", "model openai/o-9, gateway open"),
        ("o-9", "", "model openai/o-9, gateway open"),
    ],
)
def test_a_model_is_the_declared_one(model: str, gateway: str, is_: str) -> None:
    envelope, found = seen(ModelSeen(model, gateway, SEEN))
    assert not found
    assert envelope.domains["models"].describe() == [is_]
    (why,) = envelope.grants["models"][0].derivations
    assert why.step is Step.NAMED
    assert f"`{model}" in why.note


@pytest.mark.parametrize(
    ("model", "gateway", "says"),
    [
        ("gpt-4o", "api.openai.example", "which is no declared gateway"),
        ("mistral", "llm.ai.svc", "which the gateway declared there does not serve"),
    ],
)
def test_a_model_of_nowhere_is_not_granted(model: str, gateway: str, says: str) -> None:
    envelope, (finding,) = seen(ModelSeen(model, gateway, SEEN))
    assert not envelope.domains["models"]
    assert finding.code == "PC4015"
    assert says in finding.message


def test_a_model_of_two_gateways_is_told_by_its_peer_only() -> None:
    chosen = policy(cap=CAP + "\n    model openai/gpt-4o via open")
    envelope, (finding,) = seen(ModelSeen("gpt-4o", "", SEEN), chosen=chosen)
    assert not envelope.domains["models"]
    assert "`openai/gpt-4o via llm` or `openai/gpt-4o via open`" in finding.message
    envelope, found = seen(ModelSeen("gpt-4o", "open.example", SEEN), chosen=chosen)
    assert not found
    assert envelope.domains["models"].describe() == ["model openai/gpt-4o, gateway open"]


def test_all_that_one_server_is_called_is_one_thing() -> None:
    texts = ("slack", "slack-mcp.slack.svc.cluster.local", "10.96.3.4 port 8080")
    agent = policy().agents[0]
    lines = {c.line for t in texts for c in generalise(ToolSeen(t, "post", SEEN), agent, policy())}
    assert lines == {"tool slack: post"}


def test_a_doubtful_call_is_no_evidence_that_a_tool_is_unused() -> None:
    clear, doubtful = ToolSeen("slack", "post", SEEN), ToolSeen("10.0.0.9 port 1", "post", SEEN)
    for observations, looked in (((clear,), True), ((clear, doubtful), False)):
        envelope, _ = seen(*observations)
        used = use(Observed(observations), policy().agents[0], policy(), envelope)
        assert ("tools" in used.looked_at) == looked
