"""Custom resources that decide on tools: by group, version and kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.admission import SETTINGS, in_kind, judge, kind, pod, reasons, request, view

from policyc.admission.extract.gateways import EMPTY, Empty
from policyc.admission.view import View


def of(api: str, name: str, spec: Any, namespace: str = "agents", **more: Any) -> Any:
    version, _, kind_ = api.rpartition(" ")
    metadata = {"name": name, "namespace": namespace, "uid": "u-1"}
    return {"apiVersion": version, "kind": kind_, "metadata": metadata, "spec": spec, **more}


MODEL = of(
    "kagent.dev/v1alpha2 ModelConfig", "m", {"provider": "Anthropic", "model": "claude-sonnet"}
)
OTHER_MODEL = of("kagent.dev/v1alpha2 ModelConfig", "o", {"provider": "OpenAI", "model": "gpt-4o"})
ELSEWHERE = of("kagent.dev/v1alpha2 ModelConfig", "e", {"provider": "Anthropic", "model": "claude-sonnet", "anthropic": {"baseUrl": "https://evil.example.net"}})  # fmt: skip
REMOTE = of("kagent.dev/v1alpha2 RemoteMCPServer", "web", {"url": "http://web.mcp:8080/mcp"})


def kagents(*more: Any) -> View:
    return view(MODEL, OTHER_MODEL, ELSEWHERE, REMOTE, *more)


def agent(
    tools: Any = (),
    model: str = "m",
    version: str = "v1alpha2",
    name: str = "research",
    **deployment: Any,
) -> Any:
    declarative: Any = {"modelConfig": model, "tools": list(tools)}
    if deployment:
        declarative["deployment"] = deployment
    return of(
        f"kagent.dev/{version} Agent", name, {"type": "Declarative", "declarative": declarative}
    )


def server(*names: str, name: str = "web", **more: Any) -> Any:
    own = {
        "apiGroup": "kagent.dev",
        "kind": "RemoteMCPServer",
        "name": name,
        "toolNames": list(names),
    }
    return {"type": "McpServer", "mcpServer": {**own, **more}}


@pytest.mark.parametrize(
    "body, expected",
    [
        (agent([server("web_search", "read_file")]), set()),
        (agent([server("web_search", "shell_exec")]), {"TOOL"}),
        (agent([server()]), {"ALL_TOOLS"}),
        (agent([server("*")]), {"WILDCARD"}),
        (agent([server("web_search", name="shell")]), {"TOOL", "INDIRECT"}),
        *((agent([server("web_search", kind=k, namespace="mcp")]), set()) for k in ("Service", "MCPServer", "")),
        *((agent([server("web_search", kind=k, namespace="evil")]), {"EGRESS"}) for k in ("Service", "MCPServer", "")),
        (agent([server("web_search", kind="MCPServer")]), {"EGRESS"}),
        (agent([{"type": "New"}]), {"NOT_A_LIST"}),
        (agent([{"type": "Agent", "agent": {"name": "summary"}}]), {"DELEGATE"}),
        (agent(model="o"), {"MODEL"}),
        (agent(model="e"), {"EGRESS"}),
        (agent(model="absent"), {"INDIRECT"}),
        (agent(env=[{"name": "HTTPS_PROXY", "value": "http://evil.com:1"}]), {"PROXY"}),
        (agent(name="x", serviceAccountName="research", env=[{"name": "PYTHONPATH", "value": "/x"}]), {"RUNTIME_OVERRIDE"}),
        (agent([server()], name="other"), set()),
        (agent([server()], version="v1alpha9"), {"NOT_A_LIST"}),
        (of("kagent.dev/v1alpha2 Agent", "research", {"type": "BYO", "byo": {"deployment": {"cmd": "sh", "args": ["-c", "x"]}}}), {"SHELL_WRAPPER"}),
        (of("kagent.dev/v1alpha2 SandboxAgent", "research", {**agent([server("shell_exec")])["spec"], "platform": "substrate"}), {"TOOL"}),
        (of("example.com/v1 Agent", "research", {"declarative": {"tools": [server()]}}), set()),
    ],
)  # fmt: skip
def test_agents_of_kagent(body: Any, expected: set[str]) -> None:
    assert reasons(judge(request(body), kagents())) == expected


@pytest.mark.parametrize(
    "old, new, expected",
    [
        (MODEL, {**MODEL, "spec": OTHER_MODEL["spec"]}, {"MODEL"}),
        (MODEL, {**MODEL, "spec": ELSEWHERE["spec"]}, {"EGRESS"}),
        (MODEL, {**MODEL, "spec": {**MODEL["spec"], "apiKeySecret": "s"}}, set()),
        (OTHER_MODEL, {**OTHER_MODEL, "spec": ELSEWHERE["spec"]}, set()),
        (REMOTE, {**REMOTE, "spec": {"url": "https://evil.example.net/mcp"}}, {"EGRESS"}),
    ],
)
def test_what_agents_of_kagent_refer_to(old: Any, new: Any, expected: set[str]) -> None:
    cluster = kagents(agent([server("web_search")]))
    assert reasons(judge(request(new, "UPDATE", old), cluster)) == expected


OURS = of("kagent.dev/v1alpha1 MCPServer", "web", {"deployment": {"port": 8080}}, "mcp")
MOVED = of("kagent.dev/v1alpha1 MCPServer", "web", {"deployment": {"port": 22}}, "mcp")


@pytest.mark.parametrize("kind_", ["MCPServer", ""])
def test_a_server_that_moves_to_another_port(kind_: str) -> None:
    """kmcp's own kind: the Agent names it in another namespace, and says no port."""
    body = agent([server("web_search", kind=kind_, namespace="mcp")])
    assert judge(request(body), kagents(OURS)).allowed
    assert reasons(judge(request(body), kagents(MOVED))) == {"EGRESS"}
    assert reasons(judge(request(MOVED, "UPDATE", OURS), kagents(body, OURS))) == {"EGRESS"}
    assert reasons(judge(request(MOVED), kagents(body))) == {"EGRESS"}
    assert judge(request(OURS), kagents(body)).allowed
    by_service = agent([server("web_search", kind="Service", namespace="mcp")])
    assert judge(request(MOVED), kagents(by_service)).allowed


@pytest.mark.parametrize("api", ["v1alpha2 RemoteMCPServer", "v1alpha2 ModelConfig"])
def test_another_object_of_the_name_is_none_that_agents_refer_to(api: str) -> None:
    """Of another namespace, or of another kind: it is no business of the Agent's."""
    evil = {"url": "https://evil.example.net/mcp", "provider": "OpenAI", "model": "gpt-4o"}
    there = kagents(agent([server("web_search")]))
    for name in ("web", "m"):
        assert judge(request(of(f"kagent.dev/{api}", name, evil, "other")), there).allowed
    moved = of("kagent.dev/v1alpha1 MCPServer", "web", {"deployment": {"port": 22}})
    assert judge(request(moved), there).allowed


def test_a_server_of_another_namespace_that_an_agent_refers_to() -> None:
    body = agent([server("web_search", namespace="shared")])
    good = of("kagent.dev/v1alpha2 RemoteMCPServer", "web", REMOTE["spec"], "shared")
    evil = {**good, "spec": {"url": "https://evil.example.net/mcp"}}
    assert reasons(judge(request(evil, "UPDATE", good), kagents(body, good))) == {"EGRESS"}


def test_nobody_knows_where_servers_are() -> None:
    there = kagents(OURS)
    lost = View(there.objects, frozenset({("kagent.dev", "MCPServer")}))
    named = agent([server("web_search", kind="MCPServer", namespace="mcp")])
    assert reasons(judge(request(named), lost)) == {"STATE_UNKNOWN"}


def rendered(uid: str | None = "u-1", name: str = "research") -> Any:
    body = pod()
    own = {
        "name": "KAGENT_NAME",
        "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}},
    }
    body["spec"]["containers"][0]["env"] = [own]
    made = in_kind(kind("Deployment"), body)
    if uid is not None:
        owner = {"apiVersion": "kagent.dev/v1alpha2", "kind": "Agent", "name": name, "uid": uid}
        made["metadata"]["ownerReferences"] = [owner]
    return made


@pytest.mark.parametrize("uid", ["u-1", None])
def test_what_kagent_renders_is_judged_by_its_agent(uid: str | None) -> None:
    good, bad = agent([server("web_search")]), agent([server("shell_exec")])
    assert judge(request(rendered(uid)), kagents(good)).allowed
    assert reasons(judge(request(rendered(uid)), kagents(bad))) == {"TOOL"}
    assert reasons(judge(request(rendered(uid)), kagents())) == {"OWNER_UNKNOWN"}


def test_the_agent_that_a_pod_names_wins_over_its_account() -> None:
    """An Agent with a ServiceAccount of another name; its ReplicaSet's pods have no Agent as owner."""
    named = rendered(None)
    named["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "KAGENT_NAME", "value": "finder"}
    ]
    good = agent([server("web_search")], name="finder", serviceAccountName="research")
    bad = agent([server("shell_exec")], name="finder", serviceAccountName="research")
    assert judge(request(named), kagents(good)).allowed
    assert reasons(judge(request(named), kagents(bad))) == {"TOOL"}
    assert reasons(judge(request(named), kagents())) == {"OWNER_UNKNOWN"}


def test_a_sandbox_agent_is_an_owner_too() -> None:
    body = {**agent([server("shell_exec")]), "kind": "SandboxAgent"}
    made = rendered("u-1")
    made["metadata"]["ownerReferences"][0]["kind"] = "SandboxAgent"
    assert reasons(judge(request(made), kagents(body))) == {"TOOL"}


def test_kagents_own_token_is_for_operators_to_allow() -> None:
    """kagent mounts a token with the audience `kagent` into every pod that it makes."""
    made = pod()
    source = {"serviceAccountToken": {"audience": "kagent", "path": "kagent-token"}}
    made["spec"]["volumes"] = [{"name": "kagent-token", "projected": {"sources": [source]}}]
    assert reasons(judge(request(made))) == {"TOKEN_VOLUME"}
    allowed = replace(SETTINGS, token_audiences=frozenset({"kagent"}))
    assert judge(request(made), settings=allowed).allowed
    source["serviceAccountToken"].pop("audience")
    summary = {**made, "spec": {**pod("summary")["spec"], "volumes": made["spec"]["volumes"]}}
    assert "TOKEN_VOLUME" in reasons(judge(request(summary), settings=allowed))


def test_an_owner_that_is_another_object_is_none() -> None:
    cluster = kagents(agent([server("web_search")]))
    assert reasons(judge(request(rendered("forged")), cluster)) == {"OWNER_UNKNOWN"}
    assert reasons(judge(request(rendered("u-1", "absent")), cluster)) == {"OWNER_UNKNOWN"}


def access(
    version: str, group: str = "agentic.networking.x-k8s.io", account: str = "research", **rule: Any
) -> Any:
    source = {"type": "ServiceAccount", "serviceAccount": {"namespace": "agents", "name": account}}
    spec = {"targetRefs": [{"name": "web"}], "rules": [{"source": source, **rule}]}
    return of(f"{group}/{version} XAccessPolicy", "p", spec, "mcp")


def methods(*given: Any) -> Any:
    return {"authorization": {"type": "Inline", "mcp": {"methods": list(given)}}}


CALL = "tools/call"


@pytest.mark.parametrize(
    "body, expected",
    [
        (access("v0alpha0", tools=["web_search"]), set()),
        (access("v0alpha0", tools=["shell_exec"]), {"TOOL"}),
        (access("v0alpha0", tools=[]), set()),
        (access("v0alpha0"), set()),
        (access("v0alpha0", authorization={"type": "InlineTools", "tools": ["shell_exec"]}), {"TOOL"}),
        (access("v0alpha0", authorization={"type": "CEL"}), {"NOT_A_LIST"}),
        (access("v1alpha1"), {"ALL_TOOLS"}),
        (access("v1alpha1", **methods()), {"ALL_TOOLS"}),
        (access("v1alpha1", **methods({"name": "tools"})), {"ALL_TOOLS"}),
        (access("v1alpha1", **methods({"name": CALL})), {"ALL_TOOLS"}),
        (access("v1alpha1", **methods({"name": CALL, "params": ["web_search"]})), set()),
        (access("v1alpha1", **methods({"name": CALL, "params": ["shell_exec"]})), {"TOOL"}),
        (access("v1alpha1", **methods({"name": "prompts/get"})), set()),
        (access("v1alpha1", authorization={"type": "CEL", "cel": {"expression": "true"}}), {"NOT_A_LIST"}),
        (access("v1alpha1", account="web"), set()),
        (access("v2"), {"NOT_A_LIST"}),
        (access("v1alpha1", "agentic.prototype.x-k8s.io"), {"ALL_TOOLS"}),
        (access("v1alpha1", "example.com"), set()),
    ],
)  # fmt: skip
def test_access_policies(body: Any, expected: set[str]) -> None:
    assert reasons(judge(request(body))) == expected


def test_an_access_policy_for_a_workload_identity() -> None:
    body = access("v1alpha1")
    body["spec"]["rules"][0]["source"] = {
        "type": "SPIFFE",
        "spiffe": "spiffe://cluster.local/ns/agents/sa/research",
    }
    assert reasons(judge(request(body))) == {"ALL_TOOLS"}


def toolhive(kind_: str, name: str, spec: Any, version: str = "v1beta1") -> Any:
    return of(f"toolhive.stacklok.dev/{version} {kind_}", name, spec, "mcp")


REFERS = toolhive("MCPServer", "web", {"image": "x", "toolConfigRef": {"name": "c"}})


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
@pytest.mark.parametrize(
    "spec, expected",
    [
        ({"toolsFilter": ["web_search", "read_file"]}, set()),
        ({"toolsFilter": ["web_search", "shell_exec"]}, {"TOOL"}),
        ({"toolsFilter": []}, {"ALL_TOOLS"}),
        ({}, {"ALL_TOOLS"}),
        ({"toolsFilter": ["look"], "toolsOverride": {"web_search": {"name": "look"}}}, set()),
        ({"toolsFilter": ["web_search"], "toolsOverride": {"web_search": {"description": "x"}}}, set()),
        ({"toolsFilter": ["web_search"], "toolsOverride": {"shell_exec": {"name": "web_search"}}}, {"TOOL"}),
    ],
)  # fmt: skip
def test_servers_of_toolhive(version: str, spec: Any, expected: set[str]) -> None:
    config = toolhive("MCPToolConfig", "c", spec, version)
    assert reasons(judge(request(REFERS), view(config))) == expected
    assert reasons(judge(request(config), view(REFERS))) == expected
    assert judge(request(config), view()).allowed


def test_a_server_of_toolhive_without_a_filter() -> None:
    assert reasons(judge(request(REFERS), view())) == {"INDIRECT"}
    assert reasons(judge(request(toolhive("MCPServer", "web", {"image": "x"})))) == {"ALL_TOOLS"}
    assert judge(request(toolhive("MCPServer", "unused", {"image": "x"}))).allowed


@pytest.mark.parametrize(
    "selector, expected",
    [
        (None, {"ALL_TOOLS"}),
        ({"include": ["web_search"]}, set()),
        ({"include": ["shell_exec"]}, {"TOOL"}),
        ({"include": []}, {"ALL_TOOLS"}),
        ({"includeRegex": ["web_.*"]}, {"WILDCARD"}),
        ({"exclude": ["shell_exec"]}, {"ALL_TOOLS"}),
    ],
)
@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_routes_of_the_envoy_gateway(version: str, selector: Any, expected: set[str]) -> None:
    backend = {"name": "web"} if selector is None else {"name": "web", "toolSelector": selector}
    body = of(f"aigateway.envoyproxy.io/{version} MCPRoute", "r", {"backendRefs": [backend]})
    assert reasons(judge(request(body))) == expected


def test_one_kind_in_other_groups_and_a_server_without_a_list_of_its_own() -> None:
    for group in ("mcp.x-k8s.io", "kagent.dev", "mcp.opendatahub.io"):
        assert judge(
            request(of(f"{group}/v1alpha1 MCPServer", "web", {"deployment": {"image": "x"}}))
        ).allowed


def test_the_table_says_what_an_empty_list_means() -> None:
    none = {key for key, meaning in EMPTY.items() if meaning is Empty.NONE}
    assert {(version, kind_) for _, version, kind_ in none} == {("v0alpha0", "XAccessPolicy")}
