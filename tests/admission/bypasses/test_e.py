"""Lists of tools and hosts, in every disguise that a container's variables allow."""

from __future__ import annotations

from typing import Any

import pytest
from support.admission import IMAGE, in_kind, judge, kind, pod, reasons, request, view

from policyc.kube.workloads import WORKLOAD_KINDS

CONFIG = "agents"


def with_env(*entries: Any, **plain: str) -> Any:
    """A research pod with these variables."""
    body = pod()
    env = [*entries, *({"name": k, "value": v} for k, v in plain.items())]
    body["spec"]["containers"][0]["env"] = env
    return body


def with_args(*args: str, command: tuple[str, ...] = ()) -> Any:
    body = pod()
    body["spec"]["containers"][0]["args"] = list(args)
    if command:
        body["spec"]["containers"][0]["command"] = list(command)
    return body


def config_map(name: str, immutable: bool | None = True, **data: str) -> Any:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": CONFIG},
        "data": data,
    }
    if immutable is not None:
        body["immutable"] = immutable
    return body


def from_map(variable: str, name: str, key: str) -> Any:
    return {"name": variable, "valueFrom": {"configMapKeyRef": {"name": name, "key": key}}}


def with_volume(volume: Any, at: str = "/etc/agent") -> Any:
    body = pod()
    body["spec"]["volumes"] = [{"name": "v", **volume}]
    body["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": at}]
    return body


ADMITTED: list[Any] = [
    pytest.param(with_env(AGENT_TOOLS="web_search, read_file"), id="E2-spaces"),
    pytest.param(with_env(AGENT_TOOLS="web_search,read_file,"), id="E2-trailing-comma"),
    pytest.param(with_env(AGENT_TOOLS='["web_search", "read_file"]'), id="E2-JSON"),
    pytest.param(with_env(AGENT_TOOLS="web_search\nread_file\n"), id="E2-lines"),
    pytest.param(with_env(AGENT_TOOLS="web/web_search web__read_file mcp__web__web_search"), id="E2-gateway-names"),
    pytest.param(with_env(AGENT_TOOLS="web-search,web_read-file"), id="E2-hyphens", marks=[]),
    pytest.param(with_env({"name": "T", "value": "web_search"}, AGENT_TOOLS="$(T),read_file"), id="E11-resolved"),
    pytest.param(with_env(AGENT_EGRESS="api.example.com."), id="E19-final-dot"),
    pytest.param(with_env(AGENT_EGRESS="API.EXAMPLE.COM"), id="E19-case"),
    pytest.param(with_env(AGENT_EGRESS="api.example.com:443 "), id="E19-port"),
    pytest.param(with_env(API_URL="https://API.example.com./v1?x=y"), id="E19-URL"),
    pytest.param(with_env(MCP_SERVER_URL="http://web.mcp.svc.cluster.local:8080/mcp", AGENT_TOOLS="web_search"), id="E17-own-server"),
    pytest.param(with_env(MCP_SERVER_URL="http://web.mcp:8080/mcp", AGENT_TOOLS="web_search"), id="E17-short-name"),
    pytest.param(with_env(ANTHROPIC_MODEL="claude-sonnet"), id="E1-model-of-vendor"),
    pytest.param(with_env(MODEL="anthropic/claude-sonnet"), id="E1-model"),
    pytest.param(with_env(HOST="0.0.0.0", METRICS_URL="http://localhost:9090"), id="E17-own-pod"),
    pytest.param(with_env(LOG_LEVEL="debug", POD_TOOLS_DISABLED="rm"), id="E1-nothing-of-ours"),
    pytest.param(with_args("--tools=web_search", "--model", "claude-sonnet"), id="E12-within"),
]  # fmt: skip


@pytest.mark.parametrize("body", ADMITTED)
def test_what_is_granted_is_admitted_in_any_spelling(body: Any) -> None:
    verdict = judge(request(body))
    assert verdict.allowed, verdict.denials


DENIED: list[Any] = [
    pytest.param(with_env(AGENT_TOOLS="web_search,shell_exec"), "TOOL", id="E1-tool"),
    pytest.param(with_env(OPENAI_MODEL="gpt-4o"), "MODEL", id="E1-model-denied"),
    pytest.param(with_env(MODEL="*"), "WILDCARD", id="E4-model"),
    pytest.param(with_env(AGENT_TOOLS=",".join(f"a_{i}" for i in range(9999))), "NOT_A_LIST", id="E2-too-many"),
    pytest.param(with_env(AGENT_TOOLS='{"a": 1'), "NOT_A_LIST", id="E2-broken-JSON"),
    pytest.param(with_env(GITHUB_TOOLSETS="repos"), "ALL_TOOLS", id="E4-toolset"),
    pytest.param(with_env(AGENT_TOOLS="Web_Search"), "TOOL", id="E3-case"),
    pytest.param(with_env(AGENT_TOOLS="web_search\u200b"), "NON_ASCII", id="E3-zero-width"),
    pytest.param(with_env(AGENT_TOOLS='["web_search\\u200b"]'), "NON_ASCII", id="E3-escaped"),
    pytest.param(with_env(AGENT_TOOLS="web_search,read_file".replace("o", "\u043e").replace("e", "\u0435")), "NON_ASCII", id="E3-cyrillic"),
    pytest.param(with_env(AGENT_TOOLS="\uff57\uff45\uff42_search"), "NON_ASCII", id="E3-full-width"),
    pytest.param(with_env(AGENT_TOOLS="*"), "WILDCARD", id="E4-star"),
    pytest.param(with_env(AGENT_TOOLS="web_*"), "WILDCARD", id="E4-prefix"),
    pytest.param(with_env(AGENT_TOOLS=".*"), "WILDCARD", id="E4-regex"),
    pytest.param(with_env({"name": "AGENT_TOOLS", "value": "web_search"}, {"name": "AGENT_TOOLS", "value": "shell_exec"}), "DUP_ENV", id="E5-twice"),
    pytest.param(with_env({"name": "AGENT_TOOLS", "value": "shell_exec"}, {"name": "AGENT_TOOLS", "value": "web_search"}), "TOOL", id="E5-first-bad"),
    pytest.param(with_env({"name": "AGENT_TOOLS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}), "INDIRECT", id="E7-secret"),
    pytest.param(with_env({"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}), "INDIRECT", id="E7-secret-URL"),
    pytest.param(with_env({"name": "AGENT_TOOLS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['tools']"}}}), "MUTABLE_SOURCE", id="E8-annotation"),
    pytest.param(with_env({"name": "AGENT_TOOLS", "valueFrom": {"fileKeyRef": {"path": "f", "key": "k", "volumeName": "v"}}}), "INDIRECT", id="E8-file"),
    pytest.param(with_volume({"downwardAPI": {"items": [{"path": "tools", "fieldRef": {"fieldPath": "metadata.annotations['tools']"}}]}}), "MUTABLE_SOURCE", id="E9-downward"),
    pytest.param(with_volume({"projected": {"sources": [{"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.annotations"}}]}}]}}), "MUTABLE_SOURCE", id="E9-projected"),
    pytest.param(with_env(AGENT_TOOLS="$(NOWHERE)"), "UNRESOLVED", id="E11-unresolved"),
    pytest.param(with_env({"name": "T", "value": "shell_exec"}, AGENT_TOOLS="$(T)"), "TOOL", id="E11-expanded"),
    pytest.param(with_env({"name": "AGENT_TOOLS", "value": "$(T)"}, {"name": "T", "value": "web_search"}), "UNRESOLVED", id="E11-later"),
    pytest.param(with_env(AGENT_TOOLS="$$(T)"), "WILDCARD", id="E11-escaped"),
    pytest.param(with_env({"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, DB="postgres://a:$(P)@api.example.com:443/"), "UNRESOLVED", id="E11-secret-inside"),
    pytest.param(with_args("--tools=shell_exec"), "TOOL", id="E12-flag"),
    pytest.param(with_args("--allowedTools", "web_search,shell_exec"), "TOOL", id="E12-two-words"),
    pytest.param(with_args("--mcp-url=http://evil.example.net/mcp"), "EGRESS", id="E12-URL-flag"),
    pytest.param(with_args("http://evil.example.net/sse"), "EGRESS", id="E12-URL"),
    pytest.param(with_args("--mcp-config", "--tools=shell_exec"), "TOOL", id="E12-swallowed"),
    pytest.param(with_args("--tools=", "--mcp-url=http://web.mcp:8080"), "ALL_TOOLS", id="E12-empty-list"),
    pytest.param(with_args("--dangerously-skip-permissions"), "ALL_TOOLS", id="E12-unguarded"),
    pytest.param(with_args("AGENT_TOOLS=shell_exec", "agent", command=("env",)), "TOOL", id="E12-env-command"),
    pytest.param(with_args("-c", "AGENT_TOOLS=shell_exec exec agent", command=("sh",)), "SHELL_WRAPPER", id="E13-sh"),
    pytest.param(with_args(command=("/bin/bash", "-lc", "agent")), "SHELL_WRAPPER", id="E13-bash"),
    pytest.param(with_args("-ec", "agent", command=("/bin/busybox", "sh")), "SHELL_WRAPPER", id="E13-busybox"),
    pytest.param(with_args(command=("tini", "--", "python3.12", "-c", "import os")), "SHELL_WRAPPER", id="E13-python"),
    pytest.param(with_volume({"secret": {"secretName": "s", "items": [{"key": "k", "path": "mcp.json"}]}}), "INDIRECT", id="E14-secret-file"),
    pytest.param(with_env(MCP_SERVER_URL="https://mcp.evil.example.net/mcp", AGENT_TOOLS="web_search"), "EGRESS", id="E17-outside"),
    pytest.param(with_env(MCP_SERVER_URL="http://web.mcp.svc:8080/mcp"), "ALL_TOOLS", id="E17-no-list"),
    pytest.param(with_env(MCP_SERVER_URL="http://web.mcp.svc:8080/mcp", AGENT_TOOLS=" , "), "ALL_TOOLS", id="E17-empty-list"),
    pytest.param(with_env(MCP_SERVER_URL="http://web.mcp.svc:9999/mcp", AGENT_TOOLS="web_search"), "EGRESS", id="E17-port"),
    pytest.param(with_env(MCP_SERVERS='{"mcpServers": {"web": {"url": "http://web.mcp:8080", "tools": ["shell_exec"]}}}'), "TOOL", id="E17-JSON"),
    *(
        pytest.param(with_env(AGENT_EGRESS=f"api.example.com,{written}"), reason, id=f"E18-{written}")
        for written, reason in {
            "0.0.0.0/0": "EGRESS", "0.0.0.0/1,128.0.0.0/1": "EGRESS", "::/0": "EGRESS",
            "::ffff:10.0.0.1": "EGRESS", "::ffff:0.0.0.0/96": "AMBIGUOUS_HOST", "2130706433": "AMBIGUOUS_HOST",
            "010.0.0.1": "AMBIGUOUS_HOST", "0x7f.1": "AMBIGUOUS_HOST", "127.1": "AMBIGUOUS_HOST",
            "0.0.0.0": "AMBIGUOUS_HOST", "*": "WILDCARD", "169.254.169.254": "EGRESS", "fe80::1%eth0": "AMBIGUOUS_HOST",
        }.items()
    ),
    pytest.param(with_env(API_URL="http://2852039166/latest"), "AMBIGUOUS_HOST", id="E18-URL"),
    pytest.param(with_env(API_URL="http://[::ffff:169.254.169.254]/latest"), "EGRESS", id="E18-mapped-URL"),
    pytest.param(with_env(AGENT_EGRESS="*.example.com.evil.com"), "EGRESS", id="E20-suffix"),
    pytest.param(with_env(AGENT_EGRESS="*.example.com"), "EGRESS", id="E20-wider"),
    pytest.param(with_env(AGENT_EGRESS="api.example.com@evil.com"), "AMBIGUOUS_HOST", id="E20-at"),
    pytest.param(with_env(API_URL="https://api.example.com@evil.com/"), "EGRESS", id="E20-userinfo"),
    pytest.param(with_env(API_URL="https://evil.com\\@api.example.com/"), "AMBIGUOUS_HOST", id="E20-backslash"),
    pytest.param(with_env(API_URL="https://api.example.com%2eevil.com/"), "AMBIGUOUS_HOST", id="E20-percent"),
    pytest.param(with_env(AGENT_EGRESS="\u0430pi.example.com"), "NON_ASCII", id="E20-homograph"),
    pytest.param(with_env(API_URL="https://\u0430pi.example.com/"), "NON_ASCII", id="E20-homograph-URL"),
    pytest.param(with_env(AGENT_EGRESS="xn--pi-7kc.example.com"), "EGRESS", id="E20-punycode"),
    pytest.param(with_env(API_URL="https://api.example.com:8443/"), "EGRESS", id="E20-port"),
    *(
        pytest.param(with_env(**{name: "http://proxy.evil.com:3128"}), "PROXY", id=f"E21-{name}")
        for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy", "HTTP_PROXY", "npm_config_https_proxy")
    ),
    pytest.param(with_env(NO_PROXY="evil.com"), "PROXY", id="E21-NO_PROXY"),
    pytest.param(with_env(NO_PROXY="*"), "WILDCARD", id="E21-NO_PROXY-all"),
    *(
        pytest.param(with_env(**{name: "/tmp/x"}), "RUNTIME_OVERRIDE", id=f"E22-{name}")
        for name in ("PYTHONPATH", "LD_PRELOAD", "NODE_OPTIONS", "BASH_ENV", "JAVA_TOOL_OPTIONS", "SSL_CERT_FILE")
    ),
]  # fmt: skip


@pytest.mark.parametrize("body, reason", DENIED)
def test_what_is_not_granted_or_not_known_is_denied(body: Any, reason: str) -> None:
    verdict = judge(request(body))
    assert reason in reasons(verdict), verdict.findings
    assert all(f.agent == "research" and f.path.startswith("spec.") for f in verdict.denials)


INDIRECT: list[Any] = [
    pytest.param(with_env(from_map("AGENT_TOOLS", "t", "k")), {"k": "web_search"}, True, set(), id="E6-immutable"),
    pytest.param(with_env(from_map("AGENT_TOOLS", "t", "k")), {"k": "web_search"}, None, {"INDIRECT"}, id="E6-mutable"),
    pytest.param(with_env(from_map("AGENT_TOOLS", "t", "k")), {"k": "shell_exec"}, True, {"TOOL"}, id="E6-too-much"),
    pytest.param(with_env(from_map("AGENT_TOOLS", "t", "other")), {"k": "web_search"}, True, {"INDIRECT"}, id="E6-no-key"),
    pytest.param(with_env(from_map("AGENT_TOOLS", "absent", "k")), {"k": "web_search"}, True, {"INDIRECT"}, id="E6-absent"),
    pytest.param(with_env(from_map("LOG_LEVEL", "t", "k")), {"k": "info"}, None, set(), id="E6-nothing-of-ours"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "tools: [web_search]"}, True, set(), id="E14-pinned"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "tools: [web_search]"}, None, {"INDIRECT"}, id="E14-mutable"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "- web_search\n- shell_exec"}, True, {"TOOL"}, id="E14-bare-list"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"mcp.json": '{"mcpServers": {"web": {"url": "http://web.mcp:8080/mcp"}}}'}, True, {"ALL_TOOLS"}, id="E14-no-list"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"mcp.json": '{"mcpServers": {"web": {"url": "http://web.mcp:8080/mcp", "tools": ["web_search"]}}}'}, True, set(), id="E14-listed"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"x": '{"servers": {"a": {"type": "sse", "url": "http://evil.com/sse", "tools": ["web_search"]}}}'}, True, {"EGRESS", "TOOL"}, id="E14-servers"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"x": '{"mcp": {"servers": {"a": {"command": "sh", "args": ["-c", "x"], "tools": ["web_search"]}}}}'}, True, {"SHELL_WRAPPER", "TOOL"}, id="E14-mcp-servers"),
    pytest.param(with_volume({"configMap": {"name": "t", "items": [{"key": "ca", "path": "ca"}]}}), {"ca": "x", "mcp.json": '{"mcpServers": {"a": {}}}'}, None, set(), id="E14-other-key"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"ca.crt": "-----BEGIN"}, None, set(), id="E14-certificate"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"mcp.json": "{"}, True, {"NOT_A_LIST"}, id="E14-broken"),
    pytest.param(with_volume({"projected": {"sources": [{"configMap": {"name": "t"}}]}}), {"tools.yaml": "tools: [shell_exec]"}, True, {"TOOL"}, id="E14-projected"),
    pytest.param(with_volume({"configMap": {"name": "absent"}}), {}, True, {"INDIRECT"}, id="E16-not-there-yet"),
    pytest.param(with_volume({"configMap": {"name": "t"}}), {"tools.yaml": "tools: [shell_exec]"}, True, {"TOOL"}, id="E16-recreated"),
]  # fmt: skip


@pytest.mark.parametrize("body, data, immutable, expected", INDIRECT)
def test_config_maps_are_judged_by_what_stands_in_them(
    body: Any, data: dict[str, str], immutable: bool | None, expected: set[str]
) -> None:
    cluster = view(config_map("t", immutable, **data))
    assert reasons(judge(request(body), cluster)) == expected


@pytest.mark.parametrize(
    "source, expected",
    [
        pytest.param({"configMapRef": {"name": "t"}}, {"TOOL"}, id="E10-immutable"),
        pytest.param({"configMapRef": {"name": "m"}}, {"TOOL", "INDIRECT"}, id="E10-mutable"),
        pytest.param({"configMapRef": {"name": "x", "optional": True}}, {"INDIRECT"}, id="E10-optional"),
        pytest.param({"secretRef": {"name": "s"}}, {"INDIRECT"}, id="E10-secret"),
        pytest.param({"prefix": "AGENT_", "configMapRef": {"name": "p"}}, {"TOOL"}, id="E10-prefix"),
    ],
)  # fmt: skip
def test_whole_sources_of_variables(source: Any, expected: set[str]) -> None:
    body = pod()
    body["spec"]["containers"][0]["envFrom"] = [source]
    cluster = view(
        config_map("t", AGENT_TOOLS="shell_exec"),
        config_map("m", None, AGENT_TOOLS="shell_exec"),
        config_map("p", TOOLS="shell_exec"),
    )
    assert reasons(judge(request(body), cluster)) == expected


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


@pytest.mark.parametrize(
    "annotations, expected",
    [
        pytest.param({"policyc.dev/tools": "web_search,read_file"}, set(), id="E1-claim"),
        pytest.param({"policyc.dev/tools": "web/web_search"}, set(), id="E1-claim-with-server"),
        pytest.param({"policyc.dev/tools": "read_file"}, {"UNDER_DECLARED"}, id="E1-under-declared"),
        pytest.param({"policyc.dev/tools": ""}, {"UNDER_DECLARED"}, id="E1-claims-none"),
        pytest.param({"policyc.dev/tools": "web_search,shell_exec"}, {"TOOL"}, id="E1-claims-too-much"),
        pytest.param({"policyc.dev/tools": "*"}, {"WILDCARD", "UNDER_DECLARED"}, id="E4-claim"),
        pytest.param({"policyc.dev/egress": "api.example.com"}, set(), id="E19-claim"),
        pytest.param({"policyc.dev/egress": "evil.com"}, {"EGRESS", "UNDER_DECLARED"}, id="E20-claim"),
        pytest.param({"policyc.dev/models": "anthropic/claude-sonnet"}, set(), id="E1-claim-of-model"),
        pytest.param({"policyc.dev/models": "[]"}, {"UNDER_DECLARED"}, id="E1-claim-of-no-model"),
        pytest.param({"policyc.dev/mcp-servers": "web"}, set(), id="E17-claim"),
        pytest.param({"policyc.dev/mcp-servers": "other"}, {"TOOL"}, id="E17-claims-other"),
    ],
)  # fmt: skip
def test_claims_only_narrow_and_say_all(annotations: dict[str, str], expected: set[str]) -> None:
    body = with_env(
        AGENT_TOOLS="web_search", API_URL="https://api.example.com", ANTHROPIC_MODEL="claude-sonnet"
    )
    body["metadata"]["annotations"] = annotations
    assert reasons(judge(request(body))) == expected


def test_a_deployment_names_the_place() -> None:
    body = in_kind(kind("Deployment"), with_env(AGENT_TOOLS="shell_exec"))
    (finding,) = judge(request(body)).denials
    assert finding.path == "spec.template.spec.containers[0].env[0].value"
    assert "`shell_exec`" in finding.message
